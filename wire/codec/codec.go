// Package codec makes tracks and frames of what protocols carry, whatever the codec, so that no protocol needs to know
// the configuration formats below wire.
package codec

import (
	"fmt"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/flac"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/mp3"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/opus"
	"github.com/simulcart/simulcart/wire/vp9"
)

// VideoRate is the clock of video tracks in hertz.
const VideoRate = 90000

// NewTrack makes a track of a decoder configuration as MP4 or Enhanced RTMP carry it. The track's Config is a copy in the MP4
// form: avcC and hvcC with 4-byte lengths (frames need [FrameData] where the original had others), av1C, vpcC with version
// and flags, AudioSpecificConfig, dOps (also from an OpusHead), STREAMINFO alone (also from a header with magic). VP8 has no
// configuration: what is given is ignored. The clock of sound is the sampling rate, for HE-AAC that of the core.
//
// A parameter set that cannot be read leaves Format empty. Errors wrap a [*wire.SyntaxError] or [*wire.UnsupportedError] of the configuration's format. MP3 tracks come from [MP3Track].
func NewTrack(id uint8, c media.Codec, config []byte) (*media.Track, error) {
	t := &media.Track{ID: id, Codec: c, ClockRate: VideoRate}
	var err error
	switch c {
	case media.H264:
		err = setH264(t, config)
	case media.HEVC:
		err = setHEVC(t, config)
	case media.AV1:
		t.Config = append([]byte(nil), config...)
		t.Format, err = av1.Format(config)
	case media.VP8:
	case media.VP9:
		err = setVP9(t, config)
	case media.AAC:
		err = setAAC(t, config)
	case media.Opus:
		err = setOpus(t, config)
	case media.FLAC:
		err = setFLAC(t, config)
	case media.Unknown, media.MP3, media.Overlay, media.Metadata, media.Data:
		err = unsupported("no configuration makes a track of this codec")
	default:
		err = unsupported("no such codec")
	}
	if err != nil {
		return nil, fmt.Errorf("read the %s configuration: %w", c, err)
	}
	return t, nil
}

// MP3Track makes a track of its first frame, since MP3 has no configuration. Errors wrap those of [mp3.ParseHeader].
func MP3Track(id uint8, firstFrame []byte) (*media.Track, error) {
	h, err := mp3.ParseHeader(firstFrame)
	if err != nil {
		return nil, fmt.Errorf("read the first mp3 frame: %w", err)
	}
	return &media.Track{ID: id, Codec: media.MP3, ClockRate: h.Rate, Format: h.Format()}, nil
}

// LengthSize gives the size of the NAL unit lengths in the frames that come with an avcC or hvcC, 1 to 4 bytes, and 0
// for codecs without NAL units.
func LengthSize(c media.Codec, config []byte) (int, error) {
	switch c {
	case media.H264:
		avc, err := h264.ParseConfig(config)
		return avc.LengthSize, err
	case media.HEVC:
		hvc, err := hevc.ParseConfig(config)
		return hvc.LengthSize, err
	}
	return 0, nil
}

// FrameData checks a frame's bytes as a protocol carried them and gives them in the layout of media.Frame: NAL units with
// 4-byte lengths (lengthSize is what [LengthSize] gave), AV1 without temporal delimiters, all else as it is. The result is data
// or a part of it unless lengths had to grow or a delimiter stood inside. Errors are [*wire.SyntaxError].
func FrameData(c media.Codec, lengthSize int, data []byte) ([]byte, error) {
	switch c {
	case media.H264, media.HEVC:
		return nal.Relength(data, lengthSize)
	case media.AV1:
		return av1.WithoutTemporalDelimiters(data)
	}
	return data, nil
}

// FrameSamples gives how many ticks of the track's clock a frame of sound lasts: its samples in each channel. It is 0
// where the track is no sound, and where the frame or the configuration cannot be read.
func FrameSamples(t *media.Track, data []byte) int {
	var n int
	var err error
	switch t.Codec {
	case media.AAC:
		var c aac.Config
		c, err = aac.ParseConfig(t.Config)
		n = c.FrameLength
	case media.Opus:
		n, err = opus.Samples(data)
	case media.FLAC:
		n, err = flac.Samples(data)
	case media.MP3:
		var h mp3.Header
		if h, err = mp3.ParseHeader(data); err == nil {
			n = h.Samples()
		}
	}
	if err != nil {
		return 0
	}
	return n
}

func setH264(t *media.Track, config []byte) error {
	c, err := h264.ParseConfig(config)
	if err != nil {
		return err
	}
	c.LengthSize = 4
	t.Config = c.Append(nil)
	t.Format = told(h264.Format(t.Config))
	return nil
}

func setHEVC(t *media.Track, config []byte) error {
	c, err := hevc.ParseConfig(config)
	if err != nil {
		return err
	}
	c.LengthSize = 4
	t.Config = c.Append(nil)
	t.Format = told(hevc.Format(t.Config))
	return nil
}

// told gives what a parameter set tells of its pictures, or that it tells nothing: one that we cannot read whole, as some
// encoders write them, is no reason to keep a stream from decoders that can.
func told(f media.Format, err error) media.Format {
	if err != nil {
		return media.Format{Reorder: -1}
	}
	return f
}

func setVP9(t *media.Track, config []byte) error {
	c, err := vp9.ParseConfig(config)
	if err != nil {
		return err
	}
	t.Config = c.Append(nil)
	t.Format, err = vp9.Format(t.Config)
	return err
}

func setAAC(t *media.Track, config []byte) error {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return err
	}
	t.Config, t.ClockRate, t.Format = append([]byte(nil), config...), c.Rate, c.Format()
	return nil
}

func setOpus(t *media.Track, config []byte) error {
	h, err := opus.ParseConfig(config)
	if err != nil {
		return err
	}
	t.Config, t.ClockRate = h.AppendDOps(nil), opus.Rate
	t.Format, err = opus.Format(t.Config)
	return err
}

func setFLAC(t *media.Track, config []byte) error {
	info, err := flac.ParseConfig(config)
	if err != nil {
		return err
	}
	t.Config, t.ClockRate, t.Format = info.Append(nil), info.Rate, info.Format()
	return nil
}

func unsupported(msg string) error { return &wire.UnsupportedError{Format: "codec", Msg: msg} }
