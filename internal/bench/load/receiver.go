package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/internal/bench/clip"
	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/wire/rtmp"
)

// A Receiver reads one connection and counts. Its methods may be called once [Load.Close] is over; Stall and Resume before that.
type Receiver struct {
	load   *Load
	conn   io.Closer
	done   chan struct{}
	closed atomic.Bool
	gate   sync.Mutex // held by who makes it stall

	bytes      atomic.Int64  // of media
	deliveries atomic.Int64  // of pictures
	began      time.Duration // when it asked for the stream

	joined time.Duration // from then to the first picture
	of     [phases]Tally
	number int // of the last picture
	torn   bool
	err    error
}

// Tally is what a receiver has counted in one phase.
type Tally struct {
	Delays  []time.Duration // of pictures, from the publisher's write to the read of their last byte
	Missing int             // pictures between one that came and the one before
	Torn    int             // pictures that came behind missing ones and before a key frame: no decoder can use them
}

// add makes a receiver, which [Receiver.run] reads.
func (l *Load) add(conn io.Closer, began time.Duration) *Receiver {
	r := &Receiver{load: l, conn: conn, done: make(chan struct{}), began: began, number: -1}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receivers = append(l.receivers, r)
	return r
}

// run reads until read fails or the load is closed.
func (r *Receiver) run(read func() error) {
	defer close(r.done)
	for {
		r.gate.Lock()
		err := read()
		r.gate.Unlock()
		if err != nil {
			if !r.closed.Load() {
				r.err = err
			}
			_ = r.conn.Close()
			return
		}
	}
}

// readRTMP reads messages.
func (r *Receiver) readRTMP(s *peer.Session) {
	r.run(func() error {
		m, err := s.Next()
		if err != nil || !m.Media() {
			return err
		}
		r.bytes.Add(int64(m.Length))
		if m.Kind != rtmp.TypeVideo {
			return nil
		}
		if sent, number, _, ok := clip.Find(m.Body); ok {
			r.picture(sent, number)
		}
		return nil
	})
}

// readRTSP reads packets.
func (r *Receiver) readRTSP(s *peer.RTSP) {
	var sent time.Duration
	number, open := 0, false // of the picture under way
	r.run(func() error {
		p, err := s.Next()
		if err != nil {
			return err
		}
		r.bytes.Add(int64(p.Length - peer.RTPHeader))
		if !p.Video {
			return nil
		}
		if at, n, _, ok := clip.Find(p.Head); ok {
			sent, number, open = at, n, true
		}
		if open && p.Last() {
			open = false
			r.picture(sent, number)
		}
		return nil
	})
}

// picture counts one that has come whole.
func (r *Receiver) picture(sent time.Duration, number int) {
	now := r.load.now()
	if r.deliveries.Add(1) == 1 {
		r.joined = now - r.began
	}
	t := r.sequence(number)
	t.Delays = append(t.Delays, now-sent)
}

// sequence counts what is missing before a picture, in the tally that it gives.
func (r *Receiver) sequence(number int) *Tally {
	t := &r.of[r.load.phase.Load()]
	if r.number >= 0 && number > r.number+1 {
		t.Missing += number - r.number - 1
		r.torn = true
	}
	if number%clip.Group == 0 {
		r.torn = false
	}
	if r.torn {
		t.Torn++
	}
	r.number = number
	return t
}

// Stall makes the receiver stop reading, after the message under way; Resume makes it go on.
func (r *Receiver) Stall() { r.gate.Lock() }

// Resume ends a Stall.
func (r *Receiver) Resume() { r.gate.Unlock() }

// Of gives what was counted in a phase.
func (r *Receiver) Of(p Phase) Tally { return r.of[p] }

// Joined is the time from the wish for the stream to the first picture; 0 where none came.
func (r *Receiver) Joined() time.Duration { return r.joined }

// Err is why the connection ended before the load was closed; nil where it did not.
func (r *Receiver) Err() error { return r.err }

// close ends the connection.
func (r *Receiver) close() {
	r.closed.Store(true)
	_ = r.conn.Close()
}

// A Sink takes what is published to it.
type Sink struct {
	Addr string

	load     *Load
	listener net.Listener
	serving  sync.WaitGroup
}

// Sink opens a sink on loopback, behind TLS where secure is not nil.
func (l *Load) Sink(secure *tls.Config) (*Sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open sink: %w", err)
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	s := &Sink{Addr: listener.Addr().String(), load: l, listener: listener}
	s.serving.Go(s.accept)
	return s, nil
}

// accept takes connections until the sink is closed.
func (s *Sink) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() {
			began := s.load.now()
			if in, err := peer.Accept(nc); err == nil { // else whoever pushes shows as missing
				s.load.add(nc, began).readRTMP(in)
			}
		})
	}
}

// Close closes the sink; the load is closed before.
func (s *Sink) Close() {
	_ = s.listener.Close()
	s.serving.Wait()
}

// Play adds a player of a stream.
func (l *Load) Play(addr, name string) error {
	s, err := peer.Dial(addr)
	if err != nil {
		return err
	}
	began := l.now()
	if err := s.Play(name); err != nil {
		_ = s.Close()
		return fmt.Errorf("play %s: %w", name, err)
	}
	r := l.add(s, began)
	go r.readRTMP(s)
	return nil
}

// PlayRTSP adds a reader of a stream over RTSP, with the packets in its connection.
func (l *Load) PlayRTSP(addr, name string) error {
	began := l.now()
	s, err := peer.DialRTSP(addr, name)
	if err != nil {
		return err
	}
	r := l.add(s, began)
	go r.readRTSP(s)
	return nil
}
