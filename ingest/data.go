package ingest

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/simulcart/simulcart/media"
)

// Rates of the data messages that a publisher may send beside its media.
const (
	dataPerSecond = 100
	dataBytes     = 64 << 10 // a second
	dataFarthest  = media.Time(time.Second)
)

// dataLimit bounds the data messages of one publisher.
type dataLimit struct{ messages, bytes *rate.Limiter }

func newDataLimit() dataLimit {
	return dataLimit{rate.NewLimiter(dataPerSecond, dataPerSecond), rate.NewLimiter(dataBytes, dataBytes)}
}

func (l *dataLimit) allows(bytes int, now time.Time) bool {
	return l.messages.AllowN(now, 1) && l.bytes.AllowN(now, bytes)
}

// relayDataLocked puts a data message into the log, for the outputs that ask for it. It moves neither the line nor what is known of
// the publisher: a message whose time lies apart from the media's gets that of the newest picture.
func (p *Publication) relayDataLocked(f *media.Frame, now time.Time) error {
	e := p.entry
	if !p.aligned || !p.data.allows(len(f.Data), now) {
		e.counters.Dropped[DropData]++
		return nil
	}
	line := &e.session.line
	at := f.PTS + line.offset
	if apart := at - line.newest; apart > dataFarthest || apart < -dataFarthest {
		at = line.newest
	}
	f.PTS, f.DTS, f.Key = at, at, false
	return p.out.WriteFrame(f)
}
