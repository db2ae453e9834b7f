package access

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// counted gives what is not zero, and fails where a label is there that cannot be.
func counted(t *testing.T, r *Registry) map[refusal]uint64 {
	t.Helper()
	byLabel := make(map[string]Cause)
	for c := CauseMissing; c < causes; c++ {
		byLabel[c.String()] = c
	}
	got := make(map[refusal]uint64)
	for _, n := range r.Refusals() {
		for label, count := range n.Causes {
			if byLabel[label] == 0 {
				t.Errorf("%q is no cause", label)
			}
			if count > 0 {
				got[refusal{n.Partner, n.Over, byLabel[label]}] = count
			}
		}
	}
	return got
}

// Why each way of being known is refused, and under which labels that is counted.
func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Registry{}
		r.Replace(map[string]Grant{"maria": {Key: DigestOf("maria-key")}, "ana": {Key: DigestOf("ana-key")}, "open": {Public: true}})
		later := time.Now().Add(time.Hour)
		r.SetContracts([]Contract{
			{Partner: "tsl", Digest: DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []Protocol{RTSP}, MaxConnections: 1},
			{Partner: "ended", Digest: DigestOf("ended-token"), Streams: []string{"maria"}, Protocols: []Protocol{RTSP}, Expires: later},
			{Partner: "gone", Digest: DigestOf("gone-token"), Streams: []string{"gone"}, Protocols: []Protocol{RTSP}},
		})
		link := func(stream string, ttl time.Duration) string {
			secret, _, err := r.NewLink(stream, []Protocol{HLS}, ttl)
			if err != nil {
				t.Fatal(err)
			}
			return secret.Reveal()
		}
		brief, foreign, long := link("maria", time.Hour), link("ana", 24*time.Hour), link("maria", 24*time.Hour)
		if _, err := r.Open(r.IdentifyViewer("tsl-token"), Object{"maria", RTSP}); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"ended-token", brief} {
			if err := r.Admit(r.IdentifyViewer(secret), Object{"maria", map[bool]Protocol{true: HLS, false: RTSP}[secret == brief]}); err != nil {
				t.Errorf("before it ends: %v", err)
			}
		}
		time.Sleep(2 * time.Hour)
		want := make(map[refusal]uint64)
		for _, c := range []struct {
			name, secret, stream string
			over                 Protocol
			want                 refusal // none: let in
		}{
			{"nothing", "", "maria", RTMP, refusal{"", RTMP, CauseMissing}},
			{"a guess", "guess", "maria", HLS, refusal{"", HLS, CauseUnknown}},
			{"a guess at a public stream", "guess", "open", HLS, refusal{}},
			{"a guess at no stream", "guess", "nobody", WHEP, refusal{"", WHEP, CauseUnknown}},
			{"expired", "ended-token", "maria", RTSP, refusal{"ended", RTSP, CauseExpired}},
			{"another stream", "tsl-token", "ana", RTSP, refusal{"tsl", RTSP, CauseStream}},
			{"no stream", "tsl-token", "nobody", RTSP, refusal{"tsl", RTSP, CauseStream}},
			{"a stream that went away", "gone-token", "gone", RTSP, refusal{"gone", RTSP, CauseStream}},
			{"another protocol", "tsl-token", "maria", HLS, refusal{"tsl", HLS, CauseProtocol}},
			{"full", "tsl-token", "maria", RTSP, refusal{"tsl", RTSP, CauseFull}},
			{"a link that has ended", brief, "maria", HLS, refusal{"", HLS, CauseExpired}},
			{"a link to another stream", foreign, "maria", HLS, refusal{"", HLS, CauseStream}},
			{"a link for another protocol", long, "maria", RTMP, refusal{"", RTMP, CauseProtocol}},
			{"another's key", "ana-key", "maria", RTSP, refusal{"", RTSP, CauseStream}},
			{"the own key", "maria-key", "maria", RTSP, refusal{}},
		} {
			o := Object{c.stream, c.over}
			pass, err := r.Open(r.IdentifyViewer(c.secret), o)
			switch {
			case c.want.cause == 0:
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
					continue
				}
				pass.Close()
			case c.want.cause == CauseFull && !errors.Is(err, ErrFull), c.want.cause != CauseFull && !errors.Is(err, ErrDenied):
				t.Errorf("%s: got %v", c.name, err)
			default:
				want[c.want]++
			}
			if got := counted(t, r); !maps.Equal(got, want) {
				t.Fatalf("%s: got %v, want %v", c.name, got, want)
			}
			if err := r.Authorize(r.IdentifyViewer(c.secret), Play, o); (err == nil) != (c.want.cause == 0 || c.want.cause == CauseFull) {
				t.Errorf("%s: authorize gives %v", c.name, err)
			}
		}
		if err := r.Admit(r.IdentifyViewer("tsl-token"), Object{"maria", HLS}); !errors.Is(err, ErrDenied) {
			t.Errorf("admit: got %v", err)
		}
		want[refusal{"tsl", HLS, CauseProtocol}]++
		if got := counted(t, r); !maps.Equal(got, want) {
			t.Errorf("after Admit: got %v, want %v", got, want)
		}
	})
}

// Labels are those of the configuration: a login with a wrong password is nobody's, and a partner that is gone takes her counts along.
func TestLabelsOfRefusalsAreBounded(t *testing.T) {
	r := &Registry{}
	r.Replace(map[string]Grant{"maria": {}})
	contract := Contract{Partner: "tsl", Digest: DigestOf("t"), Login: LoginOf("tsl", "t"), Streams: []string{"maria"}, Protocols: []Protocol{RTSP}}
	r.SetContracts([]Contract{contract})
	before := r.IdentifyViewer("t")
	for _, user := range []string{"tsl", "guess", "another guess"} {
		if err := r.Admit(r.IdentifyLogin(user, func(Login) bool { return false }), Object{"maria", RTSP}); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: got %v", user, err)
		}
	}
	_ = r.Admit(before, Object{"maria", HLS})
	if got, want := counted(t, r), (map[refusal]uint64{{"", RTSP, CauseUnknown}: 3, {"tsl", HLS, CauseProtocol}: 1}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	contract.Digest = DigestOf("new")
	r.SetContracts([]Contract{contract})
	_ = r.Admit(before, Object{"maria", RTSP}) // who came with the token of before
	r.SetContracts(nil)
	_ = r.Admit(before, Object{"maria", RTSP})
	if got, want := counted(t, r), (map[refusal]uint64{{"", RTSP, CauseUnknown}: 5}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := len(r.Refusals()); got != int(protocols-1) {
		t.Errorf("%d lines without partners, want one for each protocol", got)
	}
	r.SetContracts([]Contract{contract})
	if got := counted(t, r); got[refusal{"tsl", HLS, CauseProtocol}] != 0 {
		t.Error("a partner that comes back has the counts of before")
	}
}
