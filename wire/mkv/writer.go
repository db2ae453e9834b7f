package mkv

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"

	"github.com/simulcart/simulcart/media"
)

// tick is the unit of the times that are written.
const (
	tick     = media.Time(1000)
	tickRate = int(1_000_000_000 / tick)
)

// seekPreRoll is what a decoder of Opus needs before a place that it starts at, RFC 9559 §5.1.4.1.26, RFC 7845 §4.6.
const seekPreRoll = 80 * media.Millisecond

// Writer writes frames as Matroska. It is a [media.Writer].
type Writer struct {
	w      io.Writer
	delays map[*media.Track]media.Time // of the tracks, told in the header
	buf    []byte
}

// NewWriter writes the header for the tracks. Errors are those of w and of reading a configuration; a codec that Matroska does not carry
// is a [*wire.UnsupportedError].
func NewWriter(w io.Writer, tracks ...*media.Track) (*Writer, error) {
	header, err := AppendHeader(nil, tracks)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("write the mkv header: %w", err)
	}
	m := &Writer{w: w, delays: make(map[*media.Track]media.Time)}
	for _, t := range tracks {
		m.delays[t] = delay(t)
	}
	return m, nil
}

// WriteFrame writes f with one call of the underlying writer. Its track is one of those that NewWriter was given, and its PTS, with the
// track's delay, is not below 0.
func (m *Writer) WriteFrame(f *media.Frame) error {
	behind, known := m.delays[f.Track]
	if !known {
		return unsupported(0, "a frame of a %s track that the header does not tell of", f.Track.Codec)
	}
	if f.PTS+behind < 0 {
		return unsupported(0, "a frame at %v", f.PTS+behind)
	}
	m.buf = appendCluster(m.buf[:0], f, f.PTS+behind)
	if _, err := m.w.Write(m.buf); err != nil {
		return fmt.Errorf("write an mkv block: %w", err)
	}
	return nil
}

// AppendHeader writes the header for the tracks behind dst: all that stands before the first cluster. Errors are those of [NewWriter].
func AppendHeader(dst []byte, tracks []*media.Track) ([]byte, error) {
	dst = master(dst, idEBML, func(b []byte) []byte {
		b = appendUint(b, idEBMLVersion, 1)
		b = appendUint(b, idEBMLReadVersion, 1)
		b = appendUint(b, idMaxIDLength, 4)
		b = appendUint(b, idMaxSizeLength, 8)
		b = appendString(b, idDocType, "matroska")
		b = appendUint(b, idDocTypeVersion, 4)
		return appendUint(b, idDocTypeRead, 2)
	})
	dst = append(appendID(dst, idSegment), 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // of unknown size
	dst = master(dst, idInfo, func(b []byte) []byte {
		b = appendUint(b, idTimestampScale, uint64(tick))
		b = appendString(b, idMuxingApp, "simulcart")
		return appendString(b, idWritingApp, "simulcart")
	})
	var fault error
	dst = master(dst, idTracks, func(b []byte) []byte {
		for _, t := range tracks {
			config, err := private(t)
			switch {
			case codecID(t.Codec) == "":
				fault = unsupported(0, "%s in Matroska", t.Codec)
			case err != nil:
				fault = err
			}
			b = appendEntry(b, t, config)
		}
		return b
	})
	return dst, fault
}

// appendEntry writes a TrackEntry.
func appendEntry(dst []byte, t *media.Track, config []byte) []byte {
	return master(dst, idTrackEntry, func(b []byte) []byte {
		b = appendUint(b, idTrackNumber, uint64(t.ID)+1)
		b = appendUint(b, idTrackUID, uint64(t.ID)+1)
		b = appendUint(b, idFlagLacing, 0)
		b = appendString(b, idCodecID, codecID(t.Codec))
		if len(config) > 0 {
			b = appendBytes(b, idCodecPrivate, config)
		}
		if t.Codec.IsVideo() {
			b = appendUint(b, idTrackType, typeVideo)
			if rate := t.Format.FrameRate; rate > 0 {
				b = appendUint(b, idDefaultDuration, uint64(max(1, math.Round(float64(time.Second)/rate))))
			}
			return master(b, idVideo, func(b []byte) []byte {
				b = appendUint(b, idPixelWidth, uint64(max(t.Format.Width, 0)))
				return appendUint(b, idPixelHeight, uint64(max(t.Format.Height, 0)))
			})
		}
		b = appendUint(b, idTrackType, typeAudio)
		if t.Codec == media.Opus {
			b = appendUint(b, idCodecDelay, uint64(delay(t)))
			b = appendUint(b, idSeekPreRoll, uint64(seekPreRoll))
		}
		return master(b, idAudio, func(b []byte) []byte {
			b = appendBytes(b, idSamplingRate, binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(t.ClockRate))))
			return appendUint(b, idChannels, uint64(max(t.Format.Channels, 1)))
		})
	})
}

// appendCluster writes a cluster with one simple block: the cluster has the block's time.
func appendCluster(dst []byte, f *media.Frame, at media.Time) []byte {
	return master(dst, idCluster, func(b []byte) []byte {
		b = appendUint(b, idTimestamp, uint64(at.Ticks(tickRate)))
		number := appendSize(nil, uint64(f.Track.ID)+1)
		b = appendSize(appendID(b, idSimpleBlock), uint64(len(number)+3+len(f.Data)))
		flags := byte(0)
		if f.Key || f.Track.Codec.IsAudio() {
			flags = flagKey
		}
		b = append(append(b, number...), 0, 0, flags)
		return append(b, f.Data...)
	})
}

// masterSize is how many bytes the size of an element with children takes, which is written when they are there.
const masterSize = 4

// master writes an element around what body appends.
func master(dst []byte, id uint32, body func([]byte) []byte) []byte {
	dst = append(appendID(dst, id), make([]byte, masterSize)...)
	at := len(dst)
	dst = body(dst)
	binary.BigEndian.PutUint32(dst[at-masterSize:], uint32(len(dst)-at)|1<<(7*masterSize))
	return dst
}

// appendID writes an id, whose own bits tell its length.
func appendID(dst []byte, id uint32) []byte {
	for shift := (bits.Len32(id) - 1) / 8 * 8; shift >= 0; shift -= 8 {
		dst = append(dst, byte(id>>shift))
	}
	return dst
}

// appendSize writes a size, or a track number, in as few bytes as hold it.
func appendSize(dst []byte, v uint64) []byte {
	n := 1
	for v >= 1<<(7*n)-1 {
		n++
	}
	v |= 1 << (7 * n)
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(8*n)))
	}
	return dst
}

func appendBytes(dst []byte, id uint32, body []byte) []byte {
	return append(appendSize(appendID(dst, id), uint64(len(body))), body...)
}

func appendString(dst []byte, id uint32, s string) []byte { return appendBytes(dst, id, []byte(s)) }

// appendUint writes an unsigned integer in as few bytes as hold it, one at least.
func appendUint(dst []byte, id uint32, v uint64) []byte {
	n := max(1, (bits.Len64(v)+7)/8)
	dst = appendSize(appendID(dst, id), uint64(n))
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(8*n)))
	}
	return dst
}
