//go:build linux

package accept_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/rtsp"
	"github.com/simulcart/simulcart/wire/sei"
)

// TestRTSP lets ffmpeg, GStreamer, mpv and a client of ours pull a private stream over RTSP at the same time, within the connection and over
// UDP, each with the partner's token: every picture from a key frame on is there and is decoded without a complaint, and the overlay states
// in them are those of the partner's view, at their own pictures.
func TestRTSP(t *testing.T) {
	realPeers(t)
	s := stream{id: "maria"}
	token := key("tsl")
	addr := mediatest.FreeAddrs(t, 1)[0]
	g := &gateway{tokens: true, partners: fmt.Sprintf("rtsp: {listen: %q, udp: \"127.0.0.1:0\"}\npartners:\n  tsl: {token: %q, streams: [maria], protocols: [rtsp], view: {currency: EUR}}\n", addr, token)}
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: pick(t, 8, 30) * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	from := source{Counted: clip}
	first := &wish{style: "e0", at: -1, number: -1, source: &from, cue: g.show(t, s, `{"action":"show","product":"red","style":"e0"}`).Cue}
	url := func(user string) string { return "rtsp://" + user + addr + "/maria" }
	if code := mediatest.FFmpeg(t, "-rtsp_transport", "tcp", "-i", url(""), "-t", "1", "-f", "null", "-").Wait(t, patience); code == 0 {
		t.Error("a client without a token is let in")
	}
	pullers := startPullers(t, addr, token)
	own := pull(t, addr, "rtsp://tsl:"+token+"@"+addr+"/maria")
	tail := g.listen(t, "rtsp://tsl:"+token+"@"+addr+"/maria")
	wishes := g.learn(t, s, append(g.wish(t, s, from, 1, pick(t, 10, 80), clip.Pictures-3*30), first))
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	for _, p := range pullers {
		p.check(t, clip)
	}
	checkAnswers(t, wishes)
	tail(wishes)
	r := <-own
	if r == nil {
		t.Fatal("the client of ours got nothing")
	}
	r.joins = true
	r.checkSkew(t, "rtsp", "sei", wishes)
	r.checkJoin(t, "sei", wishes)
}

// listen lets simulcart's own tail pull an address, and gives what checks that it saw each change, and nothing wrong.
func (g *gateway) listen(t *testing.T, address string) (check func([]*wish)) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "tail.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := mediatest.Start(t, mediatest.Command{Name: "tail", Path: binary(t), Args: []string{"overlay", "tail", "--json", address}, Stdout: out})
	return func(wishes []*wish) {
		t.Helper()
		p.Wait(t, patience)
		data, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[int64]bool)
		for line := range bytes.Lines(data) {
			var s struct {
				Faults []string
				State  *overlay.Message
			}
			if err := json.Unmarshal(line, &s); err != nil || len(s.Faults) > 0 || s.State == nil {
				t.Errorf("tail says %s, %v", line, err)
				continue
			}
			seen[s.State.Seq] = true
		}
		for _, w := range wishes {
			if !seen[*w.Seq] && w.style != "e0" {
				t.Errorf("tail did not see change %s, state %d", w.style, *w.Seq)
			}
		}
	}
}

// pull plays a stream over RTSP until the server ends it, and gives what came; nil where it went wrong.
func pull(t *testing.T, addr, address string) <-chan *recording {
	t.Helper()
	c, medias, info := play(t, addr, address)
	done := make(chan *recording, 1)
	go func() {
		r, err := collect(t, c, medias[0].Track, rtp.Timeline{Rate: 90_000, Base: info[0].Timestamp})
		if err != nil {
			t.Errorf("pull over rtsp: %v", err)
			r = nil
		}
		done <- r
	}()
	return done
}

// collect reads the pictures of a client's first track until the end, and decodes them.
func collect(t *testing.T, c *rtsp.Client, track *media.Track, clock rtp.Timeline) (*recording, error) {
	maker, err := rtp.NewDepacketizer(track, 0)
	if err != nil {
		return nil, err
	}
	r := &recording{name: "rtsp", numbers: make(map[int64]int), seen: make(map[string][]sighting)}
	var stream bytes.Buffer
	for {
		f, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if f.Channel != 0 {
			continue
		}
		packet, err := rtp.ParsePacket(f.Data)
		if err != nil {
			return nil, err
		}
		frames, err := maker.Push(packet)
		if err != nil {
			return nil, err
		}
		for _, got := range frames {
			pts := clock.Time(got.Timestamp).Ticks(1000)
			for payload, err := range sei.Payloads(media.H264, got.Data) {
				if err != nil {
					return nil, err
				}
				r.see(t, "sei", pts, payload)
			}
			if len(r.times) == 0 {
				r.head = pts
			}
			r.times = append(r.times, pts)
			for unit, err := range nal.Units(got.Data) {
				if err != nil {
					return nil, err
				}
				stream.Write(append([]byte{0, 0, 0, 1}, unit...))
			}
		}
	}
	if maker.Lost() > 0 {
		return nil, fmt.Errorf("%d packets are missing", maker.Lost())
	}
	path := filepath.Join(t.TempDir(), "own.h264")
	if err := os.WriteFile(path, stream.Bytes(), 0o600); err != nil {
		return nil, err
	}
	slices.Sort(r.times)
	numbers := mediatest.Numbers(t, path)
	if len(numbers) != len(r.times) {
		return nil, fmt.Errorf("%d pictures were decoded of %d", len(numbers), len(r.times))
	}
	for i, n := range numbers {
		r.numbers[r.times[i]] = n
	}
	return r, nil
}
