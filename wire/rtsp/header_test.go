package rtsp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// fault names the kind of an error that headers may give.
func fault(err error) string {
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	var limit *LimitError
	switch {
	case errors.As(err, &syntax):
		return "syntax"
	case errors.As(err, &unsupported):
		return "unsupported"
	case errors.As(err, &limit):
		return limit.Limit.String()
	case err != nil:
		return err.Error()
	}
	return ""
}

func TestTransport(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Transport
	}{
		{"RTP/AVP/TCP;unicast;interleaved=0-1", Transport{TCP: true, Interleaved: Pair{0, 1}}},
		{"RTP/AVP/TCP;unicast;interleaved=254-255;ssrc=0000ABCD;mode=PLAY", Transport{TCP: true, Interleaved: Pair{254, 255}, SSRC: 0xabcd, HasSSRC: true, Mode: "PLAY"}},
		{"RTP/AVP;unicast;client_port=5000-5001", Transport{ClientPort: Pair{5000, 5001}}},
		{"RTP/AVP;unicast;client_port=65534-65535;server_port=1-2;ssrc=00000000", Transport{ClientPort: Pair{65534, 65535}, ServerPort: Pair{1, 2}, HasSSRC: true}},
		{"RTP/AVP;multicast;destination=224.0.0.1;source=10.0.0.1", Transport{Multicast: true, Destination: "224.0.0.1", Source: "10.0.0.1"}},
		{"RTP/AVP;unicast;client_port=5001-5000", Transport{ClientPort: Pair{5001, 5000}}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if got := tt.want.String(); got != tt.text {
				t.Errorf("got %s", got)
			}
			got, err := ParseTransports(tt.text)
			if diff := cmp.Diff([]Transport{tt.want}, got); diff != "" || err != nil {
				t.Errorf("error %v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestParseTransports(t *testing.T) {
	tcp := Transport{TCP: true, Interleaved: Pair{0, 1}}
	for _, tt := range []struct {
		name, text string
		want       []Transport
		fault      string
	}{
		{"as ffmpeg", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=play", []Transport{{TCP: true, Interleaved: Pair{0, 1}, Mode: "PLAY"}}, ""},
		{"as GStreamer", "RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY\"", []Transport{{ClientPort: Pair{5000, 5001}, Mode: "PLAY"}}, ""},
		{"a choice", "RTP/SAVP;unicast, RTP/AVP/UDP;unicast;client_port=5000-5001 , RTP/AVP/TCP;interleaved=0-1", []Transport{{ClientPort: Pair{5000, 5001}}, tcp}, ""},
		{"what is not known has faults of its own", "RAW/RAW/UDP;client_port=x,RTP/AVP/TCP;interleaved=0-1", []Transport{tcp}, ""},
		{"lower case and blanks", " rtp/avp/tcp ; UNICAST ; Interleaved = 0-1 ; x=y;append", []Transport{tcp}, ""},
		{"a comma in a value", `RTP/AVP/TCP;interleaved=0-1;mode="PLAY,RECORD"`, []Transport{{TCP: true, Interleaved: Pair{0, 1}, Mode: "PLAY,RECORD"}}, ""},
		{"one channel", "RTP/AVP/TCP;interleaved=0", []Transport{tcp}, ""},
		{"one port", "RTP/AVP;client_port=5000", []Transport{{ClientPort: Pair{5000, 5001}}}, ""},
		{"short ssrc", "RTP/AVP;ssrc=a", []Transport{{SSRC: 10, HasSSRC: true}}, ""},
		{"nothing", "", nil, "unsupported"},
		{"SRTP", "RTP/SAVP;unicast", nil, "unsupported"},
		{"channel 256", "RTP/AVP/TCP;interleaved=255-256", nil, "syntax"},
		{"channel 255 alone", "RTP/AVP/TCP;interleaved=255", nil, "syntax"},
		{"one channel twice", "RTP/AVP/TCP;interleaved=1-1", nil, "syntax"},
		{"no channel", "RTP/AVP/TCP;interleaved=", nil, "syntax"},
		{"half a pair", "RTP/AVP/TCP;interleaved=1-", nil, "syntax"},
		{"negative", "RTP/AVP/TCP;interleaved=-1", nil, "syntax"},
		{"port 0", "RTP/AVP;client_port=0-1", nil, "client_port"},
		{"port 1023", "RTP/AVP;client_port=1023-1024", nil, "client_port"},
		{"port 1023 for RTCP", "RTP/AVP;client_port=1024-1023", nil, "client_port"},
		{"port 1024", "RTP/AVP;client_port=1024", []Transport{{ClientPort: Pair{1024, 1025}}}, ""},
		{"port 65536", "RTP/AVP;client_port=65535", nil, "syntax"},
		{"port of 17 bits", "RTP/AVP;client_port=65536-65537", nil, "syntax"},
		{"server's port 0", "RTP/AVP;server_port=0-1", nil, "syntax"},
		{"ssrc of 33 bits", "RTP/AVP;ssrc=100000000", nil, "syntax"},
		{"ssrc that is no number", "RTP/AVP;ssrc=x", nil, "syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseTransports(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || fault(err) != tt.fault {
				t.Errorf("error %v, want %q (-want +got)\n%s", err, tt.fault, diff)
			}
		})
	}
	if !(Pair{}).IsZero() || (Pair{0, 1}).IsZero() {
		t.Error("what is not told is told")
	}
}

func TestSession(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Session
		fault      string
		again      string // what is written; empty: text
	}{
		{"id alone", "12345678", Session{ID: "12345678"}, "", ""},
		{"timeout", "a.b-c_d$+;timeout=60", Session{ID: "a.b-c_d$+", Timeout: time.Minute}, "", ""},
		{"blanks", " 1234 ; Timeout = 60 ", Session{ID: "1234", Timeout: time.Minute}, "", "1234;timeout=60"},
		{"other parameters", "1234;x;timeout=5;y=1", Session{ID: "1234", Timeout: 5 * time.Second}, "", "1234;timeout=5"},
		{"128 characters", strings.Repeat("x", 128), Session{ID: strings.Repeat("x", 128)}, "", ""},
		{"129 characters", strings.Repeat("x", 129), Session{}, "syntax", ""},
		{"nothing", "", Session{}, "syntax", ""},
		{"no id", ";timeout=60", Session{}, "syntax", ""},
		{"a blank within", "12 34", Session{}, "syntax", ""},
		{"a timeout that is no number", "1234;timeout=x", Session{}, "syntax", ""},
		{"a long timeout", "1234;timeout=99999999999", Session{}, "syntax", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseSession(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || fault(err) != tt.fault {
				t.Fatalf("error %v, want %q (-want +got)\n%s", err, tt.fault, diff)
			}
			if tt.again == "" {
				tt.again = tt.text
			}
			if err == nil && got.String() != tt.again {
				t.Errorf("got %s, want %s", got, tt.again)
			}
		})
	}
}

func TestRange(t *testing.T) {
	const second = media.Time(time.Second)
	for _, tt := range []struct {
		text  string
		want  Range
		fault string
		again string // what is written; empty: text
	}{
		{"npt=now-", Range{Now: true}, "", ""},
		{"npt=0.000-", Range{}, "", ""},
		{"npt=1.500-20.250", Range{From: 3 * second / 2, To: 20*second + second/4}, "", ""},
		{"npt=0-", Range{}, "", "npt=0.000-"},
		{"npt=-7", Range{To: 7 * second}, "", "npt=0.000-7.000"},
		{"NPT = Now-10;time=19970123T143720Z", Range{Now: true, To: 10 * second}, "", "npt=now-10.000"},
		{"npt=1:02:03.5-", Range{From: 3723*second + second/2}, "", "npt=3723.500-"},
		{"npt=0.1234567891-", Range{From: 123456789}, "", "npt=0.123-"},
		{"npt=2147483647-", Range{From: 2147483647 * second}, "", "npt=2147483647.000-"},
		{"npt=2147483648-", Range{}, "syntax", ""},
		{"npt=999999:59:59-", Range{}, "syntax", ""},
		{"npt=1:02-", Range{}, "syntax", ""},
		{"npt=x-", Range{}, "syntax", ""},
		{"npt=0-x", Range{}, "syntax", ""},
		{"npt=1.x-", Range{}, "syntax", ""},
		{"npt=5", Range{}, "syntax", ""},
		{"5-", Range{}, "syntax", ""},
		{"clock=19961108T142300Z-", Range{}, "unsupported", ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseRange(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || fault(err) != tt.fault {
				t.Fatalf("error %v, want %q (-want +got)\n%s", err, tt.fault, diff)
			}
			if tt.again == "" {
				tt.again = tt.text
			}
			if err == nil && got.String() != tt.again {
				t.Errorf("got %s, want %s", got, tt.again)
			}
		})
	}
}

func TestRTPInfo(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  []TrackInfo
		fault string
		again string // what is written; empty: text
	}{
		{"url=rtsp://h/s/trackID=0;seq=1;rtptime=2", []TrackInfo{{"rtsp://h/s/trackID=0", 1, true, 2, true}}, "", ""},
		{
			"url=rtsp://h/s/trackID=0;seq=65535;rtptime=4294967295,url=rtsp://h/s/trackID=1;seq=0",
			[]TrackInfo{{"rtsp://h/s/trackID=0", 65535, true, 4294967295, true}, {"rtsp://h/s/trackID=1", 0, true, 0, false}},
			"", "",
		},
		{"url=rtsp://h/s", []TrackInfo{{URL: "rtsp://h/s"}}, "", ""},
		{"url=", []TrackInfo{{}}, "", ""},
		{` URL="rtsp://h/s" ; rtptime=7;ssrc=1`, []TrackInfo{{URL: "rtsp://h/s", Timestamp: 7, HasTimestamp: true}}, "", "url=rtsp://h/s;rtptime=7"},
		{"url=a,b;seq=1,url=c;seq=2", []TrackInfo{{URL: "a,b", Sequence: 1, HasSequence: true}, {URL: "c", Sequence: 2, HasSequence: true}}, "", ""},
		{"", nil, "syntax", ""},
		{"seq=1", nil, "syntax", ""},
		{"url=a;seq=65536", nil, "syntax", ""},
		{"url=a;rtptime=-1", nil, "syntax", ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseRTPInfo(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || fault(err) != tt.fault {
				t.Fatalf("error %v, want %q (-want +got)\n%s", err, tt.fault, diff)
			}
			if tt.again == "" {
				tt.again = tt.text
			}
			if err == nil && FormatRTPInfo(got) != tt.again {
				t.Errorf("got %s, want %s", FormatRTPInfo(got), tt.again)
			}
		})
	}
}

func TestURL(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  URL
		again string // what is written; empty: text
	}{
		{"rtsp://host/show", URL{Host: "host", Port: "554", Path: "show", Track: NoTrack}, ""},
		{"rtsp://host:8554/show/trackID=1", URL{Host: "host", Port: "8554", Path: "show", Track: 1}, ""},
		{"rtsps://host/show", URL{TLS: true, Host: "host", Port: "322", Path: "show", Track: NoTrack}, ""},
		{"rtsp://host/show/trackID=0?token=a%20b", URL{Host: "host", Port: "554", Path: "show", Query: "token=a%20b", Track: 0}, ""},
		{"rtsp://user:pa%3Ass@host/show", URL{User: "user", Password: "pa:ss", Host: "host", Port: "554", Path: "show", Track: NoTrack}, "rtsp://host/show"},
		{"rtsp://[2001:db8::1]/show", URL{Host: "2001:db8::1", Port: "554", Path: "show", Track: NoTrack}, ""},
		{"rtsp://[fe80::1%25eth0]:8554/show", URL{Host: "fe80::1%eth0", Port: "8554", Path: "show", Track: NoTrack}, ""},
		{"rtsp://host", URL{Host: "host", Port: "554", Track: NoTrack}, "rtsp://host/"},
		{"rtsp://host/trackID=2", URL{Host: "host", Port: "554", Track: 2}, ""},
		{"rtsp://host/a/b/", URL{Host: "host", Port: "554", Path: "a/b", Track: NoTrack}, "rtsp://host/a/b"},
		{"rtsp://host/show/TRACKID=3/", URL{Host: "host", Port: "554", Path: "show", Track: 3}, "rtsp://host/show/trackID=3"},
		{"rtsp://host/show?token=x/trackID=1", URL{Host: "host", Port: "554", Path: "show", Query: "token=x", Track: 1}, "rtsp://host/show/trackID=1?token=x"},
		{"rtsp://host/show?token=x/", URL{Host: "host", Port: "554", Path: "show", Query: "token=x", Track: NoTrack}, "rtsp://host/show?token=x"},
		{"rtsp://host/show?token=x/trackID=1/", URL{Host: "host", Port: "554", Path: "show", Query: "token=x", Track: 1}, "rtsp://host/show/trackID=1?token=x"},
		{"rtsp://host/show?/trackID=1", URL{Host: "host", Port: "554", Path: "show", Track: 1}, "rtsp://host/show/trackID=1"},
		{"rtsp://host/show?p=a/b", URL{Host: "host", Port: "554", Path: "show", Query: "p=a/b", Track: NoTrack}, ""},
		{"rtsp://host/trackID=x", URL{Host: "host", Port: "554", Path: "trackID=x", Track: NoTrack}, ""},
		{"rtsp://host/show/trackID=70000", URL{Host: "host", Port: "554", Path: "show/trackID=70000", Track: NoTrack}, ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseURL(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Fatalf("error %v (-want +got)\n%s", err, diff)
			}
			if tt.again == "" {
				tt.again = tt.text
			}
			if got.String() != tt.again {
				t.Errorf("got %s, want %s", got, tt.again)
			}
		})
	}
	for text, want := range map[string]error{
		"*": errScheme, "": errScheme, "/show": errScheme, "http://host/show": errScheme, "rtsp:///show": errNoHost,
		"rtsp://2001:db8::1/show": errIPv6, "rtsp://host:x/": errNoURL, "rtsp://::1/": errIPv6, "rtsp://ho st/": errNoURL, "rtsp://host/%zz": errNoURL,
	} {
		if got, err := ParseURL(text); !errors.Is(err, want) || got != (URL{}) {
			t.Errorf("%q: got %+v and error %v, want %v", text, got, err, want)
		}
	}
	u, err := ParseURL("rtsp://host/show/trackID=1?token=a%20b&x&bad=%zz")
	if err != nil {
		t.Fatal(err)
	}
	if u.Parameter("token") != "a b" || u.Parameter("x") != "" || u.Parameter("bad") != "" || u.Parameter("none") != "" {
		t.Errorf("parameters: got %q", u.Parameter("token"))
	}
	if got := u.WithTrack(NoTrack).String(); got != "rtsp://host/show?token=a%20b&x&bad=%zz" {
		t.Errorf("got %s", got)
	}
	if got := u.Address(); got != "host:554" {
		t.Errorf("got %s", got)
	}
}
