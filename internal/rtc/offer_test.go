package rtc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/rtp"
)

// golden reads an offer as a client sent it.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What Chromium offers, read.
func TestParseOfferOfChromium(t *testing.T) {
	o, err := ParseOffer(golden(t, "chromium-whep.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Medias) != 3 || o.Medias[0].Kind != "video" || o.Medias[1].Kind != "audio" || o.Medias[2].Kind != "application" {
		t.Fatalf("got %+v", o.Medias)
	}
	for _, m := range o.Medias[:2] {
		if m.Sends || !m.Receives {
			t.Errorf("%s: it sends: %t, receives: %t", m.Kind, m.Sends, m.Receives)
		}
	}
	var h264 []string
	for _, c := range o.Medias[0].Codecs {
		if c.Name == "H264" && c.Parameter("packetization-mode") == "1" {
			h264 = append(h264, c.Parameter("profile-level-id"))
			if c.Repair == 0 || !c.Has("nack pli") || !c.Has("nack") || c.Rate != 90000 {
				t.Errorf("got %+v", c)
			}
		}
	}
	if len(h264) < 3 {
		t.Errorf("profiles of H.264: %v", h264)
	}
	ufrag, password := o.credentials()
	if len(ufrag) < 4 || len(password) < 22 {
		t.Errorf("credentials %q, %q", ufrag, password)
	}
	text, err := o.description.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"a=candidate", "a=rid", "a=simulcast", "192.0.2."} {
		if strings.Contains(string(text), gone) {
			t.Errorf("%s is still there", gone)
		}
	}
}

const (
	offerHead = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	offerSend = offerHead + "a=sendonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\na=rtcp-fb:* nack\r\n"
)

func TestParseOffer(t *testing.T) {
	opus := Codec{PayloadType: 111, Mapping: rtp.Mapping{Name: "opus", Rate: 48000, Channels: 2, Parameters: "minptime=10"}, Feedback: []string{"nack"}}
	for name, tt := range map[string]struct {
		text string
		want []Media
	}{
		"direction of the session": {offerSend, []Media{{Kind: "audio", Sends: true, Codecs: []Codec{opus}}}},
		"direction of the medium":  {offerSend + "a=inactive\r\n", []Media{{Kind: "audio", Codecs: []Codec{opus}}}},
		"refused already":          {strings.Replace(offerSend, "audio 9", "audio 0", 1), []Media{{Kind: "audio", Codecs: []Codec{opus}}}},
		"bundled with another": {
			strings.Replace(offerSend, "audio 9", "audio 0", 1) + "a=bundle-only\r\n", []Media{{Kind: "audio", Sends: true, Codecs: []Codec{opus}}},
		},
		"a medium of another kind": {offerHead + "m=text 9 X 1\r\na=mid:0\r\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ParseOffer([]byte(tt.text))
			if err != nil {
				if tt.want != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, o.Medias); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseOfferRefuses(t *testing.T) {
	medium := "m=audio 9 RTP/AVP 0\r\na=mid:x\r\n"
	for name, tt := range map[string]struct {
		text   string
		syntax bool
	}{
		"nothing":            {"", false},
		"no SDP":             {"GET / HTTP/1.1\r\n\r\n", true},
		"no media":           {offerHead, false},
		"33 media":           {offerHead + strings.Repeat(medium, 33), false},
		"without a=mid":      {offerHead + "m=audio 9 RTP/AVP 0\r\n", false},
		"ICE-lite":           {offerHead + "a=ice-lite\r\n" + medium, false},
		"a bad rtpmap":       {offerHead + "m=audio 9 RTP/AVP 96\r\na=mid:x\r\na=rtpmap:96 opus\r\n", true},
		"more than 64 KiB":   {offerHead + strings.Repeat("a=x\r\n", 14<<10) + medium, false},
		"a port of 99999999": {offerHead + "m=audio 99999999 RTP/AVP 0\r\na=mid:x\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseOffer([]byte(tt.text))
			var syntax *wire.SyntaxError
			var unsupported *wire.UnsupportedError
			if !errors.As(err, &syntax) && !errors.As(err, &unsupported) || errors.As(err, &syntax) != tt.syntax {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := ParseOffer([]byte(offerHead + strings.Repeat(medium, 32))); err != nil {
		t.Errorf("32 media: %v", err)
	}
}

// Media that are chosen share one connection, or the offer is refused.
func TestBundle(t *testing.T) {
	const media = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:w\r\na=rtpmap:96 VP8/90000\r\n"
	for name, tt := range map[string]struct {
		groups string
		chosen []int
		fault  bool
	}{
		"all":                {"a=group:BUNDLE a v w\r\n", []int{0, 1}, false},
		"those that matter":  {"a=group:LS a v\r\na=group:BUNDLE w\r\na=group:BUNDLE v a\r\n", []int{0, 1}, false},
		"one needs none":     {"", []int{1}, false},
		"none":               {"", []int{0, 1}, true},
		"of another kind":    {"a=group:LS a v\r\n", []int{0, 1}, true},
		"each one's own":     {"a=group:BUNDLE a\r\na=group:BUNDLE v\r\n", []int{0, 1}, true},
		"a name within name": {"a=group:BUNDLE av v\r\n", []int{0, 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ParseOffer([]byte(offerHead + tt.groups + media))
			if err != nil {
				t.Fatal(err)
			}
			chosen := map[int]Codec{}
			for _, i := range tt.chosen {
				chosen[i] = o.Medias[i].Codecs[0]
			}
			p, err := endpoint(t).NewPeer(o, Terms{Chosen: chosen})
			var unsupported *wire.UnsupportedError
			if errors.As(err, &unsupported) != tt.fault {
				t.Errorf("got %v, want a fault: %t", err, tt.fault)
			}
			if p != nil {
				p.Close()
			}
		})
	}
}

// OBS offers parameters that we tell too: each stands in the answer once.
func TestTold(t *testing.T) {
	const own = "stereo=1;maxaveragebitrate=128000"
	for value, want := range map[string]string{
		"111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1": "111 minptime=10;sprop-stereo=1;useinbandfec=1;" + own,
		"111 minptime=10; Stereo=0": "111 minptime=10;" + own,
		"111 minptime=10;":          "111 minptime=10;" + own,
		"111 stereo=0":              "111 " + own,
	} {
		if got := told(value, own); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func TestFragment(t *testing.T) {
	const text = "a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=end-of-candidates\r\n"
	f, err := ParseFragment([]byte(text))
	want := Fragment{
		Ufrag: "EsAw", Password: "P2uYro0UCOQ4zxjKXaWCBui1", End: true,
		Candidates: []string{"1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1"},
	}
	if diff := cmp.Diff(want, f); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	again, err := ParseFragment(f.Marshal("audio", "0"))
	if diff := cmp.Diff(want, again); err != nil || diff != "" {
		t.Errorf("as it was written: %v, -want +got:\n%s", err, diff)
	}
	if f, err := ParseFragment(nil); err != nil || f.isCredentials() {
		t.Errorf("nothing: %+v, %v", f, err)
	}
	for _, bad := range []string{"x", "ab=c", "=", "a=candidate:1 1 udp 1 192.0.2.1 5 typ", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", strings.Repeat("a=x\n", 17<<10)} {
		if f, err := ParseFragment([]byte(bad)); err == nil {
			t.Errorf("%.40q was read: %+v", bad, f)
		}
	}
	for ufrag, ok := range map[string]bool{"abcd": true, "abc": false, "ab cd": false, "a/+9": true, strings.Repeat("a", 257): false} {
		f := Fragment{Ufrag: ufrag, Password: want.Password}
		if f.isCredentials() != ok {
			t.Errorf("ice-ufrag %.10q: %t", ufrag, !ok)
		}
	}
}

// Whatever is offered: it is read or refused, and what is read can be written for pion.
func FuzzParseOffer(f *testing.F) {
	for _, name := range []string{"chromium-whep.sdp", "chromium-whip.sdp"} {
		f.Add(golden(f, name))
	}
	f.Add([]byte(offerSend))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := ParseOffer(text)
		if err != nil {
			return
		}
		chosen := map[int]Codec{}
		for i, m := range o.Medias {
			if len(m.Codecs) > 0 {
				chosen[i] = m.Codecs[0]
				_, _ = m.Codecs[0].Track(0)
			}
		}
		o.restart("abcd", "P2uYro0UCOQ4zxjKXaWCBui1")
		if _, err := o.settle(chosen, "sendonly"); err != nil {
			t.Errorf("it cannot be written: %v", err)
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	f.Add([]byte("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		one, err := ParseFragment(text)
		if err != nil || !one.isCredentials() {
			return
		}
		two, err := ParseFragment(one.Marshal("audio", "0"))
		if diff := cmp.Diff(one, two); err != nil || diff != "" {
			t.Errorf("%v, -first +second:\n%s", err, diff)
		}
	})
}
