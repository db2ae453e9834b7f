//go:build linux

package accept_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// The bounds of what bad readers may cost: memory while they are there, and what stays behind them.
const (
	readersMemory = 192 << 20
	leftBehind    = 12 // goroutines, and files
)

// slowRate is how fast a slow reader reads, in bytes a second.
const slowRate = 10_000

// reading is how a bad reader reads.
type reading uint8

const (
	stops reading = iota // it never does
	crawls
)

// TestHLSFaults lets readers misbehave over HLS, RTSP and RTMP: some stop reading, some read 10 kB/s, some open and close again and
// again, some ask for parts that are far in the future, and 2,000 requests are held at once. The publisher and other readers lose nothing,
// memory stays bounded, and nothing of them stays behind.
func TestHLSFaults(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 32, 150)
	n := mediatest.Nginx(t)
	s := stream{id: "maria", public: true, destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "maria"}}}
	addr := mediatest.FreeAddrs(t, 1)[0]
	g := &gateway{rtsp: addr, partners: fmt.Sprintf("rtsp: {listen: %q}\nhls: {segment: 2s, part: 200ms, window: 12s}\n", addr)}
	g.start(t, s)
	clip := mediatest.Counted{Pictures: seconds * 30, Rate: 30, BFrames: true}
	p := mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitLive(t, s)
	dump := filepath.Join(t.TempDir(), "good.flv")
	player := mediatest.FFmpeg(t, "-rtmp_live", "live", "-i", g.playURL(s), "-map", "0", "-c", "copy", "-f", "flv", dump)
	own := pull(t, addr, "rtsp://"+addr+"/maria")
	good := follower(t, g.hlsURL(s, ""), 0)
	time.Sleep(4 * time.Second)
	before := g.holds(t)
	rss, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("attacks", func(t *testing.T) { g.misuse(t, s) })

	most, err := g.Memory("VmHWM")
	if err != nil {
		t.Fatal(err)
	}
	figure(t, "bad_readers_memory_growth", float64(most-rss)/(1<<20), "MiB")
	if most-rss > readersMemory {
		t.Errorf("memory grew from %d to %d bytes, want at most %d more", rss, most, readersMemory)
	}
	g.awaitRelease(t, before)
	if p.Exited() {
		t.Error("the publisher has ended before the bad readers")
	}
	if code := p.Wait(t, 3*time.Minute); code != 0 {
		t.Errorf("publisher: exit %d", code)
	}
	player.Wait(t, patience)
	time.Sleep(time.Second)
	same(t, "nginx", mediatest.Published(t, clip.File(t)), mediatest.Tags(t, n.Recording(t, "maria")))
	r := good()
	judge(t, "bad_readers", r)
	lossless(t, readHLS(t, "hls", r), clip)
	lossless(t, readRecording(t, "rtmp", dump), clip)
	if o := <-own; o != nil {
		lossless(t, o, clip)
	}
}

// misuse carries out all attacks, and returns when they are over.
func (g *gateway) misuse(t *testing.T, s stream) {
	hold := pick(t, 6*time.Second, 25*time.Second)
	for name, how := range map[string]reading{"stop reading": stops, "10 kB a second": crawls} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.readBadly(t, s, how, hold)
		})
	}
	t.Run("open and close", func(t *testing.T) {
		t.Parallel()
		g.openAndClose(t, s, pick(t, 100, 1000))
	})
	t.Run("far future", func(t *testing.T) {
		t.Parallel()
		g.farFuture(t, s, pick(t, 100, 1000))
	})
	t.Run("held requests", func(t *testing.T) {
		t.Parallel()
		g.hold(t, s, pick(t, 400, 2000))
	})
}

// readBadly pulls over all protocols, with five readers each.
func (g *gateway) readBadly(t *testing.T, s stream, how reading, span time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	_, all := variants(t, g.hlsURL(s, ""))
	var readers sync.WaitGroup
	for range 5 {
		c, _, _ := play(t, g.rtsp, "rtsp://"+g.rtsp+"/"+s.id)
		readers.Go(func() {
			defer func() { _ = c.Close() }()
			for ctx.Err() == nil {
				if f, err := c.Read(); err != nil || !how.wait(ctx, len(f.Data)) {
					return
				}
			}
		})
		player := mediatest.StartPlay(t, g.rtmp, s.id, func(tag mediatest.Tag, _ time.Time) { how.wait(ctx, len(tag.Body)) })
		readers.Go(func() {
			<-ctx.Done()
			player.Close()
		})
		readers.Go(func() { readHTTP(ctx, t, g.http, all[0], how) })
	}
	readers.Wait()
}

// wait takes as long as the reader does over so many bytes; false at the end.
func (r reading) wait(ctx context.Context, n int) bool {
	took := time.Duration(n) * time.Second / slowRate
	if r == stops {
		took = time.Hour
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(took):
		return true
	}
}

// readHTTP asks for segment after segment on one connection with a small window, and reads badly.
func readHTTP(ctx context.Context, t *testing.T, addr, media string, how reading) {
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Errorf("address: %v", err)
		return
	}
	nc, err := net.DialTCP("tcp", nil, to)
	if err != nil {
		t.Errorf("dial: %v", err)
		return
	}
	defer func() { _ = nc.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if err := nc.SetReadBuffer(4096); err != nil {
		t.Errorf("receive window: %v", err)
	}
	folder := strings.TrimSuffix(strings.SplitN(media, "/hls/", 2)[1], "main.m3u8")
	for i := range 50 {
		if _, err := fmt.Fprintf(nc, "GET /hls/%s%d.m4s HTTP/1.1\r\nHost: %s\r\n\r\n", folder, i%3, addr); err != nil {
			return
		}
	}
	b := make([]byte, 1000)
	for how.wait(ctx, len(b)) {
		if _, err := io.ReadFull(nc, b); err != nil {
			return
		}
	}
}

// openAndClose begins to play and goes away, over all protocols.
func (g *gateway) openAndClose(t *testing.T, s stream, times int) {
	for range times {
		c, _, _ := play(t, g.rtsp, "rtsp://"+g.rtsp+"/"+s.id)
		_ = c.Close()
		mediatest.StartPlay(t, g.rtmp, s.id, nil).Close()
		p := newSipper(t, g.hlsURL(s, ""))
		now := p.list(t)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // and away while the server waits for the part
		_, _, _ = p.ask(ctx, now.Hints[0].URI)
		cancel()
		p.client.CloseIdleConnections()
	}
}

// farFuture asks for what will not be there for a long time, which must be refused at once.
func (g *gateway) farFuture(t *testing.T, s stream, times int) {
	p := newSipper(t, g.hlsURL(s, ""))
	var took []time.Duration
	for i := range times {
		next := p.list(t).Next()
		for uri, want := range map[string]int{
			fmt.Sprintf("%d.m4s", next+10+int64(i)):              http.StatusNotFound,
			fmt.Sprintf("%d.0.m4s", next+10+int64(i)):            http.StatusNotFound,
			fmt.Sprintf("main.m3u8?_HLS_msn=%d", next+4):         http.StatusBadRequest,
			"main.m3u8?_HLS_msn=18446744073709551615&_HLS_part=": http.StatusBadRequest,
		} {
			begin := time.Now()
			status, _, err := p.ask(t.Context(), uri)
			if err != nil || status != want {
				t.Fatalf("%s: status %d, %v, want %d", uri, status, err, want)
			}
			took = append(took, time.Since(begin))
		}
	}
	figure(t, "far_future_refused_p99", quantile(took, 0.99).Seconds()*1000, "ms")
}

// hold asks for the segment after the next so often at once, from an address of its own; each is answered when that is there, and more
// than the limit are refused.
func (g *gateway) hold(t *testing.T, s stream, requests int) {
	p := newSipper(t, g.hlsURL(s, ""))
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	p.client.Transport = &http.Transport{MaxIdleConnsPerHost: requests, DialContext: from.DialContext}
	next := p.list(t).Next()
	counts := make(map[int]*atomic.Int64)
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		counts[status] = new(atomic.Int64)
	}
	var all sync.WaitGroup
	begin := time.Now()
	for range requests + requests/20 {
		all.Go(func() {
			status, _, err := p.ask(t.Context(), fmt.Sprintf("main.m3u8?_HLS_msn=%d", next+1))
			if n := counts[status]; n != nil && err == nil {
				n.Add(1)
				return
			}
			t.Errorf("held request: status %d, %v", status, err)
		})
	}
	all.Wait()
	p.client.CloseIdleConnections()
	ok, refused := counts[http.StatusOK].Load(), counts[http.StatusServiceUnavailable].Load()+counts[http.StatusTooManyRequests].Load()
	figure(t, "held_requests", float64(ok), fmt.Sprintf("answered after %v, %d refused", time.Since(begin).Round(time.Millisecond), refused))
	if ok < int64(requests)*9/10 {
		t.Errorf("%d of %d requests were answered", ok, requests)
	}
	if full(t) && refused == 0 {
		t.Error("more requests than the limit were held")
	}
}

// holding is what simulcart holds.
type holding struct{ goroutines, files int }

// holds asks the metrics.
func (g *gateway) holds(t testing.TB) holding {
	t.Helper()
	text := g.page(t, g.metrics, "/metrics")
	return holding{sample(t, text, "go_goroutines"), sample(t, text, "process_open_fds")}
}

// sample gives the value of a metric without labels.
func sample(t testing.TB, text, name string) int {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// awaitRelease waits until simulcart holds what it held before, nearly.
func (g *gateway) awaitRelease(t *testing.T, before holding) {
	t.Helper()
	end := time.Now().Add(40 * time.Second)
	begin := time.Now()
	for {
		now := g.holds(t)
		if now.goroutines <= before.goroutines+leftBehind && now.files <= before.files+leftBehind {
			figure(t, "bad_readers_goroutines_left", float64(now.goroutines-before.goroutines), fmt.Sprintf("and %d files, after %v", now.files-before.files, time.Since(begin).Round(100*time.Millisecond)))
			return
		}
		if time.Now().After(end) {
			t.Errorf("%+v are held after the bad readers, %+v before", now, before)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// lossless checks that a recording has each picture from its first one to the clip's last.
func lossless(t *testing.T, r *recording, clip mediatest.Counted) {
	t.Helper()
	if len(r.times) == 0 {
		t.Errorf("%s has nothing", r.name)
		return
	}
	first := r.numbers[r.times[0]]
	for i, at := range r.times {
		if r.numbers[at] != first+i {
			t.Errorf("%s: picture %d has the number %d, want %d", r.name, i, r.numbers[at], first+i)
			return
		}
	}
	if last := first + len(r.times) - 1; last != clip.From+clip.Pictures-1 {
		t.Errorf("%s ends with picture %d, want %d", r.name, last, clip.From+clip.Pictures-1)
	}
}
