package sei_test

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// Streams of real encoders carry a state in each picture, and have their own bytes again when it is taken out.
func TestStreamsOfEncoders(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.codec.String(), func(t *testing.T) {
			file := f.golden(t)
			units := f.split(t, file)
			if len(units) != len(states()) {
				t.Fatalf("got %d pictures, want %d", len(units), len(states()))
			}
			var again [][]byte
			for i, want := range states() {
				if got := payloads(t, f.codec, units[i]); len(got) != 1 || !bytes.Equal(got[0], want) {
					t.Fatalf("picture %d: got %q, want %q", i, got, want)
				}
				clean, found := sei.Strip(f.codec, units[i])
				if !found || len(payloads(t, f.codec, clean)) > 0 {
					t.Fatalf("picture %d: not stripped", i)
				}
				again = append(again, insert(t, f.codec, clean, want))
			}
			if diff := cmp.Diff(file, f.join(t, file, again)); diff != "" {
				t.Errorf("written again: -want +got\n%s", diff)
			}
		})
	}
}

// x264 puts its settings under a UUID of its own.
func TestUserDataOfX264Stays(t *testing.T) {
	f := formats()[0]
	clean, _ := sei.Strip(f.codec, f.split(t, f.golden(t))[0])
	for m, err := range sei.Messages(f.codec, clean) {
		if err == nil && m.Type == 5 && strings.HasPrefix(string(m.Payload[16:]), "x264 - core") {
			return
		}
	}
	t.Error("it is gone")
}

// An FLV file goes through the same reader as a publisher's stream.
func TestThroughDemuxer(t *testing.T) {
	var d flv.Demuxer
	var got [][]byte
	for _, tag := range readTags(t, formats()[0].golden(t)) {
		demuxed, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if f := demuxed.Frame; f != nil {
			got = append(got, payloads(t, f.Track.Codec, f.Data)...)
		}
	}
	if diff := cmp.Diff(states(), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// ffmpeg decodes the golden files without a warning, and reads the UUID and bytes of each state. Its AV1 decoders give no metadata
// out, and dav1d 1.0.0 says of each OBU that it does not know the type.
func TestFFmpegReadsStates(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	unknown := regexp.MustCompile(`(?m)^(\[libdav1d @ 0x[0-9a-f]+\] Unknown Metadata OBU type 6|    Last message repeated \d+ times)\n`)
	shown := regexp.MustCompile(`UUID=5b6d1f0e-2c8a-4c1b-9e7a-73696d756c63\n(?:\[.*?\] )?User Data=([0-9a-f]*)`)
	for _, f := range formats() {
		t.Run(f.codec.String(), func(t *testing.T) {
			warnings := ffmpeg(t, "-v", "warning", "-i", "testdata/overlays."+f.name)
			if f.codec == media.AV1 {
				warnings = unknown.ReplaceAllString(warnings, "")
			}
			if warnings != "" {
				t.Errorf("got warnings:\n%s", warnings)
			}
			log := ffmpeg(t, "-v", "info", "-i", "testdata/overlays."+f.name, "-vf", "showinfo")
			if got := strings.Count(log, "pts_time:"); got != len(states()) {
				t.Errorf("got %d pictures, want %d", got, len(states()))
			}
			if f.codec == media.AV1 {
				return
			}
			var got, want []string
			for _, m := range shown.FindAllStringSubmatch(log, -1) {
				got = append(got, m[1])
			}
			for _, s := range states() {
				want = append(want, hex.EncodeToString(s))
			}
			slices.Sort(got) // pictures are shown in another order than they are coded in
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// ffmpeg decodes what the arguments name and gives what it says.
func ffmpeg(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"-nostdin", "-hide_banner", "-threads", "1"}, args...)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, "-f", "null", "-")...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return string(out)
}

// payloads gives all payloads of ours.
func payloads(t testing.TB, c media.Codec, data []byte) (all [][]byte) {
	t.Helper()
	for p, err := range sei.Payloads(c, data) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// A picture that carries nothing of ours costs no memory, whatever other SEI it has; nor does a search for a place.
func TestLookingAllocatesNothing(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.codec.String(), func(t *testing.T) {
			clean, _ := sei.Strip(f.codec, f.split(t, f.golden(t))[0])
			for name, look := range map[string]func(){
				"Strip":    func() { sei.Strip(f.codec, clean) },
				"Place":    func() { _, _ = sei.Place(f.codec, clean) },
				"Payloads": func() { payloads(t, f.codec, clean) },
			} {
				if got := testing.AllocsPerRun(100, look); got != 0 {
					t.Errorf("%s: got %v allocations, want 0", name, got)
				}
			}
			dst := make([]byte, 0, 8<<10)
			state := bytes.Repeat([]byte("s"), 4096)
			if got := testing.AllocsPerRun(100, func() { _, _ = sei.Append(dst, f.codec, state) }); got != 0 {
				t.Errorf("Append: got %v allocations, want 0", got)
			}
		})
	}
}

// A picture without anything of ours, as nearly all are.
func BenchmarkStripNothing(b *testing.B) {
	for _, f := range formats() {
		b.Run(f.codec.String(), func(b *testing.B) {
			clean, _ := sei.Strip(f.codec, f.split(b, f.golden(b))[0])
			b.ReportAllocs()
			for b.Loop() {
				sei.Strip(f.codec, clean)
			}
		})
	}
}

// A state of four cards.
func BenchmarkAppend(b *testing.B) {
	state := bytes.Repeat([]byte("s"), 4096)
	dst := make([]byte, 0, 8<<10)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = sei.Append(dst, media.H264, state)
	}
}
