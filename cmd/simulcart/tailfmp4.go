package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/id3"
	"github.com/simulcart/simulcart/wire/m3u8"
)

// carriedAs names the convention's states in ID3 tags and date ranges.
const carriedAs = "simulcart.overlay"

// longestTime bounds the times of a file, in seconds, so that none overflows a media.Time.
const longestTime = 1 << 32

// samples reads the fragments of an HLS stream.
type samples struct {
	of        *m3u8.Map // that tracks were read from
	tracks    fmp4.Init
	video     *fmp4.Track // nil: there is none
	fragments []fmp4.Fragment
	taken     uint64 // DTS of the newest picture that was told, in ticks
	event     uint64 // time of the newest event that was told, in its own ticks
}

var errFarTime = errors.New("its times are centuries from 0")

// isFor says whether the tracks are those of an initialization.
func (s *samples) isFor(m *m3u8.Map) bool { return s.of != nil && *s.of == *m }

// begin reads an initialization.
func (s *samples) begin(m *m3u8.Map, b []byte) error {
	in, err := fmp4.ParseInit(b)
	if err != nil {
		return err
	}
	s.of, s.tracks, s.video = m, in, nil
	for i := range in.Tracks {
		if in.Tracks[i].Media.Codec.IsVideo() {
			s.video = &in.Tracks[i]
			break
		}
	}
	return nil
}

// take reads what was fetched.
func (s *samples) take(p piece, b []byte) (err error) {
	if s.fragments, err = s.tracks.ParseFragments(b); err != nil {
		return err
	}
	for i := range s.fragments {
		f := &s.fragments[i]
		for _, r := range f.Runs {
			end := r.DTS
			for i := range r.Samples {
				end += uint64(r.Samples[i].Duration)
			}
			if track := s.track(r.TrackID); track == nil || isFar(end, track.Timescale) || end < r.DTS {
				return errFarTime
			}
		}
		for _, e := range f.Events {
			if isFar(e.Time, e.Timescale) {
				return errFarTime
			}
		}
	}
	if p.restarts || p.begins {
		s.taken, s.event = 0, 0
	}
	return nil
}

// isFar says whether a time in ticks is none that one can count with.
func isFar(ticks uint64, scale uint32) bool {
	return scale == 0 || scale > math.MaxInt32 || ticks/uint64(scale) > longestTime
}

func (s *samples) track(id uint32) *fmp4.Track {
	for i := range s.tracks.Tracks {
		if s.tracks.Tracks[i].ID == id {
			return &s.tracks.Tracks[i]
		}
	}
	return nil
}

// start gives the PTS of the first picture that was taken, or of the first sound where there are no pictures.
func (s *samples) start() media.Time {
	for i := range s.fragments {
		for _, r := range s.fragments[i].Runs {
			if track := s.track(r.TrackID); len(r.Samples) > 0 && (s.video == nil || track == s.video) {
				return shown(track, r.DTS, &r.Samples[0])
			}
		}
	}
	return 0
}

// shown gives the PTS of a sample.
func shown(t *fmp4.Track, dts uint64, s *fmp4.Sample) media.Time {
	return media.FromTicks(int64(dts)+int64(s.Offset), int(t.Timescale))
}

// tell tells of the states in what was taken. again: of what was told before, nothing.
func (s *samples) tell(t *tail, again bool) {
	for i := range s.fragments {
		f := &s.fragments[i]
		for _, e := range f.Events {
			if !again || e.Time > s.event {
				s.event = e.Time
				tellEvent(t, &e)
			}
		}
		for _, r := range f.Runs {
			if s.video != nil && r.TrackID == s.video.ID {
				s.pictures(t, &r, again)
			}
		}
	}
}

// pictures tells of the states in a run of pictures.
func (s *samples) pictures(t *tail, r *fmp4.Run, again bool) {
	dts := r.DTS
	for i := range r.Samples {
		one := &r.Samples[i]
		if !again || dts > s.taken {
			s.taken = dts
			t.picture(s.video.Media.Codec, shown(s.video, dts, one).Ticks(1000), bytes.Join(one.Data, nil))
		}
		dts += uint64(one.Duration)
	}
}

// tellEvent tells of the state in an event; events of others are none of ours.
func tellEvent(t *tail, e *fmp4.Event) {
	if e.Scheme != fmp4.SchemeID3 {
		return
	}
	pts := media.FromTicks(int64(e.Time), int(e.Timescale)).Ticks(1000)
	tag, err := id3.Parse(e.Data)
	switch {
	case err != nil && bytes.Contains(e.Data, []byte(carriedAs)):
		t.tell(&sighting{Carriage: "id3", PTS: pts, Bytes: len(e.Data), Faults: []string{err.Error()}})
	case err == nil && tag.Description == carriedAs:
		s := t.look("id3", pts, []byte(tag.Value), 0)
		if s.State != nil && e.ID != uint32(s.State.Seq) {
			s.Faults = append(s.Faults, fmt.Sprintf("the event's id is %d", e.ID))
		}
		t.beside(s)
	}
}
