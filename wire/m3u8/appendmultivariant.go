package m3u8

import (
	"math"
	"strconv"
	"strings"
)

// Append writes the playlist behind dst. It fails for what no playlist can hold: text with quotes or line ends in it, variants without
// a URI, numbers that are too large.
func (m *Multivariant) Append(dst []byte) ([]byte, error) {
	w := writer{b: dst}
	w.line(tagM3U)
	if v := m.Version(); v > 1 {
		w.line(tagVersion, ":", strconv.Itoa(v))
	}
	if m.IndependentSegments {
		w.line(tagIndependent)
	}
	for i := range m.Renditions {
		w.rendition(&m.Renditions[i])
	}
	for i := range m.Variants {
		w.variant(&m.Variants[i], m.NoClosedCaptions)
	}
	return w.done()
}

func (w *writer) rendition(r *Rendition) {
	if int(r.Type) >= len(renditionNames) {
		w.fail("a rendition of type %d", r.Type)
	}
	w.open(tagMedia)
	w.word(attrType, r.Type.String())
	w.quoted("GROUP-ID", r.Group)
	w.quoted("NAME", r.Name)
	w.optional("LANGUAGE", r.Language)
	w.optional("INSTREAM-ID", r.InstreamID)
	w.optional("CHARACTERISTICS", r.Characteristics)
	w.optional("CHANNELS", r.Channels)
	w.flag("DEFAULT", r.Default)
	w.flag("AUTOSELECT", r.Autoselect)
	w.flag("FORCED", r.Forced)
	w.optional(attrURI, r.URI)
	w.close()
}

func (w *writer) variant(v *Variant, noCaptions bool) {
	w.open(tagStream)
	w.number("BANDWIDTH", v.Bandwidth)
	if v.AverageBandwidth > 0 {
		w.number("AVERAGE-BANDWIDTH", v.AverageBandwidth)
	}
	for _, c := range v.Codecs {
		if c == "" || strings.ContainsAny(c, ", ") {
			w.fail("a codec %.80q", c)
		}
	}
	w.optional("CODECS", strings.Join(v.Codecs, ","))
	if v.Width != 0 || v.Height != 0 {
		w.resolution(v.Width, v.Height)
	}
	if v.FrameRate != 0 {
		w.frameRate(v.FrameRate)
	}
	w.optional("AUDIO", v.Audio)
	w.optional("VIDEO", v.Video)
	w.optional("SUBTITLES", v.Subtitles)
	switch {
	case !noCaptions:
		w.optional("CLOSED-CAPTIONS", v.ClosedCaptions)
	case v.ClosedCaptions != "":
		w.fail("closed captions %.80q where there are none", v.ClosedCaptions)
	default:
		w.word("CLOSED-CAPTIONS", "NONE")
	}
	w.close()
	w.resource(v.URI)
}

func (w *writer) resolution(width, height int) {
	if width < 0 || height < 0 || width > math.MaxInt32 || height > math.MaxInt32 {
		w.fail("pictures of %d x %d pixels", width, height)
	}
	w.word("RESOLUTION", strconv.Itoa(width)+"x"+strconv.Itoa(height))
}

func (w *writer) frameRate(rate float64) {
	if !(rate > 0 && rate < maxSeconds) {
		w.fail("%v pictures a second", rate)
	}
	w.word("FRAME-RATE", strconv.FormatFloat(rate, 'f', 3, 64))
}
