//go:build linux

package accept_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestReaders measures what readers cost: processor seconds of simulcart for each gigabit that it delivers, at 1, 50 and 200 readers of one
// stream, over RTSP (within its TCP connection), HLS with low latency, and RTMP. All HLS readers cost one mux.
func TestReaders(t *testing.T) {
	realPeers(t)
	span := pick(t, 3*time.Second, 15*time.Second)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: 60, BFrames: 3, KBits: 2000})
	for _, protocol := range []string{"rtsp", "hls", "rtmp"} {
		for _, n := range pick(t, []int{20}, []int{1, 50, 200}) {
			t.Run(fmt.Sprintf("%s_%d", protocol, n), func(t *testing.T) { readers(t, clip, protocol, n, span) })
		}
	}
}

// readers lets n readers pull a stream, and measures while all do.
func readers(t *testing.T, clip, protocol string, n int, span time.Duration) {
	s := stream{id: "maria", public: true}
	addr := mediatest.FreeAddrs(t, 1)[0]
	g := &gateway{rtsp: addr, partners: fmt.Sprintf("rtsp: {listen: %q}\nhls: {segment: 2s, part: 200ms}\n", addr)}
	g.start(t, s)
	mediatest.PublishLoop(t, clip, g.publishURL(s))
	g.awaitState(t, s, "live")
	delivered, stop := g.pulls(t, s, protocol, n)
	time.Sleep(time.Second)
	parts := g.parts(t, protocol)
	cpu, before, begin := g.CPU(), delivered(), time.Now()
	time.Sleep(span)
	used, bytes, took := g.CPU()-cpu, delivered()-before, time.Since(begin)
	made := g.parts(t, protocol) - parts
	stop()
	gbit := float64(bytes) * 8 / 1e9
	rate := float64(bytes) * 8 / 1e6 / took.Seconds()
	figure(t, fmt.Sprintf("readers_%s_%d", protocol, n), used.Seconds()/gbit, fmt.Sprintf("CPU s/Gbit, %.0f Mbit/s in all, %.1f %% of a core", rate, 100*used.Seconds()/took.Seconds()))
	if least := 0.7 * 2 * float64(n); rate < least {
		t.Errorf("%d readers had %.0f Mbit/s together, want at least %.0f", n, rate, least)
	}
	if most := int(took.Seconds()/0.2*1.3) + 3; protocol == "hls" && (made == 0 || made > most) {
		t.Errorf("%d parts were made in %v for %d readers, want at most %d: one mux", made, took, n, most)
	}
}

// parts gives how many parts simulcart has made.
func (g *gateway) parts(t *testing.T, protocol string) int {
	t.Helper()
	if protocol != "hls" {
		return 0
	}
	return sample(t, g.page(t, g.metrics, "/metrics"), `simulcart_hls_parts_total{stream="maria"}`)
}

// pulls starts n readers, and gives what they have had so far and what ends them.
func (g *gateway) pulls(t *testing.T, s stream, protocol string, n int) (delivered func() int64, stop func()) {
	t.Helper()
	switch protocol {
	case "hls":
		bytes, ends := sips(t, g.hlsURL(s, ""), n)
		return bytes, func() { ends() }
	case "rtmp":
		counts := make([]counter, n)
		all := make([]*mediatest.Client, n)
		for i := range all {
			all[i] = mediatest.StartPlay(t, g.rtmp, s.id, func(tag mediatest.Tag, _ time.Time) { counts[i].Add(int64(len(tag.Body))) })
		}
		return sum(counts), func() {
			for _, c := range all {
				c.Close()
			}
		}
	}
	counts := make([]counter, n)
	for i := range counts {
		c, _, _ := play(t, g.rtsp, "rtsp://"+g.rtsp+"/"+s.id)
		go func() {
			for {
				f, err := c.Read()
				if err != nil {
					return // the end of the test
				}
				counts[i].Add(int64(len(f.Data)))
			}
		}()
	}
	return sum(counts), func() {}
}

// counter counts the bytes of one reader.
type counter struct{ atomic.Int64 }

// sum gives what all have counted.
func sum(counts []counter) func() int64 {
	return func() (all int64) {
		for i := range counts {
			all += counts[i].Load()
		}
		return all
	}
}
