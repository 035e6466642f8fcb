package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// ---- messages: protobuf.dev, "Encoding" --------------------------------------------------------

const (
	depthMax    = 100                 // messages in each other
	bytesMax    = 16*1024*1024 - 1024 // of a message: with its envelope the wire takes 16 MiB
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireGroup   = 3
	wireEnd     = 4
	wireFixed32 = 5
)

type message interface {
	encode(e *encoder)
	decode(d *decoder)
}

// An encoder appends; the first error stays.
type encoder struct {
	data  []byte
	depth int
	err   error
}

func (e *encoder) fail(status Status, text string) {
	if e.err == nil {
		e.err = &Error{Status: status, Message: text}
	}
}

func (e *encoder) tag(number uint32, wire uint64) {
	e.data = binary.AppendUvarint(e.data, uint64(number)<<3|wire)
}

func (e *encoder) varint(number uint32, value uint64) {
	e.tag(number, wireVarint)
	e.data = binary.AppendUvarint(e.data, value)
}

func (e *encoder) fixed32(number uint32, value uint32) {
	e.tag(number, wireFixed32)
	e.data = binary.LittleEndian.AppendUint32(e.data, value)
}

func (e *encoder) fixed64(number uint32, value uint64) {
	e.tag(number, wireFixed64)
	e.data = binary.LittleEndian.AppendUint64(e.data, value)
}

func (e *encoder) blob(number uint32, value []byte) {
	e.tag(number, wireBytes)
	e.data = binary.AppendUvarint(e.data, uint64(len(value)))
	e.data = append(e.data, value...)
}

func (e *encoder) text(number uint32, value string, where string) {
	if !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
		e.fail(StatusInvalid, where+" is no UTF-8 or holds a NUL")
	}
	e.tag(number, wireBytes)
	e.data = binary.AppendUvarint(e.data, uint64(len(value)))
	e.data = append(e.data, value...)
}

// inner writes what write does as one message, or as one run of packed numbers.
func (e *encoder) inner(number uint32, depth int, write func(e *encoder)) {
	inner := encoder{depth: e.depth + depth}
	if inner.depth > depthMax {
		e.fail(StatusLimit, "messages are more than 100 deep")
		return
	}
	write(&inner)
	if inner.err != nil && e.err == nil {
		e.err = inner.err
	}
	e.blob(number, inner.data)
}

func (e *encoder) message(number uint32, m message) {
	e.inner(number, 1, m.encode)
}

// entries writes what each gives as messages, in one order whatever a map's.
func (e *encoder) entries(number uint32, each func(add func(write func(e *encoder)))) {
	var all [][]byte
	each(func(write func(e *encoder)) {
		entry := encoder{depth: e.depth + 1}
		write(&entry)
		if entry.err != nil && e.err == nil {
			e.err = entry.err
		}
		all = append(all, entry.data)
	})
	sort.Slice(all, func(i, j int) bool { return bytes.Compare(all[i], all[j]) < 0 })
	for _, entry := range all {
		e.blob(number, entry)
	}
}

func encodeMessage(m message) ([]byte, error) {
	e := encoder{depth: 1}
	m.encode(&e)
	if e.err == nil && len(e.data) > bytesMax {
		e.fail(StatusLimit, fmt.Sprintf("a message of %d bytes, more than %d", len(e.data), bytesMax))
	}
	if e.err != nil {
		return nil, e.err
	}
	return e.data, nil
}

// A decoder goes from field to field: what nobody takes is passed over. The first error ends it.
type decoder struct {
	data    []byte
	depth   int
	number  uint32
	wire    uint64
	isTaken bool
	err     error
}

func (d *decoder) fail(text string) {
	if d.err == nil {
		d.err = &Error{Status: StatusMalformed, Message: text}
	}
	d.data = nil
}

func (d *decoder) uvarint() uint64 {
	value, size := binary.Uvarint(d.data)
	if size == 0 || size < -10 {
		d.fail("a number is cut off or too long")
		return 0
	}
	if size < 0 { // more than 64 bits in ten bytes: what is too much is cut, as others do
		value = 0
		for i := 0; i < 10; i++ {
			value |= uint64(d.data[i]&0x7f) << (7 * i)
		}
		if d.data[9] >= 0x80 {
			d.fail("a number is cut off or too long")
			return 0
		}
		size = 10
	}
	d.data = d.data[size:]
	return value
}

func (d *decoder) bytes(size uint64) []byte {
	if size > uint64(len(d.data)) {
		d.fail("a field is cut off")
		return nil
	}
	value := d.data[:size:size]
	d.data = d.data[size:]
	return value
}

func (d *decoder) skip(wire uint64, number uint64, depth int) {
	switch {
	case wire == wireVarint:
		d.uvarint()
	case wire == wireFixed64:
		d.bytes(8)
	case wire == wireBytes:
		d.bytes(d.uvarint())
	case wire == wireFixed32:
		d.bytes(4)
	case wire == wireGroup && depth < depthMax:
		for d.err == nil {
			tag := d.uvarint()
			if tag&7 == wireEnd {
				if tag>>3 != number {
					d.fail("a group ends as another one")
				}
				return
			}
			d.skip(tag&7, tag>>3, depth+1)
		}
	default:
		d.fail("a wire type that there is not")
	}
}

func (d *decoder) next() bool {
	if d.number != 0 && !d.isTaken && d.err == nil {
		d.skip(d.wire, uint64(d.number), d.depth)
	}
	if d.err != nil || len(d.data) == 0 {
		return false
	}
	tag := d.uvarint()
	if tag>>3 == 0 || tag>>32 != 0 || tag&7 == wireEnd {
		d.fail("a tag that there is not")
	}
	d.number, d.wire, d.isTaken = uint32(tag>>3), tag&7, false
	return d.err == nil
}

// take says whether this field is of the type that this version knows.
func (d *decoder) take(wire uint64) bool {
	d.isTaken = d.wire == wire
	return d.isTaken
}

func (d *decoder) varint(set func(value uint64)) {
	if d.take(wireVarint) {
		if value := d.uvarint(); d.err == nil {
			set(value)
		}
	}
}

func (d *decoder) fixed32(set func(value uint32)) {
	if d.take(wireFixed32) {
		if value := d.bytes(4); d.err == nil {
			set(binary.LittleEndian.Uint32(value))
		}
	}
}

func (d *decoder) fixed64(set func(value uint64)) {
	if d.take(wireFixed64) {
		if value := d.bytes(8); d.err == nil {
			set(binary.LittleEndian.Uint64(value))
		}
	}
}

func (d *decoder) blob(set func(value []byte)) {
	if d.take(wireBytes) {
		if value := d.bytes(d.uvarint()); d.err == nil {
			set(value)
		}
	}
}

func (d *decoder) text(set func(value string)) {
	d.blob(func(value []byte) {
		if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
			d.fail("a text is no UTF-8 or holds a NUL")
			return
		}
		set(string(value))
	})
}

func (d *decoder) message(read func(d *decoder)) {
	d.blob(func(value []byte) {
		inner := decoder{data: value, depth: d.depth + 1}
		if inner.depth > depthMax {
			d.fail("messages are more than 100 deep")
			return
		}
		read(&inner)
		if inner.err != nil {
			d.err = inner.err
		}
	})
}

// many reads numbers that are repeated, packed or not: read is one of the above.
func (d *decoder) many(wire uint64, read func(d *decoder)) {
	if d.wire != wireBytes {
		read(d)
		return
	}
	d.blob(func(value []byte) {
		inner := decoder{data: value, depth: d.depth, wire: wire}
		for len(inner.data) > 0 && inner.err == nil {
			read(&inner)
		}
		if inner.err != nil {
			d.err = inner.err
		}
	})
}

func decodeMessage(data []byte, m message) error {
	d := decoder{data: data, depth: 1}
	m.decode(&d)
	return d.err
}

func zigzag(value int64) uint64   { return uint64(value<<1) ^ uint64(value>>63) }
func unzigzag(value uint64) int64 { return int64(value>>1) ^ -int64(value&1) }
func bit(value bool) uint64 {
	if value {
		return 1
	}
	return 0
}

// ---- errors ------------------------------------------------------------------------------------

// Status is how a call ended, as the wire has it.
type Status uint32

// Error is how a call ended, if not well: errors.Is(err, ErrNotFound).
type Error struct {
	Status     Status
	Message    string
	Hint       string // where to go instead (ErrNotLeader), what is missing (ErrUnavailable)
	RetryAfter time.Duration
	Unread     bool // nobody has begun with the request
}

// The statuses, and what errors.Is takes.
const (
	StatusNoMemory        Status = 2
	StatusLimit           Status = 3
	StatusMalformed       Status = 4
	StatusNotFound        Status = 5
	StatusDenied          Status = 6
	StatusForged          Status = 7
	StatusNotLeader       Status = 8
	StatusTimeout         Status = 9
	StatusIO              Status = 10
	StatusCancelled       Status = 12
	StatusInvalid         Status = 13
	StatusExists          Status = 14
	StatusPrecondition    Status = 15
	StatusAborted         Status = 16
	StatusRange           Status = 17
	StatusUnimplemented   Status = 18
	StatusInternal        Status = 19
	StatusUnavailable     Status = 20
	StatusDataLoss        Status = 21
	StatusUnauthenticated Status = 22
	StatusPeerDead        Status = 23
	StatusIncompatible    Status = 24
	StatusUnsupported     Status = 25
	StatusFault           Status = 26
)

var (
	ErrNoMemory        = &Error{Status: StatusNoMemory}
	ErrLimit           = &Error{Status: StatusLimit}
	ErrMalformed       = &Error{Status: StatusMalformed}
	ErrNotFound        = &Error{Status: StatusNotFound}
	ErrDenied          = &Error{Status: StatusDenied}
	ErrForged          = &Error{Status: StatusForged}
	ErrNotLeader       = &Error{Status: StatusNotLeader}
	ErrTimeout         = &Error{Status: StatusTimeout}
	ErrIO              = &Error{Status: StatusIO}
	ErrCancelled       = &Error{Status: StatusCancelled}
	ErrInvalid         = &Error{Status: StatusInvalid}
	ErrExists          = &Error{Status: StatusExists}
	ErrPrecondition    = &Error{Status: StatusPrecondition}
	ErrAborted         = &Error{Status: StatusAborted}
	ErrRange           = &Error{Status: StatusRange}
	ErrUnimplemented   = &Error{Status: StatusUnimplemented}
	ErrInternal        = &Error{Status: StatusInternal}
	ErrUnavailable     = &Error{Status: StatusUnavailable}
	ErrDataLoss        = &Error{Status: StatusDataLoss}
	ErrUnauthenticated = &Error{Status: StatusUnauthenticated}
	ErrPeerDead        = &Error{Status: StatusPeerDead}
	ErrIncompatible    = &Error{Status: StatusIncompatible}
	ErrUnsupported     = &Error{Status: StatusUnsupported}
	ErrFault           = &Error{Status: StatusFault}
)

var statusNames = map[Status]string{2: "NOMEM", 3: "LIMIT", 4: "MALFORMED", 5: "NOT_FOUND", 6: "DENIED", 7: "FORGED", 8: "NOT_LEADER", 9: "TIMEOUT", 10: "IO",
	12: "CANCELLED", 13: "INVALID", 14: "EXISTS", 15: "PRECONDITION", 16: "ABORTED", 17: "RANGE", 18: "UNIMPLEMENTED", 19: "INTERNAL", 20: "UNAVAILABLE",
	21: "DATA_LOSS", 22: "UNAUTHENTICATED", 23: "PEER_DEAD", 24: "INCOMPATIBLE", 25: "UNSUPPORTED", 26: "FAULT"}

// String is the name that logs and metrics have: "NOT_FOUND".
func (s Status) String() string {
	if name, isKnown := statusNames[s]; isKnown {
		return name
	}
	return "FAULT"
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Status.String()
	}
	return e.Status.String() + ": " + e.Message
}

// Is says whether the target is the bare error of the same status.
func (e *Error) Is(target error) bool {
	other, isError := target.(*Error)
	return isError && other.Status == e.Status && other.Message == ""
}

// Unwrap gives the context's error for a deadline or a cancellation.
func (e *Error) Unwrap() error {
	switch e.Status {
	case StatusTimeout:
		return context.DeadlineExceeded
	case StatusCancelled:
		return context.Canceled
	}
	return nil
}

// ---- the wire: SP (nanomsg RFCs sp-ipc-mapping-01, sp-tcp-mapping-01, sp-request-reply-01) and the envelope ----

const (
	outstandingMax = 32 // requests on one connection: the other side keeps 64 answers and drops the next
	retriesMax     = 3
	backoffFirst   = 10 * time.Millisecond
	backoffMax     = time.Second
	timeoutUsual   = 5 * time.Second
	frameMax       = 16*1024*1024 + 64
)

var (
	hello      = []byte{0, 'S', 'P', 0, 0, 0x30, 0, 0}
	helloBack  = []byte{0, 'S', 'P', 0, 0, 0x31, 0, 0}
	nameForm   = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,63}$`)
	socketForm = regexp.MustCompile(`^(.+)\.([0-9]{1,4})\.sock$`)
)

type operation struct {
	number       uint32
	schema       uint64 // fingerprint: another one is refused as INCOMPATIBLE
	isIdempotent bool
}

// Find says where a cell of this node listens: "ipc:///run/cell/default/greeter.0.sock", the lowest instance that there is.
func Find(cell, namespace string) (string, error) {
	if !nameForm.MatchString(cell) || !nameForm.MatchString(namespace) {
		return "", &Error{Status: StatusInvalid, Message: fmt.Sprintf("%q/%q is no name", namespace, cell)}
	}
	run := os.Getenv("CELL_RUN")
	if run == "" && os.Getuid() == 0 {
		run = "/run/cell"
	} else if run == "" {
		run = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "cell")
	}
	instance := -1
	entries, _ := os.ReadDir(filepath.Join(run, namespace)) // none: instance 0, which is not there either
	for _, entry := range entries {
		if match := socketForm.FindStringSubmatch(entry.Name()); match != nil && match[1] == cell {
			if number, err := strconv.Atoi(match[2]); err == nil && (instance < 0 || number < instance) {
				instance = number
			}
		}
	}
	if instance < 0 {
		instance = 0
	}
	return fmt.Sprintf("ipc://%s/%s.%d.sock", filepath.Join(run, namespace), cell, instance), nil
}

func parseAddress(address string) (network, where string, err error) {
	switch {
	case strings.HasPrefix(address, "ipc://") && len(address) > 6 && len(address) <= 6+107:
		return "unix", address[6:], nil
	case strings.HasPrefix(address, "abstract://") && len(address) > 11 && len(address) <= 11+106:
		return "unix", "@" + address[11:], nil
	case strings.HasPrefix(address, "tcp://"):
		host, port, split := net.SplitHostPort(address[6:])
		number, digits := strconv.ParseUint(port, 10, 16)
		if split == nil && digits == nil && host != "" && number > 0 {
			return "tcp", address[6:], nil
		}
	}
	return "", "", &Error{Status: StatusInvalid,
		Message: fmt.Sprintf("%.120q is no address: ipc:///path (at most 107 bytes), abstract://name or tcp://host:port", address)}
}

type answer struct {
	payload []byte
	err     *Error
}

// A link is one connection: many write to it in turn, one goroutine reads.
type link struct {
	socket  net.Conn
	isIpc   bool
	writing sync.Mutex
	mutex   sync.Mutex
	calls   map[uint32]chan answer
	nextID  uint32
	lost    *Error
}

func (l *link) fail(err *Error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.lost == nil {
		l.lost = err
		l.socket.Close()
	}
	for number, call := range l.calls {
		call <- answer{err: &Error{Status: l.lost.Status, Message: l.lost.Message}}
		delete(l.calls, number)
	}
}

func (l *link) isLost() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.lost != nil
}

func (l *link) read() {
	in := bufio.NewReaderSize(l.socket, 64*1024)
	head := make([]byte, 9)
	if _, err := io.ReadFull(in, head[:8]); err != nil {
		l.fail(&Error{Status: StatusPeerDead, Message: "the cell has ended: " + err.Error()})
		return
	}
	if !bytes.Equal(head[:8], helloBack) {
		l.fail(&Error{Status: StatusPeerDead, Message: fmt.Sprintf("no cell listens there: it says %x", head[:8])})
		return
	}
	if !l.isIpc {
		head = head[:8]
	}
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			l.fail(&Error{Status: StatusPeerDead, Message: "the cell has ended: " + err.Error()})
			return
		}
		size := binary.BigEndian.Uint64(head[len(head)-8:])
		if (l.isIpc && head[0] != 1) || size < 4 || size > frameMax {
			l.fail(&Error{Status: StatusPeerDead, Message: "what came is no message"})
			return
		}
		var body bytes.Buffer // grows with what comes, not with what is claimed
		if _, err := io.CopyN(&body, in, int64(size)); err != nil {
			l.fail(&Error{Status: StatusPeerDead, Message: "the cell has ended: " + err.Error()})
			return
		}
		number := binary.BigEndian.Uint32(body.Bytes())
		l.mutex.Lock()
		call := l.calls[number] // an answer that nobody waits for goes nowhere
		if call != nil && number>>31 == 1 {
			delete(l.calls, number)
			call <- answer{payload: body.Bytes()[4:]}
		}
		l.mutex.Unlock()
	}
}

// write sends a message whole, or ends the connection: half a one is none.
func (l *link) write(number uint32, payload []byte, end time.Time) *Error {
	frame := make([]byte, 0, len(payload)+13)
	if l.isIpc {
		frame = append(frame, 1)
	}
	frame = binary.BigEndian.AppendUint64(frame, uint64(len(payload)+4))
	frame = binary.BigEndian.AppendUint32(frame, number)
	frame = append(frame, payload...)
	l.writing.Lock()
	defer l.writing.Unlock()
	l.socket.SetWriteDeadline(end)
	if _, err := l.socket.Write(frame); err != nil {
		l.fail(&Error{Status: StatusPeerDead, Message: err.Error()})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return &Error{Status: StatusTimeout, Message: "the cell takes no requests", Unread: true}
		}
		return &Error{Status: StatusUnavailable, Message: err.Error(), Unread: true}
	}
	return nil
}

func (l *link) ask(ctx context.Context, o operation, body []byte, end time.Time) ([]byte, *Error) {
	call := make(chan answer, 1)
	l.mutex.Lock()
	if l.lost != nil {
		l.mutex.Unlock()
		return nil, &Error{Status: StatusUnavailable, Message: l.lost.Message, Unread: true}
	}
	l.nextID++
	number := l.nextID | 1<<31
	l.calls[number] = call
	l.mutex.Unlock()
	defer func() {
		l.mutex.Lock()
		delete(l.calls, number)
		l.mutex.Unlock()
	}()
	left := time.Until(end).Milliseconds()
	if left < 1 {
		left = 1
	}
	request := encoder{}
	request.varint(1, 1)
	request.varint(2, uint64(o.number))
	request.varint(3, uint64(left)&math.MaxUint32)
	request.fixed64(7, o.schema)
	if o.isIdempotent {
		request.varint(10, 1)
	}
	request.blob(6, body)
	requests := encoder{}
	requests.varint(1, 1)
	requests.blob(2, request.data)
	if err := l.write(number, requests.data, end); err != nil {
		return nil, err
	}
	select {
	case got := <-call:
		return got.payload, got.err
	case <-ctx.Done():
		if ctx.Err() == context.Canceled { // the cell knows the deadline; of this it has to be told
			note, requests := encoder{}, encoder{}
			note.varint(1, uint64(number&^(1<<31)))
			note.varint(2, 1)
			note.varint(3, 1)
			requests.varint(1, 1)
			requests.blob(4, note.data)
			l.write(number, requests.data, time.Now().Add(100*time.Millisecond))
			return nil, &Error{Status: StatusCancelled, Message: "the caller gave up"}
		}
		return nil, &Error{Status: StatusTimeout, Message: "no answer in time"}
	}
}

// What a reply says: its body, or its error.
func parseReply(payload []byte) ([]byte, *Error) {
	var body []byte
	var count int
	reply := Error{}
	isMore := false
	d := decoder{data: payload, depth: 1}
	for d.next() {
		if d.number != 2 {
			continue
		}
		count++
		d.message(func(d *decoder) {
			for d.next() {
				switch d.number {
				case 2:
					d.varint(func(v uint64) { reply.Status = Status(v) })
				case 3:
					d.text(func(v string) { reply.Message = v })
				case 4:
					d.blob(func(v []byte) { body = v })
				case 5:
					d.text(func(v string) { reply.Hint = v })
				case 6:
					d.varint(func(v uint64) { reply.RetryAfter = time.Duration(uint32(v)) * time.Millisecond })
				case 7:
					d.varint(func(v uint64) { isMore = v != 0 })
				case 8:
					d.varint(func(v uint64) { reply.Unread = v != 0 })
				}
			}
		})
	}
	if d.err != nil || count != 1 || isMore {
		return nil, &Error{Status: StatusMalformed, Message: "one request was asked and something else answered"}
	}
	if reply.Status == 1 {
		return body, nil
	}
	if _, isKnown := statusNames[reply.Status]; !isKnown {
		reply.Message = fmt.Sprintf("status %d: %s", reply.Status, reply.Message)
		reply.Status = StatusFault
	}
	return nil, &reply
}

// A conn is one cell for any number of goroutines, over one connection, which is made when it is needed and again when it is lost.
type conn struct {
	address, cell, namespace string
	slots                    chan struct{}
	connecting               chan struct{} // holds one token
	mutex                    sync.Mutex
	now                      *link
	isClosed                 bool
	failures                 int // this and the next two belong to whoever has the token
	notBefore                time.Time
	refused                  *Error  // why there is no connection
	tokens                   float64 // each repetition takes one, each success gives a tenth
}

func newConn(address, cell string) (*conn, error) {
	if address != "" {
		if _, _, err := parseAddress(address); err != nil {
			return nil, err
		}
	}
	c := &conn{address: address, cell: cell, namespace: "default", slots: make(chan struct{}, outstandingMax), connecting: make(chan struct{}, 1), tokens: 10}
	c.connecting <- struct{}{}
	return c, nil
}

func (c *conn) close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.isClosed = true
	if c.now != nil {
		c.now.fail(&Error{Status: StatusCancelled, Message: "the client was closed"})
	}
}

func ctxError(ctx context.Context, text string) *Error {
	if ctx.Err() == context.Canceled {
		return &Error{Status: StatusCancelled, Message: "the caller gave up", Unread: true}
	}
	return &Error{Status: StatusTimeout, Message: text, Unread: true}
}

// The connection; one that is not there is looked for until ctx ends.
func (c *conn) link(ctx context.Context, end time.Time) (*link, *Error) {
	select {
	case <-c.connecting:
		defer func() { c.connecting <- struct{}{} }()
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return nil, &Error{Status: StatusUnavailable, Message: "others are still connecting", Unread: true}
		}
		return nil, ctxError(ctx, "")
	}
	for {
		c.mutex.Lock()
		isClosed, now := c.isClosed, c.now
		c.mutex.Unlock()
		if isClosed {
			return nil, &Error{Status: StatusCancelled, Message: "the client was closed", Unread: true}
		}
		if now != nil && !now.isLost() {
			return now, nil
		}
		if err := sleep(ctx, time.Until(c.notBefore)); err != nil && c.refused != nil && ctx.Err() == context.DeadlineExceeded {
			return nil, c.refused
		} else if err != nil {
			return nil, err
		}
		fresh, err := c.dial(ctx, end)
		if err == nil {
			c.failures, c.notBefore, c.refused = 0, time.Time{}, nil
			c.mutex.Lock()
			c.now = fresh
			isClosed = c.isClosed
			c.mutex.Unlock()
			if isClosed {
				fresh.fail(&Error{Status: StatusCancelled, Message: "the client was closed"})
			}
			continue
		}
		if err.Status != StatusUnavailable {
			return nil, err
		}
		c.refused = err
		wait := backoffFirst << uint(math.Min(float64(c.failures), 10))
		if wait > backoffMax {
			wait = backoffMax
		}
		c.failures++
		c.notBefore = time.Now().Add(time.Duration(float64(wait) * (0.5 + rand.Float64()/2)))
		if c.notBefore.After(end) {
			return nil, err
		}
	}
}

func (c *conn) dial(ctx context.Context, end time.Time) (*link, *Error) {
	address := c.address
	if address == "" {
		found, err := Find(c.cell, c.namespace)
		if err != nil {
			return nil, err.(*Error)
		}
		address = found
	}
	network, where, parseErr := parseAddress(address)
	if parseErr != nil {
		return nil, parseErr.(*Error)
	}
	socket, err := (&net.Dialer{}).DialContext(ctx, network, where)
	if err != nil {
		if ctx.Err() == context.Canceled {
			return nil, ctxError(ctx, "")
		}
		return nil, &Error{Status: StatusUnavailable, Message: err.Error(), Unread: true}
	}
	l := &link{socket: socket, isIpc: network == "unix", calls: map[uint32]chan answer{}, nextID: rand.Uint32()}
	socket.SetWriteDeadline(end)
	if _, err := socket.Write(hello); err != nil {
		socket.Close()
		return nil, &Error{Status: StatusUnavailable, Message: err.Error(), Unread: true}
	}
	go l.read()
	return l, nil
}

func sleep(ctx context.Context, wait time.Duration) *Error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctxError(ctx, "no answer in time")
	}
}

func (c *conn) once(ctx context.Context, o operation, body []byte, end time.Time) ([]byte, *Error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctxError(ctx, "32 requests wait before this one")
	}
	l, err := c.link(ctx, end)
	if err != nil {
		return nil, err
	}
	payload, err := l.ask(ctx, o, body, end)
	if err != nil {
		return nil, err
	}
	return parseReply(payload)
}

// How long to wait before the request is sent again; false: it is not.
func (c *conn) again(o operation, err *Error, attempt int, end time.Time) (time.Duration, bool) {
	isAboutIt := err.Status != StatusUnavailable && err.Status != StatusPeerDead && !(err.Status == StatusLimit && err.RetryAfter > 0)
	wait := time.Duration(float64(backoffFirst<<uint(attempt)) * (0.5 + rand.Float64()))
	if err.RetryAfter > wait {
		wait = err.RetryAfter
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if isAboutIt || attempt >= retriesMax || c.tokens < 1 || !(o.isIdempotent || err.Unread) || time.Now().Add(wait).After(end) {
		return 0, false
	}
	c.tokens--
	return wait, true
}

func (c *conn) call(ctx context.Context, o operation, request, reply message) error {
	end, hasEnd := ctx.Deadline()
	if !hasEnd {
		var cancel context.CancelFunc
		end = time.Now().Add(timeoutUsual)
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	body, err := encodeMessage(request)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		data, err := c.once(ctx, o, body, end)
		if err == nil {
			c.mutex.Lock()
			c.tokens = math.Min(10, c.tokens+0.1)
			c.mutex.Unlock()
			return decodeMessage(data, reply)
		}
		wait, isAgain := c.again(o, err, attempt, end)
		if !isAgain {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}
