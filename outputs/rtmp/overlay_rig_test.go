package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/av1"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	both         = outputs.CarriesSEI | outputs.CarriesAMF
	messageClock = 90000 // of media times in messages, in hertz
)

var (
	stateTrack = &media.Track{ID: overlay.TrackID, Codec: media.Overlay}
	hevcVideo  = &media.Track{ID: 0, Codec: media.HEVC, ClockRate: 90000, Config: []byte("hvcC")}
	av1Video   = &media.Track{ID: 0, Codec: media.AV1, ClockRate: 90000, Config: []byte("av1C")}
	vp8Video   = &media.Track{ID: 0, Codec: media.VP8, ClockRate: 90000, Config: []byte("vpcC")}
	vp9Video   = &media.Track{ID: 0, Codec: media.VP9, ClockRate: 90000, Config: []byte("vpcC")}
)

// A sale is a show with overlay states. It remembers what it wrote, so that what a peer reads is checked against it.
type sale struct {
	*show
	frames []*media.Frame       // pictures and sounds, by their number
	begun  map[int64]media.Time // by seq: where the state began
	copies map[stamp]copyOf
	origin media.Time // of the session
}

// stamp is what tells copies of states apart.
type stamp struct {
	seq, now int64 // now in 90 kHz ticks
}

// copyOf is one copy of a state as it was written.
type copyOf struct {
	pts   media.Time
	shows string // ids of its products, with spaces between
}

func newSale(t testing.TB, tracks ...*media.Track) *sale {
	return &sale{show: newShow(t, tracks...), begun: map[int64]media.Time{}, copies: map[stamp]copyOf{}}
}

// shot is a picture or a sound, with the state that stands in front of it.
type shot struct {
	track    *media.Track // nil: H.264
	dts, pts media.Time
	key      bool
	seq      int64  // of the state; 0: none
	shows    string // ids of its products, with spaces between
	broken   string // in place of the state: what nobody can read
}

// still is a picture without reordering, at a time in milliseconds.
func still(t int64, key bool, seq int64) shot {
	return shot{dts: ms(t), pts: ms(t), key: key, seq: seq}
}

// moved is one with reordering.
func moved(dts, pts int64, seq int64) shot { return shot{dts: ms(dts), pts: ms(pts), seq: seq} }

// heard is a sound.
func heard(t int64, seq int64) shot { return shot{track: audio, dts: ms(t), pts: ms(t), seq: seq} }

// shoot writes shots, each behind its state.
func (s *sale) shoot(shots ...shot) {
	s.t.Helper()
	for _, sh := range shots {
		if sh.track == nil {
			sh.track = video
		}
		if sh.seq > 0 || sh.broken != "" {
			s.put(s.state(sh))
		}
		f := &media.Frame{Track: sh.track, PTS: sh.pts, DTS: sh.dts, Key: sh.key}
		n := len(s.frames)
		if sh.track.Codec.IsVideo() {
			front, rest := picture(sh.track.Codec, sh.key, n)
			f.Data = append(front, rest...)
		} else {
			f.Data = append(binary.BigEndian.AppendUint32(nil, uint32(n)), "sound"...)
		}
		s.frames = append(s.frames, f)
		s.put(f)
	}
}

// state makes the frame in front of a shot.
func (s *sale) state(sh shot) *media.Frame {
	s.t.Helper()
	f := &media.Frame{Track: stateTrack, PTS: sh.pts, DTS: sh.dts, Key: sh.key, Data: []byte(sh.broken)}
	if sh.broken != "" {
		return f
	}
	if _, known := s.begun[sh.seq]; !known {
		s.begun[sh.seq] = sh.pts
	}
	s.copies[stamp{sh.seq, sh.pts.Ticks(messageClock)}] = copyOf{sh.pts, sh.shows}
	f.Data = neutral(s.t, sh.seq, s.begun[sh.seq], strings.Fields(sh.shows)...)
	return f
}

// put writes any frame.
func (s *sale) put(f *media.Frame) {
	s.t.Helper()
	if s.written == 0 {
		s.origin = f.DTS
	}
	s.written++
	if err := s.WriteFrame(f); err != nil {
		s.t.Fatalf("WriteFrame: %v", err)
	}
}

// neutral encodes a state that shows products.
func neutral(t testing.TB, seq int64, at media.Time, ids ...string) []byte {
	t.Helper()
	state := &overlay.State{Stream: "k3v9x2", Seq: seq, At: at}
	for i, id := range ids {
		card := overlay.Card{Cue: "c" + id, Slot: fmt.Sprintf("slot-%d", i), Style: "card", From: at, Product: product(id)}
		state.Cards = append(state.Cards, card)
	}
	data, err := overlay.EncodeState(state)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// product gives a catalog entry with all members, in two languages and two currencies. In a message it has some 400 bytes.
func product(id string) *overlay.Product {
	stock := int64(37)
	return &overlay.Product{
		ID:      id,
		Title:   []overlay.Text{{Lang: "en", Text: "Linen summer dress"}, {Lang: "el", Text: "Λινό καλοκαιρινό φόρεμα"}},
		Variant: []overlay.Text{{Lang: "en", Text: "Red / M"}, {Lang: "el", Text: "Κόκκινο / M"}},
		Price:   []overlay.Money{{Amount: 2499, Currency: "EUR"}, {Amount: 2699, Currency: "USD"}},
		Was:     []overlay.Money{{Amount: 3999, Currency: "EUR"}},
		Avail:   overlay.InStock, Stock: &stock, GTIN: "04006381333931",
		Link:  "https://shop.example.com/p/" + id + "?v=red-m",
		Image: "https://cdn.example.com/p/" + id + "/red-m_480.webp",
	}
}

// picture makes an access unit with a number: what stands in front of an overlay state, and the rest. Those of H.264 and HEVC
// have all that may be in front of the slices, and something behind them. Sizes go from a few bytes to many chunks.
func picture(c media.Codec, key bool, n int) (front, rest []byte) {
	coded := append(fmt.Appendf(nil, "picture %08x ", n), bytes.Repeat([]byte{0xAB}, n*997%9000)...)
	unit := func(dst []byte, head string, body ...byte) []byte {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(head)+len(body)))
		return append(append(dst, head...), body...)
	}
	switch c {
	case media.H264:
		front = unit(front, "\x09\xF0") // access unit delimiter
		slice := "\x41"
		if key {
			front = unit(unit(front, "\x67sequence"), "\x68parameters")
			slice = "\x65"
		}
		front = unit(front, "\x06\x01\x02\xAA\xBB\x80") // picture timing
		return front, unit(unit(nil, slice, coded...), slice, 0xAB, 0xCD)
	case media.HEVC:
		front = unit(front, "\x46\x01\x50")
		slice := "\x02\x01"
		if key {
			front = unit(unit(unit(front, "\x40\x01video"), "\x42\x01sequence"), "\x44\x01parameters")
			slice = "\x26\x01"
		}
		front = unit(front, "\x4E\x01\x01\x02\xAA\xBB\x80")
		return front, unit(unit(nil, slice, coded...), "\x50\x01\x84\x02\xAA\xBB\x80") // a suffix SEI at the end
	case media.AV1:
		if key {
			front = []byte("\x0A\x03seq")
		}
		return front, append(av1.AppendLEB128([]byte{0x32}, uint32(len(coded))), coded...)
	}
	return nil, coded
}

// A leg is a sender without a loop, onto a tape.
type leg struct {
	sale  *sale
	sn    *sender
	tape  *tape
	at    uint64 // sequence number of the next frame to read
	known int    // messages that were looked at
}

// leg makes one of the output of that name, as p would carry to it.
func (s *sale) leg(name string, p Push) *leg {
	l := &leg{sale: s, tape: &tape{}}
	l.sn = newSender(s.stream.Follow(name, 0, nil), wire.NewConn(l.tape), 1, p.Form)
	l.sn.overlays, l.sn.passData, l.sn.wrapped = newCarrier(p.Overlays, p.View, p.Carried), p.PassData, true
	s.t.Cleanup(l.sn.reader.Close)
	return l
}

// send sends all that waits; parts is what the peer reads of it.
func (l *leg) send() (parts []part, skipped int) {
	l.sale.t.Helper()
	for l.at < uint64(l.sale.written) {
		_, n, err := l.sn.next(l.sale.t.Context())
		if err == nil {
			err = l.sn.flush()
		}
		if err != nil {
			l.sale.t.Fatal(err)
		}
		skipped += n
		l.at = l.sn.reader.First() + uint64(len(l.sn.frames))
	}
	all := l.messages()
	parts = l.sale.parts(all[l.known:])
	l.known = len(all)
	return parts, skipped
}

// sends is send where nothing is skipped, compared with a line of words.
func (l *leg) sends(want ...string) []part {
	l.sale.t.Helper()
	parts, skipped := l.send()
	if skipped > 0 {
		l.sale.t.Errorf("%d frames were skipped", skipped)
	}
	expect(l.sale.t, parts, want...)
	return parts
}

// messages reads the tape from its start.
func (l *leg) messages() (all []wire.Message) {
	l.sale.t.Helper()
	conn := wire.NewConn(&player{r: bytes.NewReader(l.tape.bytes)})
	conn.Authorise()
	for {
		m, err := conn.ReadMessage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			l.sale.t.Fatalf("read the tape: %v", err)
		}
		all = append(all, m)
	}
}
