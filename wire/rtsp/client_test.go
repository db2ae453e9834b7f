package rtsp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/rtp"
)

// scripted gives a client to whose requests the server answers with these messages, whatever they are.
func scripted(t testing.TB, url string, answers ...Message) (*Client, *tape) {
	t.Helper()
	u, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var said []byte
	for _, m := range answers {
		said = append(said, appended(t, m)...)
	}
	p := &tape{said: bytes.NewReader(said)}
	return NewClient(p, u), p
}

// ok is the answer to the n-th request.
func ok(n int, fields ...Field) *Response {
	return &Response{Status: 200, Header: append(Header{{"CSeq", strconv.Itoa(n)}}, fields...)}
}

// asked lists the requests that a client made, as "METHOD URL".
func asked(t testing.TB, p *tape) (lines []string, all []*Request) {
	t.Helper()
	c, _ := play(p.told.String())
	told, err := messages(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range told {
		if r, isRequest := m.(*Request); isRequest {
			lines, all = append(lines, r.Method+" "+r.URL), append(all, r)
		}
	}
	return lines, all
}

func description(t testing.TB, control string, tracks ...string) *Response {
	t.Helper()
	d := Description{Control: control}
	for i, track := range tracks {
		d.Medias = append(d.Medias, Media{Control: track, Track: made(t, uint8(i), media.VP8, "")})
	}
	body, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r := ok(2, Field{"Content-Type", ContentTypeSDP})
	r.Body = body
	return r
}

func TestClient(t *testing.T) {
	const where = "rtsp://host:8554/show?token=x"
	described := description(t, "*", "trackID=0", "rtsp://other/show/trackID=1")
	described.Header.Add(Field{"Content-Base", "rtsp://host:8554/base/?token=x"})
	c, p := scripted(
		t, where,
		ok(1, Field{"Public", "OPTIONS, describe,GET_PARAMETER"}),
		described,
		ok(3, Field{"Session", "12345678;timeout=20"}, Field{"Transport", "RTP/AVP/TCP;unicast;interleaved=4-5"}),
		ok(4, Field{"Session", "12345678"}, Field{"Transport", "RTP/AVP/TCP;unicast;interleaved=6-7"}),
		&Frame{Channel: 4, Data: []byte("early")},
		&Response{Status: 200, Header: Header{{"CSeq", "4"}}},
		ok(5, Field{"RTP-Info", "url=rtsp://host/base/trackID=0;seq=1;rtptime=2"}),
		&Frame{Channel: 6, Data: []byte("first")},
		&Request{Method: MethodOptions, URL: "*", Header: Header{{"CSeq", "90"}}},
		&Request{Method: MethodAnnounce, URL: "*", Header: Header{{"CSeq", "91"}}},
		ok(6),
		&Frame{Channel: 5, Data: []byte("second")},
		&Frame{Channel: 5, Data: []byte("dropped")},
		ok(7),
	)
	c.UserAgent = "simulcart"
	if err := c.Options(); err != nil {
		t.Fatal(err)
	}
	if got := c.Timeout(); got != time.Minute {
		t.Errorf("timeout before SETUP: got %v", got)
	}
	d, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Pair{{4, 5}, {6, 7}} {
		if got, err := c.Setup(i, d.Medias[i]); got != want || err != nil {
			t.Errorf("channels: got %v and error %v, want %v", got, err, want)
		}
		if got := c.Timeout(); i == 0 && got != 20*time.Second {
			t.Errorf("timeout: got %v", got)
		}
	}
	info, err := c.Play()
	if diff := cmp.Diff([]TrackInfo{{"rtsp://host/base/trackID=0", 1, true, 2, true}}, info); diff != "" || err != nil {
		t.Errorf("error %v (-want +got)\n%s", err, diff)
	}
	if err := c.KeepAlive(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"4 early", "6 first", "5 second"} {
		f, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := strconv.Itoa(int(f.Channel)) + " " + string(f.Data); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := c.Teardown(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); !errors.Is(err, io.EOF) || c.Close() != nil {
		t.Errorf("got %v", err)
	}
	lines, requests := asked(t, p)
	want := []string{
		"OPTIONS " + where, "DESCRIBE " + where, "SETUP rtsp://host:8554/base/trackID=0?token=x", "SETUP rtsp://other/show/trackID=1",
		"PLAY rtsp://host:8554/base/?token=x", "GET_PARAMETER rtsp://host:8554/base/?token=x", "TEARDOWN rtsp://host:8554/base/?token=x",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("requests (-want +got)\n%s", diff)
	}
	header := Header{
		{"CSeq", "5"}, {"User-Agent", "simulcart"}, {"Session", "12345678"}, {"Range", "npt=now-"},
	}
	if diff := cmp.Diff(header, requests[4].Header); diff != "" {
		t.Errorf("header of PLAY (-want +got)\n%s", diff)
	}
	for i, field := range map[int]Field{1: {"Accept", "application/sdp"}, 3: {"Transport", "RTP/AVP/TCP;unicast;interleaved=2-3"}} {
		if !slices.Contains(requests[i].Header, field) {
			t.Errorf("request %d: no %v in %v", i, field, requests[i].Header)
		}
	}
	for _, answer := range []string{"RTSP/1.0 200 OK\r\nCSeq: 90\r\n", "RTSP/1.0 501 Not Implemented\r\nCSeq: 91\r\n"} {
		if !strings.Contains(p.told.String(), answer) {
			t.Errorf("no answer %q", answer)
		}
	}
}

// The URLs of tracks, as servers give them.
func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		base, control, want string
	}{
		{"rtsp://h/s", "trackID=0", "rtsp://h/s/trackID=0"},
		{"rtsp://h/s/", "trackID=0", "rtsp://h/s/trackID=0"},
		{"rtsp://h/s/", "/trackID=0", "rtsp://h/s/trackID=0"},
		{"rtsp://h/s?x", "trackID=0", "rtsp://h/s/trackID=0?x"},
		{"rtsp://h/s?x/", "trackID=0", "rtsp://h/s/trackID=0?x"},
		{"rtsp://h/s", "*", "rtsp://h/s"},
		{"rtsp://h/s", "", "rtsp://h/s"},
		{"rtsp://h/s", "RTSP://other/t", "RTSP://other/t"},
		{"rtsp://h/s", "rtsps://other/t", "rtsps://other/t"},
	} {
		c := &Client{base: tt.base}
		if got := c.resolve(tt.control); got != tt.want {
			t.Errorf("%s and %s: got %s, want %s", tt.base, tt.control, got, tt.want)
		}
	}
}

func TestClientErrors(t *testing.T) {
	setup := func(c *Client) error { _, err := c.Setup(0, Media{}); return err }
	describe := func(c *Client) error { _, err := c.Describe(); return err }
	playing := func(c *Client) error { _, err := c.Play(); return err }
	read := func(c *Client) error { _, err := c.Read(); return err }
	tcp := Field{"Transport", "RTP/AVP/TCP;interleaved=0-1"}
	flood := make([]Message, mostHeld+1)
	for i := range flood {
		flood[i] = &Frame{}
	}
	for _, tt := range []struct {
		name    string
		do      func(c *Client) error
		answers []Message
		want    string
	}{
		{"OPTIONS refused", (*Client).Options, []Message{&Response{Status: 404, Header: Header{{"CSeq", "1"}}}}, "rtsp OPTIONS: answered with 404 Not Found"},
		{"DESCRIBE refused", describe, []Message{&Response{Status: 302, Header: Header{{"CSeq", "1"}}}}, "rtsp DESCRIBE: answered with 302 Moved Temporarily"},
		{"no description", describe, []Message{ok(1)}, "sdp: at byte 0: not a session description"},
		{"SETUP refused", setup, []Message{&Response{Status: 461, Header: Header{{"CSeq", "1"}}}}, "rtsp SETUP: answered with 461 Unsupported Transport"},
		{"no session", setup, []Message{ok(1, tcp)}, "rtsp session: at byte 0: no id of 1 to 128 characters"},
		{"no transport", setup, []Message{ok(1, Field{"Session", "1"})}, "rtsp transport: at byte 0: not supported: anything but RTP/AVP and RTP/AVP/TCP"},
		{"UDP", setup, []Message{ok(1, Field{"Session", "1"}, Field{"Transport", "RTP/AVP;server_port=5000-5001"})}, "rtsp transport: at byte 0: not supported: an answer to RTP/AVP/TCP that is not interleaved"},
		{"no channels", setup, []Message{ok(1, Field{"Session", "1"}, Field{"Transport", "RTP/AVP/TCP"})}, "rtsp transport: at byte 0: not supported: an answer to RTP/AVP/TCP that is not interleaved"},
		{"PLAY refused", playing, []Message{&Response{Status: 455, Header: Header{{"CSeq", "1"}}}}, "rtsp PLAY: answered with 455 Method Not Valid in This State"},
		{"RTP-Info that is none", playing, []Message{ok(1, Field{"RTP-Info", "x"})}, "rtsp rtp-info: at byte 0: no url"},
		{"more frames than expected", playing, flood, "read answer to PLAY: more frames than expected"},
		{"as many as expected", playing, append(slices.Clone(flood[1:]), ok(1)), ""},
		{"frames before another answer", describe, append(slices.Clone(flood), ok(1)), "sdp: at byte 0: not a session description"},
		{"closed", (*Client).Options, nil, "read answer to OPTIONS: unexpected EOF"},
		{"an answer to something else", (*Client).Teardown, []Message{ok(2), &Response{Status: 200}}, "read answer to TEARDOWN: unexpected EOF"},
		{"session over", read, []Message{&Response{Status: 454}}, "rtsp keep-alive: answered with 454 Session Not Found"},
		{"end", read, []Message{ok(1)}, "EOF"},
		{"no credentials to show", (*Client).Options, []Message{&Response{Status: 401, Header: Header{{"CSeq", "1"}, {"WWW-Authenticate", "Basic"}}}}, "rtsp OPTIONS: answered with 401 Unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := scripted(t, "rtsp://h/s", tt.answers...)
			err := tt.do(c)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("broken writes", func(t *testing.T) {
		for name, do := range map[string]func(c *Client) error{"request": (*Client).Options, "keep-alive": (*Client).KeepAlive} {
			c := NewClient(&failing{}, URL{Host: "h"})
			if err := do(c); !errors.Is(err, errBroken) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		question := appended(t, &Request{Method: "OPTIONS", URL: "*"})
		c := NewClient(&failing{said: bytes.NewReader(question), left: 1}, URL{Host: "h"})
		if err := c.Options(); !errors.Is(err, errBroken) {
			t.Errorf("answer while asking: got %v", err)
		}
		c = NewClient(&failing{said: bytes.NewReader(question)}, URL{Host: "h"})
		if _, err := c.Read(); !errors.Is(err, errBroken) {
			t.Errorf("answer while reading: got %v", err)
		}
	})
}

// A client logs in, once for all requests, and again when its nonce is too old; with the wrong password it gives up.
func TestClientLogin(t *testing.T) {
	for _, basic := range []bool{false, true} {
		for _, password := range []string{"secret", "wrong"} {
			t.Run("basic "+strconv.FormatBool(basic)+" "+password, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := net.Pipe()
					defer ours.Close()
					s := &stand{user: "partner", password: "secret", basic: basic}
					done := make(chan error)
					go func() { done <- s.serve(theirs) }()
					u, err := ParseURL("rtsp://partner:" + password + "@host/show")
					if err != nil {
						t.Fatal(err)
					}
					c := NewClient(ours, u)
					_, err = c.Describe()
					var status *StatusError
					if password == "wrong" {
						if !errors.As(err, &status) || status.Status != StatusUnauthorized {
							t.Errorf("got %v", err)
						}
					} else if err != nil {
						t.Fatal(err)
					} else {
						time.Sleep(2 * DefaultNonceLifetime)
						if err := c.Teardown(); err != nil {
							t.Errorf("with a nonce that is too old: %v", err)
						}
					}
					c.Close()
					if err := <-done; err != nil && !errors.Is(err, io.EOF) {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A nonce that is too old is renewed by the answer to a keep-alive.
func TestKeepAliveLogin(t *testing.T) {
	a := new(Auth)
	c, p := scripted(
		t, "rtsp://partner:secret@h/s",
		&Response{Status: 401, Header: append(Header{{"CSeq", "1"}}, a.Challenge("", true)...)}, &Frame{},
	)
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	if err := c.KeepAlive(); err != nil {
		t.Fatal(err)
	}
	lines, requests := asked(t, p)
	if diff := cmp.Diff([]string{"OPTIONS rtsp://h/s"}, lines); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	shown, err := ParseCredentials(requests[0].Header.Value("Authorization"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Check(shown, requests[0], "", HA1Of("partner", "secret")); err != nil {
		t.Errorf("got %v", err)
	}
}

// The client plays what a server plays, keeping alive from another goroutine.
func TestClientPlays(t *testing.T) {
	frames := recorded(t, "vp8")
	s := &stand{tracks: []*standing{frames}}
	u, err := ParseURL("rtsp://" + s.listen(t) + "/show")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", u.Address())
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	c := NewClient(nc, u)
	defer c.Close()
	if err := c.Options(); err != nil {
		t.Fatal(err)
	}
	d, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	channels, err := c.Setup(0, d.Medias[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Play(); err != nil {
		t.Fatal(err)
	}
	kept := make(chan error)
	go func() { kept <- c.KeepAlive() }()
	depacketizer, err := rtp.NewDepacketizer(d.Medias[0].Track, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(frames.frames); {
		f, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if int(f.Channel) != channels.RTP {
			continue
		}
		packet, err := rtp.ParsePacket(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := depacketizer.Push(packet)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got {
			if !bytes.Equal(f.Data, frames.frames[n].Data) {
				t.Errorf("frame %d differs", n)
			}
			n++
		}
	}
	if err := <-kept; err != nil {
		t.Error(err)
	}
	if err := c.Teardown(); err != nil {
		t.Error(err)
	}
}
