package rtp

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/av1"
)

var all = []media.Codec{media.H264, media.HEVC, media.AV1, media.VP8, media.VP9, media.AAC, media.Opus}

// sizes are mostly small, and around the bound of a payload often.
func sizes(most int) *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(1, 40), rapid.IntRange(max(1, most-8), most+8), rapid.IntRange(1, 5*most+5))
}

// frames draws frames of a codec, in parts, as a packetizer gets them.
func frames(c media.Codec, most int, kinds ...byte) *rapid.Generator[[][]byte] {
	return rapid.Custom(func(t *rapid.T) (parts [][]byte) {
		size := sizes(min(most, 1400)).Draw(t, "size")
		switch c {
		case media.VP8, media.VP9, media.AAC:
			return [][]byte{body(size)}
		case media.Opus:
			return [][]byte{append([]byte{0xfc}, body(min(size, 1400))...)}
		}
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			var part []byte
			for range rapid.IntRange(1, 4).Draw(t, "units") {
				part = append(part, unit(t, c, most, kinds)...)
			}
			parts = append(parts, part)
		}
		return parts
	})
}

// unit draws a NAL unit behind its length, of one of the types where any are given, or an OBU.
func unit(t *rapid.T, c media.Codec, most int, kinds []byte) []byte {
	b := body(sizes(min(most, 1400)).Draw(t, "size"))
	switch c {
	case media.H264:
		kind := rapid.ByteRange(1, 23).Draw(t, "type")
		if len(kinds) > 0 {
			kind = rapid.SampledFrom(kinds).Draw(t, "slice")
		}
		return units(append([]byte{kind | rapid.ByteRange(0, 3).Draw(t, "nri")<<5}, b...))
	case media.HEVC:
		kind := rapid.ByteRange(0, 47).Draw(t, "type")
		if len(kinds) > 0 {
			kind = rapid.SampledFrom(kinds).Draw(t, "slice")
		}
		return units(append([]byte{kind << 1, 1 + rapid.ByteRange(0, 254).Draw(t, "layer")}, b...))
	}
	kind := rapid.SampledFrom([]av1.OBUType{av1.SequenceHeader, av1.FrameHeader, av1.TileGroup, av1.Metadata, av1.Frame}).Draw(t, "type")
	head := []byte{byte(kind)<<3 | hasSize}
	if rapid.Bool().Draw(t, "extension") {
		head = []byte{head[0] | hasExtension, rapid.Byte().Draw(t, "layer")}
	}
	if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
		b = nil
	}
	return append(av1.AppendLEB128(head, uint32(len(b))), b...)
}

// Whatever is cut, for payloads of any size, is put together again as it was; nothing is larger than allowed; the last payload, and no
// other one, ends a picture; and pion reads the same.
func TestPacketizeDepacketize(t *testing.T) {
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				most := rapid.OneOf(rapid.IntRange(64, 200), rapid.IntRange(64, InterleavedPayload)).Draw(r, "most")
				key := rapid.Bool().Draw(r, "key")
				tr := bare(t, c)
				l := link{p: packetizer(t, tr, most), sequence: rapid.Uint16().Draw(r, "sequence")}
				d := depacketizer(t, tr)
				for n := range rapid.IntRange(1, 3).Draw(r, "frames") {
					parts := frames(c, most).Draw(r, "frame")
					want := bytes.Join(parts, nil)
					packets := l.packets(t, uint32(n), key, parts...)
					var read []byte
					for i, p := range packets {
						if len(p.Payload) > most && c != media.Opus || len(p.Payload) == 0 {
							r.Fatalf("payload %d of %d bytes, at most %d", i, len(p.Payload), most)
						}
						if last := i == len(packets)-1; p.Marker != (last && c != media.Opus) {
							r.Fatalf("payload %d of %d: marker %t", i+1, len(packets), p.Marker)
						}
					}
					if c != media.AAC {
						other := theirs(t, c)
						for _, p := range packets {
							read = append(read, other(p.Payload)...)
						}
						theirWant := want
						if c == media.HEVC {
							theirWant = annexB(t, want)
						}
						if !bytes.Equal(read, theirWant) {
							r.Fatalf("pion reads %x, want %x", read, theirWant)
						}
					}
					same(t, push(t, d, packets...), want)
				}
			})
		})
	}
}

// With packets lost, doubled and late, no frame comes that was not sent, every frame comes that lost nothing and stands behind a whole one,
// and what is missing is told.
func TestLossyLink(t *testing.T) {
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				tr := bare(t, c)
				l := link{p: packetizer(t, tr, 64), sequence: rapid.Uint16().Draw(r, "sequence")}
				d := depacketizer(t, tr)
				l.sequence++
				d.next, d.started, d.ssrc = l.sequence, true, 0x5eed
				sent := map[uint32][]byte{}
				whole, lost := true, uint64(0) // whole: nothing of the frame before was lost
				pending := uint64(0)           // lost, but nothing came behind it
				gap := false
				for n := range rapid.IntRange(2, 8).Draw(r, "frames") {
					at := uint32(n * 5000)
					parts := frames(c, 64, 1, 5, 6).Draw(r, "frame") // no unit that tells of a beginning
					sent[at] = bytes.Join(parts, nil)
					complete := true
					var got []Frame
					for _, p := range l.packets(t, at, false, parts...) {
						switch rapid.IntRange(0, 15).Draw(r, "fate") {
						case 0:
							complete = false
							pending++
							continue
						case 1:
							got = append(got, push(t, d, p)...)
						}
						lost, pending = lost+pending, 0
						frames, _ := d.Push(p)
						got = append(got, frames...)
					}
					for _, f := range got {
						if !bytes.Equal(f.Data, sent[f.Timestamp]) {
							r.Fatalf("frame at %d: got %x, want %x", f.Timestamp, f.Data, sent[f.Timestamp])
						}
						if f.Gap != gap {
							r.Fatalf("frame at %d: gap %t, want %t", f.Timestamp, f.Gap, gap)
						}
						gap = false
					}
					if complete && whole && len(got) == 0 {
						r.Fatalf("frame at %d did not come", at)
					}
					if len(got) == 0 {
						gap = true
					}
					whole = complete
				}
				if d.Lost() != lost {
					r.Fatalf("lost: got %d, want %d", d.Lost(), lost)
				}
			})
		})
	}
}
