package hls

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// rendition is one of the playlists of a stream.
type rendition uint8

const (
	whole rendition = iota // pictures and sound together
	alone                  // sound alone
)

// The names of resources, relative to the playlists.
const (
	wholeList   = "main.m3u8"
	aloneList   = "sound.m3u8"
	alonePrefix = "sound-"
)

func (r rendition) list() string {
	if r == alone {
		return aloneList
	}
	return wholeList
}

func (r rendition) prefix() string {
	if r == alone {
		return alonePrefix
	}
	return ""
}

func (r rendition) segmentName(number uint64) string {
	return fmt.Sprintf("%s%d.m4s", r.prefix(), number)
}

func (r rendition) partName(number uint64, part int) string {
	return fmt.Sprintf("%s%d.%d.m4s", r.prefix(), number, part)
}

func (r rendition) initName(n int) string { return fmt.Sprintf("%sinit%d.mp4", r.prefix(), n) }

// body says which bytes of parts the rendition has, for a view.
func (r rendition) variant(v *overlay.View) variant {
	switch {
	case r == alone:
		return sounded
	case isNeutral(v):
		return marked
	}
	return plain
}

func isNeutral(v *overlay.View) bool { return v.Name() == (&overlay.View{}).Name() }

// rendering is what a playlist's text depends on beside the playlist.
type rendering struct {
	of   rendition
	view string // its name
	skip bool   // without the segments that a player knows
}

// answer is a text as it is sent.
type answer struct {
	plain  []byte
	zipped func() []byte // made for the first who takes it
}

// answer makes a text what is sent.
func (p *playlist) answer(text []byte) *answer {
	return &answer{text, sync.OnceValue(func() []byte { return p.zip(text) })}
}

// zip compresses a text, for which a writer needs a megabyte: more than all else that a part of 200 ms costs (BenchmarkMux).
func (p *playlist) zip(text []byte) []byte {
	z, ok := p.zippers.Get().(*gzip.Writer)
	if !ok {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that there is
	}
	defer p.zippers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	_, _ = z.Write(text) // to memory
	_ = z.Close()
	return b.Bytes()
}

// media gives the media playlist of a rendition as a view sees it. It is made once for all who ask until the next change.
func (p *playlist) media(of rendition, v *overlay.View, skip bool, reports []rendition) (*answer, error) {
	key := rendering{of, v.Name(), skip}
	p.mu.Lock()
	render, known := p.rendered[key]
	if !known && len(p.segments) > 0 {
		render = sync.OnceValues(p.renderLocked(of, v, skip, reports))
		p.rendered[key] = render
	}
	p.mu.Unlock()
	if render == nil {
		return nil, errGone
	}
	return render()
}

// renderLocked takes down what the playlist is now; the text is made of that without the lock.
func (p *playlist) renderLocked(of rendition, v *overlay.View, skip bool, reports []rendition) func() (*answer, error) {
	list, states := p.listLocked(of, v, reports), slices.Clone(p.states)
	return func() (*answer, error) {
		for i := range states {
			list.DateRanges = append(list.DateRanges, states[i].dateRange(v))
		}
		if delta, ok := list.Delta(); ok && skip {
			list = delta
		}
		text, err := list.Append(nil)
		if err != nil {
			return nil, err
		}
		return p.answer(text), nil
	}
}

// listLocked gives the playlist as a value, but for its date ranges.
func (p *playlist) listLocked(of rendition, v *overlay.View, reports []rendition) m3u8.Media {
	target := time.Duration(p.shape.target) * time.Second
	listed := p.segments[p.first:]
	m := m3u8.Media{
		TargetDuration: p.shape.target, PartTarget: p.partTarget(of).Duration(),
		MediaSequence: listed[0].number, DiscontinuitySequence: p.breaks,
		IndependentSegments: p.independent, Ended: p.ended,
		ServerControl: m3u8.ServerControl{CanBlockReload: true, HoldBack: 3 * target, PartHoldBack: 3 * p.partTarget(of).Duration()},
	}
	if p.window.Duration() > 6*target {
		m.ServerControl.CanSkipUntil = 6 * target
	}
	recent := p.recentLocked()
	init := -1
	for i, g := range listed {
		s := m3u8.Segment{ProgramDateTime: g.shown(of), Discontinuity: g.discontinuity}
		if g.init != init {
			s.Map = &m3u8.Map{URI: of.initName(g.init)}
			init = g.init
		}
		if g.closed {
			s.URI, s.Duration, s.Gap = of.segmentName(g.number), g.span(of).length().Duration(), g.bytes[of.variant(v)] == 0
		}
		if i >= recent {
			for n, one := range g.parts {
				s.Parts = append(s.Parts, m3u8.Part{
					URI: of.partName(g.number, n), Duration: one.span(of).length().Duration(), Independent: one.independent || of == alone,
					Gap: one.bodies[of.variant(v)].length() == 0,
				})
			}
		}
		m.Segments = append(m.Segments, s)
	}
	m.Map, m.Segments[0].Map = m.Segments[0].Map, nil
	if !p.ended {
		number, parts := p.nextLocked()
		m.PreloadHints = []m3u8.PreloadHint{{Type: m3u8.HintPart, URI: of.partName(number, parts)}}
	}
	for _, other := range reports {
		if other != of {
			number, parts := m.Last()
			m.RenditionReports = append(m.RenditionReports, m3u8.RenditionReport{URI: other.list(), Sequence: number, Parts: parts})
		}
	}
	return m
}

// recentLocked gives the first listed segment that is told with its parts: those within three target durations of the end have them.
func (p *playlist) recentLocked() int {
	listed := p.segments[p.first:]
	length := media.Time(0)
	i := len(listed)
	for ; i > 0 && length < 3*media.Time(p.shape.target)*media.Time(time.Second); i-- {
		length += listed[i-1].length
	}
	return i
}

// partTarget gives what no part is longer than. Sound alone has a frame more, or less.
func (p *playlist) partTarget(of rendition) media.Time {
	if of == alone {
		return p.shape.part + p.shape.sound
	}
	return p.shape.part
}

// nextLocked says which part comes next.
func (p *playlist) nextLocked() (segment uint64, part int) {
	g := p.newestLocked()
	switch {
	case g == nil:
		return 0, 0
	case g.closed:
		return g.number + 1, 0
	}
	return g.number, len(g.parts)
}

// multivariant gives the multivariant playlist, whose media playlists lie in a folder.
func (p *playlist) multivariant(folder string, of []rendition) ([]byte, error) {
	m := m3u8.Multivariant{NoClosedCaptions: true}
	for _, r := range of {
		v, tracks := p.variant(r)
		v.URI = folder + "/" + r.list()
		for _, t := range tracks {
			text, err := fmp4.CodecString(t)
			if err != nil {
				return nil, err
			}
			v.Codecs = append(v.Codecs, text)
		}
		if len(tracks) > 0 { // there may be no sound
			m.Variants = append(m.Variants, v)
		}
	}
	return m.Append(nil)
}

// variant gives what a rendition is like now, and its tracks.
func (p *playlist) variant(r rendition) (v m3u8.Variant, tracks []*media.Track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.inits[len(p.inits)-1].tracks {
		switch {
		case !t.Codec.IsVideo():
		case r == alone:
			continue
		default:
			v.Width, v.Height, v.FrameRate = t.Format.Width, t.Format.Height, p.rateLocked(t)
		}
		tracks = append(tracks, t)
	}
	v.Bandwidth, v.AverageBandwidth = p.bandwidthLocked(r)
	return v, tracks
}

// headroom is how much larger than the largest so far a segment may become, before BANDWIDTH is less than true.
const headroom = 1.25

// bandwidthLocked gives bits a second of the largest segments to expect, and of all together.
func (p *playlist) bandwidthLocked(r rendition) (most, average uint64) {
	which := marked
	if r == alone {
		which = sounded
	}
	var bits, seconds float64
	for _, g := range p.segments {
		if !g.closed || g.length <= 0 {
			continue
		}
		b, s := float64(8*(g.bytes[which]+g.events)), g.length.Duration().Seconds()
		most = max(most, uint64(math.Ceil(b/s)))
		bits, seconds = bits+b, seconds+s
	}
	if seconds > 0 {
		average = uint64(math.Ceil(bits / seconds))
	}
	return max(uint64(float64(most)*headroom), 1), average
}

// rateLocked gives pictures a second: as the stream says, else as they came.
func (p *playlist) rateLocked(t *media.Track) float64 {
	if t.Format.FrameRate > 0 {
		return t.Format.FrameRate
	}
	var pictures int
	var length media.Time
	for _, g := range p.segments {
		for _, one := range g.parts {
			pictures += one.pictures
			length += one.length()
		}
	}
	if length <= 0 {
		return 0
	}
	return math.Round(float64(pictures)/length.Duration().Seconds()*1000) / 1000
}
