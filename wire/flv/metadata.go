package flv

import (
	"math"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/amf"
)

// setDataFrame is the name under which encoders send metadata for a server to keep. It is no part of what players get.
const setDataFrame = "@setDataFrame"

// maxPassedOn bounds the members that are passed on from a publisher, so that with ours a peer with limits like
// [amf.MaxKeys] still reads them.
const maxPassedOn = 200

// The names of the members of onMetaData that simulcart knows (FLV 10.1 §E.5; Enhanced RTMP v2, "Enhancing onMetaData").
const (
	keyWidth        = "width"
	keyHeight       = "height"
	keyVideoCodec   = "videocodecid"
	keyVideoRate    = "videodatarate"
	keyFrameRate    = "framerate"
	keyAudioCodec   = "audiocodecid"
	keyAudioRate    = "audiodatarate"
	keySampleRate   = "audiosamplerate"
	keySampleSize   = "audiosamplesize"
	keyChannels     = "audiochannels"
	keyStereo       = "stereo"
	keyEncoder      = "encoder"
	keyDuration     = "duration"
	keyFileSize     = "fileSize" // as OBS writes it
	keyFileSizeSpec = "filesize" // as the specification and ffmpeg write it
)

// ParseData reads the body of a data message: a name such as "onMetaData" and the first value behind it, nil where there is
// none. A leading @setDataFrame is taken off. What was read before an error is given with the error.
func ParseData(body []byte) (name string, value any, err error) {
	values, err := amf.DecodeAll(body)
	if len(values) > 0 && values[0] == setDataFrame {
		values = values[1:]
	}
	if len(values) > 0 {
		name, _ = values[0].(string)
	}
	if len(values) > 1 {
		value = values[1]
	}
	if err == nil && name == "" {
		err = syntaxError("flv data", 0, "no name")
	}
	return name, value, err
}

// Metadata is what onMetaData says of a stream, as far as simulcart uses it. Zero means not told.
type Metadata struct {
	Video      media.Codec
	Width      int     // pixels
	Height     int     // pixels
	FrameRate  float64 // pictures a second, up to 1000
	VideoRate  float64 // kbit/s
	Audio      media.Codec
	SampleRate int     // hertz
	Channels   int     // 1 to 255
	AudioRate  float64 // kbit/s
	Encoder    string  // the program, as it calls itself
}

// ParseMetadata reads the value of onMetaData, an [amf.ECMA] or an [amf.Object]. What makes no sense there, and any other
// value, is as if it was not told: publishers write what they like.
func ParseMetadata(value any) Metadata {
	var o amf.Object
	switch v := value.(type) {
	case amf.Object:
		o = v
	case amf.ECMA:
		o = amf.Object(v)
	}
	m := Metadata{
		Width: int(number(o, keyWidth, math.MaxUint16)), Height: int(number(o, keyHeight, math.MaxUint16)),
		FrameRate: number(o, keyFrameRate, 1000), VideoRate: number(o, keyVideoRate, 1e7),
		SampleRate: int(number(o, keySampleRate, 1e6)), Channels: int(number(o, keyChannels, math.MaxUint8)),
		AudioRate: number(o, keyAudioRate, 1e6), Encoder: o.Text(keyEncoder),
	}
	if c := codec(o, keyVideoCodec); c.IsVideo() {
		m.Video = c
	}
	if c := codec(o, keyAudioCodec); c.IsAudio() {
		m.Audio = c
	}
	if m.Channels == 0 {
		switch stereo, _ := o.Lookup(keyStereo); stereo {
		case true:
			m.Channels = 2
		case false:
			m.Channels = 1
		}
	}
	return m
}

// number gives a member that is above 0 and at most limit, 0 for all others.
func number(o amf.Object, key string, limit float64) float64 {
	if n, ok := o.Number(key); ok && n > 0 && n <= limit {
		return n
	}
	return 0
}

// codec gives the codec that a member names, by a legacy number, by a FourCC as a number, or by a FourCC as text, as old
// encoders do.
func codec(o amf.Object, key string) media.Codec {
	if text := o.Text(key); len(text) == 4 {
		return FourCC(uint32(text[0])<<24 | uint32(text[1])<<16 | uint32(text[2])<<8 | uint32(text[3])).Codec()
	}
	n := number(o, key, math.MaxUint32)
	audio := key == keyAudioCodec
	switch {
	case n > math.MaxUint8:
		return FourCC(n).Codec()
	case audio && n == soundAAC:
		return media.AAC
	case audio && (n == soundMP3 || n == soundMP3At8k):
		return media.MP3
	case !audio && n == codecIDAVC:
		return media.H264
	case !audio && n == codecIDHEVC:
		return media.HEVC
	case !audio && n == codecIDAV1:
		return media.AV1
	}
	return media.Unknown
}

// codecNumber gives the codec as onMetaData names it.
func codecNumber(form Form, c media.Codec) float64 {
	if form == Legacy {
		switch c {
		case media.H264:
			return codecIDAVC
		case media.AAC:
			return soundAAC
		case media.MP3:
			return soundMP3
		}
	}
	return float64(FourCCOf(c))
}

// ECMA gives m as onMetaData, in the order in which OBS sends it. What is not told is left out, and so is all of a kind
// whose codec is Unknown; duration and fileSize are 0, since the stream is live.
func (m Metadata) ECMA(form Form) amf.ECMA {
	e := amf.ECMA{{Key: keyDuration, Value: 0.0}, {Key: keyFileSize, Value: 0.0}}
	told := func(key string, n float64) {
		if n != 0 {
			e = append(e, amf.Member{Key: key, Value: n})
		}
	}
	if m.Video != media.Unknown {
		told(keyWidth, float64(m.Width))
		told(keyHeight, float64(m.Height))
		told(keyVideoCodec, codecNumber(form, m.Video))
		told(keyVideoRate, m.VideoRate)
		told(keyFrameRate, m.FrameRate)
	}
	if m.Audio != media.Unknown {
		told(keyAudioCodec, codecNumber(form, m.Audio))
		told(keyAudioRate, m.AudioRate)
		told(keySampleRate, float64(m.SampleRate))
		told(keySampleSize, 16)
		told(keyChannels, float64(m.Channels))
		if m.Channels != 0 {
			e = append(e, amf.Member{Key: keyStereo, Value: m.Channels == 2})
		}
	}
	if m.Encoder != "" {
		e = append(e, amf.Member{Key: keyEncoder, Value: m.Encoder})
	}
	return e
}

// BuildMetadata gives onMetaData for an output that carries tracks in form. What the publisher said of itself, nil where it
// said nothing, is passed on in its order; what the tracks know better takes its place, what is missing follows. Left
// out is what does not hold for the output: members of a kind without a track, the index of a file, other tracks.
func BuildMetadata(tracks []*media.Track, publisher amf.ECMA, form Form) amf.ECMA {
	own := metadataOf(tracks, ParseMetadata(publisher)).ECMA(form)
	built := make(amf.ECMA, 0, len(own)+min(len(publisher), maxPassedOn))
	done := map[string]bool{}
	for _, m := range publisher[:min(len(publisher), maxPassedOn)] {
		if replaced(m.Key) {
			v, ok := own.Lookup(ownKey(m.Key))
			if !ok || done[ownKey(m.Key)] {
				continue
			}
			m.Value = v
			done[ownKey(m.Key)] = true
		}
		built = append(built, m)
	}
	for _, m := range own {
		if !done[m.Key] {
			built = append(built, m)
		}
	}
	return built
}

// metadataOf says what is known of tracks: of each kind the first track counts. What the tracks do not tell is as the
// publisher said.
func metadataOf(tracks []*media.Track, said Metadata) Metadata {
	m := Metadata{Encoder: said.Encoder}
	for _, t := range tracks {
		switch {
		case t.Codec.IsVideo() && m.Video == media.Unknown:
			m.Video = t.Codec
			m.Width, m.Height = t.Format.Width, t.Format.Height
			if m.Width == 0 || m.Height == 0 {
				m.Width, m.Height = said.Width, said.Height
			}
			m.VideoRate, m.FrameRate = said.VideoRate, said.FrameRate
			if m.FrameRate == 0 {
				m.FrameRate = t.Format.FrameRate
			}
		case t.Codec.IsAudio() && m.Audio == media.Unknown:
			m.Audio, m.AudioRate = t.Codec, said.AudioRate
			m.SampleRate, m.Channels = t.ClockRate, t.Format.Channels
			if m.SampleRate == 0 {
				m.SampleRate = said.SampleRate
			}
			if m.Channels == 0 {
				m.Channels = said.Channels
			}
		}
	}
	return m
}

// ownKey gives the spelling that [Metadata.ECMA] uses.
func ownKey(key string) string {
	if key == keyFileSizeSpec {
		return keyFileSize
	}
	return key
}

// replaced says whether a publisher's member is never passed on as it is.
func replaced(key string) bool {
	switch key {
	case keyWidth, keyHeight, keyVideoCodec, keyVideoRate, keyFrameRate,
		keyAudioCodec, keyAudioRate, keySampleRate, keySampleSize, keyChannels, keyStereo,
		keyEncoder, keyDuration, keyFileSize, keyFileSizeSpec,
		"keyframes", "hasKeyframes", "canSeekToEnd", "lasttimestamp", "lastkeyframetimestamp",
		"audioTrackIdInfoMap", "videoTrackIdInfoMap":
		return true
	}
	return false
}
