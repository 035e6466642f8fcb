// serf's own coordinate clients on the round trips that a simulation of ours drew: `test_sim_vivaldi --trace FILE` writes them,
// this replays them and reports the same figures. Usage: serf_swarm TRACE
//
// The trace, little-endian: u32 nodes, then nodes * nodes true round trips in ms as f32 (0: not known), then per probe u32 asker,
// u32 asked, f32 ms; asker 0xffffffff ends a round. Choices are the ones that the simulation looked at: u32 count of nodes, that
// asks and ten that it chooses from, at the end behind an asker of 0xfffffffe.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/hashicorp/serf/coordinate"
)

const (
	endOfRound = 0xffffffff
	choices    = 0xfffffffe
)

func read(r io.Reader, to interface{}) bool {
	return binary.Read(r, binary.LittleEndian, to) == nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type swarm struct {
	nodes   int
	rtt     []float32
	clients []*coordinate.Client
	names   []string
}

// predict in ms.
func (s *swarm) predict(at []*coordinate.Coordinate, i, j int) float64 {
	return at[i].DistanceTo(at[j]).Seconds() * 1000
}

func (s *swarm) where() []*coordinate.Coordinate {
	at := make([]*coordinate.Coordinate, s.nodes)
	for i, c := range s.clients {
		at[i] = c.GetCoordinate()
	}
	return at
}

func (s *swarm) report(round int) {
	var off []float64
	at := s.where()
	for i := 0; i < s.nodes; i++ {
		for j := i + 1; j < s.nodes; j++ {
			if rtt := float64(s.rtt[i*s.nodes+j]); rtt > 0 {
				off = append(off, math.Abs(s.predict(at, i, j)-rtt)/rtt)
			}
		}
	}
	sort.Float64s(off)
	fmt.Printf("serf %6d  %.3f %.3f %6.2f\n", round, off[len(off)/2], off[len(off)*9/10], off[len(off)*99/100])
}

func (s *swarm) choose(r io.Reader) {
	var first, third, within, stretch float64
	var trials int
	at := s.where()
	for {
		var who [11]uint32
		if !read(r, &who) {
			break
		}
		best, chosen, pick, bestEstimate, before := math.Inf(1), math.Inf(1), 0.0, 0.0, 0
		var estimate [10]float64
		for k := range estimate {
			rtt := float64(s.rtt[int(who[0])*s.nodes+int(who[k+1])])
			estimate[k] = s.predict(at, int(who[0]), int(who[k+1]))
			if estimate[k] < chosen {
				chosen, pick = estimate[k], rtt
			}
			if rtt < best {
				best, bestEstimate = rtt, estimate[k]
			}
		}
		for _, e := range estimate {
			if e < bestEstimate {
				before++
			}
		}
		trials++
		stretch += pick / best
		if pick <= best {
			first++
		}
		if pick <= 1.2*best {
			within++
		}
		if before < 3 {
			third++
		}
	}
	n := float64(trials)
	fmt.Printf("    one of ten by serf              first %.3f, among three %.3f, stretch %.3f, within 1.2: %.3f\n", first/n, third/n,
		stretch/n, within/n)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: serf_swarm TRACE")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	fail(err)
	r := bufio.NewReaderSize(f, 1<<20)
	var n uint32
	if !read(r, &n) {
		fail(io.ErrUnexpectedEOF)
	}
	s := &swarm{nodes: int(n), rtt: make([]float32, n*n)}
	if !read(r, s.rtt) {
		fail(io.ErrUnexpectedEOF)
	}
	for i := 0; i < s.nodes; i++ {
		c, err := coordinate.NewClient(coordinate.DefaultConfig())
		fail(err)
		s.clients = append(s.clients, c)
		s.names = append(s.names, strconv.Itoa(i))
	}
	shown := map[int]bool{10: true, 20: true, 25: true, 50: true, 100: true, 200: true, 500: true, 1000: true, 2000: true, 3000: true}
	var updates, refused int
	var spent time.Duration
	round := 0
	for {
		var asker uint32
		if !read(r, &asker) {
			break
		}
		if asker == choices {
			s.report(round)
			s.choose(r)
			break
		}
		if asker == endOfRound {
			round++
			if shown[round] {
				s.report(round)
			}
			continue
		}
		var asked uint32
		var ms float32
		if !read(r, &asked) || !read(r, &ms) {
			break
		}
		there := s.clients[asked].GetCoordinate()
		began := time.Now()
		_, err := s.clients[asker].Update(s.names[asked], there, time.Duration(float64(ms)*float64(time.Millisecond)))
		spent += time.Since(began)
		updates++
		if err != nil {
			refused++ // it takes none of 10 s and more
		}
	}
	fmt.Printf("    %d updates, %d refused, %.2f us each\n", updates, refused, spent.Seconds()*1e6/float64(updates))
}
