//go:build !windows

package rtmp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

// sinkVariable makes the test binary a sink: a process of its own, whose time does not count as the sender's.
const sinkVariable = "SIMULCART_TEST_SINK"

// runSink accepts publishers and reads what they send, until standard input ends.
func runSink() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				hello, err := wire.ReadHello(nc)
				if err != nil || hello.Answer(nc) != nil {
					return
				}
				if r, err := wire.ReadRequest(wire.NewConn(nc), "live"); err == nil && r.Accept() == nil {
					_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{nc}, make([]byte, 256<<10))
				}
			}()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startSink starts a sink and gives its address.
func startSink(b *testing.B) wire.URL {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sinkVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		b.Fatal("the sink does not start")
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url, err := wire.ParseURL("rtmp://" + strings.TrimSpace(line) + "/live")
	if err != nil {
		b.Fatal(err)
	}
	return url
}

// cpu gives the seconds that this process has computed, in user and system mode.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkFanout sends one stream of 6 Mbit/s (30 pictures and as many sounds a second) to many destinations over loopback, at
// its own pace, collecting for 100 ms. One operation is a second of it. It reports the sender's CPU seconds for each Gbit
// that was delivered, the relay and RTMP included, the receivers not.
func BenchmarkFanout(b *testing.B) {
	for _, outputs := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("outputs=%d", outputs), func(b *testing.B) {
			url := startSink(b)
			show := newShow(b, video, audio)
			ctx, cancel := context.WithCancel(b.Context())
			var all sync.WaitGroup
			p := &peer{t: b, url: url}
			for range outputs {
				push := p.push()
				push.Coalesce = 100 * time.Millisecond
				all.Go(func() {
					if err := push.Run(ctx, show.stream); err != nil {
						b.Errorf("Run = %v", err)
					}
				})
			}
			for show.stream.Snapshot().Readers < outputs {
				time.Sleep(time.Millisecond)
			}
			begun, at, n := cpu(b), media.Time(0), 0
			clock := time.Now()
			for b.Loop() {
				for range 30 {
					show.write(video, at, at, n%60 == 0, 23_400)
					show.write(audio, at, at, false, 400)
					n++
					at = media.Time(n) * media.Time(time.Second) / 30
					time.Sleep(time.Until(clock.Add(at.Duration())))
				}
			}
			used := cpu(b) - begun
			show.End()
			all.Wait()
			cancel()
			c := show.stream.Counters("out")
			if c.Skipped > 0 {
				b.Errorf("%d frames were skipped", c.Skipped)
			}
			gigabits := float64(c.Bytes) * 8 / 1e9
			b.ReportMetric(used/gigabits, "cpu-s/Gbit")
			b.ReportMetric(gigabits/at.Duration().Seconds(), "Gbit/s")
		})
	}
}
