//go:build linux

package accept_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/browser"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mkv"
)

// fed is how much of its pictures, in 100, a Chromium paints that has processor time. One that has less lets its sound wait, by a quarter of a
// second was seen, and reports it as new.
const fed = 95

// reported is after how many seconds Chromium has sent a report of its sound, and this was moved.
const reported = 5

// TestWHIPSync lets Chromium publish over WHIP, and nginx-rtmp record it with AAC: sound and pictures are together as they were captured, all the
// time, and every picture that Chromium counts as sent is in the recording.
func TestWHIPSync(t *testing.T) {
	realPeers(t)
	span := pick(t, 9*time.Second, 5*time.Minute)
	n, page := mediatest.Nginx(t), browser.NewPage(t)
	s := stream{id: "maria", public: true, destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live"}}}
	g := &gateway{partners: withWebRTC(t)}
	g.start(t, s)
	publisher := page.Peer(t, browser.PeerWish{Address: "http://" + g.http + "/whip/maria", Token: s.key(), Seconds: int(span.Seconds()) + 60, Publish: true, Beeps: true})
	g.awaitLive(t, s)
	time.Sleep(span)
	publisher.Signal(syscall.SIGTERM)
	r := publisher.Report(t)
	joined(t, r)
	g.awaitState(t, s, "idle")
	file := n.Recording(t, "nginx")
	mediatest.Decode(t, file)
	numbers := mediatest.Numbers(t, file)
	allSent(t, r, numbers)
	captured := captures(byPainting(r))
	maps.DeleteFunc(captured, func(n int, _ time.Duration) bool { return n < numbers[0] || n > numbers[len(numbers)-1] })
	beats := slices.DeleteFunc(mediatest.Beats(t, file, 30), func(b mediatest.Beat) bool { _, known := captured[b.Number]; return !known })
	if len(beats) < len(captured)*9/10 {
		t.Fatalf("%d beeps were recorded with their pictures, %d captured", len(beats), len(captured))
	}
	for i, b := range beats {
		beats[i].Apart -= captured[b.Number]
	}
	figure(t, "whipsync_sound_behind_at_first", float64(beats[0].Apart.Microseconds())/1000, "ms, before there are reports")
	if asked := int(r.Sent[len(r.Sent)-1].At-r.Sent[0].At) * 30 / 1000; len(r.Sent) < asked*fed/100 {
		t.Logf("Chromium painted %d pictures of %d: it has too little processor time to keep its own sound", len(r.Sent), asked)
		return
	}
	settled := slices.DeleteFunc(slices.Clone(beats), func(b mediatest.Beat) bool { return b.Number < beats[0].Number+30*reported })
	inSync(t, "whipsync", settled, len(beats)-reported)
}

// TestWHEPSync publishes over RTMP with AAC: by the sender reports of WHEP, the sound is together with its pictures, all the time. Chromium's own
// way to play it is measured beside: it lets differences below 30 ms be.
func TestWHEPSync(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 8, 300)
	page := browser.NewPage(t)
	x := startExchange(t, mediatest.Counted{Pictures: (seconds + 10) * 30, Rate: 30, Grain: 10, Beeps: true})
	mediatest.Publish(t, x.clip.File(t), x.publishURL(x.stream))
	x.awaitState(t, x.stream, "live")
	mediatest.Within(t, patience, "the tracks", func() bool { return len(x.status(t, x.stream).Tracks) == 2 })
	v := peer.Play(t, x.at("whep"), false, peer.Options{})
	r := page.Peer(t, browser.PeerWish{Address: x.at("whep"), Seconds: seconds, Beeps: true}).Report(t)
	joined(t, r)
	inSync(t, "whepsync", mediatest.Beats(t, remade(t, v, x.clip), 30), seconds-3)
	var apart []time.Duration
	for _, late := range captures(r.Captured) {
		apart = append(apart, late)
	}
	if len(apart) == 0 {
		t.Fatalf("Chromium heard no beep with its picture in %d s: %v", seconds, r.Captured)
	}
	slices.Sort(apart)
	figure(t, "whepsync_chromium_behind_p50", float64(apart[len(apart)/2].Microseconds())/1000, fmt.Sprintf("ms, from %v to %v, %d beeps", apart[0], apart[len(apart)-1], len(apart)))
}

// remade makes an FLV of H.264 and AAC of what a viewer got, at the times that the sender reports give.
func remade(t *testing.T, v *peer.Player, clip mediatest.Counted) string {
	t.Helper()
	dir := t.TempDir()
	got, out := filepath.Join(dir, "got.mkv"), filepath.Join(dir, "remade.flv")
	file, err := os.Create(got)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	pictures, _ := readFrames(t, clip.File(t))
	stereo := []byte{0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0} // dOps: 48 kHz, and nothing to skip, as nobody tells a viewer of that
	tracks := map[string]*media.Track{"video": pictures[0], "audio": {ID: 1, Codec: media.Opus, ClockRate: 48000, Config: stereo}}
	w, err := mkv.NewWriter(file, tracks["video"], tracks["audio"])
	if err != nil {
		t.Fatal(err)
	}
	var frames []*media.Frame
	for kind, track := range tracks {
		for _, f := range v.Frames(kind) {
			at, told := v.Made(f)
			if !told {
				t.Fatalf("no sender report of %s came", kind)
			}
			frames = append(frames, &media.Frame{Track: track, PTS: at, DTS: at, Key: true, Data: f.Data})
		}
	}
	slices.SortStableFunc(frames, func(a, b *media.Frame) int { return cmp.Compare(a.PTS, b.PTS) })
	begin := frames[0].PTS
	for _, f := range frames {
		f.PTS -= begin
		if err := w.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	if code := mediatest.FFmpeg(t, "-i", got, "-c:v", "copy", "-c:a", "aac", out).Wait(t, time.Minute); code != 0 {
		t.Fatal("ffmpeg cannot read what the viewer got")
	}
	return out
}

// byPainting sets the clocks of a publisher by when it painted its pictures and let beeps begin: none is captured before, and some at once.
func byPainting(r *browser.PeerReport) browser.Captured {
	c := r.Captured
	painted := make(map[int]float64)
	for _, p := range r.Sent {
		if p.Number%30 == 0 {
			painted[p.Number] = p.At
		}
	}
	pictures, sound := math.Inf(-1), math.Inf(-1)
	for _, f := range c.Flashes {
		pictures = max(pictures, painted[int(f[0])]-f[1])
	}
	for _, b := range c.Beeps {
		for _, at := range painted {
			if math.Abs(b+c.Sound.Ahead-at) < 300 {
				sound = max(sound, at-b)
			}
		}
	}
	c.Pictures.Ahead, c.Sound.Ahead = pictures, sound
	return c
}

// captures gives how much later a beep was captured, or played, than its picture, by the picture's number.
func captures(c browser.Captured) map[int]time.Duration {
	apart := make(map[int]time.Duration)
	for _, f := range c.Flashes {
		for _, b := range c.Beeps {
			if late := b + c.Sound.Ahead - f[1] - c.Pictures.Ahead; math.Abs(late) < 300 {
				apart[int(f[0])] = time.Duration(late * float64(time.Millisecond))
			}
		}
	}
	return apart
}

// allSent checks that a recording has as many pictures as Chromium says that it sent, between two moments at which it told so.
func allSent(t *testing.T, r *browser.PeerReport, numbers []int) {
	t.Helper()
	within := slices.DeleteFunc(slices.Clone(r.Progress), func(p [2]int) bool { return p[0] < numbers[0]+30 || p[0] > numbers[len(numbers)-1] })
	if len(within) < 2 {
		t.Fatalf("from %d to %d pictures were recorded; Chromium tells %v", numbers[0], numbers[len(numbers)-1], r.Progress)
	}
	first, last := within[0], within[len(within)-1]
	sent, recorded, back := last[1]-first[1], 0, 0
	for i, n := range numbers {
		if n >= first[0] && n < last[0] {
			recorded++
		}
		if i > 0 && n <= numbers[i-1] {
			back++
		}
	}
	figure(t, "whipsync_pictures", float64(recorded), fmt.Sprintf("recorded, %d painted, %d sent by Chromium's own count", last[0]-first[0], sent))
	const underway = 2 // that Chromium has taken, and not sent yet, when it tells
	if recorded < sent-underway || back > 0 {
		t.Errorf("%d pictures were recorded of the %d that were sent, %d go back", recorded, sent, back)
	}
}
