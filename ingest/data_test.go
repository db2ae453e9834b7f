package ingest

import (
	"errors"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

var dataTrack = &media.Track{ID: 3, Codec: media.Data}

func message(ms int64, size int) *media.Frame {
	t := media.Time(ms) * media.Millisecond
	return &media.Frame{Track: dataTrack, PTS: t, DTS: t, Data: make([]byte, size)}
}

// Data messages get their place on the line, or that of the newest picture, and move nothing themselves.
func TestData(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video})
		write := func(ms int64, size int) {
			if err := p.WriteFrame(message(ms, size)); err != nil {
				b.Error(err)
			}
		}
		write(9000, 1) // there is no line yet
		b.send(p, sent{kind: "K", dts: 9000}, sent{kind: "v", dts: 9040})
		for _, ms := range []int64{9040, 9060, 0, 1 << 40} {
			write(ms, 1)
		}
		b.send(p, sent{kind: "v", dts: 9080})
		b.wantRead(sent{kind: "K"}, sent{kind: "v", dts: 40}, sent{kind: "v", dts: 40}, sent{kind: "v", dts: 60}, sent{kind: "v", dts: 40}, sent{kind: "v", dts: 40}, sent{kind: "v", dts: 80})
		b.wantDropped(DropData, 1)
		time.Sleep(3 * time.Second)
		write(9120, 1)
		b.wantState(Stalled)
		b.admit("two")
		if err := p.WriteFrame(message(9160, 1)); !errors.Is(err, ErrFenced) {
			b.Errorf("after a takeover: got %v, want %v", err, ErrFenced)
		}
	})
}

// A publisher's data messages are bounded in number and in bytes.
func TestDataLimits(t *testing.T) {
	for _, c := range []struct {
		name             string
		size, sent, pass int
	}{{"messages", 1, 150, 100}, {"bytes", 20 << 10, 5, 3}, {"too large", 64<<10 + 1, 1, 0}} {
		t.Run(c.name, func(t *testing.T) {
			on(t, Options{}, func(b *bench) {
				p := b.admit("one")
				p.SetTracks([]*media.Track{video})
				b.send(p, sent{kind: "K"})
				for range c.sent {
					if err := p.WriteFrame(message(0, c.size)); err != nil {
						b.Fatal(err)
					}
				}
				if got := len(b.read()) - 1; got != c.pass {
					b.Errorf("got %d messages, want %d", got, c.pass)
				}
				b.wantDropped(DropData, uint64(c.sent-c.pass))
				time.Sleep(time.Second)
				if err := p.WriteFrame(message(1000, 1)); err != nil || len(b.read()) != 1 {
					b.Errorf("a second later: %v", err)
				}
			})
		})
	}
}
