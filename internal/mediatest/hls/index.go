package hls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Index is a multivariant playlist.
type Index struct {
	Version  int
	Variants []Variant
	Media    []Attributes // EXT-X-MEDIA
	Text     string

	faults []string
}

// Variant is one EXT-X-STREAM-INF with its URI.
type Variant struct {
	Attributes
	URI string
}

// ParseIndex reads a multivariant playlist.
func ParseIndex(text string) *Index {
	x := &Index{Text: text}
	if !strings.HasPrefix(text, "#EXTM3U\n") {
		x.faults = append(x.faults, "it does not begin with #EXTM3U")
	}
	var next Attributes
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		var a Attributes
		var err error
		switch name {
		case "#EXT-X-STREAM-INF", "#EXT-X-MEDIA", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-SESSION-DATA":
			a, err = attributes(value)
		case "#EXT-X-VERSION":
			x.Version, err = strconv.Atoi(value)
		case "#EXTM3U", "#EXT-X-INDEPENDENT-SEGMENTS":
		default:
			if strings.HasPrefix(name, "#EXT") {
				err = fmt.Errorf("tag %s", name)
			}
			if line != "" && line[0] != '#' {
				if next == nil {
					err = fmt.Errorf("%s has no EXT-X-STREAM-INF", line)
				}
				x.Variants, next = append(x.Variants, Variant{next, line}), nil
			}
		}
		if err != nil {
			x.faults = append(x.faults, err.Error())
		}
		switch name {
		case "#EXT-X-STREAM-INF":
			next = a
		case "#EXT-X-MEDIA":
			x.Media = append(x.Media, a)
		}
	}
	if len(x.Variants) == 0 || next != nil {
		x.faults = append(x.faults, "no variant, or one without a URI")
	}
	return x
}

// index checks a multivariant playlist against the media of the first variant, which the recording is about.
func (c *checker) index(x *Index) {
	for _, f := range x.faults {
		c.add(Syntax, "multivariant playlist: %s", f)
	}
	if len(x.Variants) == 0 {
		return
	}
	v := x.Variants[0]
	least := []string{"BANDWIDTH", "CODECS"}
	var init *Init
	for _, s := range c.segments {
		if in := c.init(s.Map); in != nil {
			init = in
		}
	}
	if init == nil {
		return
	}
	if picture := init.Track("vide"); picture != nil {
		least = append(least, "RESOLUTION", "FRAME-RATE")
		if size := fmt.Sprintf("%dx%d", picture.Width, picture.Height); v.Attributes["RESOLUTION"] != size {
			c.add(Variants, "RESOLUTION is %s, the pictures are %s", v.Attributes["RESOLUTION"], size)
		}
		c.rate(v)
	}
	for _, name := range least {
		if v.Attributes[name] == "" {
			c.add(Variants, "no %s", name)
		}
	}
	codecs := strings.Split(v.Attributes["CODECS"], ",")
	for _, t := range init.Tracks {
		if t.Codec != "" && !slices.Contains(codecs, t.Codec) {
			c.add(Variants, "CODECS is %q, the media have %s", v.Attributes["CODECS"], t.Codec)
		}
	}
	if len(codecs) != len(init.Tracks) {
		c.add(Variants, "CODECS is %q for %d tracks", v.Attributes["CODECS"], len(init.Tracks))
	}
	c.bandwidth(v)
	c.reports(x)
}

// reports checks that each version says where the other playlists end, within a segment.
func (c *checker) reports(x *Index) {
	others := len(x.Variants) - 1
	for _, m := range x.Media {
		if m["URI"] != "" {
			others++
		}
	}
	for _, p := range c.Whole() {
		if len(p.Reports) != others && !p.Ended {
			c.add(Reports, "%d rendition reports for %d other playlists", len(p.Reports), others)
		}
		for _, r := range p.Reports {
			last, err := strconv.ParseInt(r["LAST-MSN"], 10, 64)
			if err != nil || last < p.Next()-2 || last > p.Next()+1 || p.PartTarget > 0 && r["LAST-PART"] == "" {
				c.add(Reports, "%s: LAST-MSN %q, LAST-PART %q; this playlist ends with %v", r["URI"], r["LAST-MSN"], r["LAST-PART"], p.End())
			}
		}
	}
}

// bandwidth checks that no segment needs more than the variant says, and that it does not say far more (the draft, 4.4.6.2).
func (c *checker) bandwidth(v Variant) {
	most, _ := strconv.ParseFloat(v.Attributes["BANDWIDTH"], 64)
	peak := 0.0
	for _, s := range c.segments {
		if b := c.Bodies[s.URI]; b != nil && s.Duration >= time.Second {
			peak = max(peak, float64(len(b.Bytes))*8/s.Duration.Seconds())
		}
	}
	if peak > most {
		c.add(Variants, "BANDWIDTH is %.0f, a segment has %.0f", most, peak)
	}
	if peak > 0 && most > 4*peak {
		c.add(Variants, "BANDWIDTH is %.0f, no segment has more than %.0f", most, peak)
	}
}

// rate checks FRAME-RATE against the pictures of all segments.
func (c *checker) rate(v Variant) {
	said, err := strconv.ParseFloat(v.Attributes["FRAME-RATE"], 64)
	pictures, took := 0, time.Duration(0)
	for _, s := range c.segments {
		if m := c.medium[s.URI]; m != nil {
			if run, found := m.Of("vide"); found {
				pictures += len(run.Samples)
				took += run.Track.ticks(run.End() - run.Time)
			}
		}
	}
	if took == 0 {
		return
	}
	if is := float64(pictures) / took.Seconds(); err != nil || said < is*0.97 || said > is*1.03 {
		c.add(Variants, "FRAME-RATE is %s, the media have %.3f", v.Attributes["FRAME-RATE"], is)
	}
}
