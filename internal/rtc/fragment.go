package rtc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/simulcart/simulcart/wire"
)

// Fragment is what a PATCH carries (application/trickle-ice-sdpfrag, RFC 8840): ICE credentials and candidates, of all media together
// since they share one transport.
type Fragment struct {
	Ufrag, Password string
	Candidates      []string // values of a=candidate
	End             bool     // no more will come
}

// ParseFragment reads a fragment. One that breaks the format is a [*wire.SyntaxError].
func ParseFragment(body []byte) (Fragment, error) {
	var f Fragment
	if len(body) > MaxSDP {
		return f, unsupported("a fragment of %d bytes, more than %d", len(body), MaxSDP)
	}
	at := 0
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		text := string(bytes.TrimSuffix(line, []byte("\r")))
		if err := f.line(text, at); err != nil {
			return Fragment{}, err
		}
		at += len(line) + 1
	}
	if (f.Ufrag == "") != (f.Password == "") {
		return Fragment{}, &wire.SyntaxError{Format: "sdp fragment", Offset: int64(len(body)), Msg: "ice-ufrag and ice-pwd come together"}
	}
	return f, nil
}

// line reads a line at an offset. What is not asked for is passed over, as RFC 8840 §9 wants it.
func (f *Fragment) line(text string, at int) error {
	if text == "" {
		return nil
	}
	kind, value, ok := strings.Cut(text, "=")
	if !ok || len(kind) != 1 {
		return &wire.SyntaxError{Format: "sdp fragment", Offset: int64(at), Msg: "a line is a letter, an equals sign and a value"}
	}
	if kind != "a" {
		return nil
	}
	name, value, _ := strings.Cut(value, ":")
	switch name {
	case "ice-ufrag":
		f.Ufrag = value
	case "ice-pwd":
		f.Password = value
	case "candidate":
		if len(strings.Fields(value)) < 8 { // foundation, component, transport, priority, address, port, "typ", type
			return &wire.SyntaxError{Format: "sdp fragment", Offset: int64(at), Msg: "a candidate has at least 8 words"}
		}
		f.Candidates = append(f.Candidates, value)
	case "end-of-candidates":
		f.End = true
	}
	return nil
}

// isCredentials says whether ICE credentials are what RFC 8839 §5.4 lets them be.
func (f *Fragment) isCredentials() bool {
	return isICE(f.Ufrag, 4) && isICE(f.Password, 22)
}

func isICE(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// Marshal writes the fragment, for the medium named mid.
func (f *Fragment) Marshal(kind, mid string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "a=ice-lite\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=%s 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%s\r\n", f.Ufrag, f.Password, kind, mid)
	for _, c := range f.Candidates {
		fmt.Fprintf(&b, "a=candidate:%s\r\n", c)
	}
	if f.End {
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.Bytes()
}
