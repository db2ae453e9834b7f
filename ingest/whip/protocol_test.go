package whip_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

const (
	sdp      = "application/sdp"
	fragment = "application/trickle-ice-sdpfrag"
)

// Who may not publish is told so, and what an offer lacks. Each is counted.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	p := peer.NewPublisher(t, peer.Options{Token: key}, video, sound)
	offer := p.Offer()
	holder, err := r.gate.Admit(ingest.Applicant{Stream: "jo", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(true)
	for name, tt := range map[string]struct {
		token, method, path, kind, body string
		status                          int
		code, counted                   string
	}{
		"no key":             {"", http.MethodPost, "maria", sdp, offer, 401, "unauthorized", "key"},
		"nobody's key":       {"guess", http.MethodPost, "maria", sdp, offer, 401, "unauthorized", "key"},
		"of another stream":  {key, http.MethodPost, "jo", sdp, offer, 403, "forbidden", "key"},
		"of no stream":       {key, http.MethodPost, "nobody", sdp, offer, 403, "forbidden", "key"},
		"the stream is gone": {"gone-key", http.MethodPost, "gone", sdp, offer, 404, "stream_not_found", "other"},
		"it is taken":        {"jo-key", http.MethodPost, "jo", sdp, offer, 409, "busy", "busy"},
		"not SDP":            {key, http.MethodPost, "maria", "text/plain", offer, 415, "unsupported_media", "unsupported"},
		"garbage":            {key, http.MethodPost, "maria", sdp, "hello", 400, "bad_request", "syntax"},
		"64 KiB and more":    {key, http.MethodPost, "maria", sdp, offer + strings.Repeat("a=x\r\n", 16<<10), 413, "body_too_large", "limit"},
		"it would receive":   {key, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "sendonly", "recvonly"), 422, "invalid", "unsupported"},
		"no codec in common": {key, http.MethodPost, "maria", sdp, strings.NewReplacer("H264", "H266", "VP8", "H266", "VP9", "H266", "AV1", "H266", "opus", "G722").Replace(offer), 406, "codec", "unsupported"},
		"ICE-lite":           {key, http.MethodPost, "maria", sdp, strings.Replace(offer, "t=0 0", "t=0 0\r\na=ice-lite", 1), 422, "invalid", "unsupported"},
		"GET":                {key, http.MethodGet, "maria", "", "", 405, "method_not_allowed", ""},
		"PUT of a session":   {key, http.MethodPut, "maria/AAAA", "", "", 405, "method_not_allowed", ""},
		"no session":         {key, http.MethodPatch, "maria/AAAA", fragment, "", 404, "session_not_found", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.refusals.Counts()
			base, _, _ := strings.Cut(r.url, "/whip/")
			a := p.As(tt.token).Want(tt.status, tt.method, base+"/whip/"+tt.path, tt.kind, tt.body)
			if !strings.Contains(a.Body, `"code":"`+tt.code+`"`) {
				t.Errorf("got %s, want the code %s", a.Body, tt.code)
			}
			for reason, n := range r.refusals.Counts() {
				if counted := n != before[reason]; counted != (reason == tt.counted) {
					t.Errorf("%s was counted: %t", reason, counted)
				}
			}
		})
	}
	r.gate.Drain()
	if a := p.Want(http.StatusServiceUnavailable, http.MethodPost, r.url, sdp, offer); a.Header.Get("Retry-After") == "" {
		t.Errorf("got %v", a.Header)
	}
}

// A session answers to the key that it was begun with, and ends with DELETE.
func TestSession(t *testing.T) {
	r := newRig(t)
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	r.until("the gate to know", func() bool { st, _ := r.gate.Status("maria"); return st.State == ingest.Live })
	p.As("").Want(http.StatusUnauthorized, http.MethodDelete, p.Location, "", "")
	p.As("jo-key").Want(http.StatusForbidden, http.MethodDelete, p.Location, "", "")
	p.As("jo-key").Want(http.StatusForbidden, http.MethodPatch, p.Location, fragment, "a=end-of-candidates\r\n", "If-Match", p.ETag)
	p.Want(http.StatusNotFound, http.MethodDelete, strings.Replace(p.Location, "maria", "jo", 1), "", "")
	p.Want(http.StatusNoContent, http.MethodPatch, p.Location, fragment, "a=end-of-candidates\r\n", "If-Match", p.ETag)
	p.Want(http.StatusPreconditionRequired, http.MethodPatch, p.Location, fragment, "a=end-of-candidates\r\n")
	p.Delete()
	if st, _ := r.gate.Status("maria"); st.State != ingest.Idle {
		t.Errorf("the gate says %v", st.State)
	}
	p.Want(http.StatusNotFound, http.MethodDelete, p.Location, "", "")
	p.Await(webrtc.PeerConnectionStateClosed)
}

// ICE begins anew with other credentials, and the media go on in the same session.
func TestRestart(t *testing.T) {
	r := newRig(t)
	p, reader := r.publishing()
	p.Restart()
	at := int64(0)
	r.until("a picture behind the restart", func() bool {
		at += 40
		p.Write(&media.Frame{Track: video, PTS: ms(at), Key: true, Data: r.picture(true, 500)})
		return reader.Lag() > 40*time.Millisecond
	})
	if st, _ := r.gate.Status("maria"); st.Counters.Sessions != 1 || st.Counters.Takeovers != 0 {
		t.Errorf("got %+v", st.Counters)
	}
}

// A publisher that goes without DELETE is lost: the session is held, and another one continues it.
func TestLostAndBack(t *testing.T) {
	r := newRig(t)
	one, reader := r.publishing()
	one.Close()
	r.until("the session to be held", func() bool { st, _ := r.gate.Status("maria"); return st.State == ingest.Holding })
	two := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	two.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 500)})
	if got, _ := r.frames(reader, 1); got[0].PTS <= 0 {
		t.Errorf("it goes on at %v", got[0].PTS)
	}
	if st, _ := r.gate.Status("maria"); st.Counters.Sessions != 1 {
		t.Errorf("got %+v", st.Counters)
	}
}

// Another encoder takes the stream over, whatever it speaks, and so does WHIP.
func TestTakeover(t *testing.T) {
	r := newRig(t)
	before, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	p := peer.NewPublisher(t, peer.Options{Token: key}, video)
	p.Begin(r.url)
	<-before.Done()
	if before.Reason() == nil {
		t.Error("the encoder before was not told")
	}
	p.Await(webrtc.PeerConnectionStateConnected)
	after, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close(true)
	p.Await(webrtc.PeerConnectionStateClosed)
	if st, _ := r.gate.Status("maria"); st.Publisher.Protocol != "rtmp" || st.Counters.Sessions != 1 || st.Counters.Takeovers != 2 {
		t.Errorf("got %+v %+v", st.Publisher, st.Counters)
	}
}

// One that never gets through takes nothing from the encoder that is there.
func TestNoTakeoverBeforeTheConnection(t *testing.T) {
	r := newRig(t)
	before, err := r.gate.Admit(ingest.Applicant{Stream: "maria", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close(true)
	p := peer.NewPublisher(t, peer.Options{Token: key}, video)
	a := p.Want(http.StatusCreated, http.MethodPost, r.url, sdp, p.Offer())
	if before.Reason() != nil {
		t.Errorf("the encoder before was told: %v", before.Reason())
	}
	base, _, _ := strings.Cut(r.url, "/whip/")
	p.Want(http.StatusOK, http.MethodDelete, base+a.Header.Get("Location"), "", "")
	if before.Reason() != nil {
		t.Errorf("the encoder before was told: %v", before.Reason())
	}
}
