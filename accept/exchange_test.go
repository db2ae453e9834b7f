//go:build linux

package accept_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/internal/mediatest/webrtcbin"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/mkv"
)

// exchange is a gateway whose stream a peer publishes, and ffmpeg records over RTSP.
type exchange struct {
	*gateway
	stream
	clip      mediatest.Counted
	rtspAddr  string
	udp       string          // where WebRTC's packets go
	publisher *webrtcbin.Peer // nil: ffmpeg
	recorder  *mediatest.Process
	file      string
}

func startExchange(t *testing.T, clip mediatest.Counted, to ...destination) *exchange {
	t.Helper()
	addrs := mediatest.FreeAddrs(t, 2)
	_, port, err := net.SplitHostPort(addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{stream: stream{id: "maria", public: true, destinations: to}, clip: clip, rtspAddr: addrs[1], udp: "127.0.0.1:" + port}
	x.gateway = &gateway{partners: fmt.Sprintf("webrtc: {udp: \":%s\", tcp: \":%s\"}\nrtsp: {listen: %q}\n", port, port, x.rtspAddr)}
	x.start(t, x.stream)
	return x
}

func (x *exchange) at(side string) string { return "http://" + x.http + "/" + side + "/" + x.id }

// record lets ffmpeg record the stream as it is, until it ends.
func (x *exchange) record(t *testing.T) {
	t.Helper()
	x.file = filepath.Join(t.TempDir(), "recorded.mkv")
	x.recorder = mediatest.FFmpeg(t, "-rtsp_transport", "tcp", "-i", "rtsp://"+x.rtspAddr+"/"+x.id, "-map", "0:v", "-map", "0:a", "-c", "copy", x.file)
}

// end waits for the end of the publisher, and checks what was recorded.
func (x *exchange) end(t *testing.T) {
	t.Helper()
	if x.publisher != nil {
		if r := x.publisher.Report(t, x.long()); r.Status != 201 || r.Deleted != 200 || len(r.Wrong) > 0 {
			t.Fatalf("the publisher: POST %d, DELETE %d: %v\n%s\n%s", r.Status, r.Deleted, r.Wrong, r.Offer, r.Answer)
		}
	}
	x.check(t, "recorder", x.recorded(t))
}

// long is how long a clip takes, with patience.
func (x *exchange) long() time.Duration {
	return time.Duration(x.clip.Pictures/30)*time.Second + patience
}

// recorded waits for the end of the stream, and gives the numbers of the recorded pictures.
func (x *exchange) recorded(t *testing.T) []int {
	t.Helper()
	if code := x.recorder.Wait(t, x.long()); code != 0 || x.recorder.Log() != "" {
		t.Errorf("the recorder: exit %d: %s", code, x.recorder.Log())
	}
	x.awaitState(t, x.stream, "idle")
	return mediatest.Numbers(t, x.file)
}

// check checks that all pictures of the clip are there from some picture on, a second's at least. webrtcbin may lose the last ones when it ends.
func (x *exchange) check(t *testing.T, who string, numbers []int) {
	t.Helper()
	const ending = 3
	if len(numbers) < pick(t, 30, 20*30) || numbers[0]+len(numbers) < x.clip.Pictures-ending {
		t.Errorf("%s: %d pictures, want all up to %d: %v", who, len(numbers), x.clip.Pictures-1, numbers)
		return
	}
	for i, n := range numbers {
		if n != numbers[0]+i {
			t.Errorf("%s: picture %d has the number %d, want %d", who, i, n, numbers[0]+i)
			return
		}
	}
}

// encoded is a clip as a publisher over WebRTC has it: H.264 and Opus.
type encoded struct {
	tracks []*media.Track
	frames []*media.Frame
}

func readClip(t *testing.T, c mediatest.Counted) *encoded {
	t.Helper()
	file, err := os.Open(c.Opus(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r, err := mkv.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	e := &encoded{tracks: r.Tracks()}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return e
		}
		if err != nil {
			t.Fatal(err)
		}
		e.frames = append(e.frames, f)
	}
}

// send sends all frames at their pace, and calls each before every one.
func (e *encoded) send(p *peer.Publisher, each func(at time.Duration)) {
	began := time.Now()
	for _, f := range e.frames {
		at := f.DTS.Duration()
		time.Sleep(time.Until(began.Add(at)))
		each(at)
		p.Write(f)
	}
}
