package rtsp

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/wire"
)

// known says whether err is one that a reader of hostile bytes may give.
func known(err error) bool {
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	var over *LimitError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &syntax) || errors.As(err, &unsupported) || errors.As(err, &over)
}

// secretless fails where err repeats a word of s that is long enough for a token.
func secretless(t *testing.T, s string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(":/?#@&=;,\" \r\n", r) }) {
		if len(word) >= 12 && strings.Contains(err.Error(), word) && !strings.Contains("interleaved client_port server_port content-length sprop-parameter-sets indexdeltalength", strings.ToLower(word)) {
			t.Errorf("%q repeats %q", err, word)
		}
	}
}

// FuzzMessages reads any bytes, however split, within the limits and to the same messages; and what was read is written to what
// reads the same.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x00\x00\x03abcRTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2\r\n\r\nxx"), byte(3))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, split byte) {
		var all [2][]Message
		var errs [2]string
		for i, r := range []io.Reader{bytes.NewReader(b), &pieces{b: b, let: split}} {
			got, err := messages(NewConn(&tape{said: r}))
			if err != nil {
				if errs[i] = err.Error(); !known(err) {
					t.Fatalf("got %v", err)
				}
				secretless(t, string(b), err)
			}
			all[i] = got
		}
		if errs[0] != errs[1] || !reflect.DeepEqual(all[0], all[1]) {
			t.Fatalf("at once %d messages and %q, in pieces %d and %q", len(all[0]), errs[0], len(all[1]), errs[1])
		}
		if len(b) > maxField {
			return // what is written may have a few bytes more, and go over a bound
		}
		var written []byte
		for _, m := range all[0] {
			switch m := m.(type) {
			case *Request:
				if len(m.Header) > maxFields || len(m.Body) > maxBody || len(m.Method)+len(m.URL) > maxFirstLine {
					t.Fatalf("a request of %d fields and %d bytes", len(m.Header), len(m.Body))
				}
				if strings.HasPrefix(m.Method, "$") {
					return // which nobody reads, as it stands behind a line end only
				}
			case *Response:
				if m.Reason == "" {
					m.Reason = Reason(m.Status)
				}
			}
			var err error
			if written, err = m.Append(written); err != nil {
				t.Fatalf("%+v: %v", m, err)
			}
		}
		again, err := messages(NewConn(&tape{said: bytes.NewReader(written)}))
		if err != nil || len(again) != len(all[0]) {
			t.Fatalf("%q gives %d messages, then %q gives %d and error %v", b, len(all[0]), written, len(again), err)
		}
		for i := range again {
			if once, twice := appended(t, all[0][i]), appended(t, again[i]); !bytes.Equal(once, twice) {
				t.Errorf("got %q, then %q", once, twice)
			}
		}
	})
}

// FuzzTransports checks that ways that were read are written to ones that read the same.
func FuzzTransports(f *testing.F) {
	for _, s := range []string{
		"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0123ABCD;mode=PLAY", "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001",
		`RTP/SAVP;x,RTP/AVP;multicast;destination=224.0.0.1;mode="PLAY,RECORD"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := ParseTransports(s)
		secretless(t, s, err)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		for _, want := range all {
			want.Destination, want.Source = "", "" // which may hold anything
			if !isToken(want.Mode) {
				want.Mode = ""
			}
			got, err := ParseTransports(want.String())
			if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%+v is written %s, which gives %+v and error %v", want, want, got, err)
			}
			if want.Interleaved.RTP > 255 || want.Interleaved.RTCP > 255 || !want.ClientPort.IsZero() && min(want.ClientPort.RTP, want.ClientPort.RTCP) < leastPort {
				t.Errorf("got %+v", want)
			}
		}
	})
}

// FuzzHeaders checks the same of the other headers.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"12345678;timeout=60", "npt=1.5-20", "npt=now-", "npt=1:02:03.5-", "url=rtsp://h/s/trackID=0;seq=1;rtptime=2,url=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isText(s) {
			return // which is no header's value
		}
		session, err := ParseSession(s)
		secretless(t, s, err)
		if err == nil {
			if again, err := ParseSession(session.String()); err != nil || again != session {
				t.Errorf("%q: got %+v, then %+v and error %v", s, session, again, err)
			}
		}
		r, err := ParseRange(s)
		secretless(t, s, err)
		if err == nil {
			once := r.String()
			if again, err := ParseRange(once); err != nil || again.String() != once {
				t.Errorf("%q: got %s, then %s and error %v", s, once, again, err)
			}
		}
		tracks, err := ParseRTPInfo(s)
		secretless(t, s, err)
		if err == nil {
			once := FormatRTPInfo(tracks)
			if again, err := ParseRTPInfo(once); err != nil || FormatRTPInfo(again) != once {
				t.Errorf("%q: got %s, then %+v and error %v", s, once, again, err)
			}
		}
	})
}

// FuzzURL checks that an address that was read is written to one that reads the same, and that errors repeat nothing of it.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"rtsp://host/show/trackID=1?token=x", "rtsps://[2001:db8::1]:1936/a/b?x=y", "rtsp://[fe80::1%25eth0]/show", "rtsp://h/s?t=x/trackID=2/",
		"//other/app", "*", "rtsp://user:secretsecret@host/a#b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		secretless(t, s, err)
		if err != nil {
			return
		}
		u.User, u.Password = "", ""
		again, err := ParseURL(u.String())
		if err != nil || again != u {
			t.Errorf("%q: got %+v, again %+v and error %v", s, u, again, err)
		}
		u.Parameter("token")
	})
}

// FuzzCredentials checks that nothing but the right answer lets anybody in, and that what was read is written to what reads the same.
func FuzzCredentials(f *testing.F) {
	a := new(Auth)
	for _, field := range a.Challenge("", false) {
		f.Add(bestChallenge([]string{field.Value}).answer(URL{User: "u", Password: "wrong"}, &Request{Method: "PLAY", URL: "rtsp://h/s"}))
	}
	f.Add("Basic dTpw")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCredentials(s)
		secretless(t, s, err)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		for _, kept := range []HA1{{}, HA1Of("u", "p")} {
			if err := a.Check(c, &Request{Method: "PLAY", URL: "rtsp://h/s"}, "", kept); err == nil {
				t.Fatalf("%q lets in", s)
			}
		}
		if c.Scheme != Digest || strings.ContainsAny(c.digest.user+c.digest.realm+c.digest.nonce+c.digest.uri+c.digest.answer+c.digest.qop+c.digest.nc+c.digest.cnonce+c.digest.opaque, "\", ") {
			return
		}
		if c.digest.qop == "" {
			c.digest.nc, c.digest.cnonce = "", ""
		}
		again, err := ParseCredentials(c.digest.String())
		if err != nil || again != c {
			t.Errorf("%q: got %+v, then %+v and error %v", s, c.digest, again.digest, err)
		}
	})
}

// FuzzDescription reads any text as a session description; one that was read, and whose codings are known, is written to one that reads
// the same.
func FuzzDescription(f *testing.F) {
	for _, name := range []string{"h264", "hevc", "vp8", "vp9", "aac", "opus"} {
		text, err := os.ReadFile("../rtp/testdata/ffmpeg-" + name + ".sdp")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDescription(b)
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			secretless(t, string(b), err)
			return
		}
		if len(d.Medias) > maxMedia {
			t.Fatalf("%d tracks", len(d.Medias))
		}
		known := *d
		known.Medias = nil
		for _, m := range d.Medias {
			if (m.Track == nil) == (m.Fault == nil) {
				t.Fatalf("got %+v", m)
			}
			if m.Track != nil {
				known.Medias = append(known.Medias, m)
			}
		}
		once, err := known.Marshal()
		if err != nil {
			return // a text that is too long, or not one line
		}
		again, err := ParseDescription(once)
		if err != nil || len(again.Medias) != len(known.Medias) {
			t.Fatalf("%q: got %q and error %v", b, once, err)
		}
		twice, err := again.Marshal()
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("got %q, then %q and error %v", once, twice, err)
		}
	})
}

// FuzzClient plays from a server that says anything.
func FuzzClient(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: GET_PARAMETER\r\n\r\nRTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := NewClient(&tape{said: bytes.NewReader(b)}, URL{User: "u", Password: "p", Host: "h", Port: "554", Path: "s", Track: NoTrack})
		check := func(err error) {
			var status *StatusError
			if err != nil && !known(err) && !errors.As(err, &status) && !errors.Is(err, errText) && !errors.Is(err, errFlood) {
				t.Fatalf("got %v", err)
			}
		}
		check(c.Options())
		d, err := c.Describe()
		check(err)
		if err == nil {
			for i, m := range d.Medias {
				_, err := c.Setup(i, m)
				check(err)
			}
		}
		_, err = c.Play()
		check(err)
		check(c.KeepAlive())
		for err == nil {
			_, err = c.Read()
			check(err)
		}
		check(c.Teardown())
	})
}
