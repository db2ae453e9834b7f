package rtsp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/simulcart/simulcart/wire"
)

// Pair is the channels or ports of a track: RTP's, and RTCP's. The zero value means not told.
type Pair struct{ RTP, RTCP int }

// IsZero says whether nothing was told.
func (p Pair) IsZero() bool { return p == Pair{} }

// String gives "0-1".
func (p Pair) String() string { return fmt.Sprintf("%d-%d", p.RTP, p.RTCP) }

// Transport is how the packets of a track travel, RFC 2326 §12.39:
//
//	RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0123ABCD;mode=PLAY
//	RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001
type Transport struct {
	TCP         bool   // within the connection; else by UDP
	Multicast   bool   //
	Interleaved Pair   // channels, 0 to 255
	ClientPort  Pair   // 1024 to 65535
	ServerPort  Pair   // 1 to 65535
	Mode        string // "PLAY" or "RECORD" in upper case; empty: PLAY
	SSRC        uint32 // of the sender
	HasSSRC     bool   // SSRC is told
	Destination string // where the client wants packets to go, if told: never to be believed
	Source      string // where packets come from, if told
}

// ParseTransports reads a Transport header: what the client offers, the best first. Ways that are not known here are left out; where none
// is known, that is a [*wire.UnsupportedError]. A parameter that breaks the format is a [*wire.SyntaxError], a client's port below 1024 a
// [*LimitError]. Parameters that are not known are passed over.
func ParseTransports(value string) ([]Transport, error) {
	var all []Transport
	for _, part := range splitQuoted(value, ',') {
		fields := splitQuoted(part, ';')
		t, known := transportOf(fields[0])
		if !known {
			continue
		}
		for _, field := range fields[1:] {
			if err := t.parameter(field); err != nil {
				return nil, err
			}
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, &wire.UnsupportedError{Format: "rtsp transport", Msg: "anything but RTP/AVP and RTP/AVP/TCP"}
	}
	return all, nil
}

// transportOf reads transport, profile and lower transport.
func transportOf(spec string) (t Transport, known bool) {
	switch strings.ToUpper(strings.TrimSpace(spec)) {
	case "RTP/AVP", "RTP/AVP/UDP":
		return Transport{}, true
	case "RTP/AVP/TCP":
		return Transport{TCP: true}, true
	}
	return Transport{}, false
}

// parameter reads one parameter.
func (t *Transport) parameter(field string) error {
	name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(value, " \"")
	var err error
	switch name {
	case "multicast":
		t.Multicast = true
	case "interleaved":
		t.Interleaved, err = parsePair(name, value, 0, 255)
	case "client_port":
		t.ClientPort, err = parsePair(name, value, 0, 65535)
		if low := min(t.ClientPort.RTP, t.ClientPort.RTCP); err == nil && low < leastPort {
			err = &LimitError{Limit: LimitPort, Seen: int64(low), Max: leastPort, Msg: "port of a client"}
		}
	case "server_port":
		t.ServerPort, err = parsePair(name, value, 1, 65535)
	case "mode":
		t.Mode = strings.ToUpper(value)
	case "ssrc":
		var n uint64
		if n, err = strconv.ParseUint(value, 16, 32); err != nil {
			return transportSyntax("ssrc is not hexadecimal of 32 bits")
		}
		t.SSRC, t.HasSSRC = uint32(n), true
	case "destination":
		t.Destination = value
	case "source":
		t.Source = value
	}
	return err
}

// parsePair reads "0-1", or "0", which means the same.
func parsePair(name, value string, least, most int) (Pair, error) {
	first, second, both := strings.Cut(value, "-")
	a, err := strconv.ParseUint(first, 10, 16)
	b := a + 1
	if both && err == nil {
		b, err = strconv.ParseUint(second, 10, 16)
	}
	if err != nil || a == b || min(int(a), int(b)) < least || max(int(a), int(b)) > most {
		return Pair{}, transportSyntax("%s is not two numbers from %d to %d", name, least, most)
	}
	return Pair{RTP: int(a), RTCP: int(b)}, nil
}

// String gives the header's value.
func (t Transport) String() string {
	var b strings.Builder
	b.WriteString("RTP/AVP")
	if t.TCP {
		b.WriteString("/TCP")
	}
	if t.Multicast {
		b.WriteString(";multicast")
	} else {
		b.WriteString(";unicast")
	}
	for _, p := range []struct{ name, value string }{{"destination", t.Destination}, {"source", t.Source}} {
		if p.value != "" {
			b.WriteString(";" + p.name + "=" + p.value)
		}
	}
	for _, p := range []struct {
		name string
		pair Pair
	}{{"interleaved", t.Interleaved}, {"client_port", t.ClientPort}, {"server_port", t.ServerPort}} {
		if !p.pair.IsZero() {
			b.WriteString(";" + p.name + "=" + p.pair.String())
		}
	}
	if t.HasSSRC {
		fmt.Fprintf(&b, ";ssrc=%08X", t.SSRC)
	}
	if t.Mode != "" {
		b.WriteString(";mode=" + t.Mode)
	}
	return b.String()
}

// splitQuoted splits s at a sign, but not between quotes.
func splitQuoted(s string, at byte) (parts []string) {
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func transportSyntax(msg string, args ...any) error {
	return &wire.SyntaxError{Format: "rtsp transport", Msg: fmt.Sprintf(msg, args...)}
}
