package fmp4_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// foreign is a file that ffmpeg 5.1 made of testsrc2 (64x64, 25 pictures a second) and sine (48 kHz), 0.48 s of each, with
//
//	-movflags +frag_keyframe+empty_moov+default_base_moof -fflags +bitexact -flags +bitexact
//
// and what ffprobe -ignore_editlist 1 says of its packets, in ticks of each stream. The options of each:
//
//	h264-aac:  -c:v libx264 -g 6 -bf 2 -c:a aac -b:a 32k
//	hevc:      -c:v libx265 -x265-params keyint=6:bframes=2:info=0 -tag:v hvc1, without default_base_moof
//	av1:       -c:v libaom-av1 -cpu-used 8 -g 6 -movflags +delay_moov
//	vp9-opus:  -c:v libvpx-vp9 -g 6 -c:a libopus -b:a 24k -ac 2
//	flac, mp3: -c:a flac -ac 1; -c:a libmp3lame -b:a 32k
//	mp3-low:   -c:a libmp3lame -ar 22050 -b:a 24k
type foreign struct {
	File    string
	Streams []stream
	Packets []packet
}

// stream is what ffprobe says of a stream.
type stream struct {
	Codec         string
	TimeBase      string
	Width, Height int
	Rate          int
	Channels      int
	End           int64 // where the last sample ends, by decode time, in ticks
}

// packet is what ffprobe says of a packet.
type packet struct {
	Stream   int
	PTS, DTS int64
	Duration int64
	Size     int64
	Key      bool
	MD5      string
}

func foreigns(t testing.TB) []foreign { return mediatest.Golden[foreign](t, "testdata/ffprobe.json") }

func (f foreign) read(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + f.File)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// streamsOf gives the tracks of an initialization section, and where their packets end, as ffprobe says them.
func streamsOf(in fmp4.Init, packets []packet) (streams []stream) {
	for i, t := range in.Tracks {
		s := stream{Codec: t.Media.Codec.String(), TimeBase: fmt.Sprintf("1/%d", t.Timescale)}
		for _, p := range packets {
			if p.Stream == i {
				s.End = p.DTS + p.Duration
			}
		}
		if t.Media.Codec.IsVideo() {
			s.Width, s.Height = t.Media.Format.Width, t.Media.Format.Height
		} else {
			s.Rate, s.Channels = t.Media.ClockRate, t.Media.Format.Channels
		}
		streams = append(streams, s)
	}
	return streams
}

// packetsOf gives the samples of fragments as ffprobe says them, stream by stream, each in decode order.
func packetsOf(t testing.TB, in fmp4.Init, fragments []fmp4.Fragment) (packets []packet) {
	t.Helper()
	for i, track := range in.Tracks {
		for _, f := range fragments {
			for _, r := range f.Runs {
				if r.TrackID != track.ID {
					continue
				}
				at := int64(r.DTS)
				for _, s := range r.Samples {
					sum := md5.Sum(bytes.Join(s.Data, nil))
					packets = append(packets, packet{
						Stream: i, PTS: at + int64(s.Offset), DTS: at, Duration: int64(s.Duration), Size: s.Size(), Key: s.Key,
						MD5: hex.EncodeToString(sum[:]),
					})
					at += int64(s.Duration)
				}
			}
		}
	}
	return packets
}

// byStream sorts what ffprobe says stream by stream. It does not tell the durations that stand in the file: they are the steps to the next
// packet, and for the last one where the stream ends (see [stream]).
func byStream(said, got []packet) (packets []packet) {
	packets = slices.Clone(said)
	slices.SortStableFunc(packets, func(a, b packet) int { return a.Stream - b.Stream })
	for i := range packets {
		switch {
		case i+1 < len(packets) && packets[i+1].Stream == packets[i].Stream:
			packets[i].Duration = packets[i+1].DTS - packets[i].DTS
		case i < len(got):
			packets[i].Duration = got[i].Duration
		}
	}
	return packets
}

func TestReadsWhatFFmpegWrites(t *testing.T) {
	for _, f := range foreigns(t) {
		t.Run(f.File, func(t *testing.T) {
			b := f.read(t)
			in, err := fmp4.ParseInit(b)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range f.Streams {
				if s.Codec == "mp3" {
					f.Streams[i].Channels = 2 // as the sample entry has it; ffprobe looks into the frames
				}
			}
			fragments, err := in.ParseFragments(b)
			if err != nil {
				t.Fatal(err)
			}
			got := packetsOf(t, in, fragments)
			if diff := cmp.Diff(f.Streams, streamsOf(in, nil)); diff != "" {
				t.Errorf("streams: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(byStream(f.Packets, got), got); diff != "" {
				t.Errorf("packets: -want +got\n%s", diff)
			}
		})
	}
}

// retime gives fragments whose times count in the clocks of the media tracks.
func retime(in fmp4.Init, fragments []fmp4.Fragment) (out []fmp4.Fragment) {
	for _, f := range fragments {
		again := fmp4.Fragment{Styp: true, Sequence: f.Sequence}
		for _, r := range f.Runs {
			for _, t := range in.Tracks {
				if t.ID != r.TrackID {
					continue
				}
				ticks := func(v int64) int64 {
					return media.FromTicks(v, int(t.Timescale)).Ticks(t.Media.ClockRate)
				}
				run := fmp4.Run{TrackID: fmp4.TrackID(t.Media), DTS: uint64(ticks(int64(r.DTS)))}
				for _, s := range r.Samples {
					s.Duration, s.Offset = uint32(ticks(int64(s.Duration))), int32(ticks(int64(s.Offset)))
					run.Samples = append(run.Samples, s)
				}
				again.Runs = append(again.Runs, run)
			}
		}
		out = append(out, again)
	}
	return out
}

// written gives an initialization section and fragments as a file.
func written(t testing.TB, tracks []*media.Track, fragments []fmp4.Fragment) []byte {
	t.Helper()
	b, err := fmp4.AppendInit(nil, tracks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fragments {
		if b, err = fragments[i].Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// mediaTracks gives the tracks without what only the file says of them.
func mediaTracks(in fmp4.Init) (tracks []*media.Track) {
	for _, t := range in.Tracks {
		tracks = append(tracks, t.Media)
	}
	return tracks
}

// What was read of ffmpeg's files, in our clocks, is read again from what is written of it.
func TestWhatIsWrittenIsRead(t *testing.T) {
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
			want := retime(in, fragments)
			file := written(t, mediaTracks(in), want)
			again, err := fmp4.ParseInit(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(mediaTracks(in), mediaTracks(again)); diff != "" {
				t.Errorf("tracks: -want +got\n%s", diff)
			}
			for i, track := range again.Tracks {
				if track.ID != uint32(i+1) || int(track.Timescale) != track.Media.ClockRate {
					t.Errorf("track %d: number %d, timescale %d", i, track.ID, track.Timescale)
				}
			}
			got, err := again.ParseFragments(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fragments: -want +got\n%s", diff)
			}
		})
	}
}
