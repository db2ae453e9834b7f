package hls

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// A reader follows a stream from the index to its segments, by whatever right; and the checker finds nothing.
func TestFollow(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		f := &hls.Follower{URL: p.home + wholeList, Client: p.http, Slack: 25 * time.Millisecond} // a frame of sound
		ctx, cancel := contextFor(r, 70*time.Second)
		defer cancel()
		rec, err := f.Follow(ctx)
		failIf(r, err)
		index := p.want(http.StatusOK, "/hls/maria/index.m3u8?token="+token)
		rec.Index = hls.ParseIndex(string(index.body))
		for _, fault := range hls.Check(rec) {
			r.Error(fault)
		}
		if len(rec.Again) < 10 || len(rec.Versions) < 500 {
			r.Errorf("%d versions, %d fetched again", len(rec.Versions), len(rec.Again))
		}
		if st := r.served.Status(); st.Viewers != 1 || st.Requests < 1000 || st.Bytes < 1<<20 || st.Frames < 2000 {
			r.Errorf("served %+v", st)
		}
	})
}

// Who pulls nothing makes no feed, which would be counted from then on.
func TestRefusedMakesNoFeed(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		feed := r.server.Feed
		r.server.Feed = func(stream, partner string) (Feed, bool) {
			r.Errorf("a feed of %q for %q", stream, partner)
			return feed(stream, partner)
		}
		p := r.from("192.0.2.1:5")
		p.want(http.StatusUnauthorized, "/hls/maria/index.m3u8?token=wrong")
		p.want(http.StatusNotFound, "/hls/maria/main.m3u8")
		p.want(http.StatusNotFound, "/hls/nobody/index.m3u8/x")
	})
}

// Who may not pull the stream is told so, and what she may do.
func TestRights(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		r.publish("open", endless(source{video: picture, audio: sound, size: 100}))
		link, _, err := r.registry.NewLink("maria", []access.Protocol{access.HLS}, time.Hour)
		failIf(r, err)
		expired, _, err := r.registry.NewLink("maria", []access.Protocol{access.HLS}, time.Second)
		failIf(r, err)
		foreignLink, _, err := r.registry.NewLink("open", []access.Protocol{access.HLS}, time.Hour)
		failIf(r, err)
		time.Sleep(2 * time.Second)
		tests := []struct {
			name, path string
			header     []string
			status     int
			text       string
		}{
			{"nothing", "maria/index.m3u8", nil, 401, "?token=TOKEN"},
			{"wrong", "maria/index.m3u8?token=wrong", nil, 401, "not good"},
			{"for another protocol", "maria/index.m3u8?token=" + foreign, nil, 401, "over HLS"},
			{"of a stream that nobody knows", "eva/index.m3u8?token=" + token, nil, 401, ""},
			{"a link that has expired", "maria/index.m3u8?token=" + expired.Reveal(), nil, 401, "any more"},
			{"a link for another stream", "maria/index.m3u8?token=" + foreignLink.Reveal(), nil, 401, ""},
			{"partner", "maria/index.m3u8?token=" + token, nil, 200, ""},
			{"partner, as bearer", "maria/index.m3u8", []string{"Authorization", "Bearer " + token}, 200, ""},
			{"partner, as Bearer in small letters", "maria/index.m3u8", []string{"Authorization", "bearer " + token}, 200, ""},
			{"link", "maria/index.m3u8?token=" + link.Reveal(), nil, 200, ""},
			{"the creator's own key", "maria/index.m3u8?token=" + streamKey, nil, 200, ""},
			{"public", "open/index.m3u8", nil, 200, ""},
			{"public, with a wrong token", "open/index.m3u8?token=wrong", nil, 200, ""},
			{"no such page", "maria/other", nil, 404, ""},
		}
		for i, tt := range tests {
			a := r.from(mediatest.Address(fmt.Sprintf("192.0.2.%d:5", i/5))).get(tt.path, tt.header...)
			if a.status != tt.status || !strings.Contains(string(a.body), tt.text) {
				r.Errorf("%s: got %d %s, want %d with %q", tt.name, a.status, a.body, tt.status, tt.text)
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				r.Errorf("%s: no WWW-Authenticate", tt.name)
			}
			if cache := a.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") && !strings.Contains(cache, "private") {
				r.Errorf("%s: Cache-Control %q", tt.name, cache)
			}
		}
		for _, secret := range []string{token, streamKey, link.Reveal()} {
			if strings.Contains(r.said(), secret) {
				r.Error("a secret is in the log")
			}
		}
	})
}

// A ticket is for one stream, one contract and one view, and as good as the contract.
func TestTickets(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		r.publish("open", endless(source{video: picture, audio: sound, size: 100}))
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		mine := strings.Split(strings.TrimPrefix(p.home, "http://host/hls/maria/"), "/") // ticket, session
		p.want(200, wholeList)
		p.want(200, "init0.mp4")
		for name, path := range map[string]string{
			"for another stream":           "/hls/open/" + mine[0] + "/1/main.m3u8",
			"that somebody changed":        "/hls/maria/x" + mine[0] + "/1/main.m3u8",
			"of another view":              "/hls/maria/" + strings.Replace(mine[0], ".p-tsl.", ".p-tsl.neutral", 1) + "/1/main.m3u8",
			"of nobody":                    "/hls/maria/any/1/main.m3u8",
			"of another partner":           "/hls/maria/" + strings.Replace(mine[0], "p-tsl", "p-other", 1) + "/1/main.m3u8",
			"for a stream of another name": "/hls/eva/" + mine[0] + "/1/main.m3u8",
		} {
			want := http.StatusForbidden
			if strings.HasPrefix(path, "/hls/open") {
				want = http.StatusNotFound // anybody may, but this is no address
			}
			if a := p.get(path); a.status != want {
				r.Errorf("%s: got %d, want %d", name, a.status, want)
			}
		}
		for name, path := range map[string]string{
			"of another session": "/hls/maria/" + mine[0] + "/2/main.m3u8",
			"of no session":      "/hls/maria/" + mine[0] + "/x/main.m3u8",
			"no such file":       "other.m3u8",
			"no such init":       "init7.mp4",
			"no such segment":    "100000.m4s",
			"no such rendition":  "sound.m3u8",
			"nor its segments":   "sound-1.m4s",
		} {
			if a := p.get(path); a.status != 404 || !strings.Contains(string(a.body), "index.m3u8") {
				r.Errorf("%s: got %d %s", name, a.status, a.body)
			}
		}
	})
}

// Reloads wait for what they name, and are told at once what is wrong with them (RFC 8216bis §6.2.5.2).
func TestBlockingReload(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		e := r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		now := p.list("")
		next, parts := now.Next(), len(now.Open.Parts)
		ends := func(query string) hls.Place { return p.list(query).End() }
		if got := ends(fmt.Sprintf("?_HLS_msn=%d", next-1)); got.Sequence < next {
			r.Errorf("of a segment that is there: %v", got)
		}
		began := time.Now()
		if got := ends(fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d", next, parts)); got != (hls.Place{Sequence: next, Part: parts + 1}) || time.Since(began) > 300*time.Millisecond {
			r.Errorf("of the next part: %v after %v", got, time.Since(began))
		}
		if got := ends(fmt.Sprintf("?_HLS_msn=%d", next)); got != (hls.Place{Sequence: next + 1}) {
			r.Errorf("of the next whole segment: %v", got)
		}
		if got := ends(fmt.Sprintf("?_HLS_msn=%d&_HLS_part=10", next)); got != (hls.Place{Sequence: next + 1, Part: 1}) {
			r.Errorf("of a part behind the last one of a segment: %v", got)
		}
		now = p.list("")
		if got := ends(fmt.Sprintf("?_HLS_msn=%d&_HLS_part=0", now.Next()+1)); got != (hls.Place{Sequence: now.Next() + 1, Part: 1}) {
			r.Errorf("of the segment behind the next: %v", got)
		}
		for query, text := range map[string]string{
			fmt.Sprintf("?_HLS_msn=%d", now.Next()+5):              "too far ahead",
			fmt.Sprintf("?_HLS_msn=%d&_HLS_part=90", now.Next()+1): "too far ahead",
			"?_HLS_msn=18446744073709551615":                       "numbers",
			"?_HLS_msn=-1":                                         "numbers",
			"?_HLS_msn=x":                                          "numbers",
			fmt.Sprintf("?_HLS_msn=%d&_HLS_part=-1", now.Next()):   "numbers",
			fmt.Sprintf("?_HLS_msn=%d&_HLS_part=1.5", now.Next()):  "numbers",
			"?_HLS_part=0":                                         "needs _HLS_msn",
		} {
			if a := p.get(wholeList + query); a.status != 400 || a.took > 0 || !strings.Contains(string(a.body), text) || a.header.Get("Cache-Control") != "no-store" {
				r.Errorf("%s: got %d after %v, %q: %s", query, a.status, a.took, a.header, a.body)
			}
		}
		e.stop()
		synctest.Wait()
		end := p.list("").End()
		for _, query := range []string{fmt.Sprintf("?_HLS_msn=%d", end.Sequence), fmt.Sprintf("?_HLS_msn=%d&_HLS_part=%d&_HLS_skip=YES", end.Sequence, end.Part)} {
			if a := p.get(wholeList + query); a.status != 503 || a.took != 6*time.Second || a.header.Get("Retry-After") == "" {
				r.Errorf("%s: got %d after %v: %s", query, a.status, a.took, a.body)
			}
		}
	})
}

// The part that a playlist hints at is waited for; what is further is not there.
func TestHintedPart(t *testing.T) {
	on(t, Options{}, func(r *rig) {
		r.live()
		p := r.from("192.0.2.1:5")
		p.open("maria", "?token="+token)
		for range 30 {
			now := p.list("")
			hint := now.Hints[0].URI
			a := p.want(200, hint)
			if a.took > 300*time.Millisecond {
				r.Errorf("%s came after %v", hint, a.took)
			}
			then := p.list("")
			listed := then.Open.Parts
			if len(then.Segments) > 0 {
				listed = append(listed, then.Segments[len(then.Segments)-1].Parts...)
			}
			found := false
			for _, part := range listed {
				found = found || part.URI == hint
			}
			if !found {
				r.Errorf("%s is not listed: %v", hint, listed)
			}
		}
		end := p.list("").End()
		for _, name := range []string{
			fmt.Sprintf("%d.%d.m4s", end.Sequence, end.Part+1), fmt.Sprintf("%d.m4s", end.Sequence), fmt.Sprintf("%d.0.m4s", end.Sequence+1),
			"999999999999999.999999.m4s", "999999999999999.m4s", "1.99.m4s",
		} {
			if a := p.want(404, name); a.took > 0 {
				r.Errorf("%s: after %v", name, a.took)
			}
		}
	})
}
