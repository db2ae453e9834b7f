package fmp4_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/fmp4"
	"pgregory.net/rapid"
)

// Configurations that x264, x265, SVT-AV1, libvpx, libopus and ffmpeg made.
const (
	avcC       = "0164000affe100186764000aacd94426c044000003000400000300c83c48965801000468ef8fcbfdf8f800"
	hvcC       = "0102200000009000000000005df000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005d959409a10001002942010102200000030090000003000003005da00280802d136595952930bc05a02000007d20000ea601a2000100064401c073c189"
	av1C       = "81090c000a0b0000004aabbfc3700be001"
	vpcC       = "010000000015820202020000"
	dOps       = "000201380000bb80000000"
	streamInfo = "1200120000010e0005170bb802f000004b00581c026f9fb198c5a69bdefdd58a1c2c"
	stereo     = "1190" // AAC-LC, 48 kHz
)

// track makes a track of a configuration.
func track(t testing.TB, id uint8, c media.Codec, config string) *media.Track {
	t.Helper()
	tr, err := codec.NewTrack(id, c, mediatest.Unhex(t, config))
	if err != nil {
		t.Fatal(err)
	}
	if c == media.VP9 {
		tr.Format.Width, tr.Format.Height = 640, 360
	}
	return tr
}

// mp3 makes a track of MP3.
func mp3(t testing.TB, id uint8, header string) *media.Track {
	t.Helper()
	tr, err := codec.MP3Track(id, mediatest.Unhex(t, header))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// golden reads bytes in hexadecimal, with comments behind #.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(line)
	}
	return mediatest.Unhex(t, digits.String())
}

// goldenFragment is what stands in testdata/fragment.txt.
func goldenFragment() fmp4.Fragment {
	return fmp4.Fragment{
		Styp: true, Sequence: 7,
		Events: []fmp4.Event{{
			Scheme: fmp4.SchemeID3, Timescale: 90000, Time: 1 << 33, Duration: fmp4.UnknownDuration, ID: 5, Data: []byte("ID3"),
		}},
		Runs: []fmp4.Run{
			{TrackID: 1, DTS: 1 << 33, Samples: []fmp4.Sample{
				{Data: [][]byte{{1, 2, 3}}, Duration: 3000, Offset: 6000, Key: true},
				{Data: [][]byte{{4}}, Duration: 3001, Offset: -3000},
			}},
			{TrackID: 2, DTS: 48000, Samples: []fmp4.Sample{
				{Data: [][]byte{{5, 6}}, Duration: 1024, Key: true},
				{Data: [][]byte{{7}}, Duration: 1024, Key: true},
			}},
		},
	}
}

// goldenInit reads testdata/init.txt.
func goldenInit(t testing.TB) fmp4.Init {
	t.Helper()
	in, err := fmp4.ParseInit(golden(t, "init.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestGoldenInit(t *testing.T) {
	tracks := []*media.Track{track(t, 0, media.H264, avcC), track(t, 1, media.AAC, stereo)}
	want := golden(t, "init.txt")
	got, err := fmp4.AppendInit([]byte{9}, tracks)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]byte{9}, want...), got); diff != "" {
		t.Errorf("written: -want +got\n%s", diff)
	}
	in := goldenInit(t)
	if diff := cmp.Diff(tracks, mediaTracks(in)); diff != "" {
		t.Errorf("read: -want +got\n%s", diff)
	}
	for i, clock := range []uint32{90000, 48000} {
		if tr := in.Tracks[i]; tr.Timescale != clock || tr.ID != uint32(i+1) || tr.ID != fmp4.TrackID(tracks[i]) {
			t.Errorf("track %d: number %d, timescale %d", i, tr.ID, tr.Timescale)
		}
	}
}

func TestGoldenFragment(t *testing.T) {
	want := golden(t, "fragment.txt")
	f := goldenFragment()
	got, err := f.Append([]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]byte{9}, want...), got); diff != "" {
		t.Errorf("written: -want +got\n%s", diff)
	}
	in := goldenInit(t)
	read, err := in.ParseFragments(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]fmp4.Fragment{f}, read); diff != "" {
		t.Errorf("read: -want +got\n%s", diff)
	}
}

// The header, and behind it the samples as they are, are the fragment.
func TestHeaderAndPayload(t *testing.T) {
	f := goldenFragment()
	shared := []byte{1, 2, 3}
	f.Runs[0].Samples[0].Data = [][]byte{shared[:1], shared[1:2], shared[2:]}
	whole, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	header, err := f.AppendHeader(nil)
	if err != nil {
		t.Fatal(err)
	}
	payload := f.AppendPayload([][]byte{header})
	if got := bytes.Join(payload, nil); !bytes.Equal(got, whole) || !bytes.Equal(whole, golden(t, "fragment.txt")) {
		t.Errorf("got %x\nwant %x", got, whole)
	}
	if len(payload) != 7 || &payload[2][0] != &shared[1] {
		t.Errorf("%d slices, want the %d that the samples are made of", len(payload), 7)
	}
	if f.HeaderSize() != int64(len(header)) || f.Size() != int64(len(whole)) {
		t.Errorf("sizes %d and %d, want %d and %d", f.HeaderSize(), f.Size(), len(header), len(whole))
	}
	room := make([]byte, 0, f.Size())
	if n := testing.AllocsPerRun(10, func() { _, err = f.Append(room) }); n > 0 || err != nil {
		t.Errorf("%v allocations, error %v, want none where there is room", n, err)
	}
}

func TestNewRun(t *testing.T) {
	video := &media.Track{ID: 3, Codec: media.H264, ClockRate: 90000}
	sound := &media.Track{ID: 4, Codec: media.AAC, ClockRate: 44100}
	at := func(tr *media.Track, dts, pts media.Time, key bool) *media.Frame {
		return &media.Frame{Track: tr, DTS: dts * media.Millisecond, PTS: pts * media.Millisecond, Key: key, Data: []byte{byte(dts)}}
	}
	const origin = -67 * media.Millisecond
	for _, tc := range []struct {
		name   string
		frames []*media.Frame
		end    media.Time
		want   fmp4.Run
	}{
		{
			"pictures of 29.97 Hz by milliseconds, reordered",
			[]*media.Frame{at(video, -67, 0, true), at(video, -33, 100, false), at(video, 0, 33, false)},
			33,
			fmp4.Run{TrackID: 4, Samples: []fmp4.Sample{
				{Data: [][]byte{{0xbd}}, Duration: 3060, Offset: 6030, Key: true},
				{Data: [][]byte{{0xdf}}, Duration: 2970, Offset: 11970},
				{Data: [][]byte{{0}}, Duration: 2970, Offset: 2970},
			}},
		},
		{
			"sound, rounded without an error that adds up",
			[]*media.Frame{at(sound, 0, 0, false), at(sound, 23, 23, false), at(sound, 46, 46, false)},
			70,
			fmp4.Run{TrackID: 5, DTS: 2955, Samples: []fmp4.Sample{ // 2954.7, 3969, 4983.3, 6041.7
				{Data: [][]byte{{0}}, Duration: 1014, Key: true},
				{Data: [][]byte{{23}}, Duration: 1014, Key: true},
				{Data: [][]byte{{46}}, Duration: 1059, Key: true},
			}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := fmp4.NewRun(tc.frames, origin, tc.end*media.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if &got.Samples[0].Data[0][0] != &tc.frames[0].Data[0] {
				t.Error("the data were copied")
			}
		})
	}
	twice := []*media.Frame{at(video, 0, 0, true), at(video, 0, 0, false)}
	if got, err := fmp4.NewRun(twice, origin, 0); err != nil || got.Samples[0].Duration != 0 {
		t.Errorf("two frames at one time: got %+v, error %v", got, err)
	}
	for name, frames := range map[string][]*media.Frame{
		"no frames":            nil,
		"two tracks":           {at(video, 0, 0, true), at(sound, 0, 0, false)},
		"falling":              {at(video, 10, 10, true), at(video, 9, 9, false)},
		"before the origin":    {at(video, -68, 0, true)},
		"the end first":        {at(video, 101, 101, true)},
		"shown too late":       {at(video, 0, 24_000_000, true)},
		"no clock":             {at(&media.Track{Codec: media.H264}, 0, 0, true)},
		"a hole of two months": {at(video, -67, 0, true), at(video, 48_000_000, 48_000_000, true)},
	} {
		t.Run(name, func(t *testing.T) {
			end := 100 * media.Millisecond
			if len(frames) > 1 {
				end = frames[1].DTS
			}
			if got, err := fmp4.NewRun(frames, origin, end); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
}

func TestFragmentRefuses(t *testing.T) {
	one := fmp4.Run{TrackID: 1, Samples: []fmp4.Sample{{Data: [][]byte{{1}}, Key: true}}}
	big := fmp4.Run{TrackID: 1, Samples: []fmp4.Sample{{Key: true}}}
	piece := make([]byte, 1<<24)
	for range 127 {
		big.Samples[0].Data = append(big.Samples[0].Data, piece)
	}
	const header = 8 + 16 + 76 + 8 // moof, mfhd, traf, mdat
	rest := make([]byte, fmp4.MaxFragment-127<<24-header)
	fits := big
	fits.Samples = []fmp4.Sample{{Data: append(big.Samples[0].Data[:127:127], rest), Key: true}}
	if got, err := (&fmp4.Fragment{Runs: []fmp4.Run{fits}}).AppendHeader(nil); err != nil || len(got) != header {
		t.Errorf("the largest fragment: a header of %d bytes, error %v, want %d bytes", len(got), err, header)
	}
	over := big
	over.Samples = []fmp4.Sample{{Data: append(big.Samples[0].Data[:127:127], rest, []byte{1}), Key: true}}
	for name, f := range map[string]fmp4.Fragment{
		"no runs":              {},
		"17 runs":              {Runs: make([]fmp4.Run, 17)},
		"a run without a name": {Runs: []fmp4.Run{{Samples: one.Samples}}},
		"a run of no samples":  {Runs: []fmp4.Run{one, {TrackID: 2}}},
		"one byte too many":    {Runs: []fmp4.Run{over}},
		"4 GiB":                {Runs: []fmp4.Run{big, big, big}},
		"a broken event":       {Runs: []fmp4.Run{one}, Events: []fmp4.Event{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := f.AppendHeader(nil); err == nil || got != nil {
				t.Errorf("a header of %d bytes, want an error", len(got))
			}
			if f.Size() > fmp4.MaxFragment {
				return // nobody has the memory to find out
			}
			if got, err := f.Append(nil); err == nil || got != nil {
				t.Errorf("%d bytes, want an error", len(got))
			}
		})
	}
}

func TestFragmentsBothWays(t *testing.T) {
	in := goldenInit(t)
	sample := rapid.Custom(func(t *rapid.T) fmp4.Sample {
		s := fmp4.Sample{
			Duration: rapid.Uint32().Draw(t, "duration"), Key: rapid.Bool().Draw(t, "key"),
			Offset: rapid.OneOf(rapid.Just(int32(0)), rapid.Int32()).Draw(t, "offset"),
		}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data"); len(data) > 0 {
			s.Data = [][]byte{data}
		}
		return s
	})
	text := rapid.StringMatching(`[^\x00]{0,20}`)
	event := rapid.Custom(func(t *rapid.T) fmp4.Event {
		e := fmp4.Event{
			Scheme: text.Draw(t, "scheme"), Value: text.Draw(t, "value"), Timescale: rapid.Uint32Min(1).Draw(t, "timescale"),
			Time: rapid.Uint64().Draw(t, "time"), Duration: rapid.Uint32().Draw(t, "duration"), ID: rapid.Uint32().Draw(t, "id"),
		}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data"); len(data) > 0 {
			e.Data = data
		}
		return e
	})
	fragment := rapid.Custom(func(t *rapid.T) fmp4.Fragment {
		f := fmp4.Fragment{Styp: rapid.Bool().Draw(t, "styp"), Sequence: rapid.Uint32().Draw(t, "sequence")}
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			f.Events = append(f.Events, event.Draw(t, "event"))
		}
		for range rapid.IntRange(1, 3).Draw(t, "runs") {
			f.Runs = append(f.Runs, fmp4.Run{
				TrackID: rapid.Uint32Range(1, 2).Draw(t, "track"), DTS: rapid.Uint64().Draw(t, "dts"),
				Samples: rapid.SliceOfN(sample, 1, 5).Draw(t, "samples"),
			})
		}
		return f
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(fragment, 1, 3).Draw(t, "fragments")
		var file []byte
		for i := range want {
			before := len(file)
			var err error
			if file, err = want[i].Append(file); err != nil {
				t.Fatal(err)
			}
			if got := int64(len(file) - before); got != want[i].Size() {
				t.Fatalf("%d bytes, want %d as Size says", got, want[i].Size())
			}
		}
		got, err := in.ParseFragments(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// checkError fails where an error is not of a kind at a byte.
func checkError(t *testing.T, err error, refused bool, offset int64) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	switch {
	case refused && errors.As(err, &unsupported) && unsupported.Offset == offset:
	case !refused && errors.As(err, &syntax) && syntax.Offset == offset:
	default:
		t.Errorf("got %v, want an error at byte %d, unsupported: %v", err, offset, refused)
	}
}

// A delayed run is shown when it was, with offsets of both signs.
func TestDelay(t *testing.T) {
	for _, delay := range []int32{0, 6000, 9000} {
		run := fmp4.Run{TrackID: 1, DTS: 3000, Samples: []fmp4.Sample{{Duration: 3000, Offset: 6000, Key: true}, {Duration: 3000, Offset: 12000}, {Duration: 3000, Offset: 0}}}
		want := []int64{9000, 18000, 9000}
		run.Delay(delay)
		b, err := (&fmp4.Fragment{Sequence: 1, Runs: []fmp4.Run{run}}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		in := fmp4.Init{Tracks: []fmp4.Track{{ID: 1, Timescale: 90000}}}
		read, err := in.ParseFragments(b)
		if err != nil {
			t.Fatal(err)
		}
		at := int64(read[0].Runs[0].DTS)
		if at != 3000+int64(delay) {
			t.Errorf("delayed by %d: decoded from %d", delay, at)
		}
		for i, s := range read[0].Runs[0].Samples {
			if got := at + int64(s.Offset); got != want[i] {
				t.Errorf("delayed by %d: sample %d is shown at %d, want %d", delay, i, got, want[i])
			}
			at += int64(s.Duration)
		}
	}
}
