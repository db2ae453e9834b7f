package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/simulcart/simulcart/wire"
)

func TestHandshake(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer there.Close()
	serving.Go(func() {
		h, err := ReadHello(there)
		if err != nil {
			t.Error(err)
			return
		}
		if err := h.Answer(there); err != nil {
			t.Error(err)
		}
	})
	if err := OfferHandshake(here); err != nil {
		t.Error(err)
	}
}

// The bytes of each side (Adobe RTMP §5.2).
func TestHandshakeBytes(t *testing.T) {
	c1 := body(handshakeSize)
	p := &tape{said: io.MultiReader(strings.NewReader("\x03"), bytes.NewReader(c1), bytes.NewReader(body(handshakeSize)))}
	h, err := ReadHello(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Answer(p); err != nil {
		t.Fatal(err)
	}
	server := p.told.Bytes()
	if len(server) != 1+2*handshakeSize || server[0] != 3 || !bytes.Equal(server[1:9], make([]byte, 8)) {
		t.Errorf("S0, S1: got %d bytes, %x", len(server), server[:9])
	}
	if !bytes.Equal(server[1+handshakeSize:], c1) {
		t.Error("S2 is not C1")
	}

	p = &tape{said: bytes.NewReader(server)}
	if err := OfferHandshake(p); err != nil {
		t.Fatal(err)
	}
	client := p.told.Bytes()
	if len(client) != 1+2*handshakeSize || client[0] != 3 || !bytes.Equal(client[1:9], make([]byte, 8)) {
		t.Errorf("C0, C1: got %d bytes, %x", len(client), client[:9])
	}
	if bytes.Equal(client[9:100], server[9:100]) {
		t.Error("C1 is not random")
	}
	if !bytes.Equal(client[1+handshakeSize:], server[1:1+handshakeSize]) {
		t.Error("C2 is not S1")
	}
}

func TestHandshakeVersions(t *testing.T) {
	for _, tt := range []struct {
		name        string
		first       byte
		unsupported bool
		want        string
	}{
		{"TLS", 0x16, false, "TLS"},
		{"HTTP GET", 'G', false, "HTTP"},
		{"HTTP POST", 'P', false, "HTTP"},
		{"RTMPE", 6, true, "RTMPE"},
		{"anything", 0, false, "version 0, want 3"},
		{"SSH", 'S', false, "version 83, want 3"},
	} {
		for side, shake := range map[string]func(io.ReadWriter) error{
			"server": func(rw io.ReadWriter) error { _, err := ReadHello(rw); return err },
			"client": OfferHandshake,
		} {
			t.Run(tt.name+" to a "+side, func(t *testing.T) {
				err := shake(&tape{said: bytes.NewReader([]byte{tt.first, 0, 0})})
				var syntax *wire.SyntaxError
				var unsupported *wire.UnsupportedError
				if !errors.As(err, &syntax) && !errors.As(err, &unsupported) || (unsupported != nil) != tt.unsupported {
					t.Fatalf("got %T %v", err, err)
				}
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %q, want %q in it", err, tt.want)
				}
			})
		}
	}
}

func TestHandshakeCut(t *testing.T) {
	whole := append([]byte{3}, body(2*handshakeSize)...)
	for _, tt := range []struct {
		n              int
		server, client string
	}{
		{0, "read C0: EOF", "read S0: EOF"},
		{1, "read C1: EOF", "read S1 and S2: EOF"},
		{2, "read C1: unexpected EOF", "read S1 and S2: unexpected EOF"},
		{1 + handshakeSize, "read C2: EOF", "read S1 and S2: unexpected EOF"},
		{2 * handshakeSize, "read C2: unexpected EOF", "read S1 and S2: unexpected EOF"},
	} {
		p := &tape{said: bytes.NewReader(whole[:tt.n])}
		h, err := ReadHello(p)
		if err == nil {
			err = h.Answer(p)
		}
		if err == nil || err.Error() != tt.server {
			t.Errorf("server, %d bytes: got %v, want %s", tt.n, err, tt.server)
		}
		err = OfferHandshake(&tape{said: bytes.NewReader(whole[:tt.n])})
		if err == nil || err.Error() != tt.client {
			t.Errorf("client, %d bytes: got %v, want %s", tt.n, err, tt.client)
		}
	}
}

func TestHandshakeBrokenWrites(t *testing.T) {
	whole := append([]byte{3}, body(2*handshakeSize)...)
	for writes, want := range []string{"write C0 and C1: broken", "write C2: broken"} {
		err := OfferHandshake(&failing{said: bytes.NewReader(whole), left: writes})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	h, err := ReadHello(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Answer(&failing{}); err == nil || err.Error() != "write S0, S1 and S2: broken" {
		t.Errorf("got %v", err)
	}
}
