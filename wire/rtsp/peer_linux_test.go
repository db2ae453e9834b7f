package rtsp

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

const peerPatience = 30 * time.Second

// needsPeers skips a test of real clients where only what is quick is wanted.
func needsPeers(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: real clients take seconds")
	}
}

// hashes gives what ffmpeg's framehash listed, for one stream.
func hashes(t testing.TB, path string) (sums []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), " ", ""), ","); !strings.HasPrefix(line, "#") && len(fields) >= 6 {
			sums = append(sums, fields[5])
		}
	}
	return sums
}

// listed has ffmpeg list the frames of one stream of an input, decoded or, with "-c copy", as they are.
func listed(t testing.TB, stream string, frames int, args ...string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "frames")
	args = append(args, "-map", stream, "-fps_mode", "passthrough", "-frames", strconv.Itoa(frames), "-f", "framehash", "-hash", "md5", out)
	p := mediatest.FFmpeg(t, args...)
	if code := p.Wait(t, peerPatience); code != 0 {
		t.Fatalf("exit %d: %s", code, p.Log())
	}
	return hashes(t, out)
}

// ffmpeg accepts the session description, logs in with MD5, and gets frame for frame what was sent: sound and VP as they are,
// pictures of H.264 and H.265 decoded.
func TestFFmpegPlays(t *testing.T) {
	needsPeers(t)
	for _, tt := range []struct {
		name     string
		tracks   []string
		original string // what the first track was made of, to compare decoded pictures; empty: compare frames
	}{
		{"H.264 and AAC", []string{"h264", "aac"}, "../sei/testdata/overlays.flv"},
		{"H.265", []string{"hevc"}, "../sei/testdata/overlays.hevc"},
		{"VP8 and Opus", []string{"vp8", "opus"}, ""},
		{"VP9", []string{"vp9"}, ""},
	} {
		for _, bare := range []bool{false, true} {
			if bare && tt.original == "" {
				continue
			}
			t.Run(tt.name+map[bool]string{true: " without parameter sets in the description"}[bare], func(t *testing.T) {
				s := &stand{user: "partner", password: "SECRET", ends: true}
				for _, name := range tt.tracks {
					track := recorded(t, name)
					if bare && track.track.Codec.IsVideo() { // they stand in front of the key frame, too
						track.described = &media.Track{Codec: track.track.Codec, ClockRate: track.track.ClockRate}
					}
					s.tracks = append(s.tracks, track)
				}
				url := "rtsp://partner:SECRET@" + s.listen(t) + "/show?token=x"
				for i, track := range s.tracks {
					input := []string{"-rtsp_transport", "tcp", "-i", url}
					var got, want []string
					stream := "0:" + strconv.Itoa(i)
					if i == 0 && tt.original != "" {
						want = listed(t, "0:v", len(track.frames), "-i", tt.original)
						got = listed(t, stream, len(track.frames), input...)
					} else {
						for _, f := range track.frames {
							sum := md5.Sum(f.Data)
							want = append(want, hex.EncodeToString(sum[:]))
						}
						got = listed(t, stream, len(track.frames), append(input, "-c", "copy", "-copyinkf")...)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("track %d (-want +got)\n%s", i, diff)
					}
				}
				if got := s.methods(); !strings.HasPrefix(got, "OPTIONS DESCRIBE DESCRIBE SETUP ") {
					t.Errorf("asked: %s", got)
				}
			})
		}
	}
}

// GStreamer does too, with Digest and with Basic.
func TestGStreamerPlays(t *testing.T) {
	needsPeers(t)
	for _, basic := range []bool{false, true} {
		t.Run("basic "+strconv.FormatBool(basic), func(t *testing.T) {
			track := recorded(t, "vp8")
			s := &stand{user: "partner", password: "SECRET", basic: basic, tracks: []*standing{track}}
			out := filepath.Join(t.TempDir(), "frames")
			p := mediatest.GStreamer(
				t, "rtspsrc", "location=rtsp://"+s.listen(t)+"/show", "user-id=partner", "user-pw=SECRET", "protocols=tcp",
				"!", "rtpvp8depay", "!", "identity", "eos-after="+strconv.Itoa(len(track.frames)+1), "!", "filesink", "buffer-mode=unbuffered", "location="+out,
			)
			var want []byte
			for _, f := range track.frames {
				want = append(want, f.Data...)
			}
			var got []byte
			mediatest.Within(t, peerPatience, "all frames", func() bool {
				got, _ = os.ReadFile(out)
				return len(got) >= len(want) || p.Exited()
			})
			if !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, want %d: %s", len(got), len(want), p.Log())
			}
		})
	}
}
