package whip

import (
	"slices"
	"time"

	"github.com/simulcart/simulcart/media"
)

const (
	fewAnswers  = 3                // before the way there and back is believed to be known
	leastTrip   = time.Millisecond // there and back; less cannot be told from 0
	fewPictures = 30               // before a passage is
	averaged    = 32               // pictures, about
	mostPassage = 10 * time.Second // what takes longer is no passage: the publisher's reports are wrong
)

// passage measures how long a picture takes from the publisher's camera to the stream, though the clock there is another one:
//
//	camera  ├── taken ────── encoded, sent ──▶ on its way ──▶ here
//	report               ├── sent ───────────▶ on its way ──▶ here
//
// Sender reports say when a picture was taken, and when they were sent, by the publisher's clock (RFC 3550 §6.4.1). So the picture's arrival
// and that of the report which was soonest of late tell how long it took beyond the report's way. That is half of the way there and back, which key
// frames tell: how long after a request the picture was taken that answers it.
type passage struct {
	begun    time.Time
	real     media.Time // what the publisher's time of day is, less the track's time
	apart    recent     // our time less the publisher's time of day, as reports came
	answers  recent     // from requests for key frames to when they were taken, as if on the way for the time of a report
	late     media.Time // that pictures take beyond a report, on average
	pictures int
	newest   media.Time // by the track
	interval media.Time // between pictures, on average
}

// report learns from a sender report: the track's time t was at the time of day wall, in nanoseconds since an epoch of the sender's.
func (p *passage) report(t, wall media.Time, arrival time.Time) {
	p.real = wall - t
	p.apart.add(p.since(arrival) - wall)
}

// picture learns from a picture that was taken at the track's time t.
func (p *passage) picture(t media.Time, arrival time.Time) {
	if p.apart.n == 0 {
		return
	}
	took, step := p.since(arrival)-p.taken(t), t-p.newest
	if p.pictures == 0 {
		p.late, step = took, 0
	}
	p.pictures++
	p.newest = t
	p.late += (took - p.late) / averaged
	p.interval += (max(0, min(step, media.Time(time.Second))) - p.interval) / averaged
}

// answer learns from a key frame that was taken at the track's time t, and asked for once.
func (p *passage) answer(t media.Time, asked time.Time) {
	if p.apart.n > 0 {
		p.answers.add(p.taken(t) - p.since(asked))
	}
}

// trip is the way there and back; false where it is not known. A request waits for the next picture, up to an interval, and longer where the
// publisher is busy: so the soonest quarter of the answers counts, which waited up to a quarter of that.
func (p *passage) trip() (time.Duration, bool) {
	if p.answers.n < fewAnswers {
		return 0, false
	}
	return max(leastTrip, (p.answers.soonest() - p.interval/4).Duration()), true
}

// delay is how long a picture takes to the stream, by the way there and back where that is known; false where it is not known, or cannot be.
func (p *passage) delay(trip time.Duration) (time.Duration, bool) {
	d := p.late.Duration() + trip/2
	if p.pictures < fewPictures || d <= 0 || d > mostPassage {
		return 0, false
	}
	return d, true
}

// taken gives when a picture was taken, by our clock, as if it came by the way of the soonest report in no time.
func (p *passage) taken(t media.Time) media.Time { return p.real + t + p.apart.least() }

// since puts a moment on a line that no step of the wall clock moves.
func (p *passage) since(at time.Time) media.Time {
	if p.begun.IsZero() {
		p.begun = at
	}
	return media.Time(at.Sub(p.begun))
}

// recent keeps the newest of some values.
type recent struct {
	values [8]media.Time
	n      int // that were added
}

func (r *recent) add(v media.Time) {
	r.values[r.n%len(r.values)] = v
	r.n++
}

// kept gives the values in no order.
func (r *recent) kept() []media.Time { return r.values[:min(r.n, len(r.values))] }

// least gives the lowest value; there must be one.
func (r *recent) least() media.Time { return slices.Min(r.kept()) }

// soonest gives the lower quartile; there must be a value.
func (r *recent) soonest() media.Time {
	sorted := slices.Sorted(slices.Values(r.kept()))
	return sorted[len(sorted)/4]
}
