package hls

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
	"github.com/simulcart/simulcart/overlay"
)

// A contract that is revoked, changed, or over ends what runs under it within a second: requests that wait, downloads that stall, and what
// comes next. Others go on.
func TestRevoked(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"revoked":        func(r *rig) { r.registry.SetContracts(nil) },
		"another token":  func(r *rig) { r.contracts[0].Digest = access.DigestOf("another"); r.registry.SetContracts(r.contracts) },
		"another stream": func(r *rig) { r.contracts[0].Streams = []string{"open"}; r.registry.SetContracts(r.contracts) },
		"other protocols": func(r *rig) {
			r.contracts[0].Protocols = []access.Protocol{access.RTSP}
			r.registry.SetContracts(r.contracts)
		},
		"expired": func(r *rig) {
			r.contracts[0].Expires = time.Now().Add(time.Millisecond)
			r.registry.SetContracts(r.contracts)
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, Options{}, func(r *rig) {
				r.live()
				p, creator := r.from("192.0.2.1:5"), r.from("192.0.2.2:5")
				p.open("maria", "?token="+token)
				creator.open("maria", "?token="+streamKey)
				now := p.list("")
				held := p.later(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, now.Next()+1))
				kept := creator.later(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, now.Next()+1))
				slow, err := p.http.Get(p.address(now.Segments[0].URI))
				failIf(r, err)
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				began := time.Now()
				end(r)
				if a := <-held; a.status != 403 || time.Since(began) > time.Second {
					r.Errorf("what waited: %d %s after %v", a.status, a.body, time.Since(began))
				}
				synctest.Wait()
				_, err = io.Copy(io.Discard, slow.Body)
				if err == nil || time.Since(began) > time.Second {
					r.Errorf("the download: %v after %v", err, time.Since(began))
				}
				_ = slow.Body.Close()
				p.want(403, wholeList)
				p.want(403, now.Segments[0].URI)
				p.want(401, "/hls/maria/index.m3u8?token="+token)
				if a := <-kept; a.status != 200 {
					r.Errorf("another viewer: %d", a.status)
				}
				if n := r.registry.Connections(partnerTSL); n != 0 {
					r.Errorf("%d connections", n)
				}
			})
		})
	}
}

// A partner's connections are viewers by their addresses; who asks for nothing for 30 s gives her place back.
func TestConnections(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		index := "/hls/maria/index.m3u8?token=" + token
		players := make([]*player, 4)
		for i := range players {
			players[i] = r.from(mediatest.Address(fmt.Sprintf("192.0.2.%d:5", i)))
		}
		for _, p := range players[:3] {
			p.open("maria", "?token="+token)
			p.want(200, index)
		}
		again := r.from("192.0.2.0:99")
		again.want(200, index)
		if a := players[3].want(429, index); a.header.Get("Retry-After") != "30" || !strings.Contains(string(a.body), "contract") {
			r.Errorf("%v %s", a.header, a.body)
		}
		if st := r.served.Status(); st.Viewers != 3 || r.registry.Connections(partnerTSL) != 3 {
			r.Errorf("%d viewers, %d connections", st.Viewers, r.registry.Connections(partnerTSL))
		}
		for range 5 { // two of the three go on
			time.Sleep(7 * time.Second)
			players[0].want(200, wholeList)
			players[1].want(200, wholeList)
		}
		players[3].want(200, index)
		players[2].want(429, wholeList) // she has lost her place
		time.Sleep(31 * time.Second)
		if st := r.served.Status(); st.Viewers != 0 || r.registry.Connections(partnerTSL) != 0 {
			r.Errorf("%d viewers, %d connections", st.Viewers, r.registry.Connections(partnerTSL))
		}
		players[2].want(200, wholeList)
	})
}

// Who comes with several requests at once is one viewer, also with one connection.
func TestRequestsAtOnce(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.contracts[0].MaxConnections = 1
		r.registry.SetContracts(r.contracts)
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		time.Sleep(35 * time.Second)
		e.stop()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { p.want(200, wholeList) })
		}
		all.Wait()
		time.Sleep(15 * time.Minute) // over the hour: the ticket is another
		for range 5 {
			time.Sleep(15 * time.Minute)
			p.open("maria", "?token="+token)
			p.want(200, wholeList)
		}
		old := p.home
		time.Sleep(23 * time.Hour)
		p.open("maria", "?token="+token)
		fresh := p.home
		time.Sleep(3 * time.Hour)
		p.open("maria", "?token="+token)
		p.home = old
		p.want(403, wholeList) // this ticket has ended, though its holder has another one
		p.home = fresh
		p.want(200, wholeList)
	})
}

// A request that waits keeps its viewer's place, however long it does.
func TestHeldRequestKeepsPlace(t *testing.T) {
	on(t, Options{Segment: 10 * time.Second}, func(r *rig) {
		e := r.publish("maria", endless(source{video: picture, audio: sound, group: 300, size: 100}))
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		synctest.Wait()
		if a := p.get(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, p.list("").Next()+1)); a.status != 503 || a.took != 25*time.Second {
			r.Errorf("%d after %v", a.status, a.took)
		}
		if r.served.Status().Viewers != 1 {
			r.Error("the viewer is gone")
		}
	})
}

// Who stops reading is cut off after 30 s, and harms nobody.
func TestStalledReader(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		p, other := r.from("192.0.2.1:5"), r.from("192.0.2.2:5")
		p.open("maria", "?token="+token)
		other.open("maria", "?token="+token)
		resp, err := p.http.Get(p.address(p.list("").Segments[0].URI))
		failIf(r, err)
		for range 29 {
			time.Sleep(time.Second)
			other.want(200, wholeList)
		}
		time.Sleep(2 * time.Second)
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			r.Error("the answer is whole")
		}
		_ = resp.Body.Close()
		p.want(200, wholeList)
	})
}

// A partner's view is in her URLs: who watches while it is changed goes on with the old one, and who comes gets the new one.
func TestViewChanges(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		p := r.from("192.0.2.1:5")
		currency := func() string {
			r.Helper()
			now := p.list("")
			if len(now.Ranges) == 0 {
				r.Fatal("no states")
			}
			text, _, err := hls.DateRangeState(now.Ranges[0])
			failIf(r, err)
			in, err := hls.ReadInit(p.want(200, "init0.mp4").body)
			failIf(r, err)
			m, err := hls.ReadMedia(p.want(200, now.Segments[0].URI).body, in)
			failIf(r, err)
			event, err := m.Events[0].Text(overlayClass)
			failIf(r, err)
			_, after, _ := strings.Cut(string(text), `"currency":"`)
			if !strings.Contains(event, `"currency":"`+after[:3]) {
				r.Errorf("the event says %s, the date range %s", event, text)
			}
			return after[:3]
		}
		p.open("maria", "?token="+token)
		old := p.home
		if got := currency(); got != "USD" {
			r.Errorf("got %s", got)
		}
		r.view = &overlay.View{Currency: "EUR"}
		if got := currency(); got != "USD" {
			r.Errorf("after the change, the old address gives %s", got)
		}
		if p.open("maria", "?token="+token); p.home == old {
			r.Error("the address is the same")
		}
		if got := currency(); got != "EUR" {
			r.Errorf("the new address gives %s", got)
		}
	})
}

// A stream that is not public any more ends for those who came without a secret.
func TestNotPublicAnyMore(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.publish("open", endless(source{video: picture, audio: sound, size: 100}))
		p := r.from("192.0.2.1:5")
		p.open("open", "")
		held := p.later(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, p.list("").Next()+1))
		time.Sleep(10 * time.Millisecond)
		r.registry.Replace(map[string]access.Grant{"open": {Key: access.DigestOf("another-key")}})
		if a := <-held; a.status != 403 {
			r.Errorf("got %d", a.status)
		}
		p.want(403, wholeList)
		p.want(401, "/hls/open/index.m3u8")
	})
}

// Names that are no streams, and addresses that are none, leave nothing behind.
func TestNothingIsKept(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		p := r.from("192.0.2.1:5")
		for i := range 100 {
			p.get(fmt.Sprintf("/hls/no-%d/index.m3u8?token=%s", i, token))
			p.get(fmt.Sprintf("/hls/no-%d/index.m3u8?token=wrong-%d", i, i))
			p.get(fmt.Sprintf("/hls/no-%d/ticket-%d/%d/main.m3u8", i, i, i))
			p.get(fmt.Sprintf("/hls/maria/ticket-%d/%d/%d.m4s", i, i, i))
			p.get(fmt.Sprintf("/hls/%d/%d", i, i))
		}
		s := r.server
		if len(s.muxers) > 0 || len(s.viewers) > 0 || len(s.views) > 0 || len(s.held) > 0 || len(s.totals) > 0 || len(s.counts) > 1 || len(r.hub.Streams()) > 0 {
			r.Errorf("%d muxers, %d viewers, %d views, %d held, %d totals, %d counts, %d streams",
				len(s.muxers), len(s.viewers), len(s.views), len(s.held), len(s.totals), len(s.counts), len(r.hub.Streams()))
		}
		if _, ever := s.Status("no-1"); ever {
			r.Error("a stream that is none has a status")
		}
	})
}

// 2,000 requests may wait; the next is refused at once, and what is there is served all the same.
func TestManyHeld(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+streamKey)
		e.stop()
		synctest.Wait()
		now := p.list("")
		query := fmt.Sprintf("%s?_HLS_msn=%d", wholeList, now.Next())
		var all []<-chan answered
		for range mostHeld {
			all = append(all, p.later(query))
		}
		synctest.Wait()
		if st, _ := r.server.Status("maria"); st.Held != mostHeld {
			r.Errorf("%d are held", st.Held)
		}
		if a := p.want(503, query); a.took > 0 || a.header.Get("Retry-After") == "" {
			r.Errorf("after %v", a.took)
		}
		p.want(200, now.Segments[0].URI)
		p.want(200, now.Segments[len(now.Segments)-1].Parts[0].URI)
		p.want(200, wholeList)
		began := time.Now()
		r.hub.Stream("maria").EndSession()
		for _, one := range all {
			if a := <-one; a.status != 200 || !strings.Contains(string(a.body), "#EXT-X-ENDLIST") {
				r.Fatalf("got %d", a.status)
			}
		}
		if time.Since(began) > 0 {
			r.Errorf("after %v", time.Since(began))
		}
		if st, _ := r.server.Status("maria"); st.Held != 0 {
			r.Errorf("%d are held", st.Held)
		}
	})
}

// Who waits when the session ends hears of its last parts and of the end at once, not of the former alone.
func TestEndIsToldOnce(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		r.from("192.0.2.1:5").open("maria", "?token="+token)
		e.stop()
		synctest.Wait()
		m := r.server.known("maria", 1)
		before, told := len(m.list.newestLocked().parts), m.list.hold()
		m.finish() // as its own goroutine will once more, which waits until the session ends
		if parts := len(m.list.newestLocked().parts); parts == before {
			r.Fatal("no part was left for the end")
		}
		select {
		case <-told:
			r.Error("the last part was told of in front of the end")
		default:
		}
		r.hub.Stream("maria").EndSession()
		<-told
		if !m.isOver() {
			r.Error("the list goes on")
		}
	})
}

// A client that goes leaves nothing behind.
func TestClientGone(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		e.stop()
		synctest.Wait()
		ctx, leave := contextFor(r, time.Second)
		defer leave()
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address(fmt.Sprintf("%s?_HLS_msn=%d", wholeList, p.list("").Next())), nil)
		failIf(r, err)
		if resp, err := p.http.Do(q); err == nil {
			_ = resp.Body.Close()
			r.Fatal("an answer")
		}
		synctest.Wait()
		if st, _ := r.server.Status("maria"); st.Held != 0 {
			r.Errorf("%d are held", st.Held)
		}
		for _, v := range r.server.viewers {
			if len(v.requests) > 0 {
				r.Errorf("%d requests are answered", len(v.requests))
			}
		}
		st, _ := r.server.Status("maria")
		left := false
		for _, one := range st.Requests {
			left = left || one.Resource == "playlist" && one.Status == 499 && one.Count == 1
		}
		if !left {
			r.Errorf("counted: %+v", st.Requests)
		}
	})
}
