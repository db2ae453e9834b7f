package whep

import (
	"testing"
	"time"

	"github.com/simulcart/simulcart/wire/rtp"
)

// A packet is found by its number while it is among the last ones, whole, and may go out again as often as the bounds allow.
func TestHistory(t *testing.T) {
	h := newHistory(8)
	payloads := []rtp.Payload{{Body: []byte{1}}, {Body: []byte{2, 2}}, {Body: []byte{3, 3, 3}, Marker: true}}
	first := sent{timestamp: 90, sequence: 0xFFFE, stamp: [3]byte{1, 2, 3}}
	h.remember(payloads, first)
	at := h.began.Add(50 * 24 * time.Hour) // ms have wrapped
	for i := range payloads {
		number := first.sequence + uint16(i)
		h.spare = 2
		s, known, may := h.find(number, at)
		if !known || !may || s.payload != &payloads[i] || s.sequence != number || s.timestamp != 90 || s.stamp != first.stamp {
			t.Errorf("packet %d: got %+v, known %t, may go again %t", number, s, known, may)
		}
		if _, known, may := h.find(number, at.Add(time.Hour)); !known || may {
			t.Errorf("packet %d: known %t, may go again %t, with none to spare", number, known, may)
		}
	}
	if _, known, _ := h.find(1, at); known {
		t.Error("a packet is known that was not sent")
	}
	if packets, octets := h.tell(0, at); packets != 3 || octets != 6 {
		t.Errorf("got %d packets of %d bytes, want 3 of 6", packets, octets)
	}
	for range 2 * mostSpare {
		h.remember(payloads[:1], sent{sequence: 5})
	}
	for i := range mostResends + 2 {
		if _, known, may := h.find(5, at); !known || may != (i < mostResends) {
			t.Errorf("time %d: known %t, may go again %t", i, known, may)
		}
		if _, _, may := h.find(5, at.Add(resendApart-2*time.Millisecond)); may {
			t.Errorf("time %d: goes again too soon", i)
		}
		at = at.Add(resendApart + time.Millisecond)
	}
	h.remember(payloads[:1], sent{sequence: 5})
	h.forget()
	if _, known, may := h.find(5, at.Add(time.Hour)); !known || may {
		t.Errorf("what is forgotten is known %t and may go again %t", known, may)
	}
	for i := range uint16(8) {
		h.remember(payloads[:1], sent{sequence: 6 + i})
	}
	if _, known, _ := h.find(5, at); known {
		t.Error("a packet is known whose place has another one")
	}
}

// Remembering allocates nothing.
func TestHistoryAllocates(t *testing.T) {
	h := newHistory(64)
	payloads := make([]rtp.Payload, 9)
	if got := testing.AllocsPerRun(100, func() { h.remember(payloads, sent{}) }); got > 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// BenchmarkRemember remembers a picture of 10 KB.
func BenchmarkRemember(b *testing.B) {
	h := newHistory(historyOfVideo)
	payloads := make([]rtp.Payload, 9)
	b.ReportAllocs()
	for b.Loop() {
		h.remember(payloads, sent{})
	}
}
