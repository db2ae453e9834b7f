package mediatest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published is two groups of three pictures, with sound, behind the usual headers.
func published() []Tag {
	tags := []Tag{
		{DataTag, 0, []byte("\x02\x00\x0aonMetaData")},
		{VideoTag, 0, []byte{0x17, 0, 0, 0, 0, 1}},
		{AudioTag, 0, []byte{0xaf, 0, 0x11, 0x90}},
	}
	for i := range byte(6) {
		head := byte(0x27)
		if i%3 == 0 {
			head = 0x17
		}
		tags = append(tags, Tag{VideoTag, int64(i) * 33, []byte{head, 1, 0, 0, 66, i}}, Tag{AudioTag, int64(i) * 33, []byte{0xaf, 1, i}})
	}
	return tags
}

func shifted(tags []Tag, by int64) []Tag {
	var out []Tag
	for _, g := range tags {
		g.Time += by
		out = append(out, g)
	}
	return out
}

func TestSame(t *testing.T) {
	lost := append(append([]Tag{}, published()[:7]...), published()[8:]...)
	late := shifted(published(), 0)
	late[8].Time += 2
	wrong := shifted(published(), 0)
	wrong[5].Body = []byte{0x27, 1, 0, 0, 66, 99}
	for _, tt := range []struct {
		name     string
		recorded []Tag
		want     Match
		err      string
	}{
		{"equal", published(), Match{Video: 6, Audio: 6}, ""},
		{"moved", shifted(published(), 70), Match{Video: 6, Audio: 6, Offset: 70}, ""},
		{"without headers", published()[3:], Match{Video: 6, Audio: 6}, ""},
		{"one lost", lost, Match{}, "want video"},
		{"end lost", published()[:13], Match{}, "2 payloads are missing at the end, of 12"},
		{"one added", append(published(), Tag{AudioTag, 300, []byte{0xaf, 1, 9}}), Match{}, "1 payloads more"},
		{"other bytes", wrong, Match{}, "it was never published"},
		{"one late", late, Match{}, "goes from 0 to 2 ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Same(published(), tt.recorded)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPart(t *testing.T) {
	late := published()[9:13] // from the second key frame on
	got, err := Part(published(), late)
	if want := (Match{Video: 2, Audio: 2, First: 3}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := Part(published(), published()[5:9]); err == nil {
		t.Error("a recording that begins without a key frame is taken")
	}
}

func TestHoles(t *testing.T) {
	rec := append(append([]Tag{}, published()[:5]...), published()[9:]...)
	got, err := Holes(published(), rec, VideoTag)
	if err != nil || len(got) != 1 || got[0].Missing != 2 || !got[0].Resumes.Key() {
		t.Errorf("got %+v, %v, want one hole of 2 that a key frame ends", got, err)
	}
	if _, err := Holes(published(), append(published(), published()[3]), VideoTag); err == nil {
		t.Error("a repeated picture is taken")
	}
}

func TestRising(t *testing.T) {
	if err := Rising(published()); err != nil {
		t.Error(err)
	}
	if err := Rising(append(published(), published()[3])); err == nil {
		t.Error("a step back is taken")
	}
}

// A recording is read back, also where it breaks off, and with times over 2^24 ms.
func TestReadFLV(t *testing.T) {
	tags := shifted(published(), 1<<24+5)
	path := filepath.Join(t.TempDir(), "a.flv")
	for _, cut := range []int64{0, 3} {
		WriteFLV(t, path, tags)
		if info, err := os.Stat(path); err != nil || os.Truncate(path, info.Size()-cut) != nil {
			t.Fatal(err)
		}
		got, err := ReadFLV(path)
		if err != nil {
			t.Fatal(err)
		}
		want := tags
		if cut > 0 {
			want = tags[:len(tags)-1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cut by %d (-want +got)\n%s", cut, diff)
		}
	}
}
