package hls

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// follow records the model as it is served live.
func follow(t *testing.T, o *origin) *Recording {
	t.Helper()
	o.begin = time.Now()
	f := Follower{URL: "http://model/x/main.m3u8", Client: &http.Client{Transport: o}, Slack: 50 * time.Millisecond}
	r, err := f.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Index = ParseIndex(modelIndex)
	return r
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := follow(t, &origin{})
		for _, f := range Check(r) {
			t.Error(f)
		}
		count := make(map[Chain]int)
		skipped, again := 0, make(map[string]int)
		for _, v := range r.Versions {
			count[v.Chain]++
			skipped += v.Playlist.Skipped
		}
		for _, l := range r.Again {
			again[l.Reason]++
		}
		parts := (modelSegments - 5) * modelParts
		if count[ByPart] != parts+2 || count[ByDelta] != parts+1 || count[BySegment] != modelSegments-5+1 || count[Polling] < 4*(modelSegments-5) || skipped == 0 {
			t.Errorf("versions by chain: %v, %d segments skipped; want one for each of %d parts", count, skipped, parts)
		}
		if len(again) != 2 || again["for its availability duration"] < 8 || again["for three target durations after its tag"] < 8 {
			t.Errorf("fetched again: %v", again)
		}
		hinted := 0
		for _, b := range r.Bodies {
			if b.Hinted {
				hinted++
			}
		}
		if hinted < parts-1 {
			t.Errorf("%d parts were asked for before they were there, want %d", hinted, parts-1)
		}
	})
}

// A hinted part for which a server holds a request in vain is asked for again.
func TestFollowAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		r := follow(t, &origin{spoil: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/9.2.m4s") || refused > 0 {
				return false
			}
			refused++
			time.Sleep(3 * time.Second)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}})
		if b := r.Bodies["9.2.m4s"]; refused != 1 || b == nil || b.Status != http.StatusOK {
			t.Errorf("refused %d times, then %+v", refused, b)
		}
	})
}

// What a server does wrong over time is found too.
func TestFollowFinds(t *testing.T) {
	for name, tt := range map[string]struct {
		rule   Rule
		origin origin
	}{
		"segments gone too early": {Withdrawn, origin{keep: 6 * time.Second}},
		"hint that is not found": {Unavailable, origin{spoil: func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/9.2.m4s") {
				http.NotFound(w, r)
				return true
			}
			return false
		}}},
		"answers too early": {Blocking, origin{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".m3u8") && r.URL.Query().Has("_HLS_part") {
				time.Sleep(150 * time.Millisecond)
				r.URL.RawQuery = ""
			}
			return false
		}}},
		"held for ever": {Held, origin{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("_HLS_msn") == "9" {
				time.Sleep(4 * time.Second)
			}
			return false
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				found := Check(follow(t, &tt.origin))
				if !slices.ContainsFunc(found, func(f Fault) bool { return f.Rule == tt.rule }) {
					t.Errorf("want a breach of %q, got %v", tt.rule, found)
				}
			})
		})
	}
}
