package nal_test

import (
	"testing"

	"github.com/simulcart/simulcart/wire/bits"
	"github.com/simulcart/simulcart/wire/nal"
)

func TestSkipVUIHead(t *testing.T) {
	for name, write := range map[string]func(w *bits.Writer){
		"nothing": func(w *bits.Writer) { w.Bits(0, 4) },
		"a known aspect ratio": func(w *bits.Writer) {
			w.Bits(1, 1)
			w.Bits(1, 8)
			w.Bits(0, 3)
		},
		"everything": func(w *bits.Writer) {
			w.Bits(1, 1)
			w.Bits(255, 8)
			w.Bits(0x00100009, 32)
			w.Bits(3, 2)   // overscan, and its value
			w.Bits(1, 1)   // video signal type
			w.Bits(0xA, 4) //
			w.Bits(1, 1)   // colour description
			w.Bits(1, 24)  //
			w.Bits(1, 1)   // chroma location
			w.UE(2)        //
			w.UE(3)        //
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w bits.Writer
			write(&w)
			w.Bits(0x2B, 6) // what follows
			r := bits.NewReader("vui", w.Bytes())
			nal.SkipVUIHead(r)
			if got := r.Bits(6); got != 0x2B || r.Err() != nil {
				t.Errorf("behind it: %#x, %v; want 0x2b", got, r.Err())
			}
		})
	}
}
