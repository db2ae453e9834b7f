package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
)

// typed runs simulcart as from a terminal.
func typed(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

// tailOf reads a recording, which must succeed, and gives what is printed, without the sizes.
func tailOf(t *testing.T, r *recording, flags ...string) string {
	t.Helper()
	code, out, errs := typed(append([]string{"overlay", "tail", r.save()}, flags...)...)
	if code != 0 || errs != "" {
		t.Fatalf("got exit code %d and %q, want success", code, errs)
	}
	return out
}

// Each state is told where it sits: in the picture, and in the message before the picture with its time. Here pictures are
// coded in another order than they are shown.
func TestTailOfRecording(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 80, true)
	r.message(120, said(1, 40, 40, "dress"))
	r.picture(40, 200, false)
	r.picture(80, 120, false, said(1, 40, 40, "dress"))
	r.picture(120, 160, false)
	r.message(240, said(1, 40, 160, "dress"))
	r.picture(160, 240, true, said(1, 40, 160, "dress"))
	r.message(280, said(2, 200, 200))
	r.picture(200, 280, false, said(2, 200, 200))
	size, empty := len(said(1, 40, 40, "dress")), len(said(2, 200, 200))
	shown := `main=dress "The dress" 24.99 EUR`
	want := fmt.Sprintf(`120ms      frame 3      sei  state  1 of s1, %d bytes: %s
120ms      frame 3      amf  state  1 of s1, %[1]d bytes: %[2]s
240ms      frame 5      sei  repeat 1 of s1, %[3]d bytes: %[2]s
240ms      frame 5      amf  repeat 1 of s1, %[3]d bytes: %[2]s
280ms      frame 6      sei  state  2 of s1, %[4]d bytes: nothing is shown
280ms      frame 6      amf  state  2 of s1, %[4]d bytes: nothing is shown
6 pictures, 4 states, 2 repeats, 0 faults
`, size, shown, size+1, empty)
	if diff := cmp.Diff(want, tailOf(t, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// For programs: one object for each copy, with the time from which the state holds on the stream's clock, and no sum.
func TestTailAsJSON(t *testing.T) {
	r := recordH264(t)
	r.message(1000, said(7, 400, 600, "dress"))
	r.picture(1000, 1000, true, said(7, 400, 600, "dress"))
	r.message(5000, said(8, 4600, 4600))
	text := said(7, 400, 600, "dress")
	want := fmt.Sprintf(`{"carriage":"sei","pts_ms":1000,"frame":1,"bytes":%d,"repeat":false,"state":%s,"from_ms":800}
{"carriage":"amf","pts_ms":1000,"frame":1,"bytes":%[1]d,"repeat":false,"state":%[2]s,"from_ms":800}
{"carriage":"amf","pts_ms":5000,"bytes":%[3]d,"repeat":false,"faults":["no picture has its time"],"state":%[4]s,"from_ms":5000}
`, len(text), text, len(said(8, 4600, 4600)), said(8, 4600, 4600))
	if diff := cmp.Diff(want, tailOf(t, r, "--json")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTailOfEachCodec(t *testing.T) {
	for _, c := range []struct {
		codec        media.Codec
		config, unit string
	}{
		{media.H264, avcC, avcPicture},
		{media.HEVC, hvcC, hvcPicture},
		{media.AV1, av1C, av1Picture},
	} {
		t.Run(c.codec.String(), func(t *testing.T) {
			r := record(t, c.codec, c.config, c.unit)
			r.picture(0, 0, true)
			r.picture(40, 40, false, said(1, 40, 40, "dress"))
			want := "40ms       frame 2      sei  state  1 of s1, "
			if got := tailOf(t, r); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n2 pictures, 1 states, 0 repeats, 0 faults\n") {
				t.Errorf("got %q, want %q…", got, want)
			}
		})
	}
}

// What is wrong with the carriage is told below the copy, and counted.
func TestTailTellsFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		write  func(r *recording)
		faults []string // a part of each
	}{
		{"none", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0, "dress"))
			r.picture(40, 40, false, said(4, 40, 40))
		}, nil},
		{"a first copy that is late, for who comes late", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 2000, "dress"))
		}, nil},
		{"a new session", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0, "dress"))
			r.picture(40, 40, false, strings.Replace(said(1, 0, 0, "hat"), "s1", "s2", 1))
		}, nil},
		{"an unknown member", func(r *recording) {
			r.picture(0, 0, true, strings.Replace(said(1, 0, 0), "{", `{"new":1,`, 1))
		}, nil},
		{"a step back", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0))
			r.picture(40, 40, false, said(2, 40, 40))
		}, []string{"seq went back from 3"}},
		{"a first copy that did not come", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0))
			r.picture(40, 40, false, said(4, 20, 40))
		}, []string{"its first copy was not seen"}},
		{"two contents", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0, "dress"))
			r.picture(40, 40, false, said(3, 0, 40, "hat"))
		}, []string{"another copy of this seq shows something else"}},
		{"two contents over two carriages", func(r *recording) {
			r.message(0, said(3, 0, 0, "dress"))
			r.picture(0, 0, true, said(3, 0, 0, "hat"))
		}, []string{"another copy of this seq shows something else"}},
		{"no picture at the time", func(r *recording) {
			r.picture(0, 0, true)
			r.message(50, said(3, 0, 0))
			r.picture(1040, 1040, false)
			r.picture(1080, 1080, false)
		}, []string{"no picture has its time"}},
		{"no picture any more", func(r *recording) {
			r.picture(0, 0, true)
			r.message(40, said(3, 0, 0))
		}, []string{"no picture has its time"}},
		{"no JSON", func(r *recording) { r.picture(0, 0, true, "text") }, []string{"is no JSON object"}},
		{"a rule broken", func(r *recording) { r.picture(0, 0, true, said(0, 0, 0)) }, []string{"seq is 0: must be 1 to 2^53-1"}},
		{"too large", func(r *recording) {
			r.picture(0, 0, true, said(1, 0, 0)+strings.Repeat(" ", 4096))
		}, []string{"4096"}},
		{"several", func(r *recording) {
			r.picture(0, 0, true, said(3, 0, 0, "dress"))
			r.picture(40, 40, false, said(2, 0, 40, "hat"))
			r.message(90, said(1, 0, 0))
		}, []string{"seq went back from 3", "no picture has its time"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recordH264(t)
			c.write(r)
			got := tailOf(t, r)
			if !strings.HasSuffix(got, fmt.Sprintf(", %d faults\n", len(c.faults))) || strings.Count(got, "\n  FAULT: ") != len(c.faults) {
				t.Errorf("want %d faults, got:\n%s", len(c.faults), got)
			}
			for _, f := range c.faults {
				if !strings.Contains(got, f) {
					t.Errorf("want %q, got:\n%s", f, got)
				}
			}
		})
	}
}

// A message waits a second for its picture, and is told before what comes later.
func TestTailWaitsASecond(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true)
	r.message(50, said(1, 0, 0))
	r.picture(1050, 1050, false, said(2, 1050, 1050))
	r.picture(1090, 1090, false, said(3, 1090, 1090))
	r.picture(1130, 1130, false, said(4, 1130, 1130))
	var order []string
	for line := range strings.Lines(tailOf(t, r)) {
		order = append(order, strings.Fields(line)[0])
	}
	if diff := cmp.Diff([]string{"1.05s", "1.09s", "50ms", "FAULT:", "1.13s", "4"}, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is no state of ours is not told: the publisher's metadata and sound.
func TestTailPassesOverTheRest(t *testing.T) {
	r := recordH264(t)
	for _, tag := range []struct {
		kind flv.TagType
		body string
	}{
		{flv.TagData, "02 000a 6f6e4d65746144617461 08 00000000 000009"}, // onMetaData, empty
		{flv.TagAudio, "af 00 1190"},
		{flv.TagAudio, "af 01 2110"},
		{flv.TagData, "05"}, // null
	} {
		if err := r.w.WriteTag(tag.kind, 0, mediatest.Unhex(t, tag.body)); err != nil {
			t.Fatal(err)
		}
	}
	r.picture(0, 0, true)
	if got, want := tailOf(t, r), "1 pictures, 0 states, 0 repeats, 0 faults\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A file that cannot be read to its end is exit code 1, and the message says where. What was read before it is printed.
func TestTailOfBrokenFile(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true, said(1, 0, 0, "dress"))
	whole := r.Bytes()
	for _, c := range []struct {
		name   string
		text   []byte
		states int
		want   string
	}{
		{"empty", nil, 0, "simulcart: read flv header: unexpected EOF\n"},
		{"no FLV", []byte("<!doctype html>"), 0, "simulcart: flv file: at byte 0: starts with \"<!d\", not with FLV\n"},
		{"cut in the header", whole[:7], 0, "simulcart: read flv header: unexpected EOF\n"},
		{"cut in a picture", whole[:len(whole)-8], 0, fmt.Sprintf("simulcart: read video tag at byte %d: unexpected EOF\n", r.last())},
		{"cut behind a picture", append(bytes.Clone(whole), 9, 0), 1, fmt.Sprintf("simulcart: read flv tag at byte %d: unexpected EOF\n", len(whole))},
		{"junk behind a picture", append(bytes.Clone(whole), make([]byte, 11)...), 1, fmt.Sprintf("simulcart: flv file: at byte %d: tag of type 0\n", len(whole))},
		{"encrypted", append(bytes.Clone(whole), append([]byte{0x29}, make([]byte, 10)...)...), 1, fmt.Sprintf("simulcart: flv file: at byte %d: not supported: an encrypted tag\n", len(whole))},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "broken.flv")
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := typed("overlay", "tail", path)
			if code != 1 || errs != c.want {
				t.Errorf("got exit code %d and %q, want 1 and %q", code, errs, c.want)
			}
			if want := fmt.Sprintf("%d pictures, %d states, 0 repeats, 0 faults\n", c.states, c.states); !strings.HasSuffix(out, want) {
				t.Errorf("got %q, want %q", out, want)
			}
		})
	}
	code, out, errs := typed("overlay", "tail", filepath.Join(t.TempDir(), "missing.flv"))
	if code != 1 || !strings.HasPrefix(errs, "simulcart: read FLV: open ") || out != "" {
		t.Errorf("a missing file: got exit code %d, %q and %q", code, out, errs)
	}
}

// A cut at the end of a tag, even without its size behind it, is an end.
func TestTailOfRecordingThatWasKilled(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true, said(1, 0, 0, "dress"))
	r.Truncate(r.Len() - 4)
	if got, want := tailOf(t, r), "1 pictures, 1 states, 0 repeats, 0 faults\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Where nobody takes what is printed, the command ends with that.
func TestTailTellsOfItsOutput(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true, said(1, 0, 0, "dress"))
	for _, asJSON := range []bool{false, true} {
		err := (&tailCommand{Source: r.save(), JSON: asJSON}).Run(t.Context(), full{}, stderrWriter{io.Discard})
		if !errors.Is(err, errFull) {
			t.Errorf("as JSON %v: got %v, want %v", asJSON, err, errFull)
		}
	}
}

// The pictures and the states that are remembered are bounded, whatever a file holds.
func TestTailForgets(t *testing.T) {
	tl := &tail{out: io.Discard, frames: make(map[int64]int)}
	r := recordH264(t)
	const pictures = 4 * recent
	for i := range int64(pictures) {
		r.message(40*i+1, said(2*i+1, i, i)) // no picture has this time
		r.picture(40*i, 40*i, i == 0, said(2*i+2, i, i))
	}
	next := flv.NewReader(bytes.NewReader(r.Bytes())).Next
	most := 0
	for {
		tag, err := next()
		if err != nil {
			break
		}
		tl.take(tag)
		most = max(most, len(tl.frames), len(tl.order), len(tl.early), len(tl.known))
	}
	if most > recent+1 {
		t.Errorf("remembers %d, want at most %d", most, recent+1)
	}
	if tl.number != pictures {
		t.Errorf("got %d pictures, want %d", tl.number, pictures)
	}
}

// After --for the sum is printed, and that is a success.
func TestTailEndsInTime(t *testing.T) {
	r := recordH264(t)
	r.picture(0, 0, true, said(1, 0, 0, "dress"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := (&tailCommand{Source: r.save(), For: time.Hour}).Run(ctx, &out, stderrWriter{io.Discard})
	if err != nil || !strings.HasSuffix(out.String(), " faults\n") {
		t.Errorf("got %v and %q, want the sum", err, &out)
	}
}
