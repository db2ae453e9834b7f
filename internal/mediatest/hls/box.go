package hls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Init is what the initialisation of fMP4 tells.
type Init struct {
	Brands []string
	Tracks []*Track
}

// Track is one track of an initialisation.
type Track struct {
	ID            uint32
	Kind          string // vide or soun
	Scale         int64  // ticks in a second
	Format        string // of the sample entry, such as avc1
	Width, Height int
	Codec         string // as RFC 6381 names it; empty where this reader does not know how

	duration, size, flags uint32 // defaults of samples (trex)
}

// Track gives a track by its kind; nil where there is none.
func (in *Init) Track(kind string) *Track {
	for _, t := range in.Tracks {
		if t.Kind == kind {
			return t
		}
	}
	return nil
}

// Media is what a segment or a part holds.
type Media struct {
	Runs   []Run
	Events []Event
}

// Run is a track fragment run: samples that follow each other.
type Run struct {
	Track   *Track
	Time    int64 // decode time of the first sample, in ticks of the track
	Samples []Sample
}

// Sample is one picture or piece of sound.
type Sample struct {
	Duration, Offset int64 // ticks; the offset is from decode to presentation time
	Sync             bool
	Data             []byte
}

// Event is an emsg box of version 1.
type Event struct {
	Scheme, Value string
	Scale, Time   int64
	Duration, ID  uint32
	Data          []byte
	Runs          int // how many runs stand before it
}

// box is one box: its type, and what it holds.
type box struct {
	kind string
	body []byte
	at   int // where its header begins among its sisters
}

var errCut = errors.New("cut short")

// boxes reads the boxes of a run of bytes (ISO/IEC 14496-12 §4.2).
func boxes(b []byte) ([]box, error) {
	var all []box
	for at := 0; at < len(b); {
		rest := b[at:]
		if len(rest) < 8 {
			return all, errCut
		}
		size, head := uint64(binary.BigEndian.Uint32(rest)), uint64(8)
		if size == 1 && len(rest) >= 16 {
			size, head = binary.BigEndian.Uint64(rest[8:]), 16
		}
		if size < head || size > uint64(len(rest)) {
			return all, fmt.Errorf("box %q of %d bytes in %d", rest[4:8], size, len(rest))
		}
		all = append(all, box{string(rest[4:8]), rest[head:size], at})
		at += int(size)
	}
	return all, nil
}

// find gives the first box at a path below a run of bytes; nil where there is none.
func find(b []byte, path ...string) []byte {
	for _, kind := range path {
		all, err := boxes(b)
		b = nil
		for _, x := range all {
			if x.kind == kind && err == nil {
				b = x.body
				break
			}
		}
	}
	return b
}

// fields reads big-endian numbers one after the other; all are 0 once the bytes are used up.
type fields struct {
	b   []byte
	cut bool
}

func (f *fields) take(n int) []byte {
	if len(f.b) < n {
		f.b, f.cut = nil, true
		return make([]byte, n)
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }

// text reads a string that ends with a zero byte.
func (f *fields) text() string {
	s, rest, found := bytes.Cut(f.b, []byte{0})
	f.b, f.cut = rest, f.cut || !found
	return string(s)
}

// ReadInit reads ftyp and moov.
func ReadInit(b []byte) (*Init, error) {
	all, err := boxes(b)
	if err != nil {
		return nil, fmt.Errorf("read init: %w", err)
	}
	in := &Init{}
	var moov []byte
	for _, x := range all {
		switch x.kind {
		case "ftyp":
			for i := 0; i+4 <= len(x.body); i += 4 {
				if i != 4 { // the minor version
					in.Brands = append(in.Brands, string(x.body[i:i+4]))
				}
			}
		case "moov":
			moov = x.body
		}
	}
	tracks, err := boxes(moov)
	if err != nil || moov == nil || len(in.Brands) == 0 {
		return nil, fmt.Errorf("read init: no ftyp or moov: %w", err)
	}
	for _, x := range tracks {
		if x.kind == "trak" {
			in.Tracks = append(in.Tracks, readTrack(x.body))
		}
	}
	extends, err := boxes(find(moov, "mvex"))
	for _, x := range extends {
		f := fields{b: x.body}
		f.take(4)
		id, _ := f.u32(), f.u32()
		for _, t := range in.Tracks {
			if x.kind == "trex" && t.ID == id {
				t.duration, t.size, t.flags = f.u32(), f.u32(), f.u32()
			}
		}
	}
	for _, t := range in.Tracks {
		if t.Scale == 0 || t.ID == 0 || t.Format == "" {
			return nil, fmt.Errorf("read init: track %+v is not whole", t)
		}
	}
	return in, err
}

func readTrack(trak []byte) *Track {
	t := &Track{}
	wide := func(b []byte) (fields, bool) {
		f := fields{b: b}
		return f, f.u32()>>24 == 1
	}
	f, long := wide(find(trak, "tkhd"))
	f.take(8)
	if long {
		f.take(8)
	}
	t.ID = f.u32()
	f, long = wide(find(trak, "mdia", "mdhd"))
	f.take(8)
	if long {
		f.take(8)
	}
	t.Scale = int64(f.u32())
	if hdlr := find(trak, "mdia", "hdlr"); len(hdlr) >= 12 {
		t.Kind = string(hdlr[8:12])
	}
	if stsd := find(trak, "mdia", "minf", "stbl", "stsd"); len(stsd) > 8 {
		if entries, err := boxes(stsd[8:]); err == nil && len(entries) > 0 {
			t.entry(entries[0])
		}
	}
	return t
}

// entry reads a sample entry: what is before its boxes is 78 bytes long for pictures, 28 for sound.
func (t *Track) entry(x box) {
	t.Format = x.kind
	switch {
	case t.Kind == "vide" && len(x.body) > 78:
		t.Width, t.Height = int(binary.BigEndian.Uint16(x.body[24:])), int(binary.BigEndian.Uint16(x.body[26:]))
		if avcc := find(x.body[78:], "avcC"); len(avcc) > 4 {
			t.Codec = fmt.Sprintf("%s.%02x%02x%02x", x.kind, avcc[1], avcc[2], avcc[3])
		}
	case t.Kind == "soun" && len(x.body) > 28:
		if x.kind == "Opus" {
			t.Codec = "opus"
		}
		if esds := find(x.body[28:], "esds"); len(esds) > 4 {
			t.Codec = audioCodec(esds[4:])
		}
	}
}

// audioCodec looks for the AudioSpecificConfig in an ES descriptor (ISO/IEC 14496-1 §7.2.6).
func audioCodec(b []byte) string {
	const config = 5 // DecSpecificInfoTag
	for i := 0; i+2 < len(b); i++ {
		if b[i] != config {
			continue
		}
		at := i + 1
		for at < len(b) && b[at]&0x80 != 0 {
			at++
		}
		if at+2 < len(b) && int(b[at]) >= 2 && at+int(b[at]) < len(b) {
			return fmt.Sprintf("mp4a.40.%d", b[at+1]>>3)
		}
	}
	return ""
}
