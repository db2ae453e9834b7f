package whip

import "time"

// How often a key frame is asked for.
const (
	askApart  = 300 * time.Millisecond // the least between two requests
	askAgain  = time.Second            // while one is needed and does not come
	keyAtMost = 2 * time.Second        // from one key frame to the next: encoders of browsers send none by themselves
)

// keyer decides when a key frame is asked for.
type keyer struct {
	needed bool // nothing can be relayed before one, or a viewer waits for one
	asked  time.Time
	came   time.Time // when the last one came
}

// want says that a key frame is needed.
func (k *keyer) want() { k.needed = true }

// took says that a key frame came.
func (k *keyer) took(now time.Time) { k.needed, k.came = false, now }

// ask says whether to ask now, and takes it for done.
func (k *keyer) ask(now time.Time) bool {
	since := now.Sub(k.asked)
	switch {
	case k.asked.IsZero():
	case k.needed && (since >= askAgain || since >= askApart && k.came.After(k.asked)):
	case now.Sub(k.came) >= keyAtMost && since >= keyAtMost:
	default:
		return false
	}
	k.asked = now
	return true
}
