package ingest

import (
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	meterSpan = 5 // seconds over which rates are measured
	keySpan   = 4 // key frame distances that are remembered
)

// meter measures one kind of track (video or audio) of a publisher as it arrives.
type meter struct {
	bytes   [meterSpan + 1]uint64 // by second of arrival; the newest is still filling
	frames  [meterSpan + 1]uint64
	second  int64 // which second the newest bucket is, since began
	began   time.Time
	started bool       // newest is set
	newest  media.Time // highest PTS
	keys    [keySpan]media.Time
	keyed   int // key frames seen
	lastKey media.Time
	reorder bool // a frame was shown in another order than it was decoded
}

// add counts a frame.
func (m *meter) add(f *media.Frame, arrival time.Time) {
	m.advance(arrival)
	i := m.second % (meterSpan + 1)
	m.bytes[i] += uint64(len(f.Data))
	m.frames[i]++
	if !m.started || f.PTS > m.newest {
		m.newest = f.PTS
	} else {
		m.reorder = true
	}
	m.started = true
	if !f.Key {
		return
	}
	if m.keyed > 0 {
		m.keys[(m.keyed-1)%keySpan] = f.PTS - m.lastKey
	}
	m.lastKey = f.PTS
	m.keyed++
}

// advance opens the bucket of the second that now lies in.
func (m *meter) advance(now time.Time) {
	if m.began.IsZero() {
		m.began = now
	}
	second := int64(now.Sub(m.began) / time.Second)
	for s := max(m.second+1, second-meterSpan); s <= second; s++ {
		m.bytes[s%(meterSpan+1)], m.frames[s%(meterSpan+1)] = 0, 0
	}
	m.second = max(m.second, second)
}

// rates gives bits and frames a second over the last whole seconds, 0 in the first second.
func (m *meter) rates(now time.Time) (bits, frames float64) {
	if m.began.IsZero() {
		return 0, 0
	}
	m.advance(now)
	seconds := min(m.second, meterSpan)
	if seconds == 0 {
		return 0, 0
	}
	var b, f uint64
	for s := m.second - seconds; s < m.second; s++ {
		b += m.bytes[s%(meterSpan+1)]
		f += m.frames[s%(meterSpan+1)]
	}
	return float64(b*8) / float64(seconds), float64(f) / float64(seconds)
}

// keyInterval gives the longest of the recent distances between key frames, 0 before the second key frame.
func (m *meter) keyInterval() time.Duration {
	var longest media.Time
	for i := range min(m.keyed-1, keySpan) {
		longest = max(longest, m.keys[i])
	}
	return longest.Duration()
}
