package whep_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
)

const (
	sdp      = "application/sdp"
	fragment = "application/trickle-ice-sdpfrag"
)

// live starts a server whose stream has pictures and AAC, which WebRTC does not carry.
func live(t *testing.T) *rig {
	r := newRig(t)
	r.begin(video, aac)
	r.write(video, 0, true, r.picture(true, 500))
	return r
}

// Who may not watch is told so, and what an offer lacks.
func TestRefusals(t *testing.T) {
	r := live(t)
	v := peer.NewPlayer(t, false, peer.Options{Token: ticket})
	offer := v.Offer()
	for name, tt := range map[string]struct {
		token, method, path, kind, body string
		status                          int
		code                            string
	}{
		"no token":              {"", http.MethodPost, "maria", sdp, offer, 401, "unauthorized"},
		"nobody's token":        {"guess", http.MethodPost, "maria", sdp, offer, 401, "unauthorized"},
		"of another protocol":   {"other-token", http.MethodPost, "maria", sdp, offer, 403, "forbidden"},
		"of another stream":     {ticket, http.MethodPost, "jo", sdp, offer, 403, "forbidden"},
		"not SDP":               {ticket, http.MethodPost, "maria", "application/json", offer, 415, "unsupported_media"},
		"no type":               {ticket, http.MethodPost, "maria", "", offer, 415, "unsupported_media"},
		"no body":               {ticket, http.MethodPost, "maria", sdp, "", 422, "invalid"},
		"garbage":               {ticket, http.MethodPost, "maria", sdp, "v=1\r\n", 400, "bad_request"},
		"64 KiB and more":       {ticket, http.MethodPost, "maria", sdp, offer + strings.Repeat("a=x\r\n", 16<<10), 413, "body_too_large"},
		"33 media":              {ticket, http.MethodPost, "maria", sdp, offer + strings.Repeat("m=audio 9 RTP/AVP 0\r\na=mid:x\r\n", 33), 422, "invalid"},
		"no medium":             {ticket, http.MethodPost, "maria", sdp, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", 422, "invalid"},
		"it would send":         {ticket, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "recvonly", "sendonly"), 422, "invalid"},
		"no codec in common":    {ticket, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "H264", "H266"), 406, "codec"},
		"single NAL units only": {ticket, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "packetization-mode=1", "packetization-mode=0"), 406, "codec"},
		"ICE-lite":              {ticket, http.MethodPost, "maria", sdp, strings.Replace(offer, "t=0 0", "t=0 0\r\na=ice-lite", 1), 422, "invalid"},
		"without DTLS":          {ticket, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "a=fingerprint", "a=x"), 422, "invalid"},
		"without ICE":           {ticket, http.MethodPost, "maria", sdp, strings.ReplaceAll(offer, "a=ice-pwd", "a=x"), 422, "invalid"},
		"GET":                   {ticket, http.MethodGet, "maria", "", "", 405, "method_not_allowed"},
		"DELETE of a stream":    {ticket, http.MethodDelete, "maria", "", "", 405, "method_not_allowed"},
		"no stream":             {ticket, http.MethodPost, "", sdp, offer, 404, "not_found"},
		"too deep":              {ticket, http.MethodPost, "maria/a/b", sdp, offer, 404, "not_found"},
		"no session":            {ticket, http.MethodDelete, "maria/AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "", 404, "session_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			a := v.As(tt.token).Want(tt.status, tt.method, r.http.URL+"/whep/"+tt.path, tt.kind, tt.body)
			if !strings.Contains(a.Body, `"code":"`+tt.code+`"`) {
				t.Errorf("got %s, want the code %s", a.Body, tt.code)
			}
			if want := a.Header.Get("WWW-Authenticate"); (want != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate: %q", want)
			}
			if accept := a.Header.Get("Accept-Post"); (accept == sdp) != (tt.status == 415) {
				t.Errorf("Accept-Post: %q", accept)
			}
			if allow := a.Header.Get("Allow"); (allow == "POST, OPTIONS") != (tt.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	if n := r.stream.Snapshot().Readers; n != 0 || r.registry.Connections("tsl") != 0 {
		t.Errorf("%d readers, %d connections are left", n, r.registry.Connections("tsl"))
	}
}

// A stream that is not live is said to be idle, and when to come again.
func TestIdle(t *testing.T) {
	r := newRig(t)
	v := peer.NewPlayer(t, false, peer.Options{Token: ticket})
	if a := v.Want(http.StatusConflict, http.MethodPost, r.url, sdp, v.Offer()); a.Header.Get("Retry-After") != "2" || !strings.Contains(a.Body, `"idle"`) {
		t.Errorf("got %v %s", a.Header, a.Body)
	}
}

// Browsers ask before they ask.
func TestOptions(t *testing.T) {
	r := newRig(t)
	for path, want := range map[string]string{"maria": "POST, OPTIONS", "maria/AAAA": "PATCH, DELETE, OPTIONS"} {
		a := peer.Ask(t, http.MethodOptions, r.http.URL+"/whep/"+path, "", "", "Origin", "https://shop.example.com")
		if a.Status != http.StatusNoContent || a.Header.Get("Allow") != want || a.Header.Get("Access-Control-Allow-Methods") != want ||
			a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "If-Match") {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
	}
}

// What the answer says, and what it must not say.
func TestAnswer(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, true, peer.Options{Token: ticket})
	for _, want := range []string{"a=ice-lite", "a=setup:passive", "a=sendonly", "a=inactive", "typ host", "tcptype passive", "m=application", "a=end-of-candidates"} {
		if !strings.Contains(v.Answer, want) {
			t.Errorf("the answer has no %s:\n%s", want, v.Answer)
		}
	}
	for line := range strings.Lines(v.Answer) {
		if strings.HasPrefix(line, "a=candidate:") && !strings.Contains(line, " 127.0.0.1 ") {
			t.Errorf("another address: %s", line)
		}
	}
	for head, want := range map[string]string{
		"Content-Type": sdp, "Accept-Patch": fragment, "Link": `<stun:stun.example.com:3478>; rel="ice-server"`, "Cache-Control": "no-store",
	} {
		if got := v.Header.Get(head); got != want {
			t.Errorf("%s: got %q, want %q", head, got, want)
		}
	}
	if tag := v.ETag; len(tag) < 10 || tag[0] != '"' || strings.Contains(v.Location, ticket) || len(v.Location)-len(r.url) < 27 {
		t.Errorf("ETag %s, Location %s", tag, v.Location)
	}
}

// Who says nothing of how H.264 is packetized takes it as it comes, unless something else is offered.
func TestPacketizationThatIsNotTold(t *testing.T) {
	r := live(t)
	v := peer.NewPlayer(t, false, peer.Options{Token: ticket})
	a := v.Want(http.StatusCreated, http.MethodPost, r.url, sdp, strings.Replace(v.Offer(), "packetization-mode=1;", "", 1))
	if !strings.Contains(a.Body, "m=video 9") || !strings.Contains(a.Body, "H264/90000") {
		t.Errorf("the answer has no pictures:\n%s", a.Body)
	}
}

// A link stays good for the session that it began, though it can be shown in the address alone.
func TestLinkInTheAddress(t *testing.T) {
	r := live(t)
	secret, _, err := r.registry.NewLink("maria", []access.Protocol{access.WHEP}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v := peer.Play(t, r.url+"?token="+secret.Reveal(), false, peer.Options{})
	if !strings.HasSuffix(v.Location, "?token="+secret.Reveal()) {
		t.Errorf("Location: %s", v.Location)
	}
	bare, _, _ := strings.Cut(v.Location, "?")
	v.Want(http.StatusUnauthorized, http.MethodDelete, bare, "", "")
	v.Delete()
}

// The dialogue with a session: who may, and when.
func TestSession(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	candidate := "a=ice-ufrag:" + value(v.PC.LocalDescription().SDP, "a=ice-ufrag:") + "\r\na=ice-pwd:" + value(v.PC.LocalDescription().SDP, "a=ice-pwd:") +
		"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\na=end-of-candidates\r\n"
	restart := "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
	for _, tt := range []struct {
		name, token, method, kind, match, body string
		status                                 int
	}{
		{"GET", ticket, http.MethodGet, "", "", "", 405},
		{"POST", ticket, http.MethodPost, sdp, "", "", 405},
		{"PATCH without a token", "", http.MethodPatch, fragment, v.ETag, candidate, 401},
		{"with nobody's token", "guess", http.MethodPatch, fragment, v.ETag, candidate, 401},
		{"with another partner's token", "other-token", http.MethodPatch, fragment, v.ETag, candidate, 403},
		{"with the stream key", "maria-key", http.MethodPatch, fragment, v.ETag, candidate, 403},
		{"of another type", ticket, http.MethodPatch, sdp, v.ETag, candidate, 415},
		{"without If-Match", ticket, http.MethodPatch, fragment, "", candidate, 428},
		{"of another ICE session", ticket, http.MethodPatch, fragment, `"AAAA"`, candidate, 412},
		{"that cannot be read", ticket, http.MethodPatch, fragment, v.ETag, "candidate", 400},
		{"with a candidate of 3 words", ticket, http.MethodPatch, fragment, v.ETag, "a=candidate:1 1 udp\r\n", 400},
		{"with half of the credentials", ticket, http.MethodPatch, fragment, v.ETag, "a=ice-ufrag:EsAw\r\n", 400},
		{"larger than 64 KiB", ticket, http.MethodPatch, fragment, v.ETag, strings.Repeat("a=x\r\n", 14<<10), 413},
		{"with a candidate", ticket, http.MethodPatch, fragment, v.ETag, candidate, 204},
		{"for any ICE session, the same one", ticket, http.MethodPatch, fragment, "*", candidate, 204},
		{"new credentials for the old ICE session", ticket, http.MethodPatch, fragment, v.ETag, restart, 409},
		{"new credentials that are none", ticket, http.MethodPatch, fragment, "*", "a=ice-ufrag:E\r\na=ice-pwd:short\r\n", 422},
		{"DELETE without a token", "", http.MethodDelete, "", "", "", 401},
		{"with another partner's token", "other-token", http.MethodDelete, "", "", "", 403},
	} {
		a := v.As(tt.token).Want(tt.status, tt.method, v.Location, tt.kind, tt.body, "If-Match", tt.match)
		if a.Status != tt.status {
			t.Errorf("%s failed", tt.name)
		}
		if tt.status == 405 && a.Header.Get("Allow") != "PATCH, DELETE, OPTIONS" {
			t.Errorf("Allow: %s", a.Header.Get("Allow"))
		}
	}
	r.write(video, 40, false, r.picture(false, 500))
	r.until("another picture", func() bool { return len(v.Frames("video")) == 2 })
	v.Delete()
	v.Want(http.StatusNotFound, http.MethodDelete, v.Location, "", "")
	r.until("the viewer to be gone", func() bool { return r.stream.Snapshot().Readers == 0 && r.registry.Connections("tsl") == 0 })
	v.Await(webrtc.PeerConnectionStateClosed)
}

// value gives what follows a prefix in the first line that has it.
func value(text, prefix string) string {
	_, rest, _ := strings.Cut(text, prefix)
	line, _, _ := strings.Cut(rest, "\r\n")
	return line
}

// ICE begins anew with other credentials, and the media go on.
func TestRestart(t *testing.T) {
	r := newRig(t)
	r.begin(video, sound) // pion's own offers stumble over a medium that was refused
	r.write(video, 0, true, r.picture(true, 500))
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	old := v.ETag
	v.Restart()
	if v.ETag == old {
		t.Error("the ETag is the same")
	}
	v.Want(http.StatusPreconditionFailed, http.MethodPatch, v.Location, fragment, "a=end-of-candidates\r\n", "If-Match", old)
	v.Want(http.StatusNoContent, http.MethodPatch, v.Location, fragment, "a=end-of-candidates\r\n", "If-Match", v.ETag)
	at := int64(0)
	r.until("pictures behind the restart", func() bool {
		at += 40
		r.write(video, at, true, r.picture(true, 500))
		return len(v.Frames("video")) > 5
	})
	v.Delete()
}

// A contract has as many viewers as it says, and one that is withdrawn takes them all along.
func TestContract(t *testing.T) {
	r := live(t)
	one, two := peer.Play(t, r.url, false, peer.Options{Token: ticket}), peer.Play(t, r.url, false, peer.Options{Token: ticket})
	three := peer.NewPlayer(t, false, peer.Options{Token: ticket})
	offer := three.Offer()
	if a := three.Want(http.StatusTooManyRequests, http.MethodPost, r.url, sdp, offer); a.Header.Get("Retry-After") == "" {
		t.Errorf("got %v", a.Header)
	}
	one.Delete()
	r.until("a place", func() bool { return r.registry.Connections("tsl") == 1 })
	three.Begin(r.url)
	r.until("both to play", func() bool { return len(two.Frames("video")) > 0 && len(three.Frames("video")) > 0 })
	r.registry.SetContracts(nil)
	for _, v := range []*peer.Player{two, three} {
		v.Await(webrtc.PeerConnectionStateClosed)
	}
	r.until("all to be gone", func() bool { return r.stream.Snapshot().Readers == 0 && r.registry.Connections("tsl") == 0 })
}

// The end of the stream's session ends the viewers.
func TestStreamEnds(t *testing.T) {
	r := live(t)
	v := peer.Play(t, r.url, false, peer.Options{Token: ticket})
	r.until("the first picture", func() bool { return len(v.Frames("video")) == 1 })
	r.pub.End()
	v.Await(webrtc.PeerConnectionStateClosed)
}
