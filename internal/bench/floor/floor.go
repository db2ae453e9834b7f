//go:build linux

// Package floor is what the kernel asks for, and no more: a program that reads publishers and passes on what they send, without
// looking at it, without queues, bounds or states. It is what servers are measured against.
//
// There are two: one in Go, with a goroutine for each output, as a server in Go has it, and one in C, with one thread, which is
// compiled where there is a compiler.
package floor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/internal/bench/peer"
)

// queued is how many batches may wait for an output; then all wait for it.
const queued = 256

// A Floor passes RTMP on.
type Floor struct {
	Sink    string        // address of who takes it
	Outputs int           // connections to it, for each publisher
	Collect time.Duration // 0: each message is written at once
	TLS     *tls.Config   // nil: plain connections
	Loop    bool          // one goroutine writes to all plain connections; nothing is collected
}

// Run serves publishers until ctx ends.
func (f *Floor) Run(ctx context.Context, l net.Listener) error { return accept(ctx, l, f.serve) }

// accept serves connections, until ctx ends.
func accept(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		serving.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
			serve(nc)
		})
	}
}

// serve passes one publisher on until it leaves.
func (f *Floor) serve(nc net.Conn) {
	defer nc.Close()
	s, err := peer.Accept(nc)
	if err != nil {
		return
	}
	if f.Loop {
		f.serveLoop(s)
		return
	}
	fan := &fan{collect: f.Collect, gathers: f.TLS != nil}
	defer fan.close()
	for i := range f.Outputs {
		out, err := f.open(fmt.Sprintf("floor%d", i))
		if err != nil {
			return
		}
		fan.add(out)
	}
	for {
		raw, err := s.Raw()
		if err != nil {
			return
		}
		fan.write(raw)
	}
}

// serveLoop passes one publisher on by a loop.
func (f *Floor) serveLoop(s *peer.Session) {
	l := &loop{}
	defer l.close()
	for i := range f.Outputs {
		nc, err := net.Dial("tcp", f.Sink)
		if err != nil {
			return
		}
		if _, err := publish(nil, nc, f.Sink, fmt.Sprintf("floor%d", i)); err != nil || l.add(nc) != nil {
			return
		}
	}
	for {
		raw, err := s.Raw()
		if err != nil {
			return
		}
		l.write([][]byte{raw})
	}
}

// open publishes to the sink.
func (f *Floor) open(key string) (output, error) {
	nc, err := net.Dial("tcp", f.Sink)
	if err != nil {
		return nil, err
	}
	if f.TLS == nil {
		return publish(&plain{conn: nc}, nc, f.Sink, key)
	}
	g := &gatherer{Conn: nc}
	secure := tls.Client(g, f.TLS)
	return publish(&sealed{conn: secure, gatherer: g}, secure, f.Sink, key)
}

func publish(o output, nc net.Conn, addr, key string) (output, error) {
	s, err := peer.Connect(nc, addr)
	if err != nil {
		return nil, err
	}
	return o, s.Publish(key)
}

// A fan gives each batch to all outputs.
type fan struct {
	collect time.Duration
	gathers bool // outputs want each batch in one piece
	writing sync.WaitGroup

	mu      sync.Mutex
	outputs []chan batch
	batch   batch
	flush   *time.Timer // nil until the first batch
	closed  bool
}

// A batch is what is written at once, shared by all outputs.
type batch struct {
	messages [][]byte
	whole    []byte // all of them, where outputs want that
}

// add starts an output.
func (f *fan) add(o output) {
	c := make(chan batch, queued)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		o.close()
		return
	}
	f.outputs = append(f.outputs, c)
	f.writing.Go(func() {
		defer o.close()
		broken := false
		for b := range c {
			broken = broken || o.write(b) != nil
		}
	})
}

// write passes a message on, now or when the time of collecting is over.
func (f *fan) write(raw []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batch.messages = append(f.batch.messages, raw)
	switch {
	case f.collect == 0:
		f.sendLocked()
	case len(f.batch.messages) > 1:
	case f.flush == nil:
		f.flush = time.AfterFunc(f.collect, f.due)
	default:
		f.flush.Reset(f.collect)
	}
}

// due writes what was collected.
func (f *fan) due() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.sendLocked()
	}
}

func (f *fan) sendLocked() {
	if f.gathers {
		f.batch.whole = slices.Concat(f.batch.messages...)
	}
	for _, c := range f.outputs {
		c <- f.batch
	}
	f.batch = batch{messages: make([][]byte, 0, len(f.batch.messages))}
}

// close ends all outputs.
func (f *fan) close() {
	f.mu.Lock()
	f.closed = true
	for _, c := range f.outputs {
		close(c)
	}
	f.mu.Unlock()
	f.writing.Wait()
}
