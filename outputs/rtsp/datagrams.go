package rtsp

import (
	"errors"
	"net"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// How packets are spread over time. Nothing of a client's network is known, and what a queue on the way has no room for is lost: so the
// frames that wait for a new client go at some times the speed of play, and a large picture in runs.
const (
	hurry      = 8                      // times the speed of play, at most
	longestGap = 100 * time.Millisecond // between two frames that wait
	runLength  = 24                     // packets, about 29 kB: 230 Mbit/s
	breath     = time.Millisecond       // behind a run, and before another try where the kernel has no room
	mostTries  = 20                     // such tries for one frame

	mostScratch = 256 << 10 // bytes that are kept from frame to frame
)

// datagrams is RTP over UDP, RFC 2326 §12.39. One goroutine uses it. It waits for a moment to spread packets, and never for the network: what
// cannot go is lost, and counted.
type datagrams struct {
	ports  *Ports
	to     []destination    // by channel
	unsent func(frames int) // counts those that did not go whole

	scratch []byte
	media   []datagram
	reports []datagram

	frame     int    // number of the one that is added
	channel   uint8  // of its packets
	timestamp uint32 // of its packets
	lost      int    // number of the last frame that was counted

	went time.Time  // when the last frame did
	at   media.Time // its decode time
}

func (d *datagrams) payload() int { return rtp.DatagramPayload }

// batch is one frame, so that each goes at its own time.
func (d *datagrams) batch() int { return 1 }

func (d *datagrams) add(channel uint8, h rtp.Header, p rtp.Payload) {
	if d.frame == 0 || d.channel != channel || d.timestamp != h.Timestamp {
		d.frame++
		d.channel, d.timestamp = channel, h.Timestamp
	}
	begin := len(d.scratch)
	d.scratch = append(append(h.Append(d.scratch), p.Header...), p.Body...)
	d.media = append(d.media, datagram{d.scratch[begin:], d.to[channel], d.frame})
}

func (d *datagrams) report(channel uint8, packet []byte) {
	d.reports = append(d.reports, datagram{packet, d.to[channel], 0})
}

func (d *datagrams) flush(at media.Time) error {
	defer func() {
		d.media, d.reports = d.media[:0], d.reports[:0]
		if d.scratch = d.scratch[:0]; cap(d.scratch) > mostScratch {
			d.scratch = nil
		}
	}()
	if _, err := d.ports.reports.send(d.reports); errors.Is(err, net.ErrClosed) { // another one comes in some seconds
		return err
	}
	if len(d.media) == 0 {
		return nil
	}
	d.pace(at)
	tries := 0
	for rest := d.media; len(rest) > 0; {
		n, err := d.ports.media.send(rest[:min(len(rest), runLength)])
		rest = rest[n:]
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err == nil && len(rest) > 0:
			time.Sleep(breath)
		case isFull(err) && tries < mostTries:
			tries++
			time.Sleep(breath)
		case err != nil: // no way there, or the client has closed its port
			d.lose(rest[0].frame)
			rest = rest[1:]
		}
	}
	return nil
}

// pace waits until the frame with a decode time may go.
func (d *datagrams) pace(at media.Time) {
	if !d.went.IsZero() {
		gap := min((at-d.at).Duration()/hurry, longestGap)
		time.Sleep(gap - time.Since(d.went))
	}
	d.went, d.at = time.Now(), at
}

// lose counts a frame, once.
func (d *datagrams) lose(frame int) {
	if frame != d.lost {
		d.lost = frame
		d.unsent(1)
	}
}
