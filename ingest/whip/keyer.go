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
	asks   int       // since the last one came
	came   time.Time // when the last one came
}

// want says that a key frame is needed.
func (k *keyer) want() { k.needed = true }

// took says that a key frame came. It tells when that was asked for; false where it was not, or more than once, so that nobody knows which
// request it answers.
func (k *keyer) took(now time.Time) (asked time.Time, once bool) {
	once = k.asks == 1
	k.needed, k.came, k.asks = false, now, 0
	return k.asked, once
}

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
	k.asks++
	return true
}
