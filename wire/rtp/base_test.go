package rtp

import "testing"

// All readers of a stream count from one base, those of another from another, and those of one that came again from a new one.
func TestBases(t *testing.T) {
	var b Bases
	first := b.Of("maria")
	if b.Of("maria") != first || b.Of("jo") == first && b.Of("ana") == first { // likewise
		t.Errorf("maria %d, then %d, jo %d, ana %d", first, b.Of("maria"), b.Of("jo"), b.Of("ana"))
	}
	b.Forget("maria")
	b.Forget("nobody")
	if b.Of("maria") == first { // by chance once in 2^32 times
		t.Errorf("a base that was forgotten is there again: %d", first)
	}
}
