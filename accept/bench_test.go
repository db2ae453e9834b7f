//go:build linux

package accept_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// BenchmarkFanout pushes one stream of 5 Mbit/s to N destinations on loopback, in real time, and reports the processor
// time per delivered gigabit, for simulcart and for nginx-rtmp's push, in the same run and with the same receivers. Run it with
// -benchtime 1x.
func BenchmarkFanout(b *testing.B) {
	tags := mediatest.Published(b, mediatest.Media(b, mediatest.Clip{Seconds: 10, KBits: 5000}))
	for _, n := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("simulcart/%d", n), func(b *testing.B) { fanoutSimulcart(b, tags, n) })
		b.Run(fmt.Sprintf("nginx/%d", n), func(b *testing.B) { fanoutNginx(b, tags, n) })
	}
}

func fanoutSimulcart(b *testing.B, tags []mediatest.Tag, n int) {
	r := mediatest.NewSink(b)
	s := stream{id: "bench"}
	for i := range n {
		s.destinations = append(s.destinations, destination{name: fmt.Sprintf("d%d", i), url: "rtmp://" + r.Addr + "/live"})
	}
	g := serve(b, s)
	fanout(b, g.Process, r, g.rtmp, s.key(), tags, n)
}

func fanoutNginx(b *testing.B, tags []mediatest.Tag, n int) {
	r := mediatest.NewSink(b)
	var urls []string
	for i := range n {
		urls = append(urls, r.URL(fmt.Sprintf("d%d", i)))
	}
	x := mediatest.NginxPush(b, urls...)
	fanout(b, x.Process, r, x.Addr, "bench", tags, n)
}

// fanout publishes once per iteration and measures the process between.
func fanout(b *testing.B, p *mediatest.Process, r *mediatest.Receiver, addr, k string, tags []mediatest.Tag, n int) {
	b.Helper()
	cpu, before := p.CPU(), delivered(r, n)
	b.ResetTimer()
	for range b.N {
		c, _ := mediatest.Publisher(b, addr, k)
		feed(b, c, tags)
		time.Sleep(time.Duration(tags[len(tags)-1].Time)*time.Millisecond + 500*time.Millisecond)
		c.Close()
	}
	b.StopTimer()
	gbit := float64(delivered(r, n)-before) * 8 / 1e9
	if gbit == 0 {
		b.Fatal("nothing was delivered")
	}
	b.ReportMetric((p.CPU()-cpu).Seconds()/gbit, "cpu-s/Gbit")
	b.ReportMetric(gbit/float64(b.N), "Gbit/op")
}

// delivered counts the bytes of media that all destinations took.
func delivered(r *mediatest.Receiver, n int) int64 {
	var sum int64
	for i := range n {
		for _, s := range r.Sessions(fmt.Sprintf("d%d", i)) {
			sum += s.Bytes()
		}
	}
	return sum
}
