package fmp4_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/fmp4"
)

const (
	tkhd32  = "00000007 00000000 00000000 00000007 00000000"
	tkhd64  = "01000007 0000000000000000 0000000000000000 00000007 00000000"
	mdhd32  = "00000000 00000000 00000000 0000ac44 00000000"
	mdhdOdd = "00000000 00000000 00000000 2c00bb80 00000000"
	mdhd64  = "01000000 0000000000000000 0000000000000000 0000ac44 00000000"
)

// mp3ESDS is the body of an esds of MP3 of MPEG-1.
const mp3ESDS = "00000000 03 15 0000 00 04 0d 6b 15 000000 00000000 00000000 06 01 02"

// least is an initialization section of no more than what is read, with track 7 of 44.1 kHz.
func least(t testing.TB, tkhd, mdhd, stsd string) string {
	t.Helper()
	return box(t, "moov",
		box(t, "trak", box(t, "tkhd", tkhd), box(t, "mdia", box(t, "mdhd", mdhd), box(t, "minf", box(t, "stbl", box(t, "stsd", stsd))))),
		box(t, "mvex"))
}

// one gives the body of a stsd with one entry.
func one(entry string) string { return "00000000 00000001" + entry }

// The forms in which other packagers write entries and headers.
func TestParseInitOfOthers(t *testing.T) {
	mp3OfRate := func(rate int) *media.Track {
		return &media.Track{Codec: media.MP3, ClockRate: rate, Format: media.Format{Profile: "MPEG-1 layer 3", Channels: 2}}
	}
	esds := box(t, "esds", mp3ESDS)
	padded := box(t, "esds", "00000000 03 80808022 0000 00 04 80808014 40 15 000000 00000000 00000000 05 80808002 1190 06 80808001 02")
	for _, tc := range []struct {
		name, init string
		want       *media.Track
	}{
		{"no more than needed", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "ac44"), esds))), mp3OfRate(44100)},
		{"headers with times of 64 bits", least(t, tkhd64, mdhd64, one(box(t, "mp4a", audio("0002 0010", "ac44"), esds))), mp3OfRate(44100)},
		{"a rate that is not told", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "0000"), esds))), mp3OfRate(44100)},
		{"a rate that is not the timescale", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "7d00"), esds))), mp3OfRate(32000)},
		{"boxes around the configuration", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "ac44"), box(t, "free"), esds, box(t, "btrt")))), mp3OfRate(44100)},
		{"sizes of 4 bytes", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "bb80"), padded))), track(t, 0, media.AAC, stereo)},
		{"avc3", least(t, tkhd32, mdhd32, one(box(t, "avc3", visual("0040 0040"), box(t, "avcC", avcC)))), track(t, 0, media.H264, avcC)},
		{"hev1", least(t, tkhd32, mdhd32, one(box(t, "hev1", visual("0500 02d0"), box(t, "hvcC", hvcC)))), track(t, 0, media.HEVC, hvcC)},
		{"a long box", "00000001 6d6f6f76" + hex64(16+len(least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "ac44"), esds))))/2-8) +
			least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "ac44"), esds)))[16:], mp3OfRate(44100)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in, err := fmp4.ParseInit(mediatest.Unhex(t, tc.init))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]*media.Track{tc.want}, mediaTracks(in)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got := in.Tracks[0]; got.ID != 7 || got.Timescale != 44100 {
				t.Errorf("track %d of %d ticks, want 7 of 44100", got.ID, got.Timescale)
			}
		})
	}
}

func hex64(n int) string { return "00000000" + hex32(n) }

func TestParseEntryRefuses(t *testing.T) {
	const stsd = 8 + 8 + 28 + 8 + 28 + 8 + 8 // where it begins
	const entry = stsd + 16
	sound := audio("0002 0010", "ac44")
	for _, tc := range []struct {
		name, init string
		refused    bool
		offset     int64
	}{
		{"a broken box in moov", box(t, "moov", "00000001"), false, 8},
		{"a broken box in front of moov", "00000001", false, 0},
		{"tkhd cut short", least(t, "00000007", mdhd32, one("")), false, 16},
		{"tkhd of 64 bits cut short", least(t, strings.Replace(tkhd32, "00", "01", 1), mdhd32, one("")), false, 16},
		{"mdhd cut short", least(t, tkhd32, "00000000", one("")), false, 52},
		{"stsd cut short", least(t, tkhd32, mdhd32, "00000000"), false, stsd},
		{"no entry where there is one", least(t, tkhd32, mdhd32, one("")), false, stsd},
		{"an entry cut short", least(t, tkhd32, mdhd32, one("00000001")), false, entry},
		{"pictures cut short", least(t, tkhd32, mdhd32, one(box(t, "avc1", "00"))), false, entry},
		{"sound cut short", least(t, tkhd32, mdhd32, one(box(t, "mp4a", "00"))), false, entry},
		{"a broken box in an entry", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, "00000001"))), false, entry + 36},
		{"Opus without dOps", least(t, tkhd32, mdhd32, one(box(t, "Opus", sound))), false, entry},
		{"Opus with a broken one", least(t, tkhd32, mdhd32, one(box(t, "Opus", sound, box(t, "dOps", "00")))), false, entry},
		{"Opus of a later version", least(t, tkhd32, mdhd32, one(box(t, "Opus", sound, box(t, "dOps", "01"+dOps[2:])))), true, entry},
		{"FLAC without dfLa", least(t, tkhd32, mdhd32, one(box(t, "fLaC", sound))), false, entry},
		{"FLAC with a short one", least(t, tkhd32, mdhd32, one(box(t, "fLaC", sound, box(t, "dfLa", "00000000")))), false, entry + 36},
		{"FLAC with a broken one", least(t, tkhd32, mdhd32, one(box(t, "fLaC", sound, box(t, "dfLa", "00000000 80000022 00")))), false, entry},
		{"esds cut short", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, box(t, "esds", "0000")))), false, entry + 36},
		{"an empty esds", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, box(t, "esds", "00000000")))), false, entry + 36},
		{"a size of 5 bytes", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, box(t, "esds", "00000000 03 8080808015 0000 00 04 0d 6b 15 000000 00000000 00000000 06 01 02")))), false, entry + 36},
		{"a size without an end", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, box(t, "esds", "00000000 0380")))), false, entry + 36},
		{"an esds of the stream alone", least(t, tkhd32, mdhd32, one(box(t, "mp4a", sound, box(t, "esds", "00000000 03 03 0000 00")))), false, entry + 36},
		{"MP3 of no rate, with a clock that is none", least(t, tkhd32, mdhdOdd, one(box(t, "mp4a", audio("0002 0010", "0000"), box(t, "esds", mp3ESDS)))), false, entry},
		{"MP3 of a rate that is none", least(t, tkhd32, mdhd32, one(box(t, "mp4a", audio("0002 0010", "bb81"), box(t, "esds", mp3ESDS)))), false, entry},
		{"text", least(t, tkhd32, mdhd32, one(box(t, "stpp", "00"))), true, entry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := fmp4.ParseInit(mediatest.Unhex(t, tc.init))
			checkError(t, err, tc.refused, tc.offset)
		})
	}
	entry16 := one(box(t, "mp4a", sound, box(t, "esds", mp3ESDS)))
	body := mediatest.Unhex(t, least(t, tkhd32, mdhd32, entry16))[8:]
	trak := body[:len(body)-8]
	var many []byte
	for i := range fmp4.MaxTracks + 1 {
		trak[8+8+4+8+3] = byte(i + 1) // track_ID
		many = append(many, trak...)
	}
	_, err := fmp4.ParseInit(append(mediatest.Unhex(t, hex32(8+len(many))+"6d6f6f76"), many...))
	checkError(t, err, true, int64(8+fmp4.MaxTracks*len(trak)))
}

// Sizes of descriptors take as many bytes as they need.
func TestLongConfigurations(t *testing.T) {
	for _, size := range []int{100, 110, 200, 16400, 1 << 21} {
		want := track(t, 0, media.AAC, stereo+strings.Repeat("00", size))
		init, err := fmp4.AppendInit(nil, []*media.Track{want})
		if err != nil {
			t.Fatal(err)
		}
		in, err := fmp4.ParseInit(init)
		if err != nil {
			t.Fatal(err)
		}
		if got := in.Tracks[0].Media.Config; string(got) != string(want.Config) {
			t.Errorf("%d bytes: got %d, want %d", size, len(got), len(want.Config))
		}
	}
}
