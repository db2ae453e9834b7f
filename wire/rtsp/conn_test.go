package rtsp

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Each message gives the bytes, and the bytes give the message.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name  string
		m     Message
		bytes string
	}{
		{
			"OPTIONS for the server", &Request{Method: "OPTIONS", URL: "*", Header: Header{{"CSeq", "1"}}},
			crlf("OPTIONS * RTSP/1.0", "CSeq: 1", ""),
		},
		{
			"a request with a body",
			&Request{
				Method: "SET_PARAMETER", URL: "rtsp://host/show?token=x",
				Header: Header{{"CSeq", "2"}, {"Content-Type", "text/parameters"}, {"Content-Length", "6"}}, Body: []byte("a: b\r\n"),
			},
			crlf("SET_PARAMETER rtsp://host/show?token=x RTSP/1.0", "CSeq: 2", "Content-Type: text/parameters", "Content-Length: 6", "", "a: b"),
		},
		{"a request without a header", &Request{Method: "PLAY", URL: "rtsp://host/show"}, crlf("PLAY rtsp://host/show RTSP/1.0", "")},
		{
			"a response", &Response{Status: 200, Reason: "OK", Header: Header{{"CSeq", "2"}, {"Session", "1234;timeout=60"}}},
			crlf("RTSP/1.0 200 OK", "CSeq: 2", "Session: 1234;timeout=60", ""),
		},
		{
			"challenges in order",
			&Response{Status: 401, Reason: "Unauthorized", Header: Header{{"WWW-Authenticate", "Digest a=b"}, {"WWW-Authenticate", "Basic"}, {"Empty", ""}}},
			"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest a=b\r\nWWW-Authenticate: Basic\r\nEmpty: \r\n\r\n",
		},
		{"the lowest status", &Response{Status: 100, Reason: "x"}, crlf("RTSP/1.0 100 x", "")},
		{"the highest status", &Response{Status: 999, Reason: "x"}, crlf("RTSP/1.0 999 x", "")},
		{"a frame", &Frame{Channel: 3, Data: []byte("RTP")}, "$\x03\x00\x03RTP"},
		{"a frame of no bytes", &Frame{Channel: 255, Data: []byte{}}, "$\xff\x00\x00"},
		{"the largest frame", &Frame{Data: bytes.Repeat([]byte{'$'}, 65535)}, "$\x00\xff\xff" + strings.Repeat("$", 65535)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.bytes, string(appended(t, tt.m))); diff != "" {
				t.Errorf("bytes (-want +got)\n%s", diff)
			}
			c, _ := play(tt.bytes)
			got, err := messages(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Message{tt.m}, got); diff != "" {
				t.Errorf("message (-want +got)\n%s", diff)
			}
			if c.offset != int64(len(tt.bytes)) {
				t.Errorf("offset: got %d, want %d", c.offset, len(tt.bytes))
			}
		})
	}
}

// What others write in other ways.
func TestLenience(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		want        []Message
	}{
		{
			"lines that end with LF alone", "PLAY rtsp://h/s RTSP/1.0\nCSeq: 1\n\n",
			[]Message{&Request{Method: "PLAY", URL: "rtsp://h/s", Header: Header{{"CSeq", "1"}}}},
		},
		{
			"blanks around a value", "PLAY rtsp://h/s RTSP/1.0\r\nCSeq :\t 1 \t\r\nX:a:b\r\n\r\n",
			[]Message{&Request{Method: "PLAY", URL: "rtsp://h/s", Header: Header{{"CSeq", "1"}, {"X", "a:b"}}}},
		},
		{
			"line ends between messages", "\r\n\n$\x01\x00\x01x\r\nRTSP/1.0 200 OK\r\n\r\n\r\n",
			[]Message{&Frame{Channel: 1, Data: []byte("x")}, &Response{Status: 200, Reason: "OK"}},
		},
		{"no reason", "RTSP/1.0 200\r\n\r\n", []Message{&Response{Status: 200}}},
		{
			"UTF-8", "PLAY rtsp://h/ä RTSP/1.0\r\nUser-Agent: ü\r\n\r\n",
			[]Message{&Request{Method: "PLAY", URL: "rtsp://h/ä", Header: Header{{"User-Agent", "ü"}}}},
		},
		{
			"the length of the body twice", "PLAY * RTSP/1.0\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx",
			[]Message{&Request{Method: "PLAY", URL: "*", Header: Header{{"Content-Length", "1"}, {"content-length", "1"}}, Body: []byte("x")}},
		},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(tt.bytes)
			got, err := messages(c)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("error %v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	const line = "PLAY rtsp://h/SECRETTOKEN RTSP/1.0\r\n" // 36 bytes
	for _, tt := range []struct {
		name, bytes string
		want        string // the error
		status      int
	}{
		{"a word", "x\r\n", "rtsp: at byte 0: a request line that is not METHOD URL VERSION", 400},
		{"no version", "PLAY rtsp://h/SECRETTOKEN\r\n", "rtsp: at byte 0: no version where one must stand", 400},
		{"no URL", "PLAY  RTSP/1.0\r\n", "rtsp: at byte 0: a request line that is not METHOD URL VERSION", 400},
		{"a control character in the URL", "PLAY rtsp://h/\x01SECRETTOKEN RTSP/1.0\r\n", "rtsp: at byte 0: a request line that is not METHOD URL VERSION", 400},
		{"more behind the version", "PLAY rtsp://h/SECRETTOKEN RTSP/1.0 x\r\n", "rtsp: at byte 0: no version where one must stand", 400},
		{"RTSP 2.0", "PLAY rtsp://h/SECRETTOKEN RTSP/2.0\r\n", "rtsp: at byte 0: not supported: a version that is not 1.0", 505},
		{"HTTP", "GET /SECRETTOKEN HTTP/1.1\r\n", "rtsp: at byte 0: not supported: HTTP, and RTSP within it: use RTSP over TCP or TLS", 505},
		{"TLS", "\x16\x03\x01\x02\x00\x01\n", "rtsp: at byte 0: a request line that is not METHOD URL VERSION", 400},
		{"status of another version", "RTSP/2.0 200 OK\r\n", "rtsp: at byte 0: not supported: a version that is not 1.0", 505},
		{"status of no version", "RTSP/1 200 OK\r\n", "rtsp: at byte 0: no version where one must stand", 400},
		{"status of 99", "RTSP/1.0 99 OK\r\n", "rtsp: at byte 0: a status line that is not VERSION STATUS REASON", 400},
		{"status of 1000", "RTSP/1.0 1000 OK\r\n", "rtsp: at byte 0: a status line that is not VERSION STATUS REASON", 400},
		{"no status", "RTSP/1.0 OK\r\n", "rtsp: at byte 0: a status line that is not VERSION STATUS REASON", 400},
		{"a control character in the reason", "RTSP/1.0 200 \x00\r\n", "rtsp: at byte 0: a status line that is not VERSION STATUS REASON", 400},
		{"the second message", "\r\n$\x00\x00\x00x\r\n", "rtsp: at byte 6: a request line that is not METHOD URL VERSION", 400},
		{"field without a name", line + ": SECRETTOKEN\r\n", "rtsp: at byte 36: a header field that is not Name: value", 400},
		{"field without a colon", line + "SECRETTOKEN\r\n", "rtsp: at byte 36: a header field that is not Name: value", 400},
		{"a blank in a name", line + "A B: SECRETTOKEN\r\n", "rtsp: at byte 36: a header field that is not Name: value", 400},
		{"a control character in a value", line + "A: SECRETTOKEN\x00\r\n", "rtsp: at byte 36: a header field that is not Name: value", 400},
		{"CR within a value", line + "A: SECRET\rTOKEN\r\n", "rtsp: at byte 36: a header field that is not Name: value", 400},
		{"a value on two lines", line + "A: x\r\n SECRETTOKEN\r\n", "rtsp: at byte 42: a header field on several lines", 400},
		{"length that is no number", line + "Content-Length: SECRETTOKEN\r\n\r\n", "rtsp: at byte 67: Content-Length is not one decimal number", 400},
		{"negative length", line + "Content-Length: -1\r\n\r\n", "rtsp: at byte 58: Content-Length is not one decimal number", 400},
		{"two lengths", line + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "rtsp: at byte 76: Content-Length is not one decimal number", 400},
		{"first line cut short", "PLAY", "unexpected EOF", 0},
		{"header cut short", line + "A: b\r\n", "unexpected EOF", 0},
		{"body cut short", line + "Content-Length: 2\r\n\r\nx", "unexpected EOF", 0},
		{"no body", line + "Content-Length: 2\r\n\r\n", "unexpected EOF", 0},
		{"frame cut short", "$\x00\x00\x02x", "unexpected EOF", 0},
		{"frame header cut short", "$\x00\x00", "unexpected EOF", 0},
		{"frame header missing", "$", "unexpected EOF", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(tt.bytes)
			_, err := messages(c)
			if err == nil || err.Error() != tt.want || StatusOf(err) != tt.status {
				t.Errorf("got %v and status %d, want %s and %d", err, StatusOf(err), tt.want, tt.status)
			}
		})
	}
}

// What is at a bound is read; what has one byte more is not.
func TestLimits(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		limit  Limit
		label  string
		bytes  func(more int) string
		max    int64
		status int
	}{
		{LimitRequestLine, "request_line", func(more int) string { return "PLAY " + x(2048-len("PLAY  RTSP/1.0")+more) + " RTSP/1.0\r\n\r\n" }, 2048, 414},
		{LimitRequestLine, "request_line", func(more int) string { return "RTSP/1.0 200 " + x(2048-len("RTSP/1.0 200 ")+more) + "\n\n" }, 2048, 414},
		{LimitField, "header_size", func(more int) string { return "PLAY * RTSP/1.0\r\nA: " + x(4096-len("A: ")+more) + "\r\n\r\n" }, 4096, 400},
		{LimitFields, "headers", func(more int) string { return "PLAY * RTSP/1.0\r\n" + strings.Repeat("A: b\r\n", 64+more) + "\r\n" }, 64, 400},
		{LimitHeader, "header_total", func(more int) string {
			return "PLAY * RTSP/1.0\r\n" + strings.Repeat("A: "+x(4093)+"\r\n", 3) + "A: " + x(16384-17-3*4098-5+more) + "\r\n\r\n"
		}, 16384, 400},
		{LimitBody, "body_size", func(more int) string {
			return "PLAY * RTSP/1.0\r\nContent-Length: 6553" + string(rune('6'+more)) + "\r\n\r\n" + x(65536+more)
		}, 65536, 413},
	} {
		t.Run(tt.label, func(t *testing.T) {
			c, _ := play(tt.bytes(0))
			if got, err := messages(c); err != nil || len(got) != 1 {
				t.Errorf("at the bound: got %d messages and error %v", len(got), err)
			}
			c, _ = play(tt.bytes(1))
			_, err := messages(c)
			var limit *LimitError
			if !errors.As(err, &limit) || limit.Limit != tt.limit || limit.Max != tt.max || limit.Seen != tt.max+1 || StatusOf(err) != tt.status {
				t.Errorf("above the bound: got %v and status %d", err, StatusOf(err))
			}
			if tt.limit.String() != tt.label || !strings.HasSuffix(err.Error(), "(limit "+tt.label+")") {
				t.Errorf("label: got %s in %v", tt.limit, err)
			}
		})
	}
	for limit, label := range map[Limit]string{LimitMedia: "sdp_media", LimitPort: "client_port"} {
		if got := limit.String(); got != label {
			t.Errorf("got %q, want %q", got, label)
		}
	}
	c, _ := play("PLAY * RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n")
	var limit *LimitError
	if _, err := c.Read(); !errors.As(err, &limit) || limit.Limit != LimitBody {
		t.Errorf("a length of more than 64 bits: got %v", err)
	}
}

// Endless lines and bodies that do not come take no memory to speak of.
func TestNoMemoryInAdvance(t *testing.T) {
	for name, said := range map[string]string{
		"body": "PLAY * RTSP/1.0\r\nContent-Length: 65536\r\n\r\n", "frame": "$\x00\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			const times = 100
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range times {
				c, _ := play(said)
				if _, err := c.Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 16<<10 {
				t.Errorf("%d bytes each", each)
			}
		})
	}
}

func TestWriteErrors(t *testing.T) {
	for name, m := range map[string]Message{
		"line break in the URL":      &Request{Method: "PLAY", URL: "rtsp://h/\r\nA: b"},
		"blank in the URL":           &Request{Method: "PLAY", URL: "rtsp://h/ x"},
		"blank in the method":        &Request{Method: "PLAY x", URL: "*"},
		"no method":                  &Request{URL: "*"},
		"no URL":                     &Request{Method: "PLAY"},
		"line break in a value":      &Request{Method: "PLAY", URL: "*", Header: Header{{"A", "b\nC: d"}}},
		"line break in a name":       &Response{Status: 200, Header: Header{{"A\n", "b"}}},
		"no name":                    &Response{Status: 200, Header: Header{{"", "b"}}},
		"line break in the reason":   &Response{Status: 200, Reason: "a\nb"},
		"no status":                  &Response{},
		"a status of four digits":    &Response{Status: 1000},
		"a frame of more than 64 Ki": &Frame{Data: make([]byte, 65536)},
	} {
		t.Run(name, func(t *testing.T) {
			c, tape := play("")
			if err := c.Write(&Frame{}, m); err == nil || tape.told.Len() > 0 {
				t.Errorf("got %v and %q", err, tape.told.String())
			}
		})
	}
	c := NewConn(&failing{})
	if err := c.Write(&Frame{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestConn(t *testing.T) {
	c, p := play("")
	if c.NetConn() != p || c.Close() != nil {
		t.Error("not the connection below")
	}
	if err := c.Write(&Frame{Channel: 1}, &Response{Status: 599}); err != nil {
		t.Fatal(err)
	}
	if want := "$\x01\x00\x00RTSP/1.0 599 Status\r\n\r\n"; p.told.String() != want {
		t.Errorf("got %q, want %q", p.told.String(), want)
	}
	c = NewConn(&tape{said: io.MultiReader(strings.NewReader("\r"), errorReader{})})
	if _, err := c.Read(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errBroken }

func TestNewResponse(t *testing.T) {
	for _, tt := range []struct {
		name string
		cseq string
		want Header
	}{
		{"a number", "7", Header{{"CSeq", "7"}, {"Public", "OPTIONS"}}},
		{"zeros in front", "007", Header{{"CSeq", "7"}, {"Public", "OPTIONS"}}},
		{"the largest", "4294967295", Header{{"CSeq", "4294967295"}, {"Public", "OPTIONS"}}},
		{"too large", "4294967296", Header{{"Public", "OPTIONS"}}},
		{"no number", "x", Header{{"Public", "OPTIONS"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Request{Header: Header{{"cseq", tt.cseq}}}
			got := NewResponse(r, StatusOK, Field{"Public", "OPTIONS"})
			if diff := cmp.Diff(&Response{Status: 200, Header: tt.want}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if Reason(StatusTransport) != "Unsupported Transport" || Reason(299) != "Status" {
		t.Error("the wrong words")
	}
}

// Messages of all kinds, one behind the other and in any pieces, are read as they were written.
func TestMessagesRoundTrip(t *testing.T) {
	token := rapid.StringMatching(`[A-Za-z0-9!#$%&'*+.^_|~-]{1,20}`)
	text := rapid.StringMatching(`([!-~]([ -~]{0,60}[!-~])?)?`)
	header := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Field {
		name := token.Draw(t, "name")
		if strings.EqualFold(name, contentLength) {
			name = "X"
		}
		return Field{name, text.Draw(t, "value")}
	}), 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		var want []Message
		var b []byte
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			h := header.Draw(t, "header")
			body := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")
			var m Message
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				m = &Frame{Channel: rapid.Byte().Draw(t, "channel"), Data: body}
			case 1:
				method := token.Draw(t, "method")
				if method[0] == '$' {
					method = "PLAY" // what begins with $ is a frame
				}
				m = &Request{Method: method, URL: rapid.StringMatching(`[!-~]{1,200}`).Draw(t, "URL"), Header: h, Body: body}
			default:
				m = &Response{Status: rapid.IntRange(100, 999).Draw(t, "status"), Reason: text.Filter(func(s string) bool { return s != "" }).Draw(t, "reason"), Header: h, Body: body}
			}
			var err error
			if b, err = m.Append(b); err != nil {
				t.Fatal(err)
			}
			want = append(want, m)
		}
		c := NewConn(&tape{said: &pieces{b: b, let: rapid.Byte().Draw(t, "pieces")}})
		got, err := messages(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got { // which was not given, but written
			switch m := m.(type) {
			case *Request:
				m.Header = withoutLength(m.Header)
			case *Response:
				m.Header = withoutLength(m.Header)
			}
		}
		equal := cmp.Transformer("bytes", func(b []byte) string { return string(b) })
		same := cmp.Transformer("header", func(h Header) []Field { return append([]Field{}, h...) })
		if diff := cmp.Diff(want, got, equal, same); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func withoutLength(h Header) Header {
	if n := len(h); n > 0 && h[n-1].Name == contentLength {
		return h[:n-1]
	}
	return h
}
