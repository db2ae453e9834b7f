package mkv

import (
	"math"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/opus"
)

// codecIDs are the names of the codecs (Matroska codec mappings, draft-ietf-cellar-codec §4 and §5) that frames here may have.
var codecIDs = [...]struct {
	codec media.Codec
	id    string
}{
	{media.H264, "V_MPEG4/ISO/AVC"},
	{media.HEVC, "V_MPEGH/ISO/HEVC"},
	{media.AV1, "V_AV1"},
	{media.VP8, "V_VP8"},
	{media.VP9, "V_VP9"},
	{media.AAC, "A_AAC"},
	{media.Opus, "A_OPUS"},
	{media.FLAC, "A_FLAC"},
	{media.MP3, "A_MPEG/L3"},
}

// codecID gives a codec's name; "" for what Matroska does not carry.
func codecID(c media.Codec) string {
	for _, known := range codecIDs {
		if known.codec == c {
			return known.id
		}
	}
	return ""
}

// codecOf gives the codec of a name; [media.Unknown] for others.
func codecOf(id string) media.Codec {
	for _, known := range codecIDs {
		if known.id == id {
			return known.codec
		}
	}
	return media.Unknown
}

// private gives the CodecPrivate of a track: MP4's configuration but for Opus, whose header is Ogg's, FLAC, whose magic stands in front
// of STREAMINFO as the last metadata block, and VP9, whose own form is optional and left out.
func private(t *media.Track) ([]byte, error) {
	switch t.Codec {
	case media.VP8, media.VP9, media.MP3:
		return nil, nil
	case media.Opus:
		head, err := opus.ParseConfig(t.Config)
		if err != nil {
			return nil, err
		}
		return head.AppendHead(nil), nil
	case media.FLAC:
		return append([]byte{'f', 'L', 'a', 'C', 0x80, 0, 0, byte(len(t.Config))}, t.Config...), nil
	}
	return t.Config, nil
}

// delay gives what the decoder of a track puts out before its first good sample, as the writer tells it.
func delay(t *media.Track) media.Time {
	if t.Codec != media.Opus {
		return 0
	}
	head, err := opus.ParseConfig(t.Config)
	if err != nil {
		return 0
	}
	return media.FromTicks(int64(head.PreSkip), opus.Rate)
}

// track makes the track of an entry.
func (e *entry) track() (*media.Track, error) {
	c := codecOf(e.codecID)
	switch {
	case c == media.Unknown:
		return nil, unsupported(e.at, "codec %q", e.codecID)
	case e.encoded:
		return nil, unsupported(e.at, "compressed or encrypted blocks")
	case e.number < 1 || e.number > 256:
		return nil, unsupported(e.at, "track number %d, not 1 to 256", e.number)
	}
	id := uint8(e.number - 1)
	switch c {
	case media.VP9: // what may be in its CodecPrivate is no vpcC
		return e.complete(&media.Track{ID: id, Codec: c, ClockRate: codec.VideoRate}), nil
	case media.MP3:
		return e.complete(&media.Track{ID: id, Codec: c, ClockRate: int(e.rate)}), nil
	}
	t, err := codec.NewTrack(id, c, e.private)
	if err != nil {
		return nil, err
	}
	return e.complete(t), nil
}

// complete fills in what the configuration did not tell and the entry does.
func (e *entry) complete(t *media.Track) *media.Track {
	if t.Format.Width == 0 || t.Format.Height == 0 {
		t.Format.Width, t.Format.Height = e.width, e.height
	}
	if t.Format.FrameRate == 0 && t.Codec.IsVideo() && e.duration > 0 {
		t.Format.FrameRate = math.Round(1e3*float64(time.Second)/float64(e.duration)) / 1e3
	}
	if t.Format.Channels == 0 {
		t.Format.Channels = e.channels
	}
	return t
}
