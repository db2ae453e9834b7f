package mediatest

import (
	"testing"
	"time"
)

// Within asks until cond is true, each 20 ms, and ends the test where that takes longer than patience. what says what
// was waited for.
func Within(t testing.TB, patience time.Duration, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
