//go:build linux

package mediatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Clip describes a prepared piece of media: H.264 High and AAC-LC 48 kHz stereo in FLV, 640x360, a moving test picture and
// a tone.
type Clip struct {
	Seconds     int
	BFrames     int     // up to so many in a row; 0: none
	KeyInterval float64 // seconds; 0: 2
	KBits       int     // video bitrate, kbit/s; 0: 1000
	FrameRate   int     // 0: 30
	Ending      string  // "flv" or "mp4"; empty: flv
}

// encodePatience bounds the making of one clip.
const encodePatience = 2 * time.Minute

// Media gives the file of a clip. It is made once, by ffmpeg, and kept in the system's folder for temporary files.
func Media(t testing.TB, c Clip) string {
	t.Helper()
	if c.KeyInterval == 0 {
		c.KeyInterval = 2
	}
	if c.KBits == 0 {
		c.KBits = 1000
	}
	if c.FrameRate == 0 {
		c.FrameRate = 30
	}
	if c.Ending == "" {
		c.Ending = "flv"
	}
	path := filepath.Join(mediaDir(t), fmt.Sprintf("clip-%ds-b%d-g%g-%dk-%dfps.%s", c.Seconds, c.BFrames, c.KeyInterval, c.KBits, c.FrameRate, c.Ending))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	next := fmt.Sprintf("%s.%d.%s", path, os.Getpid(), c.Ending)
	FFmpeg(t, c.encoding(next)...).succeed(t, encodePatience)
	if err := os.Rename(next, path); err != nil {
		t.Fatalf("keep clip: %v", err)
	}
	return path
}

// mediaDir gives the folder in which prepared media are kept.
func mediaDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("simulcart-media-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("folder for media: %v", err)
	}
	return dir
}

// encoding gives ffmpeg's arguments that make the clip. The noise makes the encoder need the bitrate it is given.
func (c Clip) encoding(out string) []string {
	group := strconv.Itoa(int(c.KeyInterval * float64(c.FrameRate)))
	rate := strconv.Itoa(c.KBits) + "k"
	return []string{
		"-y", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=640x360:rate=%d,noise=alls=12:allf=t,format=yuv420p", c.FrameRate),
		"-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=48000,pan=stereo|c0=c0|c1=c0",
		"-t", strconv.Itoa(c.Seconds),
		"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-b:v", rate, "-maxrate", rate, "-bufsize", rate,
		"-bf", strconv.Itoa(c.BFrames), "-g", group, "-keyint_min", group, "-sc_threshold", "0",
		"-c:a", "aac", "-b:a", "128k", out,
	}
}

// FFmpeg starts an ffmpeg that reads no terminal and says errors only.
func FFmpeg(t testing.TB, args ...string) *Process {
	t.Helper()
	return Start(t, Command{Path: "ffmpeg", Args: append([]string{"-nostdin", "-v", "error"}, args...)})
}

// succeed waits for a process that must leave with 0.
func (p *Process) succeed(t testing.TB, patience time.Duration) {
	t.Helper()
	if code := p.Wait(t, patience); code != 0 {
		t.Fatalf("%s: exit %d: %s", p.Name, code, lastLines(p.Log(), 10))
	}
}

// Publish starts an ffmpeg that publishes a file as it is, in real time, and leaves at its end.
func Publish(t testing.TB, file, url string) *Process {
	t.Helper()
	return FFmpeg(t, append([]string{"-re", "-i", file}, intoFLV(url)...)...)
}

// PublishLoop starts an ffmpeg that publishes a file as it is, in real time, again and again until it is ended.
func PublishLoop(t testing.TB, file, url string) *Process {
	t.Helper()
	return FFmpeg(t, append([]string{"-re", "-stream_loop", "-1", "-i", file}, intoFLV(url)...)...)
}

// Published gives the tags that [Publish] sends for a file: what ffmpeg writes with the same options into a file.
func Published(t testing.TB, file string) []Tag {
	t.Helper()
	out := filepath.Join(t.TempDir(), "published.flv")
	FFmpeg(t, append([]string{"-i", file}, intoFLV(out)...)...).succeed(t, encodePatience)
	return Tags(t, out)
}

func intoFLV(out string) []string {
	return []string{"-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "flv", out}
}

// Tags reads a recording whole, and ends the test where it cannot.
func Tags(t testing.TB, path string) []Tag {
	t.Helper()
	tags, err := ReadFLV(path)
	if err != nil {
		t.Fatal(err)
	}
	return tags
}

// Unparsed has ffmpeg hand packets to the decoder without its parser, which does not see that a sequence header in FLV is another one (5.1),
// and complains of pictures that it reads by the old one.
var Unparsed = []string{"-fflags", "+noparse+nofillin"}

// Decode decodes a recording whole, picture and sound, and gives the number of pictures. Anything ffmpeg complains of
// is an error. The pictures keep their own times: counted in frames of the stream's rate, two that are close together behind a
// reconnect would be one too many. options stand in front of the input.
func Decode(t testing.TB, path string, options ...string) int {
	t.Helper()
	Need(t, "ffmpeg")
	var said strings.Builder
	args := append([]string{"-nostdin", "-v", "error", "-progress", "pipe:1"}, options...)
	args = append(args, "-i", path, "-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough", "-enc_time_base:v", "-1", "-f", "null", "-")
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("decode %s: %v: %s", path, err, lastLines(said.String(), 10))
	}
	pictures := 0
	for l := range strings.Lines(string(out)) {
		if n, found := strings.CutPrefix(strings.TrimSpace(l), "frame="); found {
			pictures, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return pictures
}
