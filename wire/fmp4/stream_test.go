//go:build linux

package fmp4_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/fmp4"
	"github.com/simulcart/simulcart/wire/id3"
)

// What we write is what ffprobe and ffmpeg read:
//
//  1. ffmpeg makes a clip, an FLV that is demuxed, or one of the files of testdata that is parsed;
//  2. it is written as fragments in our clocks;
//  3. ffprobe says what it finds: the same packets at the same ticks, and as many decoded frames as packets, without a warning;
//  4. ffmpeg decodes it from end to end without a warning.

func needFFmpeg(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg", "ffprobe")
}

// run gives what a program writes. Anything that it says besides is an error.
func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	var said strings.Builder
	cmd := exec.Command(program, append([]string{"-v", "warning"}, args...)...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("%s %s: %v: %s", program, strings.Join(args, " "), err, said.String())
	}
	return out
}

// number reads the numbers that ffprobe writes as text.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = number(v)
	return err
}

// probed is what ffprobe says of a file.
type probed struct {
	Streams []struct {
		CodecName  string `json:"codec_name"`
		TimeBase   string `json:"time_base"`
		Width      int
		Height     int
		SampleRate number `json:"sample_rate"`
		Channels   int
		End        int64  `json:"duration_ts"`
		Frames     number `json:"nb_read_frames"`
		Packets    number `json:"nb_read_packets"`
	}
	Packets []struct {
		Stream   int `json:"stream_index"`
		PTS, DTS int64
		Size     number
		Flags    string
		DataHash string `json:"data_hash"`
	}
}

// probe asks ffprobe for the streams and packets of a file, with the count of frames that it decodes.
func probe(t testing.TB, path string) (streams []stream, packets []packet) {
	t.Helper()
	var p probed
	out := run(t, "ffprobe", "-show_packets", "-show_streams", "-count_frames", "-count_packets", "-show_data_hash", "MD5", "-of", "json", path)
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	for i, s := range p.Streams {
		streams = append(streams, stream{s.CodecName, s.TimeBase, s.Width, s.Height, int(s.SampleRate), s.Channels, s.End})
		if s.Frames != s.Packets || s.Frames == 0 {
			t.Errorf("stream %d: %d packets became %d frames", i, s.Packets, s.Frames)
		}
	}
	for _, s := range p.Packets {
		packets = append(packets, packet{
			Stream: s.Stream, PTS: s.PTS, DTS: s.DTS, Size: int64(s.Size), Key: strings.Contains(s.Flags, "K"),
			MD5: strings.TrimPrefix(s.DataHash, "MD5:"),
		})
	}
	return streams, packets
}

// checkWithFFmpeg writes a file, has it read, and compares what is found with what was meant.
func checkWithFFmpeg(t *testing.T, tracks []*media.Track, fragments []fmp4.Fragment) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.mp4")
	file := written(t, tracks, fragments)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := fmp4.ParseInit(file)
	if err != nil {
		t.Fatal(err)
	}
	streams, packets := probe(t, path)
	want := packetsOf(t, in, fragments)
	if diff := cmp.Diff(streamsOf(in, want), streams); diff != "" {
		t.Errorf("streams: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(want, byStream(packets, want)); diff != "" {
		t.Errorf("packets: -want +got\n%s", diff)
	}
	run(t, "ffmpeg", "-nostdin", "-xerror", "-i", path, "-map", "0", "-fps_mode", "passthrough", "-enc_time_base:v", "-1", "-f", "null", "-")
}

// clip is an FLV that ffmpeg makes, with the tracks and frames in it.
type clip struct {
	tracks []*media.Track
	frames []*media.Frame
}

func readClip(t testing.TB, path string) (c clip) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d flv.Demuxer
	for r := flv.NewReader(bytes.NewReader(b)); ; {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame != nil {
			c.frames = append(c.frames, got.Frame)
		}
	}
	for _, track := range d.Tracks() {
		if track.Codec != media.Metadata {
			c.tracks = append(c.tracks, track)
		}
	}
	return c
}

// fragments cuts the clip, each time that a frame is at least so far behind the start of the fragment; those that begin with a key frame
// are segments.
func (c clip) fragments(t testing.TB, every media.Time) (fragments []fmp4.Fragment) {
	t.Helper()
	origin := c.frames[0].DTS
	for _, f := range c.frames {
		origin = min(origin, f.DTS)
	}
	for start := 0; start < len(c.frames); {
		stop := start
		for stop < len(c.frames) && c.frames[stop].DTS < c.frames[start].DTS+every {
			stop++
		}
		f := fmp4.Fragment{Sequence: uint32(len(fragments) + 1), Styp: c.frames[start].Key}
		for _, track := range c.tracks {
			var mine []*media.Frame
			for _, frame := range c.frames[start:stop] {
				if frame.Track == track {
					mine = append(mine, frame)
				}
			}
			if len(mine) == 0 {
				continue
			}
			run, err := fmp4.NewRun(mine, origin, c.next(track, stop, mine[len(mine)-1].DTS))
			if err != nil {
				t.Fatal(err)
			}
			f.Runs = append(f.Runs, run)
		}
		fragments = append(fragments, f)
		start = stop
	}
	return fragments
}

// next gives when the first frame of a track from index from on is decoded; behind the last one, 20 ms later.
func (c clip) next(track *media.Track, from int, last media.Time) media.Time {
	for _, f := range c.frames[from:] {
		if f.Track == track {
			return f.DTS
		}
	}
	return last + 20*media.Millisecond
}

// only gives the clip with one of its tracks.
func (c clip) only(track *media.Track) (one clip) {
	one.tracks = []*media.Track{track}
	for _, f := range c.frames {
		if f.Track == track {
			one.frames = append(one.frames, f)
		}
	}
	return one
}

func TestFFmpegReadsClips(t *testing.T) {
	needFFmpeg(t)
	withB := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2}))
	plain := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, FrameRate: 60, KeyInterval: 1}))
	mp3 := filepath.Join(t.TempDir(), "mp3.flv")
	made := mediatest.FFmpeg(t, "-i", mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2}),
		"-c:v", "copy", "-c:a", "libmp3lame", "-ar", "44100", mp3)
	if code := made.Wait(t, time.Minute); code != 0 {
		t.Fatalf("ffmpeg: exit %d: %s", code, made.Log())
	}
	withMP3 := readClip(t, mp3)
	for name, c := range map[string]clip{
		"B-frames":          withB,
		"60 frames":         plain,
		"MP3":               withMP3,
		"pictures":          withB.only(withB.tracks[0]),
		"sound":             withB.only(withB.tracks[1]),
		"sound that is MP3": withMP3.only(withMP3.tracks[1]),
	} {
		for _, every := range []media.Time{2000 * media.Millisecond, 200 * media.Millisecond} {
			t.Run(fmt.Sprintf("%s, fragments of %s", name, every), func(t *testing.T) {
				fragments := c.fragments(t, every)
				if len(fragments) < 2 {
					t.Fatalf("%d fragments", len(fragments))
				}
				checkWithFFmpeg(t, c.tracks, fragments)
			})
		}
	}
}

func TestFFmpegReadsOtherCodecs(t *testing.T) {
	needFFmpeg(t)
	for _, f := range foreigns(t) {
		t.Run(f.File, func(t *testing.T) {
			b := f.read(t)
			in, err := fmp4.ParseInit(b)
			if err != nil {
				t.Fatal(err)
			}
			fragments, err := in.ParseFragments(b)
			if err != nil {
				t.Fatal(err)
			}
			tracks := mediaTracks(in)
			for _, track := range tracks {
				if track.Codec == media.MP3 {
					track.Format.Channels = 1
				}
			}
			checkWithFFmpeg(t, tracks, retime(in, fragments))
		})
	}
}

// Event messages change nothing for who does not look for them.
func TestFFmpegReadsWithEvents(t *testing.T) {
	needFFmpeg(t)
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2}))
	fragments := c.fragments(t, 500*media.Millisecond)
	for i := range fragments {
		tag, err := id3.Text{Description: "simulcart.overlay", Value: fmt.Sprintf(`{"v":1,"seq":%d}`, i)}.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		fragments[i].Events = []fmp4.Event{{
			Scheme: fmp4.SchemeID3, Timescale: 90000, Time: fragments[i].Runs[0].DTS, Duration: fmp4.UnknownDuration, ID: uint32(i), Data: tag,
		}}
	}
	checkWithFFmpeg(t, c.tracks, fragments)
}

// buffer is what GStreamer says of a sample.
type buffer struct {
	size               int64
	dts, pts, duration time.Duration
	key                bool
}

var buffers = regexp.MustCompile(`\((\d+) bytes, dts: ([\d:.]+), pts: ([\d:.]+), duration: ([\d:.]+), .* flags: \w+ ([a-z -]*),`)

// gstreamer gives the samples that GStreamer finds in one track of a file.
func gstreamer(t *testing.T, path, pad string) (found []buffer) {
	t.Helper()
	out, err := exec.Command("gst-launch-1.0", "-v", "filesrc", "location="+path, "!", "qtdemux", "name=d",
		"d."+pad, "!", "fakesink", "silent=false", "sync=false").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("WARN")) {
		t.Fatalf("gst-launch-1.0: %v: %s", err, out)
	}
	at := func(text []byte) time.Duration { // 0:00:00.000000000
		clock := strings.Split(string(text), ":")
		seconds, err := time.ParseDuration(clock[2] + "s")
		if err != nil {
			t.Fatal(err)
		}
		minutes, err := strconv.Atoi(clock[1])
		if err != nil {
			t.Fatal(err)
		}
		return seconds + time.Duration(minutes)*time.Minute
	}
	for _, m := range buffers.FindAllSubmatch(out, -1) {
		size, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, buffer{size, at(m[2]), at(m[3]), at(m[4]), !bytes.Contains(m[5], []byte("delta-unit"))})
	}
	return found
}

// GStreamer tells the duration that stands in the file for each sample, which ffprobe does not. Its times are cut to nanoseconds.
func TestGStreamerReadsClips(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs GStreamer")
	}
	mediatest.Need(t, "gst-launch-1.0", "ffmpeg")
	c := readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2}))
	fragments := c.fragments(t, 500*media.Millisecond)
	file := written(t, c.tracks, fragments)
	path := filepath.Join(t.TempDir(), "written.mp4")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := fmp4.ParseInit(file)
	if err != nil {
		t.Fatal(err)
	}
	near := func(got time.Duration, ticks int64, rate int) bool {
		want := media.FromTicks(ticks, rate).Duration()
		return got >= want-time.Nanosecond && got <= want+time.Nanosecond
	}
	for i, pad := range []string{"video_0", "audio_0"} {
		t.Run(pad, func(t *testing.T) {
			var want []packet
			for _, p := range packetsOf(t, in, fragments) {
				if p.Stream == i {
					want = append(want, p)
				}
			}
			got, rate := gstreamer(t, path, pad), c.tracks[i].ClockRate
			if len(got) != len(want) {
				t.Fatalf("%d samples, want %d", len(got), len(want))
			}
			for n, w := range want {
				g := got[n]
				if g.size != w.Size || g.key != w.Key || !near(g.dts, w.DTS, rate) || !near(g.pts, w.PTS, rate) || !near(g.duration, w.Duration, rate) {
					t.Errorf("sample %d: got %+v, want %+v", n, g, w)
				}
			}
		})
	}
}
