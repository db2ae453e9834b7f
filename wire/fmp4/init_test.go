package fmp4_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// Sample entries hold what the codecs' bindings ask for.
func TestSampleEntries(t *testing.T) {
	fast, odd := track(t, 0, media.FLAC, streamInfo), track(t, 0, media.FLAC, streamInfo)
	fast.ClockRate, odd.ClockRate = 96000, 65536
	for _, tc := range []struct {
		name  string
		track *media.Track
		kind  string
		want  string // the entry behind its first 8 bytes; the reserved bytes as dots
	}{
		{"HEVC", track(t, 0, media.HEVC, hvcC), "hvc1", visual("0500 02d0") + box(t, "hvcC", hvcC)},
		{"HEVC with arrays that are not complete", track(t, 0, media.HEVC, strings.NewReplacer(
			"03a00001", "03200001", "a10001", "210001", "a20001", "220001").Replace(hvcC)), "hvc1", visual("0500 02d0") + box(t, "hvcC", hvcC)},
		{"AV1", track(t, 0, media.AV1, av1C), "av01", visual("0780 0438") + box(t, "av1C", av1C)},
		{"VP9", track(t, 0, media.VP9, vpcC), "vp09", visual("0280 0168") + box(t, "vpcC", vpcC)},
		{"Opus", track(t, 0, media.Opus, dOps), "Opus", audio("0002 0010", "bb80") + box(t, "dOps", dOps)},
		{"FLAC", track(t, 0, media.FLAC, streamInfo), "fLaC", audio("0002 0010", "bb80") + box(t, "dfLa", "00000000 80000022"+streamInfo)},
		{"FLAC of 96 kHz", fast, "fLaC", audio("0002 0010", "bb80") + box(t, "dfLa", "00000000 80000022"+streamInfo)},
		{"FLAC of 65.536 kHz", odd, "fLaC", audio("0002 0010", "8000") + box(t, "dfLa", "00000000 80000022"+streamInfo)},
		{"MP3", mp3(t, 0, "fffb9064"), "mp4a", audio("0002 0010", "ac44") +
			box(t, "esds", "00000000 03 15 0000 00 04 0d 6b 15 000000 00000000 00000000 06 01 02")},
		{"MP3 of 22.05 kHz, mono", mp3(t, 0, "fff390c4"), "mp4a", audio("0001 0010", "5622") +
			box(t, "esds", "00000000 03 15 0000 00 04 0d 69 15 000000 00000000 00000000 06 01 02")},
		{"HE-AAC", track(t, 0, media.AAC, "2b920800"), "mp4a", audio("0002 0010", "5622") +
			box(t, "esds", "00000000 03 1b 0000 00 04 13 40 15 000000 00000000 00000000 05 04 2b920800 06 01 02")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			init, err := fmp4.AppendInit(nil, []*media.Track{tc.track})
			if err != nil {
				t.Fatal(err)
			}
			if want := mediatest.Unhex(t, box(t, tc.kind, tc.want)); !bytes.Contains(init, want) {
				t.Errorf("no entry %x in\n%x", want, init)
			}
			in, err := fmp4.ParseInit(init)
			if err != nil {
				t.Fatal(err)
			}
			want := *tc.track
			if want.Codec == media.HEVC {
				want.Config = mediatest.Unhex(t, hvcC)
			}
			if want.Codec == media.FLAC {
				want.ClockRate = 48000 // as STREAMINFO says
			}
			if diff := cmp.Diff([]*media.Track{&want}, mediaTracks(in)); diff != "" {
				t.Errorf("read: -want +got\n%s", diff)
			}
		})
	}
}

// visual gives the fields of a VisualSampleEntry in hexadecimal, with width and height.
func visual(size string) string {
	return "0000000000000001" + strings.Repeat("00", 16) + size + "00480000 00480000 00000000 0001" + strings.Repeat("00", 32) + "0018 ffff"
}

// audio gives the fields of an AudioSampleEntry in hexadecimal, with channels and bits, and the rate.
func audio(format, rate string) string {
	return "0000000000000001 0000000000000000" + format + "00000000" + rate + "0000"
}

// box gives a box in hexadecimal around a body in hexadecimal.
func box(t testing.TB, kind string, body ...string) string {
	t.Helper()
	b := mediatest.Unhex(t, strings.Join(body, ""))
	return fmt.Sprintf("%08x%x%x", 8+len(b), kind, b)
}

func TestAppendInitRefuses(t *testing.T) {
	with := func(tr *media.Track, change func(*media.Track)) []*media.Track {
		changed := *tr
		change(&changed)
		return []*media.Track{&changed}
	}
	h264 := track(t, 0, media.H264, avcC)
	var many []*media.Track
	for i := range fmp4.MaxTracks + 1 {
		many = append(many, with(h264, func(tr *media.Track) { tr.ID = uint8(i) })...)
	}
	huge := mediatest.Unhex(t, "0164000affe0ff")
	for range 255 {
		huge = append(append(huge, 0xff, 0xff), make([]byte, 0xffff)...)
	}
	large := func(id uint8) *media.Track {
		return with(h264, func(tr *media.Track) { tr.ID, tr.Config = id, huge })[0]
	}
	broken := func(c media.Codec) []*media.Track {
		return with(h264, func(tr *media.Track) { tr.Codec, tr.Config = c, []byte{1} })
	}
	for name, tracks := range map[string][]*media.Track{
		"no tracks":                nil,
		"17 tracks":                many,
		"two tracks of one number": {h264, h264},
		"VP8":                      {track(t, 0, media.VP8, "")},
		"metadata":                 with(h264, func(tr *media.Track) { tr.Codec = media.Metadata }),
		"MP3 above 48 kHz":         with(mp3(t, 0, "fffb9064"), func(tr *media.Track) { tr.ClockRate = 48001 }),
		"no clock":                 with(h264, func(tr *media.Track) { tr.ClockRate = 0 }),
		"no size":                  with(h264, func(tr *media.Track) { tr.Format.Width = 0 }),
		"too wide":                 with(h264, func(tr *media.Track) { tr.Format.Width = 65536 }),
		"too high":                 with(h264, func(tr *media.Track) { tr.Format.Height = 65536 }),
		"more than 16 MiB":         {large(0), large(1)},
		"broken H.264":             broken(media.H264),
		"broken HEVC":              broken(media.HEVC),
		"broken AV1":               broken(media.AV1),
		"broken VP9":               broken(media.VP9),
		"broken AAC":               broken(media.AAC),
		"broken Opus":              broken(media.Opus),
		"broken FLAC":              broken(media.FLAC),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := fmp4.AppendInit(nil, tracks); err == nil || got != nil {
				t.Errorf("got %d bytes, want an error", len(got))
			}
		})
	}
}

// The largest and the smallest that can be written.
func TestAppendInitLimits(t *testing.T) {
	var tracks []*media.Track
	for i := range fmp4.MaxTracks {
		tr := track(t, uint8(i), media.H264, avcC)
		tr.Format.Width, tr.Format.Height = 1, 65535
		if i%2 == 1 {
			tr.Format.Width, tr.Format.Height = 65535, 1
		}
		tracks = append(tracks, tr)
	}
	tracks[1].ID = 255
	init, err := fmp4.AppendInit(nil, tracks)
	if err != nil {
		t.Fatal(err)
	}
	if want := mediatest.Unhex(t, visual("0001 ffff")); bytes.Count(init, want) != fmp4.MaxTracks/2 {
		t.Errorf("not %d tracks of 1 x 65535 pixels", fmp4.MaxTracks/2)
	}
	in, err := fmp4.ParseInit(init)
	if err != nil || len(in.Tracks) != fmp4.MaxTracks || in.Tracks[1].ID != 256 {
		t.Errorf("got %d tracks, error %v", len(in.Tracks), err)
	}
}
