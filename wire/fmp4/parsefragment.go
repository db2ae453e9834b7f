package fmp4

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/simulcart/simulcart/wire"
)

// maxSamples bounds the samples of one reading: more than a minute of pictures and sound has.
const maxSamples = 1 << 16

// ParseFragments reads a media segment, or some of its fragments: what follows an initialization section. The samples' data are parts of b,
// not copies. Event messages belong to the fragment behind them. Boxes of other kinds, event messages of version 0 or behind the last fragment,
// and fragments' boxes that tell nothing of samples are passed over. Errors are [*wire.SyntaxError] where it breaks the format or does not belong
// to in, [*wire.UnsupportedError] for a fragment of more runs than [MaxTracks] and for more than 65,536 samples in all.
func (in *Init) ParseFragments(b []byte) ([]Fragment, error) {
	var fragments []Fragment
	var next Fragment
	samples := maxSamples
	for p, err := range boxes(b, 0) {
		if err != nil {
			return nil, err
		}
		switch p.kind {
		case "styp":
			next.Styp = true
		case "emsg":
			e, err := parseEvent(p)
			var refused *wire.UnsupportedError
			if err == nil {
				next.Events = append(next.Events, e)
			} else if !errors.As(err, &refused) {
				return nil, err
			}
		case "moof":
			if err := in.parseFragment(&next, p, b, &samples); err != nil {
				return nil, err
			}
			fragments, next = append(fragments, next), Fragment{}
		}
	}
	return fragments, nil
}

// parseFragment reads a moof, whose samples are in b, into f. Its samples are taken from those that there may still be.
func (in *Init) parseFragment(f *Fragment, moof part, b []byte, samples *int) error {
	head, err := moof.child("mfhd", 0)
	if err != nil {
		return err
	}
	_, _, number, err := head.full(4)
	if err != nil {
		return err
	}
	f.Sequence = binary.BigEndian.Uint32(number)
	after := uint64(moof.at) // where samples are of which nothing is told: behind those of the run before
	for p, err := range boxes(moof.body, moof.bodyAt) {
		if err != nil {
			return err
		}
		if p.kind != "traf" {
			continue
		}
		if len(f.Runs) == MaxTracks {
			return unsupported(p.at, "more than %d runs", MaxTracks)
		}
		r := reader{file: b, moof: uint64(moof.at), base: after, after: after, left: samples}
		run, err := r.traf(in, p)
		if err != nil {
			return err
		}
		if len(run.Samples) > 0 {
			f.Runs = append(f.Runs, run)
		}
		after = r.after
	}
	return nil
}

// reader reads one traf.
type reader struct {
	file     []byte
	moof     uint64 // where the moof begins
	base     uint64 // what the offsets of runs count from
	after    uint64 // behind the last sample
	left     *int   // samples that there may still be
	defaults defaults
}

// traf reads the run of a traf, which may stand in several trun boxes.
func (r *reader) traf(in *Init, traf part) (run Run, err error) {
	head, err := traf.child("tfhd", 0)
	if err != nil {
		return run, err
	}
	if run.TrackID, err = r.head(in, head); err != nil {
		return run, err
	}
	time, err := traf.child("tfdt", 0)
	if err != nil {
		return run, err
	}
	if run.DTS, err = parseDecodeTime(time); err != nil {
		return run, err
	}
	for p, err := range boxes(traf.body, traf.bodyAt) {
		if err != nil {
			return run, err
		}
		if p.kind != "trun" {
			continue
		}
		if run.Samples, err = r.samples(run.Samples, p); err != nil {
			return run, err
		}
	}
	return run, nil
}

// head reads a tfhd, §8.8.7, and gives the track's number.
func (r *reader) head(in *Init, p part) (id uint32, err error) {
	_, flags, b, err := p.full(4)
	if err != nil {
		return 0, err
	}
	t := in.track(binary.BigEndian.Uint32(b))
	if t == nil {
		return 0, syntax(p.at, "a run of track %d, which the init has not", binary.BigEndian.Uint32(b))
	}
	r.defaults = t.defaults
	f := fields{b: b[4:]}
	if flags&headBaseIsMoof != 0 {
		r.base = r.moof
	}
	if flags&headBaseOffset != 0 {
		r.base = uint64(f.next())<<32 | uint64(f.next())
	}
	if flags&headDescription != 0 {
		f.next()
	}
	f.maybe(flags&headDuration != 0, &r.defaults.duration)
	f.maybe(flags&headSize != 0, &r.defaults.size)
	f.maybe(flags&headFlags != 0, &r.defaults.flags)
	r.after = r.base
	if f.short {
		return 0, p.short(len(p.body) + 4)
	}
	return t.ID, nil
}

// parseDecodeTime reads a tfdt, §8.8.12.
func parseDecodeTime(p part) (uint64, error) {
	version, _, b, err := p.full(4)
	if err != nil {
		return 0, err
	}
	if version == 0 {
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	if _, _, b, err = p.full(8); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// samples reads a trun, §8.8.8, behind dst. A count alone costs nothing: memory grows with the samples that are found.
func (r *reader) samples(dst []Sample, p part) ([]Sample, error) {
	version, flags, b, err := p.full(4)
	if err != nil {
		return nil, err
	}
	count := uint64(binary.BigEndian.Uint32(b))
	f := fields{b: b[4:]}
	at := r.after
	if flags&runOffset != 0 {
		at = r.base + uint64(int64(int32(f.next())))
	}
	first := r.defaults.flags
	f.maybe(flags&runFirstFlags != 0, &first)
	each := 4 * bits.OnesCount32(flags&(runDuration|runSize|runFlags|runComposition))
	if f.short || count*uint64(each) > uint64(len(f.b)) {
		return nil, syntax(p.at, "a trun of %d samples in %d bytes", count, len(p.body))
	}
	if count > uint64(*r.left) {
		return nil, unsupported(p.at, "more than %d samples", maxSamples)
	}
	*r.left -= int(count)
	for i := range count {
		d := r.defaults
		if i == 0 {
			d.flags = first
		}
		offset := uint32(0)
		f.maybe(flags&runDuration != 0, &d.duration)
		f.maybe(flags&runSize != 0, &d.size)
		f.maybe(flags&runFlags != 0, &d.flags)
		f.maybe(flags&runComposition != 0, &offset)
		if version == 0 && offset > math.MaxInt32 {
			return nil, syntax(p.at, "a composition offset of %d", offset)
		}
		if at > uint64(len(r.file)) || uint64(d.size) > uint64(len(r.file))-at {
			return nil, syntax(p.at, "a sample of %d bytes at byte %d of %d", d.size, at, len(r.file))
		}
		s := Sample{Duration: d.duration, Offset: int32(offset), Key: d.flags&nonSync == 0}
		if d.size > 0 {
			s.Data = [][]byte{r.file[at : at+uint64(d.size) : at+uint64(d.size)]}
		}
		dst = append(dst, s)
		at += uint64(d.size)
	}
	r.after = at
	return dst, nil
}

// fields reads fields of 32 bits one after the other; short says that there were too few.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) next() uint32 {
	if len(f.b) < 4 {
		f.short = true
		return 0
	}
	v := binary.BigEndian.Uint32(f.b)
	f.b = f.b[4:]
	return v
}

// maybe reads a field that is there only sometimes.
func (f *fields) maybe(there bool, v *uint32) {
	if there {
		*v = f.next()
	}
}
