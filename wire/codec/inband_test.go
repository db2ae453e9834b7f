package codec_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
)

// avcc puts units behind their lengths.
func avcc(units ...[]byte) (data []byte) {
	for _, u := range units {
		data = append(append(data, 0, 0, byte(len(u)>>8), byte(len(u))), u...)
	}
	return data
}

func hexed(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Parameter sets go from the pictures to the track, which changes only where they do.
func TestInBandH264(t *testing.T) {
	avcC := hexed(t, "0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800")
	c, err := h264.ParseConfig(avcC)
	if err != nil {
		t.Fatal(err)
	}
	sps, pps := c.SPS[0], c.PPS[0]
	second := append([]byte{0x68, 0x48}, pps[2:]...) // pps id 1
	other := bytes.Clone(sps)
	other[3]++ // another level
	idr, slice, sei := []byte{0x65, 1}, []byte{0x41, 2}, []byte{6, 5, 1}
	b := &codec.InBand{ID: 3, Codec: media.H264}
	var first *media.Track
	for _, step := range []struct {
		name    string
		in      []byte
		want    []byte
		key     bool
		changed bool // the track is another one
		none    bool // there is none
	}{
		{name: "a slice before all", in: avcc(slice), want: avcc(slice), none: true},
		{name: "SPS alone", in: avcc(sps), none: true},
		{name: "PPS in a packet of its own", in: avcc(pps), changed: true},
		{name: "a key frame", in: avcc(sei, idr), want: avcc(sei, idr), key: true},
		{name: "with the same sets", in: avcc(sps, pps, sei, idr, idr), want: avcc(sei, idr, idr), key: true},
		{name: "a slice", in: avcc(slice, slice), want: avcc(slice, slice)},
		{name: "a second PPS", in: avcc(second, slice), want: avcc(slice), changed: true},
		{name: "both again", in: avcc(sps, pps, second, idr), want: avcc(idr), key: true, changed: false},
		{name: "another SPS", in: avcc(other, pps, idr), want: avcc(idr), key: true, changed: true},
	} {
		before := first
		got, err := b.Take(step.in)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if !bytes.Equal(got.Data, step.want) || got.Key != step.key || (got.Track == nil) != step.none || (got.Track != before) != step.changed {
			t.Errorf("%s: got %x, key %t, track %+v", step.name, got.Data, got.Key, got.Track)
		}
		first = got.Track
		if step.name == "a key frame" && (!bytes.Equal(got.Track.Config, avcC) || got.Track.ID != 3 || got.Track.Format.Width == 0) {
			t.Errorf("%s: %x", step.name, got.Track.Config)
		}
	}
	if last, _ := h264.ParseConfig(first.Config); len(last.SPS) != 1 || !bytes.Equal(last.SPS[0], other) || len(last.PPS) != 2 {
		t.Errorf("at last: %x", first.Config)
	}
	if _, err := b.Take([]byte{0, 0, 0, 9, 1}); err == nil {
		t.Error("a unit that is cut short was taken")
	}
}

// Pictures without parameter sets belong to the track that was told of, until they tell of another one.
func TestInBandBegin(t *testing.T) {
	const avcC = "0164000affe100176764000aacd9496c0440000003004000000503c489658001000668ebe04d2c8bfdf8f800"
	h, err := h264.ParseConfig(hexed(t, avcC))
	if err != nil {
		t.Fatal(err)
	}
	v, err := hevc.ParseConfig(hexed(t, hvcC))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		codec    media.Codec
		config   string
		sps, key []byte
	}{
		"h264": {media.H264, avcC, bytes.Clone(h.SPS[0]), []byte{0x65, 1}},
		"hevc": {media.HEVC, hvcC, bytes.Clone(v.Units(hevc.SequenceSet)[0]), []byte{0x26, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			told, err := codec.NewTrack(3, tt.codec, hexed(t, tt.config))
			if err != nil {
				t.Fatal(err)
			}
			b := &codec.InBand{ID: 3, Codec: tt.codec}
			begun, err := b.Begin(told)
			if err != nil || begun.ID != 3 || begun.Format.Width != told.Format.Width {
				t.Fatalf("%x, %v", begun.Config, err)
			}
			if got, err := b.Take(avcc(tt.key)); err != nil || got.Track != begun || !got.Key || len(got.Data) != 4+len(tt.key) {
				t.Errorf("a key frame: %+v, %v", got, err)
			}
			if got, err := b.Take(avcc(tt.sps, tt.key)); err != nil || got.Track != begun {
				t.Errorf("with the same set: %+v, %v", got, err)
			}
			tt.sps[len(tt.sps)-1] ^= 0x80
			if got, err := b.Take(avcc(tt.sps, tt.key)); err == nil && got.Track == begun {
				t.Error("with another set it is the same track")
			}
			if _, err := b.Begin(&media.Track{Config: []byte{9}}); err == nil {
				t.Error("a configuration of one byte was taken")
			}
		})
	}
}

func TestInBandOthers(t *testing.T) {
	sequence := hexed(t, "0a0b00000024cf7f0dbfff3008") // 960x540
	for name, tt := range map[string]struct {
		codec         media.Codec
		key, inter    []byte
		width, height int
	}{
		"vp8": {media.VP8, hexed(t, "50f2009d012a80026801"), hexed(t, "31000000000000000000"), 640, 360},
		"vp9": {media.VP9, hexed(t, "82498342004ff03660"), hexed(t, "86000000"), 1280, 870},
		"av1": {media.AV1, append(bytes.Clone(sequence), 0x32, 2, 0x10, 0), []byte{0x32, 2, 0x30, 0}, 960, 540},
	} {
		t.Run(name, func(t *testing.T) {
			b := &codec.InBand{Codec: tt.codec}
			if got, err := b.Take(bytes.Clone(tt.inter)); err != nil || got.Key || got.Track != nil {
				t.Errorf("before a key frame: %+v, %v", got, err)
			}
			first, err := b.Take(bytes.Clone(tt.key))
			if err != nil || !first.Key || first.Track == nil || !bytes.Equal(first.Data, tt.key) {
				t.Fatalf("got %+v, %v", first, err)
			}
			if f := first.Track.Format; name != "vp9" && (f.Width != tt.width || f.Height != tt.height) {
				t.Errorf("got %+v", f)
			}
			for _, data := range [][]byte{tt.key, tt.inter} {
				if again, err := b.Take(bytes.Clone(data)); err != nil || again.Track != first.Track || again.Key != (&data[0] == &tt.key[0]) {
					t.Errorf("again: %+v, %v", again, err)
				}
			}
			if tt.codec == media.VP8 {
				larger := bytes.Clone(tt.key)
				larger[6] = 0x90
				if got, err := b.Take(larger); err != nil || got.Track == first.Track || got.Track.Format.Width != 656 {
					t.Errorf("of another size: %+v, %v", got, err)
				}
			}
		})
	}
}

func FuzzInBand(f *testing.F) {
	for c := media.H264; c <= media.VP9; c++ {
		f.Add(uint8(c), []byte{0, 0, 0, 2, 0x67, 0x42, 0, 0, 0, 2, 0x68, 0xce})
	}
	f.Fuzz(func(t *testing.T, c uint8, data []byte) {
		b := &codec.InBand{Codec: media.H264 + media.Codec(c)%5}
		for range 2 {
			if p, err := b.Take(bytes.Clone(data)); err == nil && len(p.Data) > len(data) {
				t.Errorf("%d bytes of %d", len(p.Data), len(data))
			}
		}
	})
}
