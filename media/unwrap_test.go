package media_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
	"pgregory.net/rapid"
)

func TestUnwrap(t *testing.T) {
	const end32, end33 = 1 << 32, 1 << 33
	for _, tc := range []struct {
		name     string
		bits     uint8
		readings []uint64
		want     []int64
	}{
		{"the first reading is taken as it is", 32, []uint64{end32 - 1}, []int64{end32 - 1}},
		{"forward over 32 bits", 32, []uint64{end32 - 20, end32 - 1, 0, 13}, []int64{end32 - 20, end32 - 1, end32, end32 + 13}},
		{"back over 32 bits", 32, []uint64{10, end32 - 10, end32 - 30}, []int64{10, -10, -30}},
		{"to and fro over 32 bits", 32, []uint64{end32 - 5, 5, end32 - 3, 7}, []int64{end32 - 5, end32 + 5, end32 - 3, end32 + 7}},
		{"forward over 33 bits", 33, []uint64{end33 - 3003, 0, 3003}, []int64{end33 - 3003, end33, end33 + 3003}},
		{"back over 33 bits", 33, []uint64{0, end33 - 3003}, []int64{0, -3003}},
		{"33 bits do not wrap at 32", 33, []uint64{end32 - 1, end32}, []int64{end32 - 1, end32}},
		{"nearly half the range forward", 32, []uint64{0, end32/2 - 1}, []int64{0, end32/2 - 1}},
		{"half the range goes back", 32, []uint64{0, end32 / 2}, []int64{0, -end32 / 2}},
		{"bits above the width are ignored", 32, []uint64{end32 | 5, 7<<40 | 6}, []int64{5, 6}},
		{"the same reading again", 32, []uint64{9, 9}, []int64{9, 9}},
		{"two rounds", 2, []uint64{0, 1, 2, 3, 0, 1, 2, 3, 0}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		{"63 bits", 63, []uint64{1<<63 - 1, 1<<63 - 2}, []int64{1<<63 - 1, 1<<63 - 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := media.Unwrapper{Bits: tc.bits}
			var got []int64
			for _, reading := range tc.readings {
				got = append(got, u.Unwrap(reading))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A clock that goes on for long, with steps of less than half its range either way, comes back as it was.
func TestUnwrapFollowsAnyClock(t *testing.T) {
	for _, bits := range []uint8{8, 32, 33} {
		t.Run(fmt.Sprintf("%d bits", bits), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				span := int64(1) << bits
				at := rapid.Int64Range(0, span-1).Draw(t, "start")
				u := media.Unwrapper{Bits: bits}
				u.Unwrap(uint64(at))
				for _, step := range rapid.SliceOf(rapid.Int64Range(-span/2, span/2-1)).Draw(t, "steps") {
					at += step
					if got := u.Unwrap(uint64(at) & uint64(span-1)); got != at {
						t.Fatalf("got %d, want %d after a step of %d", got, at, step)
					}
				}
			})
		})
	}
}
