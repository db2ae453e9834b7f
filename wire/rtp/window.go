package rtp

import (
	"cmp"
	"time"
)

// The bounds of a [Window].
const (
	WindowPackets = 512
	WindowWait    = 500 * time.Millisecond
)

// Window puts the packets of one source into the order of their sequence numbers, and knows which are missing. What is missing for
// too long, or is [WindowPackets] behind the newest, is given up: a [Depacketizer] sees the hole. Packets that come later, and doubled ones, are
// dropped. The zero value is ready; it belongs to one goroutine.
type Window struct {
	Wait time.Duration // for what is missing; 0: WindowWait

	started bool
	ssrc    uint32
	next    uint16 // the sequence number to give out
	count   int    // of places from next on that are known of: what is in them has come, or is missing
	restart int    // the sequence number that would confirm a new start, less 1<<16; 0 for none
	places  [WindowPackets]place

	asked    uint64
	repaired uint64
	trip     time.Duration
}

// place is one sequence number.
type place struct {
	packet Packet
	here   bool
	since  time.Time // it is known to be missing
	first  time.Time // when it was asked for
	asked  time.Time // when it was asked for last
	asks   int
}

func (w *Window) place(sequence uint16) *place { return &w.places[int(sequence)%WindowPackets] }

// Asked counts the packets that were to be asked for, once each.
func (w *Window) Asked() uint64 { return w.asked }

// Repaired counts the packets that came after they were asked for.
func (w *Window) Repaired() uint64 { return w.repaired }

// Trip is how long packets take to come after they are first asked for, the longest of late; 0 before the first.
func (w *Window) Trip() time.Duration { return w.trip }

// Push takes a packet that came at the time now, and gives those that are in order with it.
func (w *Window) Push(p Packet, now time.Time) []Packet {
	if w.started && p.SSRC == w.ssrc {
		ahead := p.Sequence - w.next
		switch {
		case ahead < mostAhead:
			return w.take(nil, p, int(ahead), now)
		case ahead > 1<<16-mostAhead: // late, or doubled
			return nil
		case int(p.Sequence)-1<<16 != w.restart:
			w.restart = int(p.Sequence+1) - 1<<16
			return nil
		}
	}
	out := w.drain(nil)
	w.started, w.ssrc, w.next, w.count, w.restart = true, p.SSRC, p.Sequence, 0, 0
	return w.take(out, p, 0, now)
}

// take puts a packet at its place, so many behind the one that is next.
func (w *Window) take(out []Packet, p Packet, ahead int, now time.Time) []Packet {
	w.restart = 0
	for ahead >= WindowPackets { // the oldest is given up
		if w.count == 0 {
			w.next += uint16(ahead - WindowPackets + 1)
			ahead = WindowPackets - 1
			break
		}
		out = w.advance(out)
		ahead--
	}
	for ; w.count <= ahead; w.count++ {
		*w.place(w.next + uint16(w.count)) = place{since: now}
	}
	at := w.place(p.Sequence)
	if at.here {
		return out
	}
	if at.asks > 0 {
		w.repaired++
		if trip := now.Sub(at.first); trip > w.trip {
			w.trip = trip
		} else { // maybe it was late, and not sent again
			w.trip += (trip - w.trip) / 32
		}
	}
	at.packet, at.here = p, true
	return w.run(out)
}

// run gives out what is in order.
func (w *Window) run(out []Packet) []Packet {
	for w.count > 0 && w.place(w.next).here {
		out = w.advance(out)
	}
	return out
}

// advance goes on by one place, and gives out what is in it.
func (w *Window) advance(out []Packet) []Packet {
	at := w.place(w.next)
	if at.here {
		out = append(out, at.packet)
	}
	*at = place{}
	w.next++
	w.count--
	return out
}

func (w *Window) drain(out []Packet) []Packet {
	for w.count > 0 {
		out = w.advance(out)
	}
	return out
}

func (w *Window) wait() time.Duration { return cmp.Or(w.Wait, WindowWait) }

// Deadline is when the next missing packet is given up; false where none is missing.
func (w *Window) Deadline() (time.Time, bool) {
	if w.count == 0 {
		return time.Time{}, false
	}
	return w.place(w.next).since.Add(w.wait()), true
}

// Expire gives up what is missing for too long, and gives the packets behind it.
func (w *Window) Expire(now time.Time) (out []Packet) {
	for w.count > 0 {
		if at := w.place(w.next); !at.here && now.Sub(at.since) < w.wait() {
			return out
		}
		out = w.run(w.advance(out))
	}
	return out
}

// Missing appends the sequence numbers that are to be asked for now: those that are missing for at least after, and were not asked for
// in the time each.
func (w *Window) Missing(dst []uint16, now time.Time, after, each time.Duration) []uint16 {
	for i := range w.count {
		sequence := w.next + uint16(i)
		at := w.place(sequence)
		if at.here || now.Sub(at.since) < after || at.asks > 0 && now.Sub(at.asked) < each {
			continue
		}
		if at.asks++; at.asks == 1 {
			at.first = now
			w.asked++
		}
		at.asked = now
		dst = append(dst, sequence)
	}
	return dst
}
