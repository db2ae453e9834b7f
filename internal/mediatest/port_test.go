package mediatest_test

import (
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestFreeAddrsDiffer: who asks twice listens on both.
func TestFreeAddrsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		for _, addr := range mediatest.FreeAddrs(t, 4) {
			if seen[addr] {
				t.Fatalf("%s was given twice", addr)
			}
			seen[addr] = true
		}
	}
}
