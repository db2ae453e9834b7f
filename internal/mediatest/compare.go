package mediatest

import (
	"bytes"
	"fmt"
	"math"
)

// Match is what a comparison of two recordings found where they agree.
type Match struct {
	Video  int   // coded video payloads compared
	Audio  int   // coded audio payloads compared
	First  int   // index of the first compared picture among the published ones
	Offset int64 // milliseconds that the recording's clock is ahead of the published one
	Spread int64 // milliseconds between the largest and the smallest distance of the two clocks; 0 when they are equal but for Offset
}

// Same compares a recording with what was published: the coded video and audio payloads (tag headers with composition
// offsets included) must be the same bytes, in the same order, none missing and none added, and the timestamps equal
// within 1 ms but for one constant.
func Same(published, recorded []Tag) (Match, error) {
	want, got := CodedTags(published), CodedTags(recorded)
	m, err := compare(want, got)
	if err == nil && len(got) < len(want) {
		err = fmt.Errorf("%d payloads are missing at the end, of %d", len(want)-len(got), len(want))
	}
	if err == nil && m.Video+m.Audio == 0 {
		err = fmt.Errorf("nothing was published")
	}
	return m, err
}

// Part compares as [Same] does, but the recording may begin late and end early, as a player's does: in each kind it must be
// an unbroken run of what was published, and the pictures must begin with a key frame.
func Part(published, recorded []Tag) (Match, error) {
	video, err := part(only(published, VideoTag), only(recorded, VideoTag))
	if err != nil {
		return video, err
	}
	audio, err := part(only(published, AudioTag), only(recorded, AudioTag))
	if err != nil {
		return audio, err
	}
	m := Match{Video: video.Video, Audio: audio.Audio, First: video.First}
	m.Offset = min(video.Offset, audio.Offset)
	m.Spread = max(video.Offset+video.Spread, audio.Offset+audio.Spread) - m.Offset
	if !only(recorded, VideoTag)[0].Key() {
		return m, fmt.Errorf("the first recorded picture is no key frame")
	}
	if m.Spread > 1 {
		return m, fmt.Errorf("timestamps: the distance to the published ones goes from %d to %d ms", m.Offset, m.Offset+m.Spread)
	}
	return m, nil
}

// part finds where a run of one kind begins and compares it from there.
func part(want, got []Tag) (Match, error) {
	if len(got) == 0 {
		return Match{}, fmt.Errorf("the recording lacks pictures or sound")
	}
	for i, g := range want {
		if bytes.Equal(g.Body, got[0].Body) {
			m, err := compare(want[i:], got)
			m.First = i
			return m, err
		}
	}
	return Match{}, fmt.Errorf("the first recorded payload (%s) was never published", describe(got[0]))
}

// compare walks both lists side by side. want may be longer than got.
func compare(want, got []Tag) (Match, error) {
	var m Match
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for i, g := range got {
		if i >= len(want) {
			return m, fmt.Errorf("%d payloads more than were published, the first is %s", len(got)-len(want), describe(g))
		}
		if g.Type != want[i].Type || !bytes.Equal(g.Body, want[i].Body) {
			return m, fmt.Errorf("payload %d of %d: got %s, want %s (%s)", i, len(want), describe(g), describe(want[i]), whereabouts(want, g))
		}
		if g.Type == VideoTag {
			m.Video++
		} else {
			m.Audio++
		}
		least, most = min(least, g.Time-want[i].Time), max(most, g.Time-want[i].Time)
	}
	if len(got) > 0 {
		m.Offset, m.Spread = least, most-least
	}
	if m.Spread > 1 {
		return m, fmt.Errorf("timestamps: the distance to the published ones goes from %d to %d ms", least, most)
	}
	return m, nil
}

// whereabouts says where a payload that was not expected belongs.
func whereabouts(want []Tag, g Tag) string {
	for i, w := range want {
		if w.Type == g.Type && bytes.Equal(w.Body, g.Body) {
			return fmt.Sprintf("it is payload %d of the published ones", i)
		}
	}
	return "it was never published"
}

func describe(g Tag) string {
	kind := "audio"
	if g.Type == VideoTag {
		kind = "video"
	}
	if g.Key() {
		kind = "key frame"
	}
	return fmt.Sprintf("%s of %d bytes at %d ms", kind, len(g.Body), g.Time)
}

// Rising checks that the timestamps of coded media rise strictly in each kind, as decoders want it.
func Rising(tags []Tag) error {
	last := map[uint8]int64{AudioTag: math.MinInt64, VideoTag: math.MinInt64}
	for i, g := range CodedTags(tags) {
		if g.Time <= last[g.Type] {
			return fmt.Errorf("payload %d, %s, follows one of %d ms", i, describe(g), last[g.Type])
		}
		last[g.Type] = g.Time
	}
	return nil
}

// Hole is a place where a recording skips published media.
type Hole struct {
	Kind    uint8 // VideoTag or AudioTag
	Missing int   // payloads of that kind that were published and not recorded here
	Resumes Tag   // the first payload after the hole
}

// Holes compares one kind of a recording that may skip with what was published. Payloads must be published ones, in
// order. Media missing before the first and after the last recorded payload are no holes.
func Holes(published, recorded []Tag, kind uint8) ([]Hole, error) {
	want, got := only(published, kind), only(recorded, kind)
	var holes []Hole
	next := -1
	for i, g := range got {
		at := -1
		for j := max(next, 0); j < len(want); j++ {
			if bytes.Equal(want[j].Body, g.Body) {
				at = j
				break
			}
		}
		if at < 0 {
			return holes, fmt.Errorf("payload %d, %s, was not published after the one before it", i, describe(g))
		}
		if next >= 0 && at > next {
			holes = append(holes, Hole{Kind: kind, Missing: at - next, Resumes: g})
		}
		next = at + 1
	}
	return holes, nil
}

func only(tags []Tag, kind uint8) []Tag {
	var out []Tag
	for _, g := range tags {
		if g.Type == kind && g.Coded() {
			out = append(out, g)
		}
	}
	return out
}
