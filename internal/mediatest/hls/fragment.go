package hls

import (
	"encoding/binary"
	"fmt"
)

// The flags of tfhd, trun and samples (ISO/IEC 14496-12 §8.8.7, §8.8.8, §8.8.3.1).
const (
	tfhdBaseOffset   = 0x000001
	tfhdDescription  = 0x000002
	tfhdDuration     = 0x000008
	tfhdSize         = 0x000010
	tfhdFlags        = 0x000020
	tfhdBaseIsMoof   = 0x020000
	trunOffset       = 0x000001
	trunFirstFlags   = 0x000004
	trunDuration     = 0x000100
	trunSize         = 0x000200
	trunFlags        = 0x000400
	trunComposition  = 0x000800
	sampleIsNotASync = 0x010000
)

// ReadMedia reads a segment or a part.
func ReadMedia(b []byte, in *Init) (*Media, error) {
	all, err := boxes(b)
	if err != nil {
		return nil, fmt.Errorf("read media: %w", err)
	}
	m := &Media{}
	for i, x := range all {
		switch x.kind {
		case "emsg":
			e, err := readEvent(x.body)
			if err != nil {
				return nil, fmt.Errorf("read media: %w", err)
			}
			e.Runs = len(m.Runs)
			m.Events = append(m.Events, e)
		case "moof":
			if i+1 == len(all) || all[i+1].kind != "mdat" {
				return nil, fmt.Errorf("read media: no mdat behind a moof")
			}
			if err := m.moof(x, b, in); err != nil {
				return nil, fmt.Errorf("read media: %w", err)
			}
		case "mdat", "styp", "sidx", "prft", "free":
		default:
			return nil, fmt.Errorf("read media: box %q", x.kind)
		}
	}
	if len(m.Runs) == 0 {
		return nil, fmt.Errorf("read media: no samples")
	}
	return m, nil
}

// moof reads the track fragments of a movie fragment; their data are found by offsets from its begin.
func (m *Media) moof(x box, file []byte, in *Init) error {
	parts, err := boxes(x.body)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.kind != "traf" {
			continue
		}
		if err := m.traf(p.body, file[x.at:], in); err != nil {
			return err
		}
	}
	return nil
}

func (m *Media) traf(b, moof []byte, in *Init) error {
	head := fields{b: find(b, "tfhd")}
	flags, id := head.u32()&0xffffff, head.u32()
	var t *Track
	for _, known := range in.Tracks {
		if known.ID == id {
			t = known
		}
	}
	if t == nil {
		return fmt.Errorf("track %d is not in the initialisation", id)
	}
	if flags&tfhdBaseOffset != 0 || flags&tfhdBaseIsMoof == 0 {
		return fmt.Errorf("track %d: data offsets are not from the moof (tfhd flags %06x)", id, flags)
	}
	if flags&tfhdDescription != 0 {
		head.u32()
	}
	d := *t
	for _, f := range []struct {
		flag uint32
		at   *uint32
	}{{tfhdDuration, &d.duration}, {tfhdSize, &d.size}, {tfhdFlags, &d.flags}} {
		if flags&f.flag != 0 {
			*f.at = head.u32()
		}
	}
	at := fields{b: find(b, "tfdt")}
	run := Run{Track: t}
	if at.u32()>>24 == 1 {
		run.Time = int64(at.u64())
	} else {
		run.Time = int64(at.u32())
	}
	if head.cut || at.cut {
		return fmt.Errorf("track %d: tfhd or tfdt: %w", id, errCut)
	}
	all, err := boxes(b)
	for _, x := range all {
		if x.kind == "trun" && err == nil {
			err = run.trun(x.body, moof, d)
		}
	}
	m.Runs = append(m.Runs, run)
	return err
}

// trun appends the samples of a run, with the defaults of its fragment.
func (r *Run) trun(b, moof []byte, d Track) error {
	f := fields{b: b}
	word := f.u32()
	flags, count, data := word&0xffffff, int(f.u32()), 0
	if flags&trunOffset == 0 && len(r.Samples) > 0 {
		return fmt.Errorf("a second trun without a data offset")
	}
	if flags&trunOffset != 0 {
		data = int(int32(f.u32()))
	}
	first := d.flags
	if flags&trunFirstFlags != 0 {
		first = f.u32()
	}
	for i := range count {
		duration, size, bits := d.duration, d.size, d.flags
		if i == 0 {
			bits = first
		}
		if flags&trunDuration != 0 {
			duration = f.u32()
		}
		if flags&trunSize != 0 {
			size = f.u32()
		}
		if flags&trunFlags != 0 {
			bits = f.u32()
		}
		s := Sample{Duration: int64(duration), Sync: bits&sampleIsNotASync == 0}
		if flags&trunComposition != 0 {
			offset := f.u32()
			s.Offset = int64(offset)
			if word>>24 == 1 {
				s.Offset = int64(int32(offset))
			}
		}
		if f.cut || data < 0 || data+int(size) > len(moof) {
			return fmt.Errorf("sample %d of %d: %w", i, count, errCut)
		}
		s.Data = moof[data : data+int(size)]
		data += int(size)
		r.Samples = append(r.Samples, s)
	}
	return nil
}

// End gives the decode time behind the last sample.
func (r Run) End() int64 {
	end := r.Time
	for _, s := range r.Samples {
		end += s.Duration
	}
	return end
}

// First gives the earliest presentation time.
func (r Run) First() int64 {
	at, first := r.Time, int64(1<<62)
	for _, s := range r.Samples {
		first = min(first, at+s.Offset)
		at += s.Duration
	}
	return first
}

// Of gives the samples of a kind of track as one run; false where there are none.
func (m *Media) Of(kind string) (all Run, found bool) {
	for _, r := range m.Runs {
		if r.Track.Kind != kind || len(r.Samples) == 0 {
			continue
		}
		if !found {
			all, found = Run{Track: r.Track, Time: r.Time}, true
		}
		all.Samples = append(all.Samples, r.Samples...)
	}
	return all, found
}

// readEvent reads an emsg of version 1 (ISO/IEC 23009-1 §5.10.3.3).
func readEvent(b []byte) (Event, error) {
	f := fields{b: b}
	if v := f.u32() >> 24; v != 1 {
		return Event{}, fmt.Errorf("emsg of version %d", v)
	}
	e := Event{Scale: int64(f.u32()), Time: int64(f.u64()), Duration: f.u32(), ID: f.u32(), Scheme: f.text(), Value: f.text()}
	if e.Data = f.b; f.cut {
		return e, fmt.Errorf("emsg: %w", errCut)
	}
	return e, nil
}

// Text gives the value of the TXXX frame with a description in an ID3v2.4 tag (id3.org, ID3v2.4 §3, §4.2.6).
func (e Event) Text(description string) (string, error) {
	const head = 10
	b := e.Data
	if len(b) < head || string(b[:4]) != "ID3\x04" || b[5] != 0 || int(syncSafe(b[6:])) != len(b)-head {
		return "", fmt.Errorf("no plain ID3v2.4 tag that fills its emsg")
	}
	for b = b[head:]; len(b) >= head; {
		size := int(syncSafe(b[4:]))
		if size < 1 || head+size > len(b) {
			return "", fmt.Errorf("ID3 frame %q: %w", b[:4], errCut)
		}
		body := fields{b: b[head+1 : head+size]}
		if string(b[:4]) == "TXXX" && b[head] == 3 && body.text() == description { // 3: UTF-8
			return string(body.b), nil
		}
		b = b[head+size:]
	}
	return "", fmt.Errorf("no TXXX frame %q", description)
}

// syncSafe reads 28 bits, 7 in each byte.
func syncSafe(b []byte) uint32 {
	v := binary.BigEndian.Uint32(b)
	return v&0x7f | v>>1&0x3f80 | v>>2&0x1fc000 | v>>3&0xfe00000
}
