package m3u8

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Validate says which rule the playlist breaks: what [Media.Append] refuses, the rules of §4.4, and with parts those of low latency (appendix
// B.1). What it accepts still may break rules about how a playlist changes (§6.2.1, §6.2.2).
func (m *Media) Validate() error {
	if _, err := m.Append(nil); err != nil {
		return err
	}
	for _, check := range []func() error{
		m.validateTimes, m.validateSegments, m.validateSkip, m.validateDateRanges, m.validateHints, m.validateLatency,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("m3u8: %w", err)
		}
	}
	return nil
}

// validateTimes checks the target durations and what is measured in them, §4.4.3.1 and §4.4.3.8.
func (m *Media) validateTimes() error {
	target := time.Duration(m.TargetDuration) * time.Second
	c, partTarget := m.ServerControl, told(m.PartTarget)
	switch {
	case m.TargetDuration < 1:
		return fmt.Errorf("a target duration of %d s, less than 1", m.TargetDuration)
	case c.CanSkipUntil != 0 && told(c.CanSkipUntil) < 6*target:
		return fmt.Errorf("CAN-SKIP-UNTIL of %s, less than 6 target durations of %s", c.CanSkipUntil, target)
	case c.CanSkipDateRanges && c.CanSkipUntil == 0:
		return errors.New("CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL")
	case c.HoldBack != 0 && told(c.HoldBack) < 3*target:
		return fmt.Errorf("HOLD-BACK of %s, less than 3 target durations of %s", c.HoldBack, target)
	case c.PartHoldBack != 0 && told(c.PartHoldBack) < 2*partTarget:
		return fmt.Errorf("PART-HOLD-BACK of %s, less than 2 part targets of %s", c.PartHoldBack, partTarget)
	case m.PartTarget != 0 && c.PartHoldBack == 0:
		return errors.New("PART-TARGET without PART-HOLD-BACK")
	}
	return nil
}

// validateSegments checks durations (§4.4.3.1) and what a segment that is being made must not have.
func (m *Media) validateSegments() error {
	target := time.Duration(m.TargetDuration) * time.Second
	if m.Version() >= 6 {
		target += time.Second/2 - 1 // durations count as rounded
	}
	if m.Map != nil && m.Skip == nil && len(m.Segments) > 0 && m.Segments[0].Map != nil {
		return errors.New("two maps in front of the first segment")
	}
	number := m.MediaSequence
	if m.Skip != nil {
		number += m.Skip.Segments
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		number += uint64(min(i, 1))
		switch {
		case told(s.Duration) > target:
			return fmt.Errorf("segment %d lasts %s, longer than the target duration of %d s", number, told(s.Duration), m.TargetDuration)
		case s.URI == "" && m.Ended:
			return fmt.Errorf("segment %d is being made, but the playlist has ended", number)
		case s.URI == "" && s.Range.Length > 0:
			return fmt.Errorf("segment %d has a byte range, but no URI", number)
		case len(s.Parts) > 0 && m.PartTarget == 0:
			return fmt.Errorf("segment %d has parts, but the playlist no PART-TARGET", number)
		}
		if err := s.validateParts(told(m.PartTarget)); err != nil {
			return fmt.Errorf("segment %d: %w", number, err)
		}
	}
	return nil
}

// validateParts checks the durations of parts, §4.4.4.9.
func (s *Segment) validateParts(target time.Duration) error {
	for i, p := range s.Parts {
		mayBeShort := p.Independent || p.Gap || i == len(s.Parts)-1 || s.Parts[i+1].Gap
		if d := told(p.Duration); d > target || d < target*85/100 && !mayBeShort {
			return fmt.Errorf("part %d lasts %s, not 85 to 100 %% of %s", i, d, target)
		}
	}
	return nil
}

// validateSkip checks EXT-X-SKIP, §4.4.5.2 and §6.2.5.1.
func (m *Media) validateSkip() error {
	switch s := m.Skip; {
	case s == nil:
	case s.Segments == 0 && !s.DateRanges:
		return errors.New("EXT-X-SKIP that skips nothing")
	case m.Ended:
		return errors.New("EXT-X-SKIP in a playlist that has ended")
	case m.ServerControl.CanSkipUntil == 0:
		return errors.New("EXT-X-SKIP without CAN-SKIP-UNTIL")
	case s.DateRanges && !m.ServerControl.CanSkipDateRanges:
		return errors.New("EXT-X-SKIP of date ranges without CAN-SKIP-DATERANGES")
	}
	return nil
}

// validateDateRanges checks §4.4.5.1: each alone, and that those of one ID agree.
func (m *Media) validateDateRanges() error {
	if len(m.DateRanges) > 0 && m.Skip == nil && !m.dated() {
		return errors.New("date ranges, but no segment with a PROGRAM-DATE-TIME")
	}
	first := map[string]*DateRange{}
	for i := range m.DateRanges {
		d := &m.DateRanges[i]
		if err := d.validate(); err != nil {
			return fmt.Errorf("date range %q: %w", d.ID, err)
		}
		before, again := first[d.ID]
		switch {
		case !again && d.Start.IsZero():
			return fmt.Errorf("date range %q has no START-DATE", d.ID)
		case again && !before.agrees(d):
			return fmt.Errorf("date range %q is told twice, with different values", d.ID)
		case !again:
			first[d.ID] = d
		}
	}
	return nil
}

// dated says whether a segment has its date.
func (m *Media) dated() bool {
	for i := range m.Segments {
		if !m.Segments[i].ProgramDateTime.IsZero() {
			return true
		}
	}
	return false
}

func (d *DateRange) validate() error {
	switch {
	case !d.End.IsZero() && d.End.Before(d.Start):
		return fmt.Errorf("ends at %s, before its start at %s", d.End, d.Start)
	case d.EndOnNext && (d.Class == "" || d.Duration != nil || !d.End.IsZero()):
		return errors.New("END-ON-NEXT without a class, or with an end")
	case d.Duration != nil && !d.End.IsZero() && !d.Start.IsZero() && !millisecond(d.Start.Add(*d.Duration), d.End):
		return fmt.Errorf("lasts %s, but ends %s behind its start", *d.Duration, d.End.Sub(d.Start))
	}
	for _, a := range d.Attributes {
		switch {
		case a.Name == "CUE" || strings.HasPrefix(a.Name, "SCTE35-"):
		case !strings.HasPrefix(a.Name, "X-") || a.Name == "X-":
			return fmt.Errorf("an attribute %s, not X-…", a.Name)
		case !a.Quoted && !isNumber(a.Value):
			return fmt.Errorf("%s: %q is no number and no hexadecimal sequence, and not in quotes", a.Name, a.Value)
		}
	}
	return nil
}

// isNumber says whether s is a hexadecimal-sequence or a signed-decimal-floating-point, §4.2.
func isNumber(s string) bool {
	if digits, found := strings.CutPrefix(strings.Replace(s, "0X", "0x", 1), "0x"); found {
		return digits != "" && strings.Trim(digits, "0123456789ABCDEF") == ""
	}
	s = strings.TrimPrefix(s, "-")
	return s != "" && s != "." && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1
}

// millisecond says whether two times are the same in a playlist, but for rounding.
func millisecond(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Millisecond }

// agrees says whether attributes that both have are the same.
func (d *DateRange) agrees(o *DateRange) bool {
	both := func(a, b time.Time) bool {
		return a.IsZero() || b.IsZero() || a.Round(time.Millisecond).Equal(b.Round(time.Millisecond))
	}
	switch {
	case d.Class != "" && o.Class != "" && d.Class != o.Class,
		!both(d.Start, o.Start), !both(d.End, o.End),
		d.Duration != nil && o.Duration != nil && told(*d.Duration) != told(*o.Duration),
		d.PlannedDuration != 0 && o.PlannedDuration != 0 && told(d.PlannedDuration) != told(o.PlannedDuration):
		return false
	}
	for _, a := range d.Attributes {
		for _, b := range o.Attributes {
			if a.Name == b.Name && a != b {
				return false
			}
		}
	}
	return true
}

// validateHints checks §4.4.5.3, and §6.2.6 for their number.
func (m *Media) validateHints() error {
	var seen [len(hintNames)]bool
	for _, h := range m.PreloadHints {
		if m.Ended || seen[h.Type] {
			return fmt.Errorf("hint at %s %q twice, or in a playlist that has ended", h.Type, h.URI)
		}
		seen[h.Type] = true
	}
	return nil
}

// validateLatency checks what appendix B.1 asks of playlists with parts that go on.
func (m *Media) validateLatency() error {
	parts := false
	for i := range m.Segments {
		parts = parts || len(m.Segments[i].Parts) > 0
	}
	if !parts || m.Ended {
		return nil
	}
	hinted := false
	for _, h := range m.PreloadHints {
		hinted = hinted || h.Type == HintPart
	}
	switch {
	case !hinted:
		return errors.New("parts, but no hint at the next one")
	case !m.dated():
		return errors.New("parts, but no segment with a PROGRAM-DATE-TIME")
	}
	return nil
}

// Validate says which rule the playlist breaks: what [Multivariant.Append] refuses, and the rules of §4.4.6.
func (m *Multivariant) Validate() error {
	if _, err := m.Append(nil); err != nil {
		return err
	}
	if len(m.Variants) == 0 {
		return errors.New("m3u8: no variants")
	}
	groups, err := m.validateRenditions()
	if err != nil {
		return fmt.Errorf("m3u8: %w", err)
	}
	for i := range m.Variants {
		v := &m.Variants[i]
		switch {
		case v.Bandwidth == 0:
			return fmt.Errorf("m3u8: variant %s has no bandwidth", v.URI)
		case (v.Width == 0) != (v.Height == 0):
			return fmt.Errorf("m3u8: variant %s of %d x %d pixels", v.URI, v.Width, v.Height)
		}
		for t, group := range []string{Audio: v.Audio, Video: v.Video, Subtitles: v.Subtitles, ClosedCaptions: v.ClosedCaptions} {
			if group != "" && !groups[member{RenditionType(t), group}] {
				return fmt.Errorf("m3u8: variant %s has no renditions of %s %q", v.URI, RenditionType(t), group)
			}
		}
	}
	return nil
}

// member names a group of renditions.
type member struct {
	kind  RenditionType
	group string
}

// validateRenditions checks each rendition and each group, §4.4.6.1 and §4.4.6.1.1, and gives the groups there are.
func (m *Multivariant) validateRenditions() (groups map[member]bool, err error) {
	type named struct {
		member
		name string
	}
	groups, names, chosen := map[member]bool{}, map[named]bool{}, map[member]bool{}
	for i := range m.Renditions {
		r := &m.Renditions[i]
		g := member{r.Type, r.Group}
		if err := r.validate(); err != nil {
			return nil, fmt.Errorf("rendition %q of %s %q: %w", r.Name, r.Type, r.Group, err)
		}
		if names[named{g, r.Name}] {
			return nil, fmt.Errorf("two renditions %q of %s %q", r.Name, r.Type, r.Group)
		}
		if r.Default && chosen[g] {
			return nil, fmt.Errorf("two renditions of %s %q are the default", r.Type, r.Group)
		}
		groups[g], names[named{g, r.Name}] = true, true
		chosen[g] = chosen[g] || r.Default
	}
	return groups, nil
}

func (r *Rendition) validate() error {
	captions := r.Type == ClosedCaptions
	switch {
	case r.Group == "" || r.Name == "":
		return errors.New("it needs a group and a name")
	case captions != (r.InstreamID != ""):
		return errors.New("INSTREAM-ID is for closed captions, which need it")
	case captions && r.URI != "":
		return errors.New("closed captions have no URI")
	case r.Type == Subtitles && r.URI == "":
		return errors.New("subtitles need a URI")
	case r.Forced && r.Type != Subtitles:
		return errors.New("only subtitles can be forced")
	case captions && !isCaptionID(r.InstreamID):
		return fmt.Errorf("INSTREAM-ID %q, not CC1 to CC4 or SERVICE1 to SERVICE63", r.InstreamID)
	}
	return nil
}

func isCaptionID(id string) bool {
	if n, found := strings.CutPrefix(id, "SERVICE"); found {
		v, ok := parseInteger(n, 63)
		return ok && v > 0
	}
	n, found := strings.CutPrefix(id, "CC")
	v, ok := parseInteger(n, 4)
	return found && ok && v > 0
}
