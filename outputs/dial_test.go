package outputs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/gather"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "11.0.0.1": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true,
		"192.0.1.1": true, "198.17.0.1": true, "198.20.0.1": true, "203.0.114.1": true, "223.255.255.255": true,
		"2606:4700::1111": true, "2a00:1450:4001::1": true, "2001:4860:4860::8888": true,

		"0.0.0.0": false, "0.1.2.3": false, "::": false, // unspecified
		"127.0.0.1": false, "127.255.255.254": false, "::1": false, // loopback
		"10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, // private
		"fc00::1": false, "fd12:3456::1": false, // unique local
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, // link-local, site-local
		"100.64.0.1": false, "100.127.255.255": false, // carrier-grade NAT
		"224.0.0.1": false, "239.1.1.1": false, "ff02::1": false, "ff0e::1": false, // multicast
		"255.255.255.255": false, "240.0.0.1": false, // broadcast, reserved
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "2001:db8::1": false, "3fff::1": false, // documentation
		"198.18.0.1": false, "198.19.255.255": false, "192.0.0.8": false, "192.88.99.1": false, // benchmarks, protocols, old 6to4
		"2001::1": false, "2001:10::1": false, "100::1": false, "5f00::1": false, "4000::1": false, // Teredo, ORCHID, discard, segments, not given out
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, // mapped IPv4
		"::127.0.0.1": false, "::ffff:0:127.0.0.1": false, "::8.8.8.8": false, // compatible and translated IPv4: not in use
		"64:ff9b::10.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::8.8.8.8": true, "64:ff9b:1::808:808": false, // NAT64, and the local one
		"2002:7f00:1::": false, "2002:a00:1::1": false, "2002:c0a8:101::1": false, "2002:808:808::1": true, // 6to4
	} {
		t.Run(address, func(t *testing.T) {
			if got := isPublic(netip.MustParseAddr(address)); got != want {
				t.Errorf("isPublic = %t, want %t", got, want)
			}
		})
	}
}

// listen serves each connection with handle until the test ends.
func listen(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// silent reads until the peer closes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// leaving ends after a few bytes, and reads the rest, so that the end is no reset.
func leaving(conn net.Conn) {
	_, _ = io.ReadFull(conn, make([]byte, 5))
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	silent(conn)
}

func refusedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// secured serves TLS with a certificate for localhost, and gives the pool that trusts it.
func secured(t *testing.T) (address string, trust *x509.CertPool) {
	t.Helper()
	authority := mediatest.NewAuthority(t)
	cert, key := filepath.Join(t.TempDir(), "crt"), filepath.Join(t.TempDir(), "key")
	authority.Issue(t, cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(authority.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(ca)
	address = listen(t, func(conn net.Conn) { silent(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}})) })
	return address, trust
}

func TestDialFails(t *testing.T) {
	local, trust := secured(t)
	_, port, _ := net.SplitHostPort(local)
	noDNS := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	open := Dialer{AllowPrivate: true}
	for name, tt := range map[string]struct {
		dialer  Dialer
		address string
		tls     *tls.Config
		cause   Cause
		hint    string
		person  bool
	}{
		"no name server": {Dialer{AllowPrivate: true, Resolver: noDNS}, "live.example.com:1935", nil, DNS, "check the host name", false},
		"refused":        {open, refusedPort(t), nil, TCP, "nothing listens on that port", false},
		"no time":        {Dialer{AllowPrivate: true, Timeout: time.Nanosecond}, local, nil, TCP, "", false},
		"no TLS there":   {open, listen(t, func(c net.Conn) { _, _ = c.Write([]byte("220 hello, who are you?\r\n")); silent(c) }), &tls.Config{}, TLS, "use rtmp://", false},
		"closed on TLS":  {open, listen(t, leaving), &tls.Config{}, TLS, "use rtmp://", false},
		"unknown CA":     {open, "localhost:" + port, &tls.Config{}, TLS, "tls.ca", false},
		"wrong name":     {open, local, &tls.Config{RootCAs: trust, ServerName: "live.example.com"}, TLS, "correct the host name", false},
		"policy":         {Dialer{}, local, nil, PolicyDenied, "allow_private_destinations", true},
		"policy, name":   {Dialer{}, "localhost:" + port, nil, PolicyDenied, "allow_private_destinations", true},
		"policy, mapped": {Dialer{}, "[::ffff:127.0.0.1]:" + port, nil, PolicyDenied, "allow_private_destinations", true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			s, err := tt.dialer.Dial(ctx, tt.address, tt.tls)
			if err == nil {
				_ = s.Close()
				t.Fatal("Dial succeeds")
			}
			if got := CauseOf(err); got != tt.cause || IsPermanent(err) != tt.person || !strings.Contains(err.Error(), tt.hint) {
				t.Errorf("%v\ncause %q, permanent %t; want %q, %t, hint %q", err, got, IsPermanent(err), tt.cause, tt.person, tt.hint)
			}
		})
	}
}

// A name is resolved on each attempt, and what it resolves to is what is judged: a public name with a private address
// (DNS rebinding) is refused.
func TestPolicyIsDecidedOnEachAttempt(t *testing.T) {
	var asked atomic.Int32
	dns := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		asked.Add(1)
		go answerDNS(server, netip.MustParseAddr("127.0.0.1"))
		return client, nil
	}}
	address := listen(t, silent)
	_, port, _ := net.SplitHostPort(address)
	d := Dialer{AllowPrivate: true, Resolver: dns}
	s, err := d.Dial(t.Context(), "live.example.com:"+port, nil)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	_ = s.Close()
	before := asked.Load()
	d.AllowPrivate = false
	if _, err = d.Dial(t.Context(), "live.example.com:"+port, nil); CauseOf(err) != PolicyDenied {
		t.Errorf("Dial = %v, want policy", err)
	}
	if asked.Load() == before {
		t.Error("the name was not resolved again")
	}
}

// answerDNS answers one query over a stream (RFC 1035 §4.2.2): A with the address, others with nothing.
func answerDNS(conn net.Conn, a netip.Addr) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		end := 12
		for query[end] != 0 {
			end += 1 + int(query[end])
		}
		question := query[12 : end+5]
		answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
		if question[len(question)-3] == 1 { // type A
			answer[7] = 1
			answer = append(answer, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			b := a.As4()
			answer = append(answer, b[:]...)
		}
		if _, err := conn.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)); err != nil {
			return
		}
	}
}

func TestDialTLS(t *testing.T) {
	address, trust := secured(t)
	_, port, _ := net.SplitHostPort(address)
	d := Dialer{AllowPrivate: true}
	for name, tt := range map[string]struct{ host, serverName, want string }{
		"name of the URL": {"localhost", "", "localhost"},
		"another name":    {"127.0.0.1", "localhost", "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{RootCAs: trust, ServerName: tt.serverName}
			s, err := d.Dial(t.Context(), net.JoinHostPort(tt.host, port), config)
			if err != nil {
				t.Fatalf("Dial: %v", err)
			}
			defer s.Close()
			secure, ok := s.Conn.(*gather.TLS)
			if !ok || secure.ConnectionState().ServerName != tt.want {
				t.Errorf("connected with %T, server name %q", s.Conn, secure.ConnectionState().ServerName)
			}
			if config.ServerName != tt.serverName {
				t.Error("the caller's configuration was written to")
			}
		})
	}
}

func TestDialEndsWithContext(t *testing.T) {
	address := listen(t, silent) // TLS gets no answer
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	begun := time.Now()
	d := Dialer{AllowPrivate: true}
	if _, err := d.Dial(ctx, address, &tls.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v, want canceled", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("Dial took %s to end", took)
	}
}

// What the socket says of itself while the peer reads nothing, and when it does.
func TestSocketCounts(t *testing.T) {
	read := make(chan struct{})
	address := listen(t, func(c net.Conn) { <-read; silent(c) })
	release := sync.OnceFunc(func() { close(read) })
	t.Cleanup(release) // before the listener's own
	d := Dialer{AllowPrivate: true}
	s, err := d.Dial(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	unacked, ok := s.Unacked()
	unsent, _ := s.Unsent()
	if !ok {
		t.Skip("this system does not say")
	}
	if unacked != 0 || unsent != 0 {
		t.Errorf("%d unacknowledged, %d unsent before a write", unacked, unsent)
	}
	sent, load := 0, make([]byte, 1<<20)
	for err == nil || unsent == 0 {
		var n int
		_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err = s.Write(load); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write to a peer that does not read: %v", err)
		}
		sent += n
		unacked, _ = s.Unacked()
		unsent, _ = s.Unsent()
	}
	acked, known := s.Acked()
	if unsent <= 0 || unsent > unacked || unacked >= sent {
		t.Errorf("%d sent: %d unacknowledged, %d unsent", sent, unacked, unsent)
	}
	if known && acked != 0 && acked > uint64(sent-unacked)+1 {
		t.Errorf("%d sent, %d unacknowledged, %d acknowledged", sent, unacked, acked)
	}
	release()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(5 * time.Second); unacked > 0 && time.Now().Before(deadline); unacked, _ = s.Unacked() {
		<-look.C
	}
	after, _ := s.Acked()
	if unacked != 0 || known && after <= acked {
		t.Errorf("%d unacknowledged after the peer read, %d acknowledged before, %d now", unacked, acked, after)
	}
	t.Logf("acknowledged %d, then %d", acked, after)
	_ = s.Close()
	if _, ok := s.Unacked(); ok {
		t.Error("a closed socket still tells")
	}
	if _, ok := s.Unsent(); ok {
		t.Error("a closed socket still tells")
	}
	if _, ok := s.Acked(); ok {
		t.Error("a closed socket still tells")
	}
}
