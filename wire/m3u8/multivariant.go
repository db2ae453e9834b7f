package m3u8

import "strings"

// Multivariant is a multivariant playlist: the same content in several codings, §4.4.6.
type Multivariant struct {
	IndependentSegments bool // holds for the segments of all playlists in it
	NoClosedCaptions    bool // no variant has closed captions in its pictures
	Renditions          []Rendition
	Variants            []Variant
}

// Variant is a set of renditions to be played together, §4.4.6.2.
type Variant struct {
	URI              string   // of a media playlist
	Bandwidth        uint64   // bits a second, of the largest segments; at least 1
	AverageBandwidth uint64   // bits a second; 0: not told
	Codecs           []string // as RFC 6381 writes them, of all renditions; nil: not told
	Width            int      // pixels; 0: not told
	Height           int      // pixels; 0: not told
	FrameRate        float64  // pictures a second, the most there are, written to thousandths; 0: not told
	Audio            string   // group of the renditions to choose from; empty: none
	Video            string
	Subtitles        string
	ClosedCaptions   string
}

// RenditionType says what a rendition is of.
type RenditionType uint8

// The types of renditions.
const (
	Audio RenditionType = iota
	Video
	Subtitles
	ClosedCaptions
)

var renditionNames = [...]string{Audio: "AUDIO", Video: "VIDEO", Subtitles: "SUBTITLES", ClosedCaptions: "CLOSED-CAPTIONS"}

// String gives the name in playlists.
func (t RenditionType) String() string { return renditionNames[min(int(t), len(renditionNames)-1)] }

// Rendition is an alternative of sound, pictures or text, §4.4.6.1.
type Rendition struct {
	Type            RenditionType
	URI             string // of its media playlist; empty: it is in those of the variants
	Group           string
	Name            string // for people; distinct within the group
	Language        string // BCP 47; empty: not told
	InstreamID      string // which captions in the pictures: CC1 to CC4, SERVICE1 to SERVICE63; only for those
	Characteristics string // tags of accessibility, separated by commas; empty: none
	Channels        string // of sound: their count first; empty: not told
	Default         bool   // played where nobody chose
	Autoselect      bool   // may be played where nobody chose
	Forced          bool   // of subtitles: needed to understand
}

// Version gives the compatibility version that the playlist needs ("Protocol Version Compatibility").
func (m *Multivariant) Version() int {
	for i := range m.Renditions {
		if strings.HasPrefix(m.Renditions[i].InstreamID, "SERVICE") {
			return 7
		}
	}
	return 1
}
