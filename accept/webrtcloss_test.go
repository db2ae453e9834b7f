//go:build linux

package accept_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/nal"
)

// badNetwork loses one datagram in 20, delays each by 50 to 80 ms, and lets them overtake each other.
func badNetwork(seed uint64) mediatest.Trouble {
	return mediatest.Trouble{Loss: 0.05, Delay: 50 * time.Millisecond, Jitter: 30 * time.Millisecond, Double: 0.01, Seed: seed}
}

// TestWebRTCLoss lets a publisher and a viewer have bad networks: what is recorded of the one, and what the other gets, is decoded without
// an error, and what is missing are whole runs of pictures up to a key frame.
func TestWebRTCLoss(t *testing.T) {
	realPeers(t)
	t.Run("whip", lossyPublisher)
	t.Run("whep", lossyViewer)
}

// lossyClip has pictures of several packets.
func lossyClip(t *testing.T) mediatest.Counted {
	return mediatest.Counted{Pictures: pick(t, 6, 90) * 30, Rate: 30, Grain: 40}
}

func lossyPublisher(t *testing.T) {
	n := mediatest.Nginx(t)
	x := startExchange(t, lossyClip(t), destination{name: "nginx", url: "rtmp://" + n.Addr + "/live"})
	network := mediatest.NewNetwork(t, x.udp, badNetwork(1), badNetwork(2))
	source := readClip(t, x.clip)
	p := peer.Publish(t, x.at("whip"), peer.Options{Token: x.key(), Via: network.Addr}, source.tracks...)
	records := false
	source.send(p, func(at time.Duration) {
		if !records && at > time.Second {
			x.record(t)
			records = true
		}
	})
	time.Sleep(time.Second) // for what is under way, and asked for
	p.Delete()
	figure(t, "loss_whip_datagrams", float64(network.Up.Sent()), fmt.Sprintf("sent, %d lost; %d of the server's lost", network.Up.Lost(), network.Down.Lost()))
	lossFigure(t, "loss_whip_rtsp", x.recorded(t), x.clip)
	lossFigure(t, "loss_whip_rtmp", mediatest.Numbers(t, n.Recording(t, "nginx")), x.clip)
	mediatest.Decode(t, n.Recording(t, "nginx"))
}

func lossyViewer(t *testing.T) {
	x := startExchange(t, lossyClip(t))
	network := mediatest.NewNetwork(t, x.udp, badNetwork(1), badNetwork(2))
	publisher := mediatest.Publish(t, x.clip.File(t), x.publishURL(x.stream))
	x.awaitState(t, x.stream, "live")
	mediatest.Within(t, patience, "the tracks", func() bool { return len(x.status(t, x.stream).Tracks) == 2 })
	v := peer.Play(t, x.at("whep"), false, peer.Options{Via: network.Addr})
	publisher.Wait(t, time.Duration(x.clip.Pictures/30)*time.Second+patience)
	x.awaitState(t, x.stream, "idle")
	figure(t, "loss_whep_datagrams", float64(network.Down.Sent()), fmt.Sprintf("sent, %d lost; %d of hers lost", network.Down.Lost(), network.Up.Lost()))
	file := filepath.Join(t.TempDir(), "viewer.h264")
	writeH264(t, file, v.Frames("video"))
	lossFigure(t, "loss_whep", mediatest.Numbers(t, file), x.clip)
}

// lossFigure checks that numbers rise, and leave out nothing but runs up to a key frame.
func lossFigure(t *testing.T, name string, numbers []int, clip mediatest.Counted) {
	t.Helper()
	if len(numbers) < clip.Pictures/2 {
		t.Fatalf("%s: %d of %d pictures: %v", name, len(numbers), clip.Pictures, numbers)
	}
	every := cmp.Or(clip.Group, clip.Second())
	missing, runs := 0, 0
	for i, n := range numbers[1:] {
		gap := n - numbers[i] - 1
		if gap == 0 {
			continue
		}
		missing += gap
		runs++
		if gap < 0 || n%every != 0 {
			t.Errorf("%s: picture %d follows %d", name, n, numbers[i])
		}
	}
	figure(t, name+"_pictures", float64(len(numbers)), fmt.Sprintf("decoded without an error, %d missing in %d runs", missing, runs))
	if missing > len(numbers)/pick(t, 2, 10) {
		t.Errorf("%s: %d of %d pictures are missing", name, missing, len(numbers))
	}
}

// writeH264 writes the pictures that a viewer got, as a byte stream. Behind a hole a player waits for a key frame.
func writeH264(t *testing.T, file string, frames []peer.Got) {
	t.Helper()
	var out bytes.Buffer
	broken := true
	for _, f := range frames {
		broken = broken || f.Gap
		var picture []byte
		for unit, err := range nal.Units(f.Data) {
			if err != nil {
				t.Fatal(err)
			}
			if h264.TypeOf(unit) == h264.IDR {
				broken = false
			}
			picture = append(append(picture, 0, 0, 0, 1), unit...)
		}
		if !broken {
			out.Write(picture)
		}
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
