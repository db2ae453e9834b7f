package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/internal/mediatest"
)

// diary is a log that is read while it is written.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is io.Writer's.
func (d *diary) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(b)
}

// String gives what was said so far.
func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// says tells whether something was said.
func (d *diary) says(what string) bool { return strings.Contains(d.String(), what) }

// secured is a node that runs with a listener for https, and follows its configuration file.
type secured struct {
	*testing.T
	ca                *mediatest.Authority
	roots             *x509.CertPool
	cert, key, config string
	address           string // of https
	log               diary
}

// newSecured runs a node whose certificate lies in certs, and whose configuration lies in another folder.
func newSecured(t *testing.T, certs string) *secured {
	t.Helper()
	before := goleak.IgnoreCurrent()
	s := &secured{T: t, ca: mediatest.NewAuthority(t), roots: x509.NewCertPool()}
	pem, err := os.ReadFile(s.ca.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	s.roots.AppendCertsFromPEM(pem)
	s.cert, s.key = filepath.Join(certs, "server.crt"), filepath.Join(certs, "server.key")
	s.config = filepath.Join(t.TempDir(), "simulcart.yaml")
	s.ca.Issue(t, s.cert, s.key)
	text := fmt.Sprintf("rtmp: {listen: off}\nhttp: {listen: off}\nmetrics: {listen: off}\nhttps: {listen: '127.0.0.1:0', cert: '%s', key: '%s'}\n", s.cert, s.key)
	s.write(s.config, text)
	c, err := config.Load(s.config)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(c, slog.New(slog.NewTextHandler(&s.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.address = n.on.https.Addr().String()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, hangupSignals...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- n.run(ctx, func(life context.Context) error { return n.follow(life, s.config, hangup) })
	}()
	t.Cleanup(func() {
		signal.Stop(hangup)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
		goleak.VerifyNone(t, before)
	})
	return s
}

func (s *secured) write(path, text string) {
	s.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// client gives an HTTP client with connections of its own. The versions are those that it offers; none means Go's own choice.
func (s *secured) client(versions ...string) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots, NextProtos: versions}, ForceAttemptHTTP2: len(versions) == 0}
	s.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// got is what an answer tells of its connection.
type got struct {
	http int // the major version
	tls.ConnectionState
}

// get asks for the list of streams.
func (s *secured) get(c *http.Client) got {
	s.Helper()
	answer, err := c.Get("https://" + s.address + "/v1/streams")
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		s.Fatalf("got %s, %v", answer.Status, err)
	}
	return got{answer.ProtoMajor, *answer.TLS}
}

// serial gives the serial number of the certificate that new connections get.
func (s *secured) serial() *big.Int {
	s.Helper()
	conn, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.roots})
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber
}

// awaitSerial waits until new connections get a certificate.
func (s *secured) awaitSerial(want *big.Int) {
	s.Helper()
	mediatest.Within(s.T, patience, "the new certificate", func() bool { return s.serial().Cmp(want) == 0 })
}

// insist acts, and again each second, until something is seen: nobody says when the node begins to watch. A second is longer than
// files must be quiet before they are read.
func (s *secured) insist(what string, act func(), seen func() bool) {
	s.Helper()
	var acted time.Time
	mediatest.Within(s.T, patience, what, func() bool {
		if time.Since(acted) > time.Second {
			act()
			acted = time.Now()
		}
		return seen()
	})
}

func TestHTTPSVersions(t *testing.T) {
	s := newSecured(t, t.TempDir())
	if got := s.get(s.client()); got.http != 2 || got.NegotiatedProtocol != "h2" || got.Version != tls.VersionTLS13 {
		t.Errorf("got HTTP/%d, %q, TLS %x, want HTTP/2 over TLS 1.3", got.http, got.NegotiatedProtocol, got.Version)
	}
	if got := s.get(s.client("http/1.1")); got.http != 1 || got.NegotiatedProtocol != "http/1.1" {
		t.Errorf("for who has no other: got HTTP/%d, %q, want HTTP/1.1", got.http, got.NegotiatedProtocol)
	}
	conn, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 was taken")
	}
}

// A certificate tool replaces one file after the other. New connections get the new pair once both fit, those that stand go on.
func TestCertificateIsReplaced(t *testing.T) {
	s := newSecured(t, t.TempDir())
	stands := s.client()
	old := s.get(stands).PeerCertificates[0].SerialNumber
	if got := s.serial(); got.Cmp(old) != 0 {
		t.Fatalf("got the certificate %v, want %v", got, old)
	}
	s.insist("the watch", func() { s.ca.Issue(t, s.cert, s.key) }, func() bool { return s.log.says("configuration applied") })
	want := s.ca.Issue(t, s.cert, s.key)
	s.awaitSerial(want)
	if got := s.get(stands).PeerCertificates[0].SerialNumber; got.Cmp(old) != 0 {
		t.Errorf("a connection that stands: got the certificate %v, want that of its beginning, %v", got, old)
	}
}

// What cannot be used changes nothing, and is told; what is good again is taken.
func TestBadCertificateIsNotTaken(t *testing.T) {
	s := newSecured(t, t.TempDir())
	old := s.serial()
	good, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	const refused = "the configuration was not applied, the old one stays"
	s.insist("the refusal", func() { s.write(s.key, "half a ke") }, func() bool { return s.log.says(refused) })
	if got := s.serial(); got.Cmp(old) != 0 {
		t.Errorf("got the certificate %v, want the old one, %v", got, old)
	}
	if !s.log.says("https.cert: cert and key do not work together") {
		t.Errorf("the log does not name the key of the configuration:\n%s", &s.log)
	}
	if s.log.says("half a ke") {
		t.Error("the log has what the key file holds")
	}
	s.write(s.key, string(good))
	mediatest.Within(t, patience, "the good key", func() bool { return s.log.says("configuration applied") })
	s.awaitSerial(s.ca.Issue(t, s.cert, s.key))
}

// SIGHUP reads at once, also what no watch can see: here the folder's name leads to another folder.
func TestHangupReadsCertificate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no hangup")
	}
	folder := t.TempDir()
	first, second, current := filepath.Join(folder, "1"), filepath.Join(folder, "2"), filepath.Join(folder, "current")
	for _, path := range []string{first, second} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lead := func(to string) {
		t.Helper()
		if err := os.Symlink(to, current+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(current+".new", current); err != nil {
			t.Fatal(err)
		}
	}
	lead(first)
	s := newSecured(t, current)
	want := s.ca.Issue(t, filepath.Join(second, "server.crt"), filepath.Join(second, "server.key"))
	lead(second)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	hangUp := func() {
		if err := self.Signal(hangupSignals[0]); err != nil {
			t.Fatal(err)
		}
	}
	s.insist("the certificate behind the other name", hangUp, func() bool { return s.serial().Cmp(want) == 0 })
}

// A listener shows what was read last. What cannot be read is an error that names the file, and leaves all listeners as they are.
func TestCertificatesKeepTheLast(t *testing.T) {
	ca, folder := mediatest.NewAuthority(t), t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, name := range []string{"a", "b"} {
		ca.Issue(t, at(name+".crt"), at(name+".key"))
	}
	n := &node{}
	for _, l := range []*net.Listener{&n.on.rtmps, &n.on.https} {
		var err error
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer (*l).Close()
	}
	read := func(rtmps, cert, key string) error {
		return n.certificates(&config.Config{
			RTMPS: config.TLSListener{Listen: ":1936", Cert: at(rtmps + ".crt"), Key: at(rtmps + ".key")},
			HTTPS: config.TLSListener{Listen: ":8443", Cert: at(cert), Key: at(key)},
		})
	}
	shown := func() (both [2]*tls.Certificate) {
		for i, c := range []*certificate{n.rtmpsCert, n.httpsCert} {
			both[i], _ = c.get(nil)
		}
		return both
	}
	if err := read("a", "a.crt", "a.key"); err != nil {
		t.Fatal(err)
	}
	first := shown()
	if first[0] == nil || first[1] == nil {
		t.Fatalf("got %v, want two certificates", first)
	}
	for _, bad := range []struct{ name, cert, key, want string }{
		{"no certificate", "missing.crt", "a.key", "missing.crt"},
		{"no key", "b.crt", "missing.key", "missing.key"},
		{"two that do not fit", "b.crt", "a.key", "b.crt"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if err := read("b", bad.cert, bad.key); err == nil || !strings.Contains(err.Error(), at(bad.want)) {
				t.Errorf("got %v, want an error that names %s", err, bad.want)
			}
			if got := shown(); got != first {
				t.Error("a certificate is another one")
			}
		})
	}
	if err := read("b", "b.crt", "b.key"); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got[0] == first[0] || got[1] == first[1] {
		t.Error("a certificate is still the old one")
	}
}

// A node that cannot show a certificate does not start, and leaves no port behind.
func TestNodeRefusesABadCertificate(t *testing.T) {
	address := mediatest.FreeAddrs(t, 1)[0]
	missing := filepath.Join(t.TempDir(), "missing.crt")
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Metrics.Listen = "", "", ""
	c.HTTPS = config.TLSListener{Listen: address, Cert: missing, Key: missing}
	if _, err := newNode(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want an error that names %s", err, missing)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = l.Close()
}
