// What tests/system/test_codegen_go.py has a generated client do: driver ADDRESS WHAT. Prints a line for each thing that came, and
// ends with 1 when something was not as it should be.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"

	ev "trial/everything"
)

func must(isSo bool, format string, args ...any) {
	if !isSo {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
}

func pointer[T any](value T) *T { return &value }

// Something in every field, at the ends of their ranges: as `full` of test_codegen.py has it.
func full() *ev.Mirrored {
	inner := func() *ev.Mirrored_Inner {
		return &ev.Mirrored_Inner{Text: "in", Deep: &ev.Mirrored_Inner_Deep{Number: math.MaxUint64}}
	}
	blob := make([]byte, 256)
	for i := range blob {
		blob[i] = byte(i)
	}
	return &ev.Mirrored{
		ADouble: math.Copysign(0, -1), AFloat: 1.5, AInt32: math.MinInt32, AInt64: math.MinInt64, AUint32: math.MaxUint32, AUint64: math.MaxUint64,
		ASint32: math.MinInt32, ASint64: math.MaxInt64, AFixed32: math.MaxUint32, AFixed64: math.MaxUint64, ASfixed32: math.MinInt32,
		ASfixed64: math.MinInt64, ABool: true, AString: "\u00e4\U0001f600", ABytes: blob, Mood: ev.Mood_MOOD_SAD, Inner: inner(),
		Numbers: []int32{0, -1, math.MaxInt32}, Names: []string{"", "a", "\u20ac"}, Inners: []*ev.Mirrored_Inner{{}, inner()},
		Moods: []ev.Mood{ev.Mood_MOOD_GLAD, 77, -5}, Doubles: []float64{math.Inf(1), math.Inf(-1), 1e-300}, Bools: []bool{true, false},
		Unpacked: []int64{-1, 1, math.MinInt64}, Blobs: [][]byte{{}, {0}}, Fixed: []uint32{1, 2}, MaybeInt32: pointer(int32(0)),
		MaybeString: pointer(""), MaybeBool: pointer(false), MaybeMood: pointer(ev.Mood_MOOD_NONE), MaybeBytes: []byte{}, MaybeDouble: pointer(0.0),
		ChoiceInner: inner(), ByName: map[string]int32{"": 0, "b": -1}, ByNumber: map[int32]*ev.Mirrored_Inner{-1: inner(), 0: {}},
		ByBool: map[bool]string{true: "t", false: ""}, MoodByName: map[string]ev.Mood{"x": ev.Mood_MOOD_SAD},
		Child: &ev.Mirrored{Child: &ev.Mirrored{AInt32: 7}}, Class: 1, From: "f", Self: true, Timeout: "t", Int: 2, Type: "y",
	}
}

func within(seconds float64) context.Context {
	ctx, _ := context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second))) //nolint:govet // the process ends
	return ctx
}

// Each line is a message in hex: what becomes of it when it is read and written.
func reencode() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		data, err := hex.DecodeString(in.Text())
		must(err == nil, "no hex")
		m := new(ev.Mirrored)
		err = m.Decode(data)
		var again []byte
		if err == nil {
			again, err = m.Encode()
		}
		switch {
		case err == nil:
			fmt.Println("ok " + hex.EncodeToString(again))
		case errors.Is(err, ev.ErrMalformed) || errors.Is(err, ev.ErrInvalid) || errors.Is(err, ev.ErrLimit):
			var known *ev.Error
			errors.As(err, &known)
			fmt.Println(known.Status)
		default:
			must(false, "another error: %v", err)
		}
	}
}

func refused() {
	cases := []*ev.Mirrored{{AString: "a\x00b"}, {AString: "\xff"}, {Names: []string{"\xff"}}, {ByName: map[string]int32{"\xff": 1}}, {Inners: []*ev.Mirrored_Inner{nil}},
		{ByNumber: map[int32]*ev.Mirrored_Inner{1: nil}}, {ChoiceNumber: pointer(int32(1)), ChoiceText: pointer("a")}, {Inner: &ev.Mirrored_Inner{Text: "\xff"}}}
	for i, m := range cases {
		_, err := m.Encode()
		must(errors.Is(err, ev.ErrInvalid), "case %d: %v", i, err)
	}
	deep := new(ev.Mirrored)
	for i := 0; i < 99; i++ {
		deep = &ev.Mirrored{Child: deep}
	}
	_, err := deep.Encode()
	must(err == nil, "100 deep: %v", err)
	_, err = (&ev.Mirrored{Child: deep}).Encode()
	must(errors.Is(err, ev.ErrLimit), "101 deep: %v", err)
}

func failures(c *ev.EverythingClient) {
	all := []*ev.Error{ev.ErrNoMemory, ev.ErrLimit, ev.ErrMalformed, ev.ErrNotFound, ev.ErrDenied, ev.ErrForged, ev.ErrNotLeader, ev.ErrTimeout, ev.ErrIO, ev.ErrCancelled,
		ev.ErrInvalid, ev.ErrExists, ev.ErrPrecondition, ev.ErrAborted, ev.ErrRange, ev.ErrUnimplemented, ev.ErrInternal, ev.ErrUnavailable, ev.ErrDataLoss,
		ev.ErrUnauthenticated, ev.ErrPeerDead, ev.ErrIncompatible, ev.ErrUnsupported, ev.ErrFault}
	for _, wanted := range all {
		_, err := c.Fail(within(5), &ev.FailRequest{Status: uint32(wanted.Status), Text: "why \u00e4", Hint: "raft.2"})
		var got *ev.Error
		must(errors.As(err, &got), "%v: %v", wanted, err)
		for _, other := range all {
			must(errors.Is(err, other) == (other == wanted), "%v is %v", err, other)
		}
		must(got.Message == "why \u00e4" && got.Hint == "raft.2", "%v: %+v", wanted, got)
		fmt.Println(uint32(got.Status), got.Status)
	}
}

func concurrent(c *ev.EverythingClient) {
	var group sync.WaitGroup
	for n := 0; n < 64; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			draw := rand.New(rand.NewSource(int64(n)))
			for turn := 0; turn < 20; turn++ {
				wanted := uint64(n*1000 + turn)
				if draw.Intn(2) == 0 {
					got, err := c.Slow(within(30), &ev.SlowRequest{DelayMs: uint32(draw.Intn(20)), Number: wanted})
					must(err == nil && got.Number == wanted, "%v %v", got, err)
				} else {
					got, err := c.Mirror(within(30), &ev.Mirrored{AUint64: wanted, ABytes: make([]byte, draw.Intn(20000))})
					must(err == nil && got.AUint64 == wanted, "%v", err)
				}
			}
		}(n)
	}
	group.Wait()
}

func deadlines(c *ev.EverythingClient) {
	begun := time.Now()
	_, err := c.Slow(within(0.3), &ev.SlowRequest{DelayMs: 5000})
	took := time.Since(begun)
	must(errors.Is(err, ev.ErrTimeout) && errors.Is(err, context.DeadlineExceeded), "%v", err)
	must(took > 290*time.Millisecond && took < 3*time.Second, "took %v", took)
	got, err := c.Slow(within(3), &ev.SlowRequest{DelayMs: 1, Number: 9})
	must(err == nil && got.RemainingMs > 1500 && got.RemainingMs <= 3000, "%v %v", got, err)
	before, err := c.Count(within(5), &ev.CountRequest{})
	must(err == nil, "%v", err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = c.Slow(ctx, &ev.SlowRequest{DelayMs: 10000})
	must(errors.Is(err, ev.ErrCancelled) && errors.Is(err, context.Canceled), "%v", err)
	for turn := 0; ; turn++ {
		now, err := c.Count(within(5), &ev.CountRequest{})
		must(err == nil && turn < 300, "the cell does not hear of it: %v", err)
		if now.Cancelled > before.Cancelled {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// As many as are asked for at once, each late: for whoever counts how many are under way.
func many(c *ev.EverythingClient, count int) {
	var group sync.WaitGroup
	for n := 0; n < count; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			_, err := c.Slow(within(30), &ev.SlowRequest{DelayMs: 200})
			must(err == nil, "%v", err)
		}()
	}
	group.Wait()
}

func sixteen(c *ev.EverythingClient) {
	const most = 16*1024*1024 - 1024
	data := make([]byte, most-4)
	rand.New(rand.NewSource(1)).Read(data)
	got, err := c.Mirror(within(60), &ev.Mirrored{ABytes: data[1:]})
	must(err == nil && reflect.DeepEqual(got.ABytes, data[1:]), "%v", err)
	_, err = c.Mirror(within(60), &ev.Mirrored{ABytes: data})
	must(errors.Is(err, ev.ErrLimit), "%v", err)
	got, err = c.Mirror(within(60), &ev.Mirrored{AInt32: 3})
	must(err == nil && got.AInt32 == 3, "%v", err)
}

// Asks, says so, and waits for a line before it asks again: between the two the cell is killed and started.
func restart(c *ev.EverythingClient) {
	answered := make(chan error)
	go func() {
		got, err := c.Slow(within(20), &ev.SlowRequest{DelayMs: 500, Number: 1})
		must(err != nil || got.Number == 1, "%v", got)
		answered <- err
	}()
	time.Sleep(200 * time.Millisecond)
	fmt.Println("asked")
	bufio.NewReader(os.Stdin).ReadString('\n')
	_, err := c.Count(within(0.3), &ev.CountRequest{})
	must(errors.Is(err, ev.ErrUnavailable), "%v", err)
	fmt.Println("refused")
	got, err := c.Count(within(20), &ev.CountRequest{})
	must(err == nil && got.Calls == 1, "%v %v", got, err)
	err = <-answered
	must(err == nil, "what may be repeated was not: %v", err)
}

func main() {
	address, what := os.Args[1], os.Args[2]
	c, err := ev.NewEverythingClient(address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer c.Close()
	switch what {
	case "encode":
		data, err := full().Encode()
		must(err == nil, "%v", err)
		fmt.Println(hex.EncodeToString(data))
	case "reencode":
		reencode()
	case "refused":
		refused()
	case "mirror":
		got, err := c.Mirror(within(30), full())
		must(err == nil, "%v", err)
		must(reflect.DeepEqual(got, full()), "%+v", got)
	case "failures":
		failures(c)
	case "concurrent":
		concurrent(c)
	case "deadlines":
		deadlines(c)
	case "sixteen":
		sixteen(c)
	case "restart":
		restart(c)
	case "many":
		count, _ := strconv.Atoi(os.Args[3])
		many(c, count)
	case "count":
		seconds, _ := strconv.ParseFloat(os.Args[3], 64)
		_, err := c.Count(within(seconds), &ev.CountRequest{})
		fmt.Println(err)
	case "closed":
		time.AfterFunc(100*time.Millisecond, c.Close)
		_, err := c.Slow(within(5), &ev.SlowRequest{DelayMs: 3000})
		must(errors.Is(err, ev.ErrCancelled), "%v", err)
	default:
		must(false, "what is %q?", what)
	}
}
