package outputs

import (
	"log/slog"
	"time"
)

// repeatEach is how often the same trouble is said again: a destination that is tried five times a second would fill the log.
const repeatEach = 10 * time.Second

// journal writes what an operator wants to read of one destination: each change between live, stalled and holding, and
// failures when their cause is another one or some time has passed. The runner's goroutines use it one after the other.
type journal struct {
	log    *slog.Logger // says which destination
	state  State
	cause  Cause
	said   time.Time // when a failure was last written
	unsaid int       // failures since then
}

// enter notes the state that the destination is in.
func (j *journal) enter(s State) {
	if s == j.state {
		return
	}
	before := j.state
	j.state = s
	switch s {
	case Live:
		j.cause = NoCause
		j.log.Info("destination is live", "before", before.String())
	case Stalled:
		j.log.Warn("destination is stalled: it takes nothing")
	case Holding:
		j.log.Info("destination is held: the publisher is gone")
	}
}

// fail notes a failure after which the destination is in state s and waits.
func (j *journal) fail(err error, s State, now time.Time, wait time.Duration) {
	cause := CauseOf(err)
	j.state = s
	if cause == j.cause && now.Sub(j.said) < repeatEach {
		j.unsaid++
		return
	}
	attrs := []any{"cause", cause.String(), "state", s.String(), "retry_in", wait.Round(time.Millisecond), "err", err}
	if j.unsaid > 0 {
		attrs = append(attrs, "failures_not_logged", j.unsaid)
	}
	j.log.Warn("destination failed", attrs...)
	j.cause, j.said, j.unsaid = cause, now, 0
}
