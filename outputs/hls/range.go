package hls

import (
	"encoding/base64"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// overlayClass names the states of the convention in ID3 tags and date ranges.
const overlayClass = "simulcart.overlay"

// mostRanges bounds the date ranges of a playlist. With states of the largest size it stays below what players read at all (4 MiB).
const mostRanges = 500

// showing is a state for as long as it holds: a date range.
type showing struct {
	copy  *overlay.Copy
	state *overlay.State
	begin time.Time
	until time.Time // zero: it still holds
	texts *texts
}

// texts are the attributes of a state, made once for each view.
type texts struct {
	mu   sync.Mutex
	seen map[string]string // by the view's name
}

// showings are the states of a playlist, in their order.
type showings []showing

// take takes a copy of a state; repeats change nothing. zero is the time of day of media time 0. It gives how many states were dropped since
// there are too many, of those that have ended the oldest.
func (all *showings) take(c *overlay.Copy, zero time.Time) (dropped uint64) {
	state := c.State()
	if state == nil {
		return 0
	}
	s := showing{copy: c, state: state, begin: zero.Add(state.At.Duration()), texts: &texts{}}
	if n := len(*all); n > 0 {
		last := &(*all)[n-1]
		if state.Seq <= last.state.Seq && state.Stream == last.state.Stream {
			return 0
		}
		if last.until = s.begin; last.until.Before(last.begin) {
			last.until = last.begin
		}
	}
	*all = append(*all, s)
	if len(*all) <= mostRanges {
		return 0
	}
	*all = append(showings(nil), (*all)[1:]...)
	return 1
}

// forget drops the states that ended before a time.
func (all *showings) forget(start time.Time) {
	gone := 0
	for _, s := range *all {
		if s.until.IsZero() || s.until.After(start) {
			break
		}
		gone++
	}
	if gone > 0 {
		*all = append(showings(nil), (*all)[gone:]...)
	}
}

// dateRange gives the state as a view sees it. What it says never changes, but for the end that is added.
func (s *showing) dateRange(v *overlay.View) m3u8.DateRange {
	d := m3u8.DateRange{ID: fmt.Sprintf("%s-%d", s.state.Stream, s.state.Seq), Class: overlayClass, Start: s.begin, End: s.until}
	ends := media.Time(math.MaxInt64)
	for i := range s.state.Cards {
		if until := s.state.Cards[i].Until; until > s.state.At {
			ends = min(ends, until)
		}
	}
	if ends != math.MaxInt64 {
		d.PlannedDuration = (ends - s.state.At).Duration()
	}
	d.Attributes = []m3u8.Attribute{{Name: "X-SIMULCART-OVERLAY", Value: s.text(v), Quoted: true}}
	return d
}

// text gives the state's own attribute.
func (s *showing) text(v *overlay.View) string {
	name := v.Name()
	s.texts.mu.Lock()
	known, ok := s.texts.seen[name]
	s.texts.mu.Unlock()
	if ok {
		return known
	}
	text := base64.RawURLEncoding.EncodeToString(s.copy.Begin(v))
	s.texts.mu.Lock()
	defer s.texts.mu.Unlock()
	if s.texts.seen == nil {
		s.texts.seen = make(map[string]string)
	}
	s.texts.seen[name] = text
	return text
}
