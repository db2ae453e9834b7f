//go:build linux

package transcode

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mkv"
	"github.com/simulcart/simulcart/wire/opus"
)

const pcmRate = 48000

// encode makes a clip with ffmpeg: FLV where the name ends so, else Matroska.
func encode(t testing.TB, ending string, args ...string) clip {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip."+ending)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-nostdin"}, args...), path)...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("encode: %v: %s", err, said.String())
	}
	if ending == "flv" {
		return readClip(t, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := mkv.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := clip{tracks: in.Tracks()}
	for {
		f, err := in.Next()
		if errors.Is(err, io.EOF) { // ffmpeg puts sound in order by times without its delay
			slices.SortStableFunc(c.frames, func(a, b *media.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		c.frames = append(c.frames, f)
	}
}

// matroska writes frames of one track, an hour late, so that no time is below 0. Nothing of Opus is skipped.
func matroska(t testing.TB, frames []*media.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	track := *frames[0].Track
	if track.Codec == media.Opus {
		track.Config = withoutPreSkip(track.Config)
	}
	w, err := mkv.NewWriter(&b, &track)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		g := *f
		g.Track, g.PTS = &track, f.PTS+3600_000*media.Millisecond
		if err := w.WriteFrame(&g); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// hear decodes frames of sound and gives the times at which pulses begin.
func hear(t testing.TB, frames []*media.Frame) (pulses []media.Time) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", "pipe:0", "-f", "f32le", "-ac", "1", "-ar", "48000", "pipe:1")
	cmd.Stdin = bytes.NewReader(matroska(t, frames))
	var said strings.Builder
	cmd.Stderr = &said
	pcm, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("decode: %v: %s", err, said.String())
	}
	quiet := math.MaxInt32 // samples since it was loud
	for i := 0; i+4 <= len(pcm); i += 4 {
		quiet++
		if v := math.Float32frombits(binary.LittleEndian.Uint32(pcm[i:])); math.Abs(float64(v)) < 0.2 {
			continue
		}
		if quiet > pcmRate/4 {
			pulses = append(pulses, frames[0].PTS+media.FromTicks(int64(i/4), pcmRate))
		}
		quiet = 0
	}
	return pulses
}

// pulsesAndPictures are 6 s of pulses, 50 ms long and half a second apart, with pictures that move.
func pulsesAndPictures(rate string, sound ...string) []string {
	args := []string{
		"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30",
		"-f", "lavfi", "-i", "aevalsrc=0.5*sin(2*PI*1000*t)*lt(mod(t\\,0.5)\\,0.05):s=" + rate + ":c=stereo",
		"-t", "6", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "30", "-pix_fmt", "yuv420p",
	}
	return append(args, sound...)
}

// The sound of a rendition is where that of the source is, pulse by pulse, and the pictures are those of the source, each the very same
// frame with the very same times.
func TestSoundKeepsItsPlace(t *testing.T) {
	aac44, aac48 := []string{"-c:a", "aac", "-b:a", "128k"}, []string{"-c:a", "aac", "-b:a", "160k"}
	for _, tc := range []struct {
		name   string
		ending string
		args   []string
		kind   Kind
		want   media.Codec
	}{
		{"AAC of 48 kHz to Opus", "flv", pulsesAndPictures("48000", aac48...), Web, media.Opus},
		{"AAC of 44.1 kHz to Opus", "flv", pulsesAndPictures("44100", aac44...), Web, media.Opus},
		{"Opus to AAC", "mkv", pulsesAndPictures("48000", "-c:a", "libopus", "-b:a", "128k"), Sound, media.AAC},
		{"MP3 to Opus", "flv", pulsesAndPictures("44100", "-c:a", "libmp3lame"), Web, media.Opus},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			c := encode(t, tc.ending, tc.args...).shifted(100_000 * media.Millisecond)
			p := g.publish(t, c.tracks)
			s := g.watch(t, tc.kind)
			g.play(t, p, c, 4)
			p.End()
			got := s.all(t)
			checkUntouched(t, c, got, media.Codec.IsVideo)
			sound := got.of(media.Codec.IsAudio)
			if len(sound) == 0 || sound[0].Track.Codec != tc.want {
				t.Fatalf("%d frames of sound, want %s", len(sound), tc.want)
			}
			if fault := rising(sound); fault != "" {
				t.Error(fault)
			}
			if first := slices.MinFunc(got.frames, func(a, b *media.Frame) int { return cmp.Compare(a.DTS, b.DTS) }).DTS; first < c.frames[0].DTS {
				t.Errorf("the rendition begins at %v, before its session at %v: clocks that begin with it would stand still", first, c.frames[0].DTS)
			}
			offset, spread := compareSound(t, c.of(media.Codec.IsAudio), sound)
			t.Logf("offset %v, spread %v, status %+v", offset, spread, g.Status("maria"))
			if offset > 5*media.Millisecond || offset < -5*media.Millisecond || spread > 5*media.Millisecond {
				t.Errorf("the sound is off by %v, spread %v", offset, spread)
			}
		})
	}
}

// compareSound gives by how much what is heard in got comes after what is heard in the source meanwhile, and how far the extremes are
// apart.
func compareSound(t *testing.T, source, got []*media.Frame) (offset, spread media.Time) {
	t.Helper()
	want, heard := hear(t, source), hear(t, got)
	begin, end := got[0].PTS, got[len(got)-1].PTS
	want = slices.DeleteFunc(want, func(at media.Time) bool { return at < begin || at > end })
	var offs []media.Time
	for _, h := range heard {
		for _, w := range want {
			if off := h - w; off < 100*media.Millisecond && off > -100*media.Millisecond {
				offs = append(offs, off)
			}
		}
	}
	if len(offs) < len(want)-2 || len(want) < 3 {
		t.Fatalf("%d of %d pulses are heard, %d in all", len(offs), len(want), len(heard))
	}
	least, most, sum := offs[0], offs[0], media.Time(0)
	for _, o := range offs {
		least, most, sum = min(least, o), max(most, o), sum+o
	}
	return sum / media.Time(len(offs)), most - least
}

// checkUntouched fails where the frames of one kind are not the very same.
func checkUntouched(t *testing.T, source, got clip, is func(media.Codec) bool) {
	t.Helper()
	a, b := source.of(is), got.of(is)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("frame %d is another one", i)
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d frames, want %d", len(b), len(a))
	}
}

// rising says where frames of sound do not follow each other by their length, within the tolerance; "" where they do.
func rising(sound []*media.Frame) string {
	for i := 1; i < len(sound); i++ {
		lasts := media.Time(20) * media.Millisecond
		if sound[i].Track.Codec == media.AAC {
			lasts = media.FromTicks(1024, sound[i].Track.ClockRate)
		}
		if off := sound[i].PTS - sound[i-1].PTS - lasts; off > media.Millisecond || off < -media.Millisecond {
			return "frame " + time.Duration(sound[i].PTS).String() + " is off by " + off.String()
		}
	}
	return ""
}

func TestWithoutPreSkip(t *testing.T) {
	config := opus.Head{Channels: 2, PreSkip: 312, InputRate: 48000, Streams: 1, Coupled: 1}.AppendDOps(nil)
	head, err := opus.ParseConfig(withoutPreSkip(config))
	if err != nil || head.PreSkip != 0 || head.Channels != 2 {
		t.Errorf("got %+v, %v", head, err)
	}
	if got := withoutPreSkip([]byte{1}); !bytes.Equal(got, []byte{1}) {
		t.Errorf("what is no configuration became % x", got)
	}
}
