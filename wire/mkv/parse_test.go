package mkv_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/mkv"
)

// master gives an element in hexadecimal, its size in 4 bytes.
func master(t testing.TB, id string, body ...string) string {
	t.Helper()
	all := strings.Join(body, "")
	return id + fmt.Sprintf("1%07x", len(mediatest.Unhex(t, all))) + all
}

// foreignHeader is a header of an unknown segment with a tick of 1 ms and one VP8 track of number 1, as others write it.
func foreignHeader(t testing.TB, entry ...string) string {
	t.Helper()
	if len(entry) == 0 {
		entry = []string{vp8Entry}
	}
	return master(t, "1a45dfa3", "4282 84 7765626d") + "18538067 ff" + master(t, "1654ae6b", master(t, "ae", entry...))
}

const vp8Entry = "d7 81 01 83 81 01 86 85 565f565038" // number 1, video, V_VP8

// The forms in which others tell the same.
func TestReadsFormsOfOthers(t *testing.T) {
	block := func(pts media.Time, key bool, data string) *media.Frame {
		return &media.Frame{PTS: pts * media.Millisecond, DTS: pts * media.Millisecond, Key: key, Data: []byte(data)}
	}
	for _, tc := range []struct {
		name, stream string
		want         []*media.Frame
	}{
		{
			"a cluster of unknown size, then another", foreignHeader(t) +
				"1f43b675 01ffffffffffffff e7 81 05 a3 85 81 0001 80 61" + "1f43b675 ff e7 82 0100 a3 85 81 ffff 00 62",
			[]*media.Frame{block(6, true, "a"), block(255, false, "b")},
		},
		{
			"several blocks in a cluster", foreignHeader(t) + master(t, "1f43b675", "e7 81 05", "ab 81 00", "a3 85 81 0000 80 61", "a3 85 81 0021 00 62"),
			[]*media.Frame{block(5, true, "a"), block(38, false, "b")},
		},
		{
			"block groups", foreignHeader(t) + master(t, "1f43b675", "e7 81 05",
				master(t, "a0", "a1 85 81 0000 00 61", "9b 81 05"), master(t, "a0", "fb 81 ff", "a1 85 81 0001 00 62")),
			[]*media.Frame{block(5, true, "a"), block(6, false, "b")},
		},
		{
			"void, checksums, cues and tags between", foreignHeader(t) + "ec 82 0000" + master(t, "1f43b675", "bf 84 00000000", "e7 80", "a3 85 81 0000 80 61") +
				"1c53bb6b 80" + "1254c367 81 00" + master(t, "1f43b675", "e7 81 01", "a3 85 81 0000 80 62"),
			[]*media.Frame{block(0, true, "a"), block(1, true, "b")},
		},
		{
			"a number in two bytes, and a track that is not told of", foreignHeader(t) + master(t, "1f43b675", "e7 80", "a3 86 4001 0000 80 61", "a3 85 82 0000 80 62"),
			[]*media.Frame{block(0, true, "a")},
		},
		{
			"a tick of 2 ms", strings.Replace(foreignHeader(t), "1654ae6b", master(t, "1549a966", "2ad7b1 83 1e8480")+"1654ae6b", 1) +
				master(t, "1f43b675", "e7 81 05", "a3 85 81 0001 80 61"),
			[]*media.Frame{block(12, true, "a")},
		},
		{
			"a header told again", foreignHeader(t) + foreignHeader(t) + master(t, "1f43b675", "e7 80", "a3 84 81 0000 00"),
			[]*media.Frame{block(0, false, "")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracks, got, err := readAll(bytes.NewReader(mediatest.Unhex(t, tc.stream)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range tc.want {
				f.Track = tracks[0]
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// What breaks the format, or is not done, is said with its place.
func TestReaderRefuses(t *testing.T) {
	cluster := func(body ...string) string { return foreignHeader(t) + master(t, "1f43b675", body...) }
	entry := func(id, private, more string) string {
		e := "d7 81 01" + "86" + fmt.Sprintf("%02x", 0x80|len(id)) + hex.EncodeToString([]byte(id)) + more
		if private != "" {
			e += "63a2" + fmt.Sprintf("%02x", 0x80|len(mediatest.Unhex(t, private))) + private
		}
		return foreignHeader(t, e)
	}
	for _, tc := range []struct {
		name, stream, want string
	}{
		{"no EBML", "0947401000000000000000", "mkv: at byte 0: no element"},
		{"another format", "66747970 80", "not an EBML header"},
		{"a segment without a header", "18538067 ff", "not an EBML header"},
		{"another document", master(t, "1a45dfa3", "4282 83 666f6f"), `not supported: document type "foo"`},
		{"a header of 1 GB", "1a45dfa3 08 40000000", "at most 4096"},
		{"tracks of 1 GB", master(t, "1a45dfa3") + "1654ae6b 08 40000000", "at most 1048576"},
		{"a child that does not fit", master(t, "1a45dfa3", "4282 84 00"), "element 4282 of 4 bytes, 1 left"},
		{"a child that is none", master(t, "1a45dfa3", "00"), "no element in the 1 bytes that are left"},
		{"a cluster first", master(t, "1a45dfa3") + "1f43b675 ff", "a cluster before the tracks"},
		{"no tracks", master(t, "1a45dfa3") + "18538067 ff", "ends before its tracks"},
		{"an unknown codec", entry("V_MPEG2", "", ""), `not supported: codec "V_MPEG2"`},
		{"no codec", entry("", "", ""), `codec ""`},
		{"H.264 without configuration", entry("V_MPEG4/ISO/AVC", "", ""), "read the h264 configuration"},
		{"compressed blocks", entry("V_VP8", "", "6d80 80"), "compressed or encrypted"},
		{"number 0", foreignHeader(t, strings.Replace(vp8Entry, "d7 81 01", "d7 81 00", 1)), "track number 0"},
		{"number 257", foreignHeader(t, strings.Replace(vp8Entry, "d7 81 01", "d7 82 0101", 1)), "track number 257"},
		{"two tracks of a number", master(t, "1a45dfa3") + master(t, "1654ae6b", master(t, "ae", vp8Entry), master(t, "ae", vp8Entry)), "two tracks of number 1"},
		{"an integer of 9 bytes", foreignHeader(t, "d7 89 000000000000000001"), "integer D7 of 9 bytes"},
		{"a rate of 3 bytes", entry("A_OPUS", "", "e1 85 b5 83 000000"), "floating-point number B5 of 3 bytes"},
		{"a rate of none", entry("A_MPEG/L3", "", "e1 86 b5 84 7fc00000"), "a sampling rate of NaN"},
		{"a width of 8 bytes", entry("V_VP8", "", "e0 8a b0 88 ffffffffffffffff"), "integer B0 is"},
		{"a delay of hours", entry("A_OPUS", "", "56aa 88 ffffffffffffffff"), "a codec delay of"},
		{"a tick of 0", strings.Replace(foreignHeader(t), "1654ae6b", master(t, "1549a966", "2ad7b1 80")+"1654ae6b", 1), "a tick of 0 ns"},
		{"a cluster in 10^12 years", cluster("e7 88 ffffffffffffffff"), "ticks of 1000000 ns"},
		{"a block without time", cluster("a3 85 81 0000 80 61"), "before its cluster's time"},
		{"a time of another cluster", cluster("e7 80") + "1f43b675 ff a3 85 81 0000 80 61", "before its cluster's time"},
		{"a block of 3 bytes", cluster("e7 80", "a3 83 81 0000"), "a block of 3 bytes"},
		{"a block without a number", cluster("e7 80", "a3 84 00 000000"), "a block of 4 bytes"},
		{"lacing", cluster("e7 80", "a3 85 81 0000 82 61"), "not supported: several frames in a block"},
		{"a group without block", cluster("e7 80", master(t, "a0", "9b 81 01")), "without a block"},
		{"a block of 1 GB", cluster("e7 80", "a3 08 40000000"), "at most 16777232"},
		{"an unknown element of unknown size", foreignHeader(t) + "1c53bb6b ff", "of unknown size"},
		{"an unknown element that is cut", foreignHeader(t) + "1c53bb6b 85 00", "ends within an element"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := readAll(bytes.NewReader(mediatest.Unhex(t, tc.stream)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			mustBeTyped(t, err)
		})
	}
}

func mustBeTyped(t testing.TB, err error) {
	t.Helper()
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	if err != nil && !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
		t.Errorf("an error of another kind: %v", err)
	}
}

// A block takes memory as its bytes come, not as its size is told.
func TestMemoryFollowsTheBytes(t *testing.T) {
	stream := mediatest.Unhex(t, foreignHeader(t)+"1f43b675 ff e7 80 a3 10 ffffff")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const times = 20
	for range times {
		if _, _, err := readAll(bytes.NewReader(stream)); err == nil {
			t.Fatal("a block that is cut is read")
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / times; got > 4<<20 {
		t.Errorf("%d bytes for a block of which there is nothing", got)
	}
}

// FuzzReader checks that any bytes are read or refused with a typed error, and that what was read is written and read again.
func FuzzReader(f *testing.F) {
	f.Add(golden(f, "stream.txt"))
	f.Add(mediatest.Unhex(f, foreignHeader(f)+master(f, "1f43b675", "e7 81 05", master(f, "a0", "a1 85 81 0000 00 61", "9b 81 05"))))
	f.Add(mediatest.Unhex(f, foreignHeader(f)+"1f43b675 01ffffffffffffff e7 81 05 a3 85 81 0001 80 61"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tracks, frames, err := readAll(bytes.NewReader(b))
		if err != nil && tracks == nil && len(b) > 0 {
			mustBeTyped(t, err)
			return
		}
		if len(b) == 0 || len(tracks) == 0 {
			return
		}
		var out bytes.Buffer
		w, err := mkv.NewWriter(&out, tracks...)
		if err != nil {
			return // a pre-skip that the file told otherwise
		}
		var written []*media.Frame
		for _, fr := range frames {
			if w.WriteFrame(fr) == nil {
				written = append(written, fr)
			}
		}
		_, again, err := readAll(&out)
		if err != nil || len(again) != len(written) {
			t.Fatalf("%d frames again, %v, want %d", len(again), err, len(written))
		}
		for i, want := range written {
			if got := again[i]; !bytes.Equal(got.Data, want.Data) || got.Key != want.Key || (got.PTS-want.PTS).Duration().Abs() > 2000 {
				t.Errorf("frame %d: got %+v, want %+v", i, got, want)
			}
		}
	})
}
