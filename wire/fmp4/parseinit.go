package fmp4

import (
	"encoding/binary"
	"errors"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/codec"
)

// Init is an initialization section that was read.
type Init struct {
	Tracks []Track // at most [MaxTracks]
}

// Track is a track of an initialization section.
type Track struct {
	ID        uint32       // its number in the file
	Timescale uint32       // ticks in a second; not always the clock of Media
	Media     *media.Track // its ID is the track's position in the file, from 0 on

	defaults defaults
}

// defaults are what holds for samples of which nothing else is told, ISO/IEC 14496-12 §8.8.3.
type defaults struct {
	duration, size, flags uint32
}

// ParseInit reads an initialization section, ours or that of another packager, in which each track has one sample entry. The tracks'
// configurations are copies. Errors are [*wire.SyntaxError] where it breaks the format, [*wire.UnsupportedError] for tracks that are neither
// pictures nor sound that simulcart carries, and for encrypted ones.
func ParseInit(b []byte) (Init, error) {
	moov, err := part{kind: "init", body: b}.child("moov", 0)
	if err != nil {
		return Init{}, err
	}
	var in Init
	for p, err := range boxes(moov.body, moov.bodyAt) {
		if err != nil {
			return Init{}, err
		}
		if p.kind != "trak" {
			continue
		}
		if len(in.Tracks) == MaxTracks {
			return Init{}, unsupported(p.at, "more than %d tracks", MaxTracks)
		}
		t, err := parseTrack(p, uint8(len(in.Tracks)))
		if err != nil {
			return Init{}, err
		}
		if in.track(t.ID) != nil {
			return Init{}, syntax(p.at, "a second track %d", t.ID)
		}
		in.Tracks = append(in.Tracks, t)
	}
	if len(in.Tracks) == 0 {
		return Init{}, syntax(moov.at, "no track")
	}
	mvex, err := moov.child("mvex", 0)
	if err != nil {
		return Init{}, err
	}
	return in, in.parseDefaults(mvex)
}

// track gives the track of a number, nil where there is none.
func (in *Init) track(id uint32) *Track {
	for i := range in.Tracks {
		if in.Tracks[i].ID == id {
			return &in.Tracks[i]
		}
	}
	return nil
}

// parseDefaults reads the trex boxes.
func (in *Init) parseDefaults(mvex part) error {
	for p, err := range boxes(mvex.body, mvex.bodyAt) {
		if err != nil {
			return err
		}
		if p.kind != "trex" {
			continue
		}
		_, _, b, err := p.full(20)
		if err != nil {
			return err
		}
		if t := in.track(binary.BigEndian.Uint32(b)); t != nil {
			t.defaults = defaults{binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])}
		}
	}
	return nil
}

// parseTrack reads a trak: the number, the timescale and the sample entry.
func parseTrack(trak part, position uint8) (t Track, err error) {
	tkhd, err := trak.child("tkhd", 0)
	if err != nil {
		return t, err
	}
	if t.ID, err = tkhd.afterTimes(); err != nil {
		return t, err
	}
	if t.ID == 0 {
		return t, syntax(tkhd.at, "track 0")
	}
	mdia, err := trak.child("mdia", 0)
	if err != nil {
		return t, err
	}
	mdhd, err := mdia.child("mdhd", 0)
	if err != nil {
		return t, err
	}
	if t.Timescale, err = mdhd.afterTimes(); err != nil {
		return t, err
	}
	if t.Timescale == 0 {
		return t, syntax(mdhd.at, "a timescale of 0")
	}
	stsd := mdia
	for _, kind := range []string{"minf", "stbl", "stsd"} {
		if stsd, err = stsd.child(kind, 0); err != nil {
			return t, err
		}
	}
	t.Media, err = parseSampleEntries(stsd, position, t.Timescale)
	return t, err
}

// afterTimes gives the field behind the two times of tkhd and mdhd, which have 64 bits in version 1 (§8.3.2, §8.4.2).
func (p part) afterTimes() (uint32, error) {
	version, _, b, err := p.full(12)
	if err == nil && version == 1 {
		_, _, b, err = p.full(20)
		if err == nil {
			b = b[8:]
		}
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b[8:]), nil
}

// parseSampleEntries reads a stsd with one entry, §8.5.2.
func parseSampleEntries(stsd part, position uint8, timescale uint32) (*media.Track, error) {
	_, _, b, err := stsd.full(4)
	if err != nil {
		return nil, err
	}
	if n := binary.BigEndian.Uint32(b); n != 1 {
		return nil, unsupported(stsd.at, "%d sample entries, not 1", n)
	}
	for entry, err := range boxes(b[4:], stsd.bodyAt+8) {
		if err != nil {
			return nil, err
		}
		t, err := parseSampleEntry(entry, position, timescale)
		var refused *wire.UnsupportedError
		var broken *wire.SyntaxError
		switch { // those of the configuration count from its own start
		case errors.As(err, &broken) && broken.Format != "fmp4":
			return nil, syntax(entry.at, "sample entry %q: %v", entry.kind, err)
		case errors.As(err, &refused) && refused.Format != "fmp4":
			return nil, unsupported(entry.at, "sample entry %q: %v", entry.kind, err)
		}
		return t, err
	}
	return nil, syntax(stsd.at, "no sample entry")
}

// Bytes of the sample entries' fields in front of the boxes in them, §12.1.3 and §12.2.3.
const (
	visualHeader = 78
	audioHeader  = 28
)

// parseSampleEntry makes a track of a sample entry.
func parseSampleEntry(p part, position uint8, timescale uint32) (*media.Track, error) {
	switch p.kind {
	case entryH264, "avc3":
		return parseVisualEntry(p, position, media.H264, "avcC")
	case entryHEVC, "hev1":
		return parseVisualEntry(p, position, media.HEVC, "hvcC")
	case entryAV1:
		return parseVisualEntry(p, position, media.AV1, "av1C")
	case entryVP9:
		return parseVisualEntry(p, position, media.VP9, "vpcC")
	case entryMP4A:
		return parseMP4A(p, position, timescale)
	case entryOpus:
		config, err := p.child("dOps", audioHeader)
		if err != nil {
			return nil, err
		}
		return codec.NewTrack(position, media.Opus, config.body)
	case entryFLAC:
		config, err := p.child("dfLa", audioHeader)
		if err != nil {
			return nil, err
		}
		_, _, blocks, err := config.full(4)
		if err != nil {
			return nil, err
		}
		return codec.NewTrack(position, media.FLAC, blocks)
	}
	return nil, unsupported(p.at, "sample entry %q", p.kind)
}

// parseVisualEntry makes a track of pictures. Their size is that of the entry where the configuration tells none.
func parseVisualEntry(p part, position uint8, c media.Codec, configKind string) (*media.Track, error) {
	config, err := p.child(configKind, visualHeader)
	if err != nil {
		return nil, err
	}
	if size, err := codec.LengthSize(c, config.body); err == nil && size != 0 && size != 4 {
		return nil, unsupported(config.at, "NAL unit lengths of %d bytes, not 4", size)
	}
	t, err := codec.NewTrack(position, c, config.body)
	if err != nil {
		return nil, err
	}
	if t.Format.Width == 0 {
		t.Format.Width, t.Format.Height = int(binary.BigEndian.Uint16(p.body[24:])), int(binary.BigEndian.Uint16(p.body[26:]))
	}
	return t, nil
}

// parseMP4A makes a track of AAC or MP3.
func parseMP4A(p part, position uint8, timescale uint32) (*media.Track, error) {
	esds, err := p.child("esds", audioHeader)
	if err != nil {
		return nil, err
	}
	object, specific, err := parseElementaryStream(esds)
	if err != nil {
		return nil, err
	}
	switch object {
	case objectAAC:
		return codec.NewTrack(position, media.AAC, specific)
	case objectMPEG1, objectMPEG2:
		version, rate := "MPEG-1", uint32(binary.BigEndian.Uint16(p.body[24:]))
		if object == objectMPEG2 {
			version = "MPEG-2"
		}
		if rate == 0 {
			rate = timescale
		}
		if rate > maxMP3Rate {
			return nil, syntax(p.at, "MP3 of %d hertz, more than %d", rate, maxMP3Rate)
		}
		return &media.Track{
			ID: position, Codec: media.MP3, ClockRate: int(rate),
			Format: media.Format{Profile: version + " layer 3", Channels: int(binary.BigEndian.Uint16(p.body[16:]))},
		}, nil
	}
	return nil, unsupported(esds.at, "object type %#x in mp4a", object)
}

// parseElementaryStream reads an esds: the object type and, where there is one, the DecoderSpecificInfo.
func parseElementaryStream(esds part) (object byte, specific []byte, err error) {
	_, _, b, err := esds.full(0)
	if err != nil {
		return 0, nil, err
	}
	stream, err := readDescriptor(b, esds.at, tagStream)
	if err != nil {
		return 0, nil, err
	}
	if len(stream) < streamHeader {
		return 0, nil, esds.short(4 + 2 + streamHeader)
	}
	if stream[2]&0xe0 != 0 { // depends on another stream, URL, clock of another stream
		return 0, nil, unsupported(esds.at, "an elementary stream with flags %02x", stream[2])
	}
	decoder, err := readDescriptor(stream[streamHeader:], esds.at, tagDecoder)
	if err != nil {
		return 0, nil, err
	}
	if len(decoder) < decoderHeader {
		return 0, nil, esds.short(4 + 2 + streamHeader + 2 + decoderHeader)
	}
	if len(decoder) > decoderHeader {
		if specific, err = readDescriptor(decoder[decoderHeader:], esds.at, tagSpecific); err != nil {
			return 0, nil, err
		}
	}
	return decoder[0], specific, nil
}
