package rtp

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/aac"
	"github.com/simulcart/simulcart/wire/av1"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/hevc"
	"github.com/simulcart/simulcart/wire/opus"
	"github.com/simulcart/simulcart/wire/vp9"
)

// Mapping is what SDP tells of a track's coding (RFC 8866 §6.6 and §6.15), without the payload type:
//
//	a=rtpmap:96 Name/Rate[/Channels]
//	a=fmtp:96 Parameters
type Mapping struct {
	Name       string // as registered, such as "H264"; case does not matter
	Rate       int    // hertz, of the RTP clock
	Channels   int    // 0 for video
	Parameters string // "name=value" with semicolons between them; may be empty
}

// Names of the payload formats, as IANA has them.
const (
	nameH264 = "H264"          // RFC 6184
	nameHEVC = "H265"          // RFC 7798
	nameAV1  = "AV1"           // AOM's payload format
	nameVP8  = "VP8"           // RFC 7741
	nameVP9  = "VP9"           // RFC 9628
	nameAAC  = "mpeg4-generic" // RFC 3640
	nameOpus = "opus"          // RFC 7587
)

// MappingOf tells how a track that a [Packetizer] takes is told to receivers. Errors are those of the configuration, and
// [*wire.UnsupportedError] for other codecs.
func MappingOf(t *media.Track) (Mapping, error) {
	m := Mapping{Rate: codec.VideoRate}
	var err error
	switch t.Codec {
	case media.H264:
		m.Name = nameH264
		m.Parameters, err = parametersOfH264(t.Config)
	case media.HEVC:
		m.Name = nameHEVC
		m.Parameters, err = parametersOfHEVC(t.Config)
	case media.AV1:
		m.Name = nameAV1
		m.Parameters, err = parametersOfAV1(t.Config)
	case media.VP8:
		m.Name = nameVP8
	case media.VP9:
		m.Name = nameVP9
		m.Parameters, err = parametersOfVP9(t.Config)
	case media.AAC:
		m.Name, m.Rate = nameAAC, t.ClockRate
		m.Channels, m.Parameters, err = parametersOfAAC(t.Config)
	case media.Opus:
		m.Name, m.Rate, m.Channels = nameOpus, opus.Rate, 2 // always, RFC 7587 §7
		m.Parameters, err = parametersOfOpus(t)
	default:
		err = unsupported("the codec %s", t.Codec)
	}
	if err != nil {
		return Mapping{}, err
	}
	return m, nil
}

// Parameter gives a parameter by its name; empty where it is not there.
func (m Mapping) Parameter(name string) string { return parameters(m.Parameters).value(name) }

// RTPMap gives the value of a=rtpmap behind the payload type.
func (m Mapping) RTPMap() string {
	if m.Channels == 0 {
		return fmt.Sprintf("%s/%d", m.Name, m.Rate)
	}
	return fmt.Sprintf("%s/%d/%d", m.Name, m.Rate, m.Channels)
}

// ParseRTPMap reads what [Mapping.RTPMap] writes; the parameters are added by the caller. One that breaks the format is a
// [*wire.SyntaxError].
func ParseRTPMap(s string) (Mapping, error) {
	parts := strings.Split(strings.TrimSpace(s), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
		return Mapping{}, syntax("sdp rtpmap", 0, "%q is not name/rate or name/rate/channels", short(s))
	}
	m := Mapping{Name: parts[0]}
	var err error
	if m.Rate, err = number(parts[1], 1, 1<<24); err != nil {
		return Mapping{}, err
	}
	if len(parts) == 3 {
		if m.Channels, err = number(parts[2], 1, 255); err != nil {
			return Mapping{}, err
		}
	}
	return m, nil
}

// Track gives a track for a [Depacketizer]. Its configuration is nil where SDP does not tell all of it: then it is in the stream. Errors
// are [*wire.SyntaxError], and [*wire.UnsupportedError] for formats that are not taken.
func (m Mapping) Track(id uint8) (*media.Track, error) {
	p := parameters(m.Parameters)
	var c media.Codec
	var config []byte
	var err error
	switch strings.ToLower(m.Name) {
	case "h264":
		c = media.H264
		config, err = p.avcC()
	case "h265":
		c = media.HEVC
		config, err = p.hvcC()
	case "av1":
		c = media.AV1
	case "vp8":
		c = media.VP8
	case "vp9":
		c = media.VP9
		config, err = p.vpcC()
	case nameAAC:
		c = media.AAC
		config, err = p.audioSpecificConfig()
	case nameOpus:
		c = media.Opus
		config = p.dOps()
	default:
		return nil, unsupported("the payload format %q", short(m.Name))
	}
	switch {
	case err != nil:
		return nil, err
	case c.IsVideo() && m.Rate != codec.VideoRate, c == media.Opus && m.Rate != opus.Rate:
		return nil, unsupported("%s at %d hertz", c, m.Rate)
	case config == nil:
		return &media.Track{ID: id, Codec: c, ClockRate: m.Rate}, nil
	}
	t, err := codec.NewTrack(id, c, config)
	if err != nil {
		return nil, err
	}
	t.ClockRate = m.Rate
	return t, nil
}

// parametersOfH264 goes by RFC 6184 §8.1.
func parametersOfH264(avcC []byte) (string, error) {
	if len(avcC) == 0 {
		return "packetization-mode=1", nil
	}
	c, err := h264.ParseConfig(avcC)
	if err != nil {
		return "", err
	}
	level := []byte{c.Profile, c.Compatibility, c.Level}
	if len(c.SPS) > 0 && len(c.SPS[0]) > 3 {
		level = c.SPS[0][1:4]
	}
	s := fmt.Sprintf("packetization-mode=1;profile-level-id=%X", level)
	if len(c.SPS) > 0 && len(c.PPS) > 0 {
		s += ";sprop-parameter-sets=" + base64s(append(c.SPS[:len(c.SPS):len(c.SPS)], c.PPS...))
	}
	return s, nil
}

// setsOfHEVC are the parameters that hold parameter sets, RFC 7798 §7.1.
var setsOfHEVC = [...]struct {
	name string
	kind hevc.NALType
}{{"sprop-vps", hevc.VideoSet}, {"sprop-sps", hevc.SequenceSet}, {"sprop-pps", hevc.PictureSet}}

// parametersOfHEVC goes by RFC 7798 §7.1.
func parametersOfHEVC(hvcC []byte) (string, error) {
	if len(hvcC) == 0 {
		return "", nil
	}
	c, err := hevc.ParseConfig(hvcC)
	if err != nil {
		return "", err
	}
	tier := 0
	if c.Level.HighTier {
		tier = 1
	}
	s := fmt.Sprintf("profile-id=%d;tier-flag=%d;level-id=%d", c.Level.ProfileIDC, tier, c.Level.LevelIDC)
	for _, set := range setsOfHEVC {
		if units := c.Units(set.kind); len(units) > 0 {
			s += ";" + set.name + "=" + base64s(units)
		}
	}
	return s, nil
}

// parametersOfAV1 goes by §7.2.1 of the payload format.
func parametersOfAV1(av1C []byte) (string, error) {
	if len(av1C) == 0 {
		return "", nil
	}
	c, err := av1.ParseConfig(av1C)
	if err != nil {
		return "", err
	}
	tier := 0
	if c.HighTier {
		tier = 1
	}
	return fmt.Sprintf("profile=%d;level-idx=%d;tier=%d", c.Profile, c.LevelIndex, tier), nil
}

// parametersOfVP9 goes by RFC 9628 §6.
func parametersOfVP9(vpcC []byte) (string, error) {
	if len(vpcC) == 0 {
		return "", nil
	}
	c, err := vp9.ParseConfig(vpcC)
	return fmt.Sprintf("profile-id=%d", c.Profile), err
}

// parametersOfAAC goes by RFC 3640 §4.1 and §3.3.6; profile-level-id 1 is Main Profile Level 1, which receivers pass over, since config
// tells more.
func parametersOfAAC(config []byte) (channels int, s string, err error) {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return 0, "", err
	}
	return c.Channels, "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=" +
		hex.EncodeToString(config), nil
}

// parametersOfOpus goes by RFC 7587 §6.1.
func parametersOfOpus(t *media.Track) (string, error) {
	if err := mapped(t); err != nil || len(t.Config) == 0 {
		return "", err
	}
	h, err := opus.ParseConfig(t.Config)
	return fmt.Sprintf("sprop-stereo=%d", h.Channels-1), err
}

func base64s(units [][]byte) string {
	texts := make([]string, len(units))
	for i, unit := range units {
		texts[i] = base64.StdEncoding.EncodeToString(unit)
	}
	return strings.Join(texts, ",")
}

// number reads a decimal number of SDP.
func number(s string, least, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || int(n) < least || int(n) > most {
		return 0, syntax("sdp", 0, "%q is not a number from %d to %d", short(s), least, most)
	}
	return int(n), nil
}

// short cuts a text of a peer to what an error may repeat.
func short(s string) string { return s[:min(len(s), 40)] }
