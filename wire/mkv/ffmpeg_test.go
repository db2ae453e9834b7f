//go:build linux

package mkv_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mkv"
)

// packet is what ffprobe says of one.
type packet struct {
	Stream int
	Micros int64
	Size   int
	Key    bool
	MD5    string
}

// run gives what a program writes, of what it is given. Anything that it says besides is an error.
func run(t testing.TB, in []byte, program string, args ...string) []byte {
	t.Helper()
	var said strings.Builder
	cmd := exec.Command(program, append([]string{"-v", "warning"}, args...)...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("%s %s: %v: %s", program, strings.Join(args, " "), err, said.String())
	}
	return out
}

// probe asks ffprobe for the packets of a stream that it reads from a pipe.
func probe(t testing.TB, stream []byte) (packets []packet) {
	t.Helper()
	var p struct {
		Packets []struct {
			Stream int `json:"stream_index"`
			PTS    int64
			Size   string
			Flags  string
			Hash   string `json:"data_hash"`
		}
	}
	out := run(t, stream, "ffprobe", "-show_packets", "-show_data_hash", "MD5", "-of", "json", "pipe:0")
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Packets {
		size, err := strconv.Atoi(s.Size)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet{s.Stream, s.PTS, size, strings.Contains(s.Flags, "K"), strings.TrimPrefix(s.Hash, "MD5:")})
	}
	return packets
}

// What we write of every codec, ffprobe reads through a pipe, at the same microsecond, and ffmpeg decodes as it decodes the
// original: the same pictures and samples. (The original may tell what to drop of its first and last frames, which we do not.)
func TestFFmpegReads(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg", "ffprobe")
	files, err := filepath.Glob("testdata/*.mkv")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tracks, frames, err := readAll(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var want []packet
			for _, f := range frames {
				f.PTS += 3600*1000*media.Millisecond + 123_000 // an hour, and what milliseconds cannot tell
				f.PTS -= f.PTS % 1000
				sum := md5.Sum(f.Data)
				want = append(want, packet{int(f.Track.ID), int64(f.PTS) / 1000, len(f.Data), f.Key || f.Track.Codec.IsAudio(), hex.EncodeToString(sum[:])})
			}
			written := write(t, tracks, frames)
			if diff := cmp.Diff(want, probe(t, written)); diff != "" {
				t.Errorf("packets: -want +got\n%s", diff)
			}
			for i := range tracks {
				args := []string{"-nostdin", "-i", "pipe:0", "-map", "0:" + strconv.Itoa(i), "-fps_mode", "passthrough"}
				if tracks[i].Codec.IsVideo() {
					args = append(args, "-f", "rawvideo", "pipe:1")
				} else {
					args = append(args, "-f", "s16le", "pipe:1")
				}
				before, after := run(t, b, "ffmpeg", args...), run(t, written, "ffmpeg", args...)
				if len(before) == 0 || !bytes.Contains(after, before) || len(after) > len(before)+8192 {
					t.Errorf("track %d is decoded as %d bytes, the original as %d, or others", i, len(after), len(before))
				}
			}
		})
	}
}

// ffprobe reads the golden stream, and finds the times that are meant.
func TestFFprobeReadsGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffprobe")
	}
	mediatest.Need(t, "ffprobe")
	_, frames := goldenFrames(t)
	cmd := exec.Command("ffprobe", "-v", "quiet", "-show_packets", "-show_entries", "packet=stream_index,pts,size", "-of", "csv=p=0", "pipe:0")
	cmd.Stdin = bytes.NewReader(golden(t, "stream.txt")) // what is in its frames is no picture: ffprobe complains
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, f := range frames {
		want.WriteString(strings.Join([]string{strconv.Itoa(int(f.Track.ID)), strconv.FormatInt(int64(f.PTS)/1000, 10), strconv.Itoa(len(f.Data))}, ",") + "\n")
	}
	if got := strings.TrimSpace(string(out)); got != strings.TrimSpace(want.String()) {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}
}

func BenchmarkWriteFrame(b *testing.B) {
	tracks, frames := goldenFrames(b)
	w, err := mkv.NewWriter(discard{}, tracks...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.WriteFrame(frames[2]); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
