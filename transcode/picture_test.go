//go:build linux

package transcode

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

// numbers decodes pictures and gives the number in each.
func numbers(t testing.TB, frames []*media.Frame) []int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "got.mkv")
	if err := os.WriteFile(path, matroska(t, frames), 0o600); err != nil {
		t.Fatal(err)
	}
	return mediatest.Numbers(t, path)
}

// presentation gives the times of pictures in the order in which they are shown.
func presentation(frames []*media.Frame) (times []media.Time) {
	for _, f := range frames {
		times = append(times, f.PTS)
	}
	slices.Sort(times)
	return times
}

// Pictures that are decoded in another order than they are shown become pictures in order: each with the time that it had, and a key
// frame where there was one.
func TestPicturesInOrder(t *testing.T) {
	g := newRig(t)
	counted := mediatest.Counted{Pictures: 150, Rate: 30, BFrames: true}
	c := readClip(t, counted.File(t)).shifted(3600_000 * media.Millisecond)
	source := c.of(media.Codec.IsVideo)
	if Suits(Web, c.tracks) || slices.IsSortedFunc(source, func(a, b *media.Frame) int { return int(a.PTS - b.PTS) }) {
		t.Fatal("the source is in order")
	}
	p := g.publish(t, c.tracks)
	s := g.watch(t, Web)
	g.play(t, p, c, 1)
	p.End()
	got := s.all(t)
	pictures := got.of(media.Codec.IsVideo)
	times := presentation(source)
	if len(pictures) != len(source) || !Suits(Web, got.tracks) {
		t.Fatalf("%d pictures, want %d; tracks %v", len(pictures), len(source), got.tracks)
	}
	for i, f := range pictures {
		if f.PTS != times[i] || f.DTS != f.PTS {
			t.Errorf("picture %d is at %v, decoded at %v, want %v", i, f.PTS, f.DTS, times[i])
		}
	}
	checkKeys(t, source, pictures)
	for i, n := range numbers(t, pictures) {
		if n != i {
			t.Errorf("picture %d has the number %d", i, n)
		}
	}
	t.Logf("%+v", g.Status("maria"))
}

// checkKeys fails where pictures are key frames elsewhere than in the source.
func checkKeys(t *testing.T, source, got []*media.Frame) {
	t.Helper()
	keys := func(fs []*media.Frame) (times []media.Time) {
		for _, f := range fs {
			if f.Key {
				times = append(times, f.PTS)
			}
		}
		return times
	}
	if want, have := keys(source), keys(got); !slices.Equal(want, have) || len(want) < 2 {
		t.Errorf("key frames at %v, want %v", have, want)
	}
}

// Pictures of other codecs become H.264, and sound AAC: two renditions, one made of the other. That begins with the newest picture when it is
// up to it, which is not the first one where the machine is busy.
func TestLegacy(t *testing.T) {
	for _, tc := range []struct{ name, encoder string }{{"VP8", "libvpx"}, {"VP9", "libvpx-vp9"}, {"AV1", "libaom-av1"}} {
		t.Run(tc.name, func(t *testing.T) {
			g := newRig(t)
			c := encode(t, "mkv", "-f", "lavfi", "-i", "testsrc2=size=161x91:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "4",
				"-c:v", tc.encoder, "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "libopus")
			source := c.of(media.Codec.IsVideo)
			p := g.publish(t, c.tracks)
			s := g.watch(t, Legacy)
			g.play(t, p, c, 1)
			p.End()
			got := s.all(t)
			pictures := got.of(media.Codec.IsVideo)
			missing := len(source) - len(pictures)
			if missing < 0 || missing > 50 || pictures[0].Track.Codec != media.H264 || got.of(media.Codec.IsAudio)[0].Track.Codec != media.AAC {
				t.Fatalf("%d pictures of %s, want %d", len(pictures), pictures[0].Track.Codec, len(source))
			}
			first := *source[missing]
			source, first.Key = source[missing:], true
			source[0] = &first
			for i, f := range pictures {
				if f.PTS != source[i].PTS {
					t.Errorf("picture %d is at %v, want %v", i, f.PTS, source[i].PTS)
				}
			}
			checkKeys(t, source, pictures)
			if f := pictures[0].Track.Format; f.Width != 160 || f.Height != 90 || f.Reorder != 0 {
				t.Errorf("format %+v", f)
			}
			t.Logf("%+v", g.Status("maria"))
		})
	}
}

// Whoever joins when a group is long gets pictures from the newest on, not those of seconds ago.
func TestJoinsAtTheEdge(t *testing.T) {
	g := newRig(t)
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 8, BFrames: 2, KeyInterval: 20}))
	p := g.publish(t, c.tracks)
	at := len(c.frames) * 3 / 4
	g.play(t, p, clip{frames: c.frames[:at]}, 0)
	s := g.watch(t, Web)
	g.play(t, p, clip{frames: c.frames[at:]}, 1)
	p.End()
	got := s.all(t).frames
	edge := c.frames[at].DTS
	if first := got[0].DTS; first < edge-100*media.Millisecond || first > edge+100*media.Millisecond {
		t.Errorf("the first frame is at %v, want %v", first, edge)
	}
	pictures := clip{frames: got}.of(media.Codec.IsVideo)
	if want := (8000*media.Millisecond - edge) * 30 / 1000 / media.Millisecond; !pictures[0].Key || media.Time(len(pictures)) < want-3 {
		t.Errorf("%d pictures, want about %d, the first a key frame: %v", len(pictures), want, pictures[0].Key)
	}
}
