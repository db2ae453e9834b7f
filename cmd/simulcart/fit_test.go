//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mkv"
)

// encoded is what an encoder sends.
type encoded struct {
	tracks []*media.Track
	frames []*media.Frame
}

// encode makes so many seconds by ffmpeg, with a key frame each second.
func encode(t *testing.T, video, audio string, seconds int) (e encoded) {
	t.Helper()
	mediatest.Need(t, "ffmpeg")
	file := filepath.Join(t.TempDir(), "encoded.mkv")
	p := mediatest.FFmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", strconv.Itoa(seconds), "-c:v", video, "-deadline", "realtime", "-cpu-used", "8", "-preset", "ultrafast", "-bf", "0", "-b:v", "200k", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", audio, file)
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Fatalf("ffmpeg: exit %d: %s", code, p.Log())
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in, err := mkv.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	e.tracks = in.Tracks()
	for {
		f, err := in.Next()
		if errors.Is(err, io.EOF) {
			return e
		}
		if err != nil {
			t.Fatal(err)
		}
		e.frames = append(e.frames, f)
	}
}

// air publishes the stream at the pace of the media. The publisher is there until it is told to end.
func (g *gateway) air(e encoded) (end func()) {
	g.Helper()
	p, err := g.node.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "whip", Remote: "192.0.2.1:1", Software: "test"})
	if err != nil {
		g.Fatal(err)
	}
	end = func() { p.Close(true) }
	p.SetTracks(e.tracks)
	began, origin := time.Now(), e.frames[0].DTS // which the publication changes
	for _, f := range e.frames {
		time.Sleep(time.Until(began.Add((f.DTS - origin).Duration())))
		if err := p.WriteFrame(f); err != nil {
			g.Errorf("write: %v", err)
			return end
		}
	}
	return end
}

// fetch gives what a public address answers.
func (g *gateway) fetch(path string) string {
	g.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(g.address + path)
	if err != nil {
		g.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		g.Fatalf("GET %s: %s %s %v", path, answer.Status, text, err)
	}
	return string(text)
}

const fitConfig = `
rtmp: {listen: "127.0.0.1:0"}
http: {listen: "127.0.0.1:0"}
metrics: {listen: off}
hls: {segment: 1s}
allow_private_destinations: true
tokens: [{name: ops, token: admin-canary-token-0123456789, role: admin}]
streams:
  maria:
    key: maria-canary-key-0123456789
    public: true
    destinations:
      tiktok: {platform: tiktok, url: "rtmp://%[1]s/live", key: tiktok}
      knowing: {url: "rtmp://%[1]s/live", key: knowing}
      plain: {url: "rtmp://%[1]s/live", key: plain, enhanced: false}
`

// coded counts coded payloads by kind, and gives the codec of each as RTMP has it: a number, or a FourCC.
func coded(tags []mediatest.Tag) (counts map[uint8]int, codecs map[uint8]string) {
	counts, codecs = map[uint8]int{}, map[uint8]string{}
	for _, g := range mediatest.CodedTags(tags) {
		counts[g.Type]++
		enhanced, number := g.Body[0]&0x80 != 0, g.Body[0]&15
		if g.Type == mediatest.AudioTag {
			enhanced, number = g.Body[0]>>4 == 9, g.Body[0]>>4
		}
		name := fmt.Sprint(number)
		if enhanced {
			name = string(g.Body[1:5])
		}
		if known := codecs[g.Type]; known != "" && known != name {
			name = known + " and " + name
		}
		codecs[g.Type] = name
	}
	return counts, codecs
}

// Whatever an encoder sends over WHIP, each destination and each player gets in one connection what it takes, and the status says how.
func TestOutputsGetWhatTheyTake(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	for _, tt := range []struct {
		video, audio string
		knowing      [2]string // what a server gets that knows FourCC
		checks       []string  // of the pre-flight for TikTok
	}{
		{"libx264", "libopus", [2]string{"7", "Opus"}, []string{"Opus is turned into AAC by a bridge"}},
		{"libvpx", "libopus", [2]string{"7", "10"}, []string{"VP8 is turned into H.264 by a bridge", "Opus is turned into AAC by a bridge"}},
		{"libvpx-vp9", "aac", [2]string{"vp09", "10"}, []string{"VP9 is turned into H.264 by a bridge"}},
		{"libaom-av1", "libopus", [2]string{"av01", "Opus"}, []string{"AV1 is turned into H.264 by a bridge", "Opus is turned into AAC by a bridge"}},
	} {
		t.Run(tt.video+" "+tt.audio, func(t *testing.T) {
			r := mediatest.NewReceiver(t)
			g := newGatewayWith(t, fmt.Sprintf(fitConfig, r.Addr))
			e := encode(t, tt.video, tt.audio, 3)
			var airing sync.WaitGroup
			airing.Go(func() { g.air(e)() })
			defer airing.Wait()
			began := time.Now()
			mediatest.Within(t, patience, "a session", func() bool { return g.node.hub.Stream("maria").Snapshot().Frames > 0 })
			var played []mediatest.Tag
			player := mediatest.StartPlay(t, g.node.on.rtmp.Addr().String(), "maria", func(g mediatest.Tag, _ time.Time) { played = append(played, g) })
			time.Sleep(time.Until(began.Add(2 * time.Second)))
			during, _ := g.node.controller.Stream("maria")
			<-player.Closed()
			want := map[string][2]string{"tiktok": {"7", "10"}, "knowing": tt.knowing, "plain": {"7", "10"}, "player": {"7", "10"}}
			for name, codecs := range want {
				tags := played
				if name != "player" {
					mediatest.Within(t, patience, "the end of "+name, func() bool { s := r.Sessions(name); return len(s) > 0 && !s[0].Ended().IsZero() })
					if n := len(r.Sessions(name)); n != 1 {
						t.Errorf("%s: %d connections", name, n)
					}
					tags = r.Sessions(name)[0].Tags()
				}
				counts, got := coded(tags)
				if got[mediatest.VideoTag] != codecs[0] || got[mediatest.AudioTag] != codecs[1] {
					t.Errorf("%s: got %v, want %v", name, got, codecs)
				}
				if counts[mediatest.VideoTag] < 50 || counts[mediatest.AudioTag] < 20 {
					t.Errorf("%s: %d pictures, %d of sound", name, counts[mediatest.VideoTag], counts[mediatest.AudioTag])
				}
				if err := mediatest.Rising(tags); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			checkBridged(t, during, tt.checks)
		})
	}
}

// checkBridged checks what the status says while a stream is on the air.
func checkBridged(t *testing.T, st control.StreamStatus, want []string) {
	t.Helper()
	for _, d := range st.Destinations {
		if d.State != "live" || d.Cause != "" || d.Attempts != 1 || d.Frames == 0 || d.Bytes == 0 {
			t.Errorf("destination %+v", d)
		}
		if d.Name != "tiktok" {
			continue
		}
		var got []string
		for _, c := range d.Preflight.Checks {
			if c.Verdict == "ok" {
				got = append(got, c.Detail)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pre-flight %+v, want %q", d.Preflight, want)
		}
	}
	for _, f := range st.Feeds {
		if f.Protocol == "rtmp" && (f.Readers != 1 || f.Frames == 0) {
			t.Errorf("feed %+v", f)
		}
	}
}

// HLS, which does not carry VP8, has H.264 in its place, also where a browser takes over from OBS: the pictures before and after are in one
// playlist.
func TestHLSOfVP8(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	g := newGatewayWith(t, fmt.Sprintf(fitConfig, mediatest.NewReceiver(t).Addr))
	before, after := encode(t, "libx264", "aac", 4), encode(t, "libvpx", "libopus", 5)
	var airing sync.WaitGroup
	airing.Go(func() {
		defer g.air(before)()
		defer g.air(after)()
	})
	defer airing.Wait()
	mediatest.Within(t, patience, "a session", func() bool { return g.node.hub.Stream("maria").Snapshot().Frames > 0 })
	index := g.fetch("/hls/maria/index.m3u8") // which comes with the first segments
	if !strings.Contains(index, `CODECS="avc1`) || !strings.Contains(index, "mp4a.40.2") {
		t.Errorf("want H.264 and AAC in:\n%s", index)
	}
	lines := strings.Split(strings.TrimSpace(index), "\n")
	list := "/hls/maria/" + lines[len(lines)-1]
	mediatest.Within(t, patience, "segments of both", func() bool {
		_, behind, discontinuous := strings.Cut(g.fetch(list), "#EXT-X-DISCONTINUITY\n")
		return discontinuous && strings.Contains(behind, "#EXT-X-MAP") && strings.Count(behind, "#EXTINF") > 1
	})
}

// Without ffmpeg a destination gets the pictures that it takes, and says what is missing; one that takes nothing of a stream says so too.
func TestOutputsWithoutFFmpeg(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds")
	}
	r := mediatest.NewReceiver(t)
	g := newGatewayWith(t, fmt.Sprintf(fitConfig, r.Addr))
	g.node.bench.FFmpeg = t.TempDir() + "/none"
	e := encode(t, "libx264", "libopus", 3)
	once := e.frames
	for round := media.Time(1); round < 4; round++ { // twelve seconds
		for _, f := range once {
			again := *f
			again.PTS += round * 3000 * media.Millisecond
			again.DTS += round * 3000 * media.Millisecond
			e.frames = append(e.frames, &again)
		}
	}
	var airing sync.WaitGroup
	airing.Go(func() { g.air(e)() })
	defer airing.Wait()
	mediatest.Within(t, patience, "the destination to say what is missing", func() bool {
		st, _ := g.node.controller.Stream("maria")
		for _, d := range st.Destinations {
			if d.Name == "tiktok" && d.State == "live" && d.Cause == "codec" {
				if !strings.Contains(d.Detail, "opus") || !strings.Contains(d.Detail, "ffmpeg") {
					t.Errorf("detail %q", d.Detail)
				}
				return true
			}
		}
		return false
	})
	counts, _ := coded(r.Sessions("tiktok")[0].Tags())
	if counts[mediatest.VideoTag] == 0 || counts[mediatest.AudioTag] != 0 {
		t.Errorf("%d pictures, %d of sound", counts[mediatest.VideoTag], counts[mediatest.AudioTag])
	}
}
