package fmp4

import (
	"fmt"
	"math"
	"slices"

	"github.com/simulcart/simulcart/media"
)

// MaxTracks bounds the tracks of an initialization section and the runs of a fragment.
const MaxTracks = 16

// maxInit bounds an initialization section, in bytes: more than any decoder configuration needs.
const maxInit = 1 << 24

// TrackID gives the number of a track in the file: 0 is no number there, so it is one more than the track's own.
func TrackID(t *media.Track) uint32 { return uint32(t.ID) + 1 }

// AppendInit writes the initialization section of tracks behind dst (ISO/IEC 14496-12 §4.3, §8.2 to §8.5, §8.8.1 and §8.8.3;
// ISO/IEC 23000-19 §7.3.1):
//
//	ftyp
//	moov
//	  mvhd
//	  trak, each: tkhd, mdia (mdhd, hdlr, minf (vmhd or smhd, dinf (dref), stbl (stsd with the configuration, empty tables)))
//	  mvex: trex of each
//
// A track's timescale is its ClockRate. It fails for codecs that HLS does not carry (VP8, and what is no media), for configurations that
// cannot be read, and for pictures of unknown size: VP9 has it in its key frames only, so that the caller has to fill in Format.
func AppendInit(dst []byte, tracks []*media.Track) ([]byte, error) {
	if len(tracks) == 0 || len(tracks) > MaxTracks {
		return nil, fmt.Errorf("write fmp4 init: %d tracks, not 1 to %d", len(tracks), MaxTracks)
	}
	for i, t := range tracks {
		if slices.ContainsFunc(tracks[:i], func(other *media.Track) bool { return other.ID == t.ID }) {
			return nil, fmt.Errorf("write fmp4 init: two tracks %d", t.ID)
		}
	}
	start := len(dst)
	dst = box(dst, "ftyp", func(b []byte) []byte { return append(b, fileBrands...) })
	moov := len(dst)
	dst = appendMovieHeader(begin(dst, "moov"), tracks)
	for _, t := range tracks {
		entry, err := appendSampleEntry(nil, t)
		if err != nil {
			return nil, fmt.Errorf("write fmp4 init: %s track %d: %w", t.Codec, t.ID, err)
		}
		dst = appendTrack(dst, t, entry)
	}
	dst = box(dst, "mvex", func(b []byte) []byte {
		for _, t := range tracks { // §8.8.3: sample description 1, no default duration, size and flags
			b = fullBox(b, "trex", 0, func(b []byte) []byte { return appendUint32(b, TrackID(t), 1, 0, 0, 0) })
		}
		return b
	})
	end(dst, moov)
	if size := len(dst) - start; size > maxInit {
		return nil, fmt.Errorf("write fmp4 init: %d bytes, more than %d", size, maxInit)
	}
	return dst, nil
}

// Brands (ISO/IEC 14496-12 §4.3, annex E): iso6 has movie fragments with 64-bit times, offsets from the moof and signed composition offsets;
// aid3 says that there may be ID3 in event messages.
const (
	fileBrands    = "iso6\x00\x00\x00\x00" + "iso6mp41aid3"
	segmentBrands = "msdh\x00\x00\x00\x00" + "msdhaid3"
)

// movieScale is the timescale of the movie header, in which nothing is told.
const movieScale = 1000

// matrix says that pictures are shown as they are: fixed point 16.16 but for the last column, 2.30.
var matrix = [...]uint32{1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30}

// appendMovieHeader writes mvhd, §8.2.2: no duration, rate 1, volume 1.
func appendMovieHeader(dst []byte, tracks []*media.Track) []byte {
	next := uint32(0)
	for _, t := range tracks {
		next = max(next, TrackID(t)+1)
	}
	return fullBox(dst, "mvhd", 0, func(b []byte) []byte {
		b = appendUint32(b, 0, 0, movieScale, 0, 1<<16)
		b = appendUint16(b, 1<<8, 0)
		b = appendUint32(b, 0, 0)
		b = appendUint32(b, matrix[:]...)
		b = appendUint32(b, 0, 0, 0, 0, 0, 0)
		return appendUint32(b, next)
	})
}

// appendTrack writes a trak around a sample entry.
func appendTrack(dst []byte, t *media.Track, entry []byte) []byte {
	return box(dst, "trak", func(b []byte) []byte {
		b = appendTrackHeader(b, t)
		return box(b, "mdia", func(b []byte) []byte {
			b = fullBox(b, "mdhd", 0, func(b []byte) []byte { // §8.4.2: no duration, language "und"
				return appendUint16(appendUint32(b, 0, 0, uint32(t.ClockRate), 0), 0x55c4, 0)
			})
			handler := "soun" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "audio\x00"
			if t.Codec.IsVideo() {
				handler = "vide" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "video\x00"
			}
			b = fullBox(b, "hdlr", 0, func(b []byte) []byte { return append(appendUint32(b, 0), handler...) }) // §8.4.3
			return box(b, "minf", func(b []byte) []byte { return appendMediaInformation(b, t, entry) })
		})
	})
}

// appendTrackHeader writes tkhd, §8.3.2: enabled, in the movie and in its preview; no duration.
func appendTrackHeader(dst []byte, t *media.Track) []byte {
	const flags = 7
	volume := uint16(1 << 8)
	if t.Codec.IsVideo() {
		volume = 0
	}
	return fullBox(dst, "tkhd", flags, func(b []byte) []byte {
		b = appendUint32(b, 0, 0, TrackID(t), 0, 0)
		b = appendUint32(b, 0, 0)
		b = appendUint16(b, 0, 0, volume, 0) // layer, alternate group
		b = appendUint32(b, matrix[:]...)
		return appendUint32(b, uint32(t.Format.Width)<<16, uint32(t.Format.Height)<<16)
	})
}

// appendMediaInformation writes what is in minf: §8.4.5, §8.7.1, §8.7.2, and the sample table of §8.5 with tables that are empty.
func appendMediaInformation(dst []byte, t *media.Track, entry []byte) []byte {
	if t.Codec.IsVideo() {
		dst = fullBox(dst, "vmhd", 1, func(b []byte) []byte { return appendUint16(b, 0, 0, 0, 0) })
	} else {
		dst = fullBox(dst, "smhd", 0, func(b []byte) []byte { return appendUint16(b, 0, 0) })
	}
	dst = box(dst, "dinf", func(b []byte) []byte {
		return fullBox(b, "dref", 0, func(b []byte) []byte {
			return fullBox(appendUint32(b, 1), "url ", 1, func(b []byte) []byte { return b }) // in this file
		})
	})
	return box(dst, "stbl", func(b []byte) []byte {
		b = fullBox(b, "stsd", 0, func(b []byte) []byte { return append(appendUint32(b, 1), entry...) })
		b = fullBox(b, "stts", 0, func(b []byte) []byte { return appendUint32(b, 0) })
		b = fullBox(b, "stsc", 0, func(b []byte) []byte { return appendUint32(b, 0) })
		b = fullBox(b, "stsz", 0, func(b []byte) []byte { return appendUint32(b, 0, 0) })
		return fullBox(b, "stco", 0, func(b []byte) []byte { return appendUint32(b, 0) })
	})
}

// checkClock says what is wrong with a track's clock as a timescale.
func checkClock(t *media.Track) error {
	if t.ClockRate < 1 || int64(t.ClockRate) > math.MaxUint32 {
		return fmt.Errorf("a clock of %d hertz", t.ClockRate)
	}
	return nil
}
