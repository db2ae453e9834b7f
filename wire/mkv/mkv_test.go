package mkv_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/mkv"
)

// golden reads bytes written in hexadecimal, without comments.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(line)
	}
	return mediatest.Unhex(t, digits.String())
}

// newTrack makes a track of a configuration in hexadecimal.
func newTrack(t testing.TB, id uint8, c media.Codec, config string) *media.Track {
	t.Helper()
	track, err := codec.NewTrack(id, c, mediatest.Unhex(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

const (
	av1C   = "81 00 0c 00"
	stereo = "11 90"                            // AAC-LC, 48 kHz
	dOps   = "00 02 0138 0000bb80 0000 00"      // stereo, a pre-skip of 312 samples
	vpcC   = "01000000 00 0a 82 02 02 02 00 00" // profile 0
)

// goldenFrames are those of testdata/stream.txt.
func goldenFrames(t testing.TB) (tracks []*media.Track, frames []*media.Frame) {
	t.Helper()
	video, audio := newTrack(t, 0, media.VP8, ""), newTrack(t, 1, media.Opus, dOps)
	video.Format.Width, video.Format.Height = 640, 360
	at := func(track *media.Track, pts media.Time, key bool, data string) *media.Frame {
		return &media.Frame{Track: track, PTS: pts, DTS: pts, Key: key, Data: []byte(data)}
	}
	return []*media.Track{video, audio}, []*media.Frame{
		at(video, 0, true, "key"),
		at(audio, 13500*media.Millisecond/1000, false, "\xfcound"), // 20 ms, stereo
		at(video, 10*3600*1000*media.Millisecond+33_333_000, false, strings.Repeat("picture ", 16)),
	}
}

func TestGolden(t *testing.T) {
	want := golden(t, "stream.txt")
	tracks, frames := goldenFrames(t)
	if got := write(t, tracks, frames); !bytes.Equal(got, want) {
		t.Errorf("written:\n%s", cmp.Diff(hex.Dump(want), hex.Dump(got)))
	}
	gotTracks, got, err := readAll(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tracks, gotTracks); diff != "" {
		t.Errorf("tracks: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(frames, got); diff != "" {
		t.Errorf("frames: -want +got\n%s", diff)
	}
}

// write writes a stream.
func write(t testing.TB, tracks []*media.Track, frames []*media.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := mkv.NewWriter(&b, tracks...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// readAll reads a stream up to its end.
func readAll(r io.Reader) (tracks []*media.Track, frames []*media.Frame, err error) {
	m, err := mkv.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	for {
		f, err := m.Next()
		if errors.Is(err, io.EOF) {
			return m.Tracks(), frames, nil
		}
		if err != nil {
			return m.Tracks(), frames, err
		}
		frames = append(frames, f)
	}
}

// foreign is what ffprobe says of a file that ffmpeg wrote.
type foreign struct {
	File    string
	Streams []struct {
		Codec                         string
		Width, Height, Rate, Channels int
	}
	Packets []struct {
		Stream       int
		Milliseconds int64
		Size         int
		Key          bool
		MD5          string
	}
}

// Files that ffmpeg wrote are read as ffprobe reads them, whole and byte by byte.
func TestReadsFFmpeg(t *testing.T) {
	for _, file := range mediatest.Golden[foreign](t, "testdata/ffprobe.json") {
		t.Run(file.File, func(t *testing.T) {
			b, err := os.ReadFile("testdata/" + file.File)
			if err != nil {
				t.Fatal(err)
			}
			tracks, frames, err := readAll(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			file.check(t, tracks, frames)
			_, slow, err := readAll(iotest.OneByteReader(bytes.NewReader(b)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(frames, slow); diff != "" {
				t.Errorf("frames byte by byte: -want +got\n%s", diff)
			}
		})
	}
}

func (file foreign) check(t *testing.T, tracks []*media.Track, frames []*media.Frame) {
	t.Helper()
	if len(tracks) != len(file.Streams) || len(frames) != len(file.Packets) {
		t.Fatalf("got %d tracks, %d frames, want %d, %d", len(tracks), len(frames), len(file.Streams), len(file.Packets))
	}
	for i, s := range file.Streams {
		f := tracks[i].Format
		if tracks[i].Codec.String() != s.Codec || f.Width != s.Width || f.Height != s.Height || f.Channels != s.Channels {
			t.Errorf("track %d: got %s, %+v, want %+v", i, tracks[i].Codec, f, s)
		}
		if s.Rate != 0 && tracks[i].ClockRate != s.Rate {
			t.Errorf("track %d: got a clock of %d Hz, want %d", i, tracks[i].ClockRate, s.Rate)
		}
	}
	for i, p := range file.Packets {
		f := frames[i]
		sum := md5.Sum(f.Data)
		if int(f.Track.ID) != p.Stream || f.Key != p.Key || len(f.Data) != p.Size || hex.EncodeToString(sum[:]) != p.MD5 {
			t.Errorf("frame %d: got track %d, key %v, %d bytes, %x, want %+v", i, f.Track.ID, f.Key, len(f.Data), sum, p)
		}
		// ffprobe rounds a codec delay to its clock of 1 ms
		if off := f.PTS - media.Time(p.Milliseconds)*media.Millisecond; off.Duration().Abs() > media.Millisecond.Duration() || f.DTS != f.PTS {
			t.Errorf("frame %d: got %v, %v, want %d ms", i, f.PTS, f.DTS, p.Milliseconds)
		}
	}
}

// What is written is read again as it was, but for what is finer than the tick.
func TestWritesWhatItReads(t *testing.T) {
	all := []*media.Track{
		newTrack(t, 0, media.VP8, ""), newTrack(t, 3, media.VP9, vpcC), newTrack(t, 4, media.AV1, av1C),
		newTrack(t, 126, media.AAC, stereo), newTrack(t, 255, media.Opus, dOps),
		{ID: 200, Codec: media.MP3, ClockRate: 44100, Format: media.Format{Channels: 2}},
	}
	all[0].Format = media.Format{Width: 2, Height: 3, FrameRate: 29.97}
	rapid.Check(t, func(rt *rapid.T) {
		tracks := all[rapid.IntRange(0, len(all)-1).Draw(rt, "first track"):]
		var frames []*media.Frame
		for range rapid.IntRange(0, 20).Draw(rt, "frames") {
			f := &media.Frame{
				Track: rapid.SampledFrom(tracks).Draw(rt, "track"),
				PTS:   1000 * media.Time(rapid.Int64Range(0, 1<<50).Draw(rt, "microseconds")),
				Data:  rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(rt, "data"),
			}
			if f.Track.Codec == media.AV1 {
				f.Data = []byte{0x32, 1, f.Data[0]} // one OBU, a frame
			}
			f.DTS, f.Key = f.PTS, f.Track.Codec.IsVideo() && rapid.Bool().Draw(rt, "key")
			frames = append(frames, f)
		}
		gotTracks, got, err := readAll(bytes.NewReader(write(t, tracks, frames)))
		if err != nil {
			rt.Fatal(err)
		}
		for i, track := range gotTracks {
			want := *tracks[i]
			if want.Codec == media.VP9 {
				want.Config, want.Format = nil, media.Format{}
			}
			if diff := cmp.Diff(&want, track); diff != "" {
				rt.Errorf("track %d: -want +got\n%s", i, diff)
			}
		}
		if len(got) != len(frames) {
			rt.Fatalf("got %d frames, want %d", len(got), len(frames))
		}
		for i, want := range frames {
			f := got[i]
			if f.PTS != want.PTS || f.DTS != want.DTS || f.Key != want.Key || f.Track.ID != want.Track.ID || !bytes.Equal(f.Data, want.Data) {
				rt.Errorf("frame %d: got %+v, want %+v", i, f, want)
			}
		}
	})
}

// A stream that is cut is read up to the cut, and anything but a cut between elements is said.
func TestCut(t *testing.T) {
	tracks, frames := goldenFrames(t)
	whole := write(t, tracks, frames)
	ends := map[int]int{0: 0, len(write(t, tracks, nil)): 0}
	for n := range frames {
		ends[len(write(t, tracks, frames[:n+1]))] = n + 1
	}
	for size := range whole {
		_, got, err := readAll(bytes.NewReader(whole[:size]))
		var fault *wire.SyntaxError
		want, clean := ends[size]
		switch {
		case size == 0 && !errors.Is(err, io.EOF), clean && size > 0 && (err != nil || len(got) != want):
			t.Errorf("cut at %d: got %d frames, %v, want %d", size, len(got), err, want)
		case !clean && err != nil && !errors.As(err, &fault):
			t.Errorf("cut at %d: got %v", size, err)
		}
	}
}

func TestReaderTellsOfItsSource(t *testing.T) {
	tracks, frames := goldenFrames(t)
	whole := write(t, tracks, frames)
	for _, size := range []int{0, 3, 40, len(whole) - 200, len(whole) - 5, len(whole)} {
		_, _, err := readAll(io.MultiReader(bytes.NewReader(whole[:size]), iotest.ErrReader(os.ErrDeadlineExceeded)))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a source that fails at %d: got %v", size, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	opus := newTrack(t, 1, media.Opus, dOps)
	var unsupported *wire.UnsupportedError
	var syntax *wire.SyntaxError
	if _, err := mkv.NewWriter(io.Discard, &media.Track{Codec: media.Overlay}); !errors.As(err, &unsupported) {
		t.Errorf("an overlay track: got %v", err)
	}
	if _, err := mkv.NewWriter(io.Discard, &media.Track{Codec: media.Opus, Config: []byte{1}}); !errors.As(err, &syntax) {
		t.Errorf("a configuration that is none: got %v", err)
	}
	if _, err := mkv.NewWriter(failing{}, opus); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a pipe that is closed: got %v", err)
	}
	w, err := mkv.NewWriter(io.Discard, opus)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteFrame(&media.Frame{Track: newTrack(t, 1, media.Opus, dOps)}); !errors.As(err, &unsupported) {
		t.Errorf("a frame of another track: got %v", err)
	}
	if err := w.WriteFrame(&media.Frame{Track: opus, PTS: -7 * media.Millisecond}); !errors.As(err, &unsupported) {
		t.Errorf("a frame before the start: got %v", err)
	}
	if err := w.WriteFrame(&media.Frame{Track: opus, PTS: -6500 * media.Millisecond / 1000}); err != nil {
		t.Errorf("a frame before the start by the pre-skip: got %v", err)
	}
	later := &late{}
	w, err = mkv.NewWriter(later, opus)
	later.err = io.ErrClosedPipe
	if err != nil || !errors.Is(w.WriteFrame(&media.Frame{Track: opus}), io.ErrClosedPipe) {
		t.Errorf("a pipe that closes: got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// late fails once its error is set.
type late struct{ err error }

func (l *late) Write(b []byte) (int, error) { return len(b), l.err }
