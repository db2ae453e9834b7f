package fmp4

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/simulcart/simulcart/media"
)

// Fragment is a movie fragment with its samples, alone or as the whole of a segment: what HLS calls a part is one of them, a segment one or
// more (ISO/IEC 14496-12 §8.8.4 to §8.8.12 and §8.16.2; ISO/IEC 23000-19 §7.3.2):
//
//	styp                        where Styp is set
//	emsg                        each event
//	moof
//	  mfhd                      sequence number
//	  traf, each run: tfhd (default-base-is-moof), tfdt (version 1), trun (version 1)
//	mdat                        the samples, run after run
//
// A fragment that is written may be shared: nothing here writes into it. Events that not all who share it may see are written in front of
// it, with [Event.Append]; then Styp must be false, since nothing may stand in front of a styp.
type Fragment struct {
	Styp     bool    // this is the start of a segment
	Events   []Event // shown at their own times, which should be within the fragment
	Sequence uint32  // rises from one fragment to the next
	Runs     []Run   // at least 1, at most [MaxTracks]; one for each track that has samples
}

// Run is samples of one track without a hole between them: each begins, in decode order, where the one before it ends.
type Run struct {
	TrackID uint32   // see [TrackID]
	DTS     uint64   // when the first sample is decoded, in ticks of the track
	Samples []Sample // at least 1
}

// Sample is one frame.
type Sample struct {
	Data     [][]byte // the frame's bytes, in as many pieces as they come
	Duration uint32   // from its DTS to the next one, in ticks of the track
	Offset   int32    // from its DTS to its PTS, in ticks of the track
	Key      bool     // decoding may start here; true for all sound
}

// NewRun makes a run of frames of one track. Tick 0 of the file is the media time origin, one and the same for all tracks; no frame may be
// decoded before it. end is when the frame behind the last one is decoded. Durations are the differences of the rounded times, so that
// no error adds up. Data of the samples is that of the frames.
func NewRun(frames []*media.Frame, origin, end media.Time) (Run, error) {
	if len(frames) == 0 {
		return Run{}, fmt.Errorf("make fmp4 run: no frames")
	}
	t := frames[0].Track
	if err := checkClock(t); err != nil {
		return Run{}, fmt.Errorf("make fmp4 run: %w", err)
	}
	ticks := func(at media.Time) int64 { return (at - origin).Ticks(t.ClockRate) }
	first := ticks(frames[0].DTS)
	if first < 0 {
		return Run{}, fmt.Errorf("make fmp4 run: a frame at %s, %d ticks before the origin", frames[0].DTS, -first)
	}
	run := Run{TrackID: TrackID(t), DTS: uint64(first), Samples: make([]Sample, len(frames))}
	data := make([][]byte, len(frames))
	for i, f := range frames {
		next := end
		if i+1 < len(frames) {
			next = frames[i+1].DTS
		}
		duration, offset := ticks(next)-ticks(f.DTS), ticks(f.PTS)-ticks(f.DTS)
		switch {
		case f.Track != t:
			return Run{}, fmt.Errorf("make fmp4 run: frames of two tracks")
		case duration < 0 || duration > math.MaxUint32:
			return Run{}, fmt.Errorf("make fmp4 run: %s from the frame at %s to the next", (next - f.DTS), f.DTS)
		case offset < math.MinInt32 || offset > math.MaxInt32:
			return Run{}, fmt.Errorf("make fmp4 run: the frame decoded at %s is shown at %s", f.DTS, f.PTS)
		}
		data[i] = f.Data
		run.Samples[i] = Sample{
			Data: data[i : i+1 : i+1], Duration: uint32(duration), Offset: int32(offset), Key: f.Key || t.Codec.IsAudio(),
		}
	}
	return run, nil
}

// Delay lets all samples be decoded later by a time in ticks of the track, and shown when they were: offsets become smaller, or
// negative. So a run of pictures can be decoded from when the first of them is shown, though some are shown before others are
// decoded, and begins with the sound (ISO/IEC 23000-19 §7.5.17, the brand cmf2).
func (r *Run) Delay(ticks int32) {
	r.DTS += uint64(ticks)
	for i := range r.Samples {
		r.Samples[i].Offset -= ticks
	}
}

// Size gives the bytes of the sample.
func (s Sample) Size() int64 {
	size := int64(0)
	for _, d := range s.Data {
		size += int64(len(d))
	}
	return size
}

// Flags of the boxes, ISO/IEC 14496-12 §8.8.7.1 and §8.8.8.1.
const (
	headBaseOffset    = 0x1 // tfhd: fields of 64 bits, then of 32 bits each
	headDescription   = 0x2
	headDuration      = 0x8
	headSize          = 0x10
	headFlags         = 0x20
	headBaseIsMoof    = 0x20000
	runOffset         = 0x1 // trun: of the run, 32 bits each
	runFirstFlags     = 0x4
	runDuration       = 0x100 // of each sample, 32 bits each
	runSize           = 0x200
	runFlags          = 0x400
	runComposition    = 0x800
	keySample         = 0x02000000 // depends on no other
	deltaSample       = 0x01010000 // depends on others, is no sync sample
	nonSync           = 0x00010000
	moofHeader        = boxHeader + fullBoxHeader + 4 // with mfhd
	trafHeader        = boxHeader + fullBoxHeader + 4 + fullBoxHeader + 8 + fullBoxHeader + 8
	segmentTypeHeader = boxHeader + len(segmentBrands)
)

// shape is what of a run's fields need not be told for each sample.
type shape struct {
	mixed  bool // key samples and others
	offset bool // some samples are not shown when they are decoded
}

func (r *Run) shape() (s shape) {
	for i := range r.Samples {
		s.mixed = s.mixed || r.Samples[i].Key != r.Samples[0].Key
		s.offset = s.offset || r.Samples[i].Offset != 0
	}
	return s
}

// trafSize gives the bytes of the run's traf.
func (r *Run) trafSize() int64 {
	s, entry := r.shape(), int64(8)
	size := int64(trafHeader)
	if s.mixed {
		entry += 4
	} else {
		size += 4 // default_sample_flags
	}
	if s.offset {
		entry += 4
	}
	return size + entry*int64(len(r.Samples))
}

func (r *Run) payloadSize() int64 {
	size := int64(0)
	for i := range r.Samples {
		size += r.Samples[i].Size()
	}
	return size
}

// moofSize gives the bytes of the moof.
func (f *Fragment) moofSize() int64 {
	size := int64(moofHeader)
	for i := range f.Runs {
		size += f.Runs[i].trafSize()
	}
	return size
}

// HeaderSize gives the bytes that [Fragment.AppendHeader] writes.
func (f *Fragment) HeaderSize() int64 {
	size := f.moofSize() + boxHeader
	if f.Styp {
		size += int64(segmentTypeHeader)
	}
	for i := range f.Events {
		size += f.Events[i].size()
	}
	return size
}

// Size gives the bytes that [Fragment.Append] writes.
func (f *Fragment) Size() int64 {
	size := f.HeaderSize()
	for i := range f.Runs {
		size += f.Runs[i].payloadSize()
	}
	return size
}

// AppendHeader writes the fragment up to its first sample behind dst: what [Fragment.AppendPayload] gives follows it. It fails where
// fields do not fit, and for more than [MaxFragment] bytes.
func (f *Fragment) AppendHeader(dst []byte) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("write fmp4 fragment %d: %w", f.Sequence, err)
	}
	if f.Styp {
		dst = box(dst, "styp", func(b []byte) []byte { return append(b, segmentBrands...) })
	}
	var err error
	for i := range f.Events {
		if dst, err = f.Events[i].Append(dst); err != nil {
			return nil, fmt.Errorf("write fmp4 fragment %d: %w", f.Sequence, err)
		}
	}
	moof := len(dst)
	dst = begin(dst, "moof")
	dst = appendUint32(beginFull(dst, "mfhd", 0, 0), f.Sequence)
	end(dst, moof+boxHeader)
	samples, payload := f.moofSize()+boxHeader, int64(0)
	for i := range f.Runs {
		dst = f.Runs[i].append(dst, int32(samples+payload))
		payload += f.Runs[i].payloadSize()
	}
	end(dst, moof)
	return append(binary.BigEndian.AppendUint32(dst, uint32(boxHeader+payload)), "mdat"...), nil
}

// AppendPayload gives the samples behind dst, in the order of the file, as the slices that they are.
func (f *Fragment) AppendPayload(dst [][]byte) [][]byte {
	for i := range f.Runs {
		for j := range f.Runs[i].Samples {
			dst = append(dst, f.Runs[i].Samples[j].Data...)
		}
	}
	return dst
}

// Append writes the fragment with its samples behind dst. It fails where AppendHeader does.
func (f *Fragment) Append(dst []byte) ([]byte, error) {
	dst, err := f.AppendHeader(dst)
	if err != nil {
		return nil, err
	}
	for i := range f.Runs {
		for j := range f.Runs[i].Samples {
			for _, data := range f.Runs[i].Samples[j].Data {
				dst = append(dst, data...)
			}
		}
	}
	return dst, nil
}

// append writes the run's traf. Its samples begin offset bytes behind the start of the moof.
func (r *Run) append(dst []byte, offset int32) []byte {
	s := r.shape()
	traf := len(dst)
	dst = begin(dst, "traf")
	at := len(dst)
	if s.mixed {
		dst = appendUint32(beginFull(dst, "tfhd", 0, headBaseIsMoof), r.TrackID)
	} else {
		dst = appendUint32(beginFull(dst, "tfhd", 0, headBaseIsMoof|headFlags), r.TrackID, r.Samples[0].flags())
	}
	end(dst, at)
	at = len(dst)
	dst = binary.BigEndian.AppendUint64(beginFull(dst, "tfdt", 1, 0), r.DTS)
	end(dst, at)
	at = len(dst)
	flags := uint32(runOffset | runDuration | runSize)
	if s.mixed {
		flags |= runFlags
	}
	if s.offset {
		flags |= runComposition
	}
	dst = appendUint32(beginFull(dst, "trun", 1, flags), uint32(len(r.Samples)), uint32(offset))
	for i := range r.Samples {
		sample := &r.Samples[i]
		dst = appendUint32(dst, sample.Duration, uint32(sample.Size()))
		if s.mixed {
			dst = appendUint32(dst, sample.flags())
		}
		if s.offset {
			dst = appendUint32(dst, uint32(sample.Offset))
		}
	}
	end(dst, at)
	end(dst, traf)
	return dst
}

// flags gives the sample's flags, ISO/IEC 14496-12 §8.8.3.1.
func (s *Sample) flags() uint32 {
	if s.Key {
		return keySample
	}
	return deltaSample
}

// check says what of a fragment cannot be written.
func (f *Fragment) check() error {
	if len(f.Runs) == 0 || len(f.Runs) > MaxTracks {
		return fmt.Errorf("%d runs, not 1 to %d", len(f.Runs), MaxTracks)
	}
	for i := range f.Runs {
		if r := &f.Runs[i]; r.TrackID == 0 || len(r.Samples) == 0 {
			return fmt.Errorf("run of %d samples of track %d", len(r.Samples), r.TrackID)
		}
	}
	if size := f.Size(); size > MaxFragment {
		return fmt.Errorf("%d bytes, more than %d", size, MaxFragment)
	}
	return nil
}
