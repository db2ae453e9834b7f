package transcode

import (
	"strings"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
)

// Kind is what a rendition is for. The set is closed.
type Kind uint8

// The kinds of renditions.
const (
	Web    Kind = iota // for WHEP: Opus, and H.264 without pictures that are shown in another order than they are decoded in
	Sound              // for HLS, RTSP, RTMP: AAC, pictures as they are
	Legacy             // for destinations that know H.264 and AAC only
	kinds
)

var kindNames = [kinds]string{"web", "sound", "legacy"}

// String gives the name used in logs, metrics and the names of renditions.
func (k Kind) String() string { return kindNames[k] }

// separator stands between the names of a stream and of its rendition's kind; no stream that is configured has it in its name.
const separator = "~"

// Name gives the name of a stream's rendition in the hub.
func Name(stream string, k Kind) string { return stream + separator + k.String() }

// parse takes a rendition's name apart.
func parse(name string) (stream string, k Kind, ok bool) {
	at := strings.LastIndex(name, separator)
	if at < 1 {
		return "", 0, false
	}
	for k := range kinds {
		if name[at+1:] == kindNames[k] {
			return name[:at], k, true
		}
	}
	return "", 0, false
}

// parent gives the name of the stream that a rendition of kind k is made of.
func (k Kind) parent(stream string) string {
	if k == Legacy {
		return Name(stream, Sound)
	}
	return stream
}

// Suits says whether a stream with these tracks is already what a rendition of kind k would be. H.264 that says nothing of its order may
// not be: its rendition looks at the times.
func Suits(k Kind, tracks []*media.Track) bool {
	for _, t := range tracks {
		c := k.conversion(t, t.Format.Reorder != 0)
		if k == Legacy && t.Codec.IsAudio() {
			c = Sound.conversion(t, false)
		}
		if c != none {
			return false
		}
	}
	return true
}

// Made gives the codec that renditions [Sound] and [Legacy] have in place of another; false where they have it as it is, or where it should
// not be made: what sends HEVC can send H.264 itself.
func Made(c media.Codec) (media.Codec, bool) {
	switch {
	case c.IsAudio() && c != media.AAC:
		return media.AAC, true
	case c == media.VP8 || c == media.VP9 || c == media.AV1:
		return media.H264, true
	}
	return c, false
}

// For gives the rendition that an output wants which takes some codecs only; false where the stream itself is best.
func For(tracks []*media.Track, takes func(media.Codec) bool) (k Kind, ok bool) {
	for _, t := range tracks {
		to, made := Made(t.Codec)
		switch {
		case !made || takes(t.Codec) || !takes(to):
		case t.Codec.IsVideo():
			return Legacy, true
		default:
			k, ok = Sound, true
		}
	}
	return k, ok
}

// Stream gives a stream's rendition of a kind. It is fed while it has readers.
func (b *Bench) Stream(stream string, k Kind) *relay.Stream { return b.Hub.Stream(Name(stream, k)) }

// Renditions gives all renditions of a stream that were ever asked for.
func (b *Bench) Renditions(stream string) (all []*relay.Stream) {
	for k := range kinds {
		if s, there := b.Hub.Known(Name(stream, k)); there {
			all = append(all, s)
		}
	}
	return all
}

// conversion is what a child makes of a track. The set is closed.
type conversion uint8

const (
	none    conversion = iota
	toOpus             // sound as Opus at 48 kHz
	toAAC              // sound as AAC-LC at 48 kHz
	inOrder            // H.264 as H.264 in which decode order is the order of presentation
	toH264             // other pictures as H.264, in order too
	conversions
)

var conversionNames = [conversions]string{"none", "opus", "aac", "in_order", "h264"}

// String gives the label used in logs and metrics.
func (c conversion) String() string { return conversionNames[c] }

// conversion says what a rendition of kind k needs made of a track; reorders says whether its pictures are decoded in another order.
func (k Kind) conversion(t *media.Track, reorders bool) conversion {
	audio, video := t.Codec.IsAudio(), t.Codec.IsVideo()
	switch {
	case k == Web && audio && t.Codec != media.Opus:
		return toOpus
	case k == Web && t.Codec == media.H264 && reorders:
		return inOrder
	case k == Sound && audio && t.Codec != media.AAC:
		return toAAC
	case k == Legacy && video && t.Codec != media.H264:
		return toH264
	}
	return none
}
