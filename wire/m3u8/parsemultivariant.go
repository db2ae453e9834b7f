package m3u8

import (
	"math"
	"strconv"
	"strings"
)

// notInMultivariant are tags that make a playlist a media playlist.
var notInMultivariant = map[string]bool{
	tagTarget: true, tagSequence: true, tagDiscSequence: true, tagEnd: true, tagType: true, tagIFrames: true, tagPartInf: true, tagServerControl: true,
	tagInf: true, tagByteRange: true, tagDiscontinuity: true, tagKey: true, tagMap: true, tagDateTime: true, tagGap: true, tagPart: true,
}

// ParseMultivariant reads a multivariant playlist, as we or other servers write it. What it does not know is passed over, I-frame variants
// among it. Errors are [*wire.SyntaxError] where it breaks the format, [*wire.UnsupportedError] for variables and what is larger than the limits.
func ParseMultivariant(b []byte) (Multivariant, error) {
	l, err := newLines(b, notInMultivariant)
	if err != nil {
		return Multivariant{}, err
	}
	var m Multivariant
	var next *Variant // waits for its URI
	silent := 0       // variants without closed captions
	for {
		line, more, err := l.line()
		if err != nil {
			return Multivariant{}, err
		}
		if !more {
			break
		}
		tag, value, err := l.tag(line)
		if err != nil {
			return Multivariant{}, err
		}
		switch {
		case tag == "" && next == nil:
			return Multivariant{}, syntax(l.at, "%.80q without %s", value, tagStream)
		case tag == "":
			next.URI = value
			m.Variants = append(m.Variants, *next)
			next = nil
		case tag == tagIndependent:
			m.IndependentSegments = true
		case tag == tagMedia:
			a := parseAttributes(tag, value, l.at)
			m.addRendition(&a)
			err = a.fault
		case tag == tagStream:
			a := parseAttributes(tag, value, l.at)
			if a.text("CLOSED-CAPTIONS") == "NONE" {
				silent++
			}
			next = parseVariant(&a)
			err = a.fault
		}
		if err != nil {
			return Multivariant{}, err
		}
	}
	if next != nil {
		return Multivariant{}, syntax(l.next, "a variant without a URI at the end")
	}
	m.NoClosedCaptions = silent > 0 && silent == len(m.Variants)
	return m, nil
}

// parseVariant reads the attributes of EXT-X-STREAM-INF.
func parseVariant(a *attributes) *Variant {
	v := &Variant{
		AverageBandwidth: a.integer("AVERAGE-BANDWIDTH", math.MaxUint64),
		Audio:            a.text("AUDIO"), Video: a.text("VIDEO"), Subtitles: a.text("SUBTITLES"), ClosedCaptions: a.text("CLOSED-CAPTIONS"),
	}
	a.need("BANDWIDTH")
	v.Bandwidth = a.integer("BANDWIDTH", math.MaxUint64)
	if v.ClosedCaptions == "NONE" {
		v.ClosedCaptions = ""
	}
	for c := range strings.SplitSeq(a.text("CODECS"), ",") {
		if c = strings.ReplaceAll(c, " ", ""); c != "" {
			v.Codecs = append(v.Codecs, c)
		}
	}
	if s := a.text("RESOLUTION"); s != "" {
		var ok bool
		if v.Width, v.Height, ok = parseResolution(s); !ok {
			a.fail("RESOLUTION: %.40q", s)
		}
	}
	if s := a.text("FRAME-RATE"); s != "" {
		rate, err := strconv.ParseFloat(s, 64)
		if err != nil || !(rate >= 0 && rate < maxSeconds) {
			a.fail("FRAME-RATE: %.40q", s)
		}
		v.FrameRate = math.Round(rate*1000) / 1000
	}
	return v
}

// addRendition takes EXT-X-MEDIA; those of unknown types are ignored.
func (m *Multivariant) addRendition(a *attributes) {
	r := Rendition{
		URI: a.text(attrURI), Group: a.need("GROUP-ID"), Name: a.need("NAME"), Language: a.text("LANGUAGE"), InstreamID: a.text("INSTREAM-ID"),
		Characteristics: a.text("CHARACTERISTICS"), Channels: a.text("CHANNELS"),
		Default: a.flag("DEFAULT"), Autoselect: a.flag("AUTOSELECT"), Forced: a.flag("FORCED"),
	}
	kind := a.need(attrType)
	for t, name := range renditionNames {
		if kind == name {
			r.Type = RenditionType(t)
			m.Renditions = append(m.Renditions, r)
			return
		}
	}
}
