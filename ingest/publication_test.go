package ingest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
)

func TestOpening(t *testing.T) {
	both := []*media.Track{video, audio}
	for _, tc := range []struct {
		name   string
		tracks []*media.Track
		frames []sent // arrival as given
		want   []sent
	}{
		{
			"pictures alone begin at the first key frame",
			[]*media.Track{video},
			[]sent{{"v", 0, 0, 0}, {"v", 40, 0, 40}, {"K", 80, 66, 80}, {"v", 120, 0, 120}},
			[]sent{{kind: "K", dts: -66, cts: 66}, {kind: "v", dts: -26}},
		},
		{
			"sound before the first picture is held, and has times below 0",
			both,
			[]sent{{"a", 0, 0, 0}, {"a", 21, 0, 21}, {"v", 30, 0, 30}, {"K", 40, 0, 40}, {"a", 43, 0, 43}},
			[]sent{{kind: "a", dts: -40}, {kind: "a", dts: -19}, {kind: "K"}, {kind: "a", dts: 3}},
		},
		{
			"the first picture waits for the sound",
			both,
			[]sent{{"K", 0, 0, 0}, {"v", 40, 0, 40}, {"a", 10, 0, 50}},
			[]sent{{kind: "K"}, {kind: "a", dts: 10}, {kind: "v", dts: 40}},
		},
		{
			"but not for long",
			both,
			[]sent{{"K", 0, 0, 0}, {"v", 500, 0, 500}, {"v", 540, 0, 540}},
			[]sent{{kind: "K"}, {kind: "v", dts: 500}, {kind: "v", dts: 540}},
		},
		{
			"nor where times stand still",
			both,
			[]sent{{"K", 9000, 0, 0}, {"v", 40, 0, 200}, {"v", 80, 0, 501}},
			[]sent{{kind: "K"}},
		},
		{
			"frames of a track stay in their order",
			both,
			[]sent{{"K", 1000, 0, 0}, {"v", 960, 0, 40}, {"v", 1080, 0, 80}, {"a", 1000, 0, 90}},
			[]sent{{kind: "K"}, {kind: "v", dts: 1}, {kind: "a"}, {kind: "v", dts: 80}},
		},
		{
			"sound alone begins after 1 s, and starts a group each 2 s",
			[]*media.Track{audio},
			[]sent{{"a", 7000, 0, 0}, {"a", 7500, 0, 500}, {"a", 8001, 0, 1001}, {"a", 8990, 0, 1990}, {"a", 9000, 0, 2000}, {"a", 9021, 0, 2021}},
			[]sent{{kind: "A"}, {kind: "a", dts: 500}, {kind: "a", dts: 1001}, {kind: "a", dts: 1990}, {kind: "A", dts: 2000}, {kind: "a", dts: 2021}},
		},
		{
			"video that was announced is given 10 s for a key frame",
			both,
			[]sent{{"a", 0, 0, 0}, {"v", 0, 0, 0}, {"a", 9000, 0, 9000}, {"a", 10_001, 0, 10_001}, {"v", 10_010, 0, 10_010}, {"a", 10_021, 0, 10_021}},
			[]sent{{kind: "A"}, {kind: "A", dts: 9000}, {kind: "a", dts: 10_001}, {kind: "a", dts: 10_021}},
		},
		{
			"the key frame may come at the end of that",
			both,
			[]sent{{"a", 0, 0, 0}, {"a", 9980, 0, 9980}, {"K", 10_000, 0, 10_000}},
			[]sent{{kind: "a", dts: -10_000}, {kind: "a", dts: -20}, {kind: "K"}},
		},
		{
			"pictures that come after the line began need a key frame, then they are the clock",
			[]*media.Track{audio},
			[]sent{
				{"a", 0, 0, 0},
				{"a", 1001, 0, 1001},
				{"v", 1500, 0, 1500},
				{"a", 1990, 0, 1990},
				{"K", 2000, 0, 2000},
				{"a", 2011, 0, 2011},
				{"v", 2040, 0, 2040},
				{"a", 4000, 0, 4000},
			},
			[]sent{
				{kind: "A"},
				{kind: "a", dts: 1001},
				{kind: "a", dts: 1990},
				{kind: "K", dts: 2000},
				{kind: "a", dts: 2011},
				{kind: "v", dts: 2040},
				{kind: "a", dts: 4000},
			},
		},
		{
			"tracks that the publisher sends far apart keep their times",
			both,
			[]sent{{"a", 0, 0, 0}, {"a", 4000, 0, 4000}, {"K", 0, 0, 4000}, {"a", 4040, 0, 4040}, {"v", 40, 0, 4040}, {"K", 80, 0, 4080}, {"a", 4080, 0, 4080}},
			[]sent{
				{kind: "a"},
				{kind: "K"},
				{kind: "a", dts: 4000},
				{kind: "a", dts: 4040},
				{kind: "v", dts: 40},
				{kind: "K", dts: 80},
				{kind: "a", dts: 4080},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			on(t, Options{}, func(b *bench) {
				p := b.admit("one")
				p.SetTracks(tc.tracks)
				began := time.Now()
				for _, s := range tc.frames {
					time.Sleep(time.Until(began.Add(time.Duration(s.at) * time.Millisecond)))
					f := s
					if s.kind == "A" {
						f.kind = "a"
					}
					b.send(p, f)
				}
				b.wantRead(tc.want...)
			})
		})
	}
}

// Announcing the same tracks again, as with new metadata, does not make pictures the clock that never came.
func TestSoundStaysTheClock(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video, audio})
		b.send(p, sent{kind: "a"})
		time.Sleep(10_001 * time.Millisecond)
		b.send(p, sent{kind: "a", dts: 10_001})
		p.SetTracks([]*media.Track{video, audio})
		time.Sleep(2 * time.Second)
		b.send(p, sent{kind: "a", dts: 12_001})
		b.wantRead(sent{kind: "A"}, sent{kind: "A", dts: 10_001}, sent{kind: "A", dts: 12_001})
	})
}

func TestOpeningIsBounded(t *testing.T) {
	for _, tc := range []struct {
		name  string
		frame sent
		bytes int
		most  int
	}{
		{"pictures that wait for sound, in number", sent{kind: "K"}, 10, mostHeld},
		{"pictures that wait for sound, in bytes", sent{kind: "K"}, 1 << 20, mostHeldBytes >> 20},
		{"sound that waits for pictures", sent{kind: "a"}, 10, mostHeld},
	} {
		t.Run(tc.name, func(t *testing.T) {
			on(t, Options{}, func(b *bench) {
				p := b.admit("one")
				p.SetTracks([]*media.Track{video, audio})
				data := bytes.Repeat([]byte{1}, tc.bytes)
				n := 0
				for len(b.read()) == 0 {
					f := tc.frame.frame()
					f.Data = data
					if err := p.WriteFrame(f); err != nil {
						b.Fatal(err)
					}
					n++
					if n > tc.most {
						b.Fatalf("%d frames are held, want at most %d", n, tc.most)
					}
				}
				if n < tc.most {
					b.Errorf("%d frames were held, want %d", n, tc.most)
				}
			})
		})
	}
}

func TestPublicationTracks(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		want := []*media.Track{video, audio}
		p := b.admit("one")
		p.SetTracks(want)
		check := func(when string) {
			b.Helper()
			if diff := cmp.Diff(want, b.status().Tracks); diff != "" {
				b.Errorf("%s, status: -want +got:\n%s", when, diff)
			}
			if diff := cmp.Diff(want, b.hub.Stream("maria").Tracks()); diff != "" {
				b.Errorf("%s, relay: -want +got:\n%s", when, diff)
			}
		}
		check("announced")
		p.Close(false)
		check("held")
		p = b.admit("two")
		check("before the next one announced its own")
		want = []*media.Track{audio}
		p.SetTracks(want)
		check("afterwards")
	})
}

func TestTimeJumpIsSaid(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		b.play(p, 0)
		b.log.said()
		b.send(p, sent{kind: "v", dts: 500_000}, sent{kind: "K", dts: 500_040})
		b.wantSaid("WARN publisher's time jumped, the stream goes on stream=maria remote=one jumps=1 track=h264 publisher_time=8m20.04s pts=1s")
		b.play(p, 500_080)
		b.wantSaid("")
		b.send(p, sent{kind: "K", dts: 0})
		b.wantSaid("jumps=1")
		for i := range int64(101) { // a clock that has gone mad is said once a second
			b.send(p, sent{kind: "K", dts: i % 2 * 100_000})
			time.Sleep(20 * time.Millisecond)
		}
		if n := len(b.log.said()); n != 2 {
			b.Errorf("logged %d times in 2 s, want 2", n)
		}
		n := b.status().Counters
		if n.TimeJumps < 90 || n.Dropped[DropJump] != 1 {
			b.Errorf("counters %+v", n)
		}
	})
}

// Wall time is one line, from the arrival of the newest frame when the line begins, and moves only when time is re-based.
func TestWall(t *testing.T) {
	on(t, Options{Hold: time.Minute}, func(b *bench) {
		stream := b.hub.Stream("maria")
		p := b.admit("one")
		began := time.Now()
		wantOrigin := func(when string, want time.Time) {
			b.Helper()
			if got := stream.Wall(0); !got.Equal(want) {
				b.Errorf("%s: media time 0 was at %v, want %v", when, got, want)
			}
		}
		b.send(p, sent{kind: "K", dts: 1000})
		wantOrigin("at the first frame", began)
		for i := range int64(50) { // a clock that is 10 % slow
			time.Sleep(44 * time.Millisecond)
			b.send(p, sent{kind: "v", dts: 1040 + 40*i})
		}
		wantOrigin("after a while", began)
		p.Close(false)
		time.Sleep(5 * time.Second)
		p = b.admit("one")
		b.send(p, sent{kind: "K"})
		wantOrigin("after a reconnect", began.Add(200*time.Millisecond))
		b.send(p, sent{kind: "a", dts: 0}, sent{kind: "a", dts: 500_000})
		time.Sleep(300 * time.Millisecond)
		b.send(p, sent{kind: "K", dts: 40}, sent{kind: "a", dts: 500_021})
		wantOrigin("after sound jumped alone", began.Add(200*time.Millisecond))
		b.send(p, sent{kind: "K", dts: 900_000})
		if n := b.status().Counters.TimeJumps; n != 2 {
			b.Errorf("%d time jumps, want 2", n)
		}
		wantOrigin("after a jump", time.Now().Add(-b.status().Newest.Duration()))
	})
}

func TestCountersAndMeters(t *testing.T) {
	on(t, Options{}, func(b *bench) {
		p := b.admit("one")
		p.SetTracks([]*media.Track{video, audio})
		for i := range int64(250) { // 10 s: 25 pictures of 1000 bytes and 50 sounds of 100 bytes a second, key frame each 2 s
			kind, cts := "v", int64(80)
			if i%50 == 0 {
				kind = "K"
			} else if i%2 == 1 {
				cts = 0
			}
			for _, f := range []*media.Frame{
				sent{kind: kind, dts: 40 * i, cts: cts}.frame(), sent{kind: "a", dts: 40*i + 10}.frame(), sent{kind: "a", dts: 40*i + 30}.frame(),
			} {
				f.Data = make([]byte, 100)
				if f.Track == video {
					f.Data = make([]byte, 1000)
				}
				if err := p.WriteFrame(f); err != nil {
					b.Fatal(err)
				}
			}
			time.Sleep(40 * time.Millisecond)
		}
		st := b.status()
		want := Rates{Bits: 200_000, Frames: 25, KeyInterval: 2 * time.Second, Reordered: true}
		if diff := cmp.Diff(want, st.Video); diff != "" {
			b.Errorf("video: -want +got:\n%s", diff)
		}
		if diff := cmp.Diff(Rates{Bits: 40_000, Frames: 50}, st.Audio); diff != "" {
			b.Errorf("audio: -want +got:\n%s", diff)
		}
		p.Drop(DropTrack)
		p.Drop(DropUnsupported)
		p.Drop(DropUnsupported)
		st = b.status()
		n := Counters{Bytes: 250*1000 + 500*100, VideoFrames: 250, AudioFrames: 500, Sessions: 1}
		n.Dropped[DropTrack], n.Dropped[DropUnsupported] = 1, 2
		if diff := cmp.Diff(n, st.Counters); diff != "" {
			b.Errorf("counters: -want +got:\n%s", diff)
		}
		labels := map[string]uint64{"fenced": 0, "before_key": 0, "jump": 0, "loss": 0, "extra_track": 1, "unsupported": 2, "data": 0, "overlay": 0}
		if diff := cmp.Diff(labels, st.Counters.Drops()); diff != "" {
			b.Errorf("labels: -want +got:\n%s", diff)
		}
		// Media time counts from the first picture's PTS, 80 ms: the newest picture is the one before the last.
		if got, want := st.Newest.Ticks(1000), int64(248*40); got != want || st.Skew.Ticks(1000) != 249*40+30-80-want {
			b.Errorf("newest %d ms, skew %v", got, st.Skew)
		}
		time.Sleep(6 * time.Second)
		if st := b.status(); st.Video.Frames != 0 || st.Video.Bits != 0 || st.Audio.Frames != 0 {
			b.Errorf("rates %+v after 6 s without media", st.Video)
		}
		b.admit("two")
		if st := b.status(); st.Video != (Rates{}) || st.Audio != (Rates{}) || st.Skew != 0 {
			b.Errorf("a new publisher begins with %+v, %+v", st.Video, st.Audio)
		}
	})
}

func TestMeter(t *testing.T) {
	t.Run("nothing before the first frame", func(t *testing.T) {
		var m meter
		if got := m.ratesNow(start); got != (Rates{}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("nothing in the first second", func(t *testing.T) {
		var m meter
		m.add(sent{kind: "K"}.frame(), moment(0))
		if got := m.ratesNow(moment(999)); got != (Rates{}) {
			t.Errorf("got %+v", got)
		}
		if got := m.ratesNow(moment(1000)).Frames; got != 1 {
			t.Errorf("after a second: %v frames a second, want 1", got)
		}
	})
	t.Run("the longest of the last 4 distances", func(t *testing.T) {
		var m meter
		for i, s := range []int64{0, 9000, 10_000, 12_000, 15_000, 16_000} {
			m.add(sent{kind: "K", dts: s}.frame(), moment(s))
			want := []time.Duration{0, 9, 9, 9, 9, 3}[i] * time.Second
			if got := m.keyInterval(); got != want {
				t.Errorf("at %d ms: %v, want %v", s, got, want)
			}
		}
	})
	t.Run("a constant composition offset is no reordering", func(t *testing.T) {
		var m meter
		for i := range int64(10) {
			m.add(sent{kind: "v", dts: 40 * i, cts: 40}.frame(), moment(40*i))
		}
		if m.reorder {
			t.Error("taken for B-frames")
		}
	})
	for _, gap := range []int64{1000, 5000, 5999, 6000, 7000, 100_000} {
		t.Run(fmt.Sprintf("a gap of %d ms", gap), func(t *testing.T) {
			var m meter
			for i := range int64(10_000 / 40) {
				m.add(sent{kind: "v", dts: 40 * i}.frame(), moment(40*i))
			}
			want := max(0, float64(5-gap/1000)*25/5)
			if got := m.ratesNow(moment(10_000 + gap)).Frames; got != want {
				t.Errorf("%v frames a second, want %v", got, want)
			}
		})
	}
}
