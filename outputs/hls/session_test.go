package hls

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/media"
)

// status gives the status of maria.
func (r *rig) status() (st struct {
	active                 bool
	segments               uint64
	muxers, readers        int
	memory, disk, requests int64
},
) {
	now, _ := r.server.Status("maria")
	st.active, st.segments, st.memory, st.disk = now.Active, now.Segments, now.Memory, now.Disk
	st.readers = r.hub.Stream("maria").Counters(Output).Readers
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	st.muxers = len(r.server.muxers)
	return st
}

// When a session ends, who watches sees its end, and can still see the past; a session that begins has addresses of its own. Later the
// old ones are gone.
func TestSessionEnds(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		old := p.home
		held := p.later(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, p.list("").Next()+1))
		hinted := p.later(p.list("").Hints[0].URI)
		e.stop()
		synctest.Wait()
		r.pubs["maria"].End()
		last := hls.Parse(string((<-held).body))
		if !last.Ended || len(last.Hints) > 0 || len(last.Open.Parts) > 0 {
			r.Errorf("the end: %+v", last)
		}
		if a := <-hinted; a.status != 200 && a.status != 404 {
			r.Errorf("the part that was hinted at: %d", a.status)
		}
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.status != 404 || a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "not live") {
			r.Errorf("index: %d %s", a.status, a.body)
		}
		for _, s := range last.Segments {
			p.want(200, s.URI)
		}
		r.live()
		p.open("maria", "?token="+token)
		if p.home == old {
			r.Error("another session has the same addresses")
		}
		if now := p.list(""); now.Ended || now.Sequence != 0 {
			r.Errorf("the new session: %+v", now)
		}
		p.home = old
		if again := p.list(""); !again.Ended || again.End() != last.End() {
			r.Errorf("the old one ends with %v, before %v", again.End(), last.End())
		}
		for range 5 { // nobody asks for the old one
			time.Sleep(20 * time.Second)
			p.open("maria", "?token="+token)
			p.list("")
		}
		p.home = old
		p.want(404, wholeList)
		p.want(404, last.Segments[0].URI)
	})
}

// Sessions that follow each other fast keep no more than two of them.
func TestManySessions(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		for range 10 {
			e := r.live()
			p := r.from("192.0.2.1:5")
			p.open("maria", "?token="+token)
			p.list("")
			e.stop()
			r.pubs["maria"].End()
			synctest.Wait()
		}
		if st := r.status(); st.muxers > 2 || st.segments < 30 {
			r.Errorf("%+v", st)
		}
	})
}

// The first who asks starts the muxer, and it stops a minute after the last.
func TestMuxerLives(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		time.Sleep(20 * time.Second)
		if st := r.status(); st.muxers != 0 || st.readers != 0 {
			r.Errorf("before: %+v", st)
		}
		p := r.from("192.0.2.1:5")
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.took > 0 {
			r.Errorf("a stream that runs is waited for: %v", a.took)
		}
		p.open("maria", "?token="+token)
		if st := r.status(); st.muxers != 1 || st.readers != 1 || !st.active {
			r.Errorf("with a reader: %+v", st)
		}
		for range 8 {
			time.Sleep(55 * time.Second)
			p.want(200, wholeList)
		}
		made := r.status().segments
		time.Sleep(61 * time.Second)
		if st := r.status(); st.muxers != 0 || st.readers != 0 || st.active || st.memory != 0 || st.segments < made+29 {
			r.Errorf("a minute after the last: %+v", st)
		}
		p.want(404, wholeList)
		p.open("maria", "?token="+token)
		if now := p.list(""); now.Sequence != 0 {
			r.Errorf("it begins with %d", now.Sequence)
		}
	})
}

// With always, segments are made whether somebody asks or not, for each session.
func TestAlways(t *testing.T) {
	on(t, Options{Always: true}, func(r *rig) {
		time.Sleep(time.Second)
		e := r.live()
		time.Sleep(10 * time.Minute)
		if st := r.status(); st.muxers != 1 || st.segments < 250 {
			r.Errorf("%+v", st)
		}
		p := r.from("192.0.2.1:5")
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.status != 200 || a.took > 0 {
			r.Errorf("%d after %v", a.status, a.took)
		}
		e.stop()
		r.pubs["maria"].End()
		time.Sleep(2 * time.Minute)
		if st := r.status(); st.muxers != 0 || st.memory != 0 {
			r.Errorf("after the end: %+v", st)
		}
		r.live()
		time.Sleep(20 * time.Second)
		if st := r.status(); st.muxers != 1 {
			r.Errorf("the next session: %+v", st)
		}
	})
}

// A stream that has just begun is waited for; one that sends nothing is not there yet.
func TestFirstSegments(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		p := r.from("192.0.2.1:5")
		if a := p.want(404, "/hls/maria/index.m3u8?token="+token); a.took > 0 {
			r.Errorf("a stream that is not live: after %v", a.took)
		}
		r.live()
		if a := p.want(200, "/hls/maria/index.m3u8?token="+token); a.took < 5*time.Second || a.took > 7*time.Second {
			r.Errorf("after %v: three target durations are 6 s", a.took)
		}
		_, err := r.hub.Stream("open").Publish(nil)
		failIf(r, err)
		a := p.want(503, "/hls/open/index.m3u8")
		if a.took != firstWait || a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "no segment yet") {
			r.Errorf("after %v: %v %s", a.took, a.header, a.body)
		}
		held := p.later("/hls/open/index.m3u8")
		time.Sleep(time.Second)
		r.hub.Stream("open").EndSession()
		if a := <-held; a.status != 404 || a.took != time.Second {
			r.Errorf("it ended: %d after %v", a.status, a.took)
		}
	})
}

// A codec that HLS does not carry is said, with what to do; so is one that comes while somebody watches.
func TestUnsupportedCodec(t *testing.T) {
	vp8 := &media.Track{ID: 0, Codec: media.VP8, ClockRate: 90000, Format: media.Format{Width: 64, Height: 36}}
	on(t, Options{}, func(r *rig) {
		r.publish("maria", endless(source{video: vp8, audio: sound, size: 100}))
		p := r.from("192.0.2.1:5")
		a := p.get("/hls/maria/index.m3u8?token=" + token)
		if a.status != http.StatusInternalServerError || !strings.Contains(string(a.body), "vp8") || !strings.Contains(string(a.body), "H.264") || a.header.Get("Cache-Control") != "no-store" {
			r.Errorf("%d %s", a.status, a.body)
		}
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.status != http.StatusInternalServerError || a.took > 0 {
			r.Errorf("again: %d after %v", a.status, a.took)
		}
		synctest.Wait()
		if n := strings.Count(r.said(), "level=WARN"); n != 1 || !strings.Contains(r.said(), "vp8") || !strings.Contains(r.said(), "stream=maria") {
			r.Errorf("said %d times: %s", n, r.said())
		}
	})
	on(t, Options{}, func(r *rig) {
		normal := endless(source{video: picture, audio: sound, size: 100})
		r.publish("maria", func(n int) []*media.Frame {
			frames := normal(n)
			if n == 2 {
				return retrack(picture, vp8, 0)(frames)
			}
			return frames
		})
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		time.Sleep(20 * time.Second)
		if !p.list("").Ended {
			r.Error("the playlist has no end")
		}
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.status != http.StatusInternalServerError {
			r.Errorf("%d %s", a.status, a.body)
		}
	})
}

// A window of minutes goes to disk, is served from there, across the boundary too, and is gone when the server ends.
func TestWindowOnDisk(t *testing.T) {
	folder := t.TempDir()
	on(t, Options{Window: 5 * time.Minute, Folder: folder, Always: true}, func(r *rig) {
		r.live()
		time.Sleep(4 * time.Minute)
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		now := p.list("")
		if st := r.status(); st.disk == 0 || st.memory == 0 || st.disk < 2*st.memory || now.Length() < 230*time.Second {
			r.Errorf("%+v, %v are listed", st, now.Length())
		}
		if n := openFiles(t, folder); n < 80 {
			r.Errorf("%d files", n)
		}
		for _, s := range now.Segments {
			whole := p.want(200, s.URI).body
			for _, to := range []int{10, 300, len(whole) / 2, len(whole)} {
				a := p.get(s.URI, "Range", fmt.Sprintf("bytes=5-%d", to-1))
				if a.status != 206 || string(a.body) != string(whole[5:to]) {
					r.Errorf("%s to %d: %d, %d bytes", s.URI, to, a.status, len(a.body))
				}
			}
		}
	})
	if n := openFiles(t, folder); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

// A server that ends answers what waits: with the end of the playlist, or that there is none any more.
func TestStopping(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		synctest.Wait()
		held := p.later(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, p.list("").Next()))
		time.Sleep(time.Second)
		r.end()
		if a := <-held; a.took != time.Second || a.status != 503 && a.status != 200 && a.status != 404 {
			r.Errorf("%d after %v", a.status, a.took)
		}
		time.Sleep(time.Second)
		if a := p.get("/hls/maria/index.m3u8?token=" + token); a.status != 503 {
			r.Errorf("afterwards: %d %s", a.status, a.body)
		}
		if st := r.status(); st.muxers != 0 || st.readers != 0 || r.served.Status().Viewers > 1 {
			r.Errorf("%+v, %d viewers", st, r.served.Status().Viewers)
		}
	})
}
