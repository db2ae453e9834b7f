package whep

import (
	"context"
	"sync"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/outputs"
)

// Bounds of what a viewer's data channel may hold back.
const (
	mostStates = 64       // that wait
	mostQueued = 64 << 10 // bytes that the viewer has not taken
)

// board is the data channel with the overlay states: each once, in order, and when it opens the current one.
type board struct {
	carried *outputs.Carried
	opened  chan *webrtc.DataChannel // capacity 1

	wake chan struct{} // capacity 1; there are new ones
	seq  int64         // of the newest state; the sender's

	mu    sync.Mutex
	queue []message
	live  bool // the channel is open
}

// message is a state on its way.
type message struct {
	seq  int64
	text []byte
}

func newBoard(carried *outputs.Carried) *board {
	return &board{carried: carried, opened: make(chan *webrtc.DataChannel, 1), wake: make(chan struct{}, 1)}
}

// open takes the channel once it is open; a second one is passed over.
func (b *board) open(dc *webrtc.DataChannel) {
	select {
	case b.opened <- dc:
	default:
	}
}

// show takes a copy of the state with the number seq, whose message text makes.
func (b *board) show(seq int64, text func() []byte) {
	if seq <= b.seq {
		return // the channel loses nothing
	}
	b.seq = seq
	b.add(message{seq, text()})
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// add puts a state in the queue.
func (b *board) add(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live || len(b.queue) >= mostStates {
		b.queue = nil // a state is whole: the newest is enough
	}
	b.queue = append(b.queue, m)
}

// take empties the queue.
func (b *board) take() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.queue
	b.queue, b.live = nil, true
	return all
}

// run sends states until ctx ends.
func (b *board) run(ctx context.Context) {
	var dc *webrtc.DataChannel
	select {
	case <-ctx.Done():
		return
	case dc = <-b.opened:
	}
	for {
		for _, m := range b.take() {
			if dc.BufferedAmount() > mostQueued || dc.SendText(string(m.text)) != nil {
				b.carried.Lose()
				continue
			}
			b.carried.State(outputs.CarriesChannel, m.seq, len(m.text))
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
	}
}
