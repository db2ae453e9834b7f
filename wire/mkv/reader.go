package mkv

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
)

// defaultScale is the tick where a stream tells none, in nanoseconds.
const defaultScale = 1_000_000

// maxTime bounds times, so that sums of two are no concern: 73 years.
const maxTime = math.MaxInt64 / 4

// Reader reads the frames of a Matroska stream. It is for one goroutine.
type Reader struct {
	in      source
	scale   uint64 // nanoseconds
	cluster media.Time
	within  bool // a cluster has told its time
	tracks  []*media.Track
	entries map[uint64]*entry // by track number
}

// entry is a TrackEntry.
type entry struct {
	at            int64
	number        uint64
	codecID       string
	private       []byte
	delay         uint64 // nanoseconds
	duration      uint64 // of a frame, nanoseconds; 0 where it is not told
	width, height int
	rate          float64
	channels      int
	encoded       bool // its blocks are compressed or encrypted

	made       *media.Track
	lengthSize int // of NAL units' lengths; 0 where there are none
}

// NewReader reads the header of r, up to the description of the tracks. Errors are those of r, [*wire.SyntaxError] where it is not
// Matroska, and [*wire.UnsupportedError] for codecs and encodings that are not done. io.EOF means that there was nothing at all.
func NewReader(r io.Reader) (*Reader, error) {
	m := &Reader{in: source{r: bufio.NewReaderSize(r, 64<<10)}, scale: defaultScale}
	first, err := m.in.next()
	switch {
	case err != nil:
		return nil, err
	case first.id != idEBML:
		return nil, syntax(first.at, "element %X, not an EBML header", first.id)
	}
	if err := m.readHeader(first); err != nil {
		return nil, err
	}
	for m.tracks == nil {
		e, err := m.in.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, syntax(m.in.at, "the stream ends before its tracks")
		case err != nil:
			return nil, err
		case e.id == idCluster:
			return nil, syntax(e.at, "a cluster before the tracks")
		}
		if _, err := m.take(e); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Tracks are what the header describes. Their IDs are the track numbers less 1.
func (m *Reader) Tracks() []*media.Track { return m.tracks }

// Next reads the next frame. Its DTS is its PTS, since Matroska does not tell it. It returns io.EOF where the stream ends between two
// elements; other errors are those of [NewReader], and the reader cannot go on behind one.
func (m *Reader) Next() (*media.Frame, error) {
	for {
		e, err := m.in.next()
		if err != nil {
			return nil, err
		}
		f, err := m.take(e)
		if f != nil || err != nil {
			return f, err
		}
	}
}

// take reads what an element holds; a frame where it is a block. Segments, clusters and block groups are walked through as if their
// children stood in a row: no id means something else in another of them, so that those of unknown size need no end.
func (m *Reader) take(e element) (*media.Frame, error) {
	switch e.id {
	case idEBML:
		return nil, m.readHeader(e)
	case idSegment:
		return nil, nil
	case idCluster:
		m.within = false
		return nil, nil
	case idInfo:
		return nil, m.readInfo(e)
	case idTracks:
		return nil, m.readTracks(e)
	case idTimestamp:
		return nil, m.readTimestamp(e)
	case idSimpleBlock:
		p, err := m.in.body(e, MaxFrame+16)
		if err != nil {
			return nil, err
		}
		return m.block(p, false)
	case idBlockGroup:
		return m.readGroup(e)
	}
	return nil, m.in.skip(e)
}

// readHeader reads the EBML header.
func (m *Reader) readHeader(e element) error {
	p, err := m.in.body(e, maxHeader)
	if err != nil {
		return err
	}
	for c, err := range children(p.body, p.bodyAt) {
		if err != nil {
			return err
		}
		if kind := string(c.body); c.id == idDocType && kind != "matroska" && kind != "webm" {
			return unsupported(c.at, "document type %q", kind)
		}
	}
	return nil
}

// readInfo reads the tick.
func (m *Reader) readInfo(e element) error {
	p, err := m.in.body(e, maxHeader)
	if err != nil {
		return err
	}
	for c, err := range children(p.body, p.bodyAt) {
		if err != nil {
			return err
		}
		if c.id != idTimestampScale {
			continue
		}
		if m.scale, err = c.uint(); err != nil {
			return err
		}
		if m.scale == 0 || m.scale > math.MaxInt32 {
			return syntax(c.at, "a tick of %d ns", m.scale)
		}
	}
	return nil
}

// readTracks reads the tracks, which stay what they are when they are told again.
func (m *Reader) readTracks(e element) error {
	p, err := m.in.body(e, maxTracks)
	if err != nil || m.tracks != nil {
		return err
	}
	m.entries = make(map[uint64]*entry)
	m.tracks = []*media.Track{}
	for c, err := range children(p.body, p.bodyAt) {
		if err != nil {
			return err
		}
		if c.id != idTrackEntry {
			continue
		}
		entry, err := readEntry(c)
		if err != nil {
			return err
		}
		if entry.made, err = entry.track(); err != nil {
			return err
		}
		if entry.lengthSize, err = codec.LengthSize(entry.made.Codec, entry.private); err != nil {
			return err
		}
		if m.entries[entry.number] != nil {
			return syntax(c.at, "two tracks of number %d", entry.number)
		}
		m.entries[entry.number] = entry
		m.tracks = append(m.tracks, entry.made)
	}
	return nil
}

// readEntry reads a TrackEntry.
func readEntry(p part) (*entry, error) {
	e := &entry{at: p.at, rate: 8000, channels: 0}
	for c, err := range children(p.body, p.bodyAt) {
		if err != nil {
			return nil, err
		}
		switch c.id {
		case idTrackNumber:
			e.number, err = c.uint()
		case idCodecID:
			e.codecID = string(c.body)
		case idCodecPrivate:
			e.private = c.body
		case idCodecDelay:
			e.delay, err = c.uint()
		case idDefaultDuration:
			e.duration, err = c.uint()
		case idContentEncodings:
			e.encoded = true
		case idVideo, idAudio:
			err = e.readKind(c)
		}
		if err != nil {
			return nil, err
		}
	}
	if e.delay > uint64(10_000*media.Millisecond) {
		return nil, syntax(p.at, "a codec delay of %d ns", e.delay)
	}
	return e, nil
}

// readKind reads what a track's entry says of pictures or sound.
func (e *entry) readKind(p part) error {
	for c, err := range children(p.body, p.bodyAt) {
		if err != nil {
			return err
		}
		switch c.id {
		case idPixelWidth:
			e.width, err = c.small()
		case idPixelHeight:
			e.height, err = c.small()
		case idSamplingRate:
			if e.rate, err = c.float(); err == nil && !(e.rate >= 1 && e.rate <= 1<<20) {
				err = syntax(c.at, "a sampling rate of %v", e.rate)
			}
		case idChannels:
			e.channels, err = c.small()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readTimestamp reads the time of the cluster.
func (m *Reader) readTimestamp(e element) error {
	p, err := m.in.body(e, 8)
	if err != nil {
		return err
	}
	ticks, err := p.uint()
	if err != nil {
		return err
	}
	hi, ns := bits.Mul64(ticks, m.scale)
	if hi != 0 || ns > maxTime {
		return syntax(e.at, "a cluster at %d ticks of %d ns", ticks, m.scale)
	}
	m.cluster, m.within = media.Time(ns), true
	return nil
}

// readGroup reads a block with what is told beside it: it is a key frame where it refers to no other.
func (m *Reader) readGroup(e element) (*media.Frame, error) {
	p, err := m.in.body(e, MaxFrame+maxHeader)
	if err != nil {
		return nil, err
	}
	var block part
	key := true
	for c, err := range children(p.body, p.bodyAt) {
		switch {
		case err != nil:
			return nil, err
		case c.id == idBlock:
			block = c
		case c.id == idReference:
			key = false
		}
	}
	if block.body == nil {
		return nil, syntax(e.at, "a block group without a block")
	}
	return m.block(block, key)
}

// block makes the frame of a block; nil for tracks that are not told of. key is for blocks that do not tell themselves.
func (m *Reader) block(p part, key bool) (*media.Frame, error) {
	number, n := vint(p.body, 8, false)
	switch {
	case n == 0 || len(p.body) < n+3:
		return nil, syntax(p.at, "a block of %d bytes", len(p.body))
	case !m.within:
		return nil, syntax(p.at, "a block before its cluster's time")
	}
	e := m.entries[number]
	if e == nil {
		return nil, nil
	}
	offset, flags := int16(binary.BigEndian.Uint16(p.body[n:])), p.body[n+2]
	if flags&flagLacing != 0 {
		return nil, unsupported(p.at, "several frames in a block")
	}
	data, err := codec.FrameData(e.made.Codec, cmp.Or(e.lengthSize, 4), p.body[n+3:])
	if err != nil {
		return nil, err
	}
	pts := m.cluster + media.Time(offset)*media.Time(m.scale) - media.Time(e.delay)
	return &media.Frame{
		Track: e.made, PTS: pts, DTS: pts, Data: data,
		Key: e.made.Codec.IsVideo() && (key || p.id == idSimpleBlock && flags&flagKey != 0),
	}, nil
}
