//go:build linux

package accept_test

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestReload changes the file, breaks it, and renews the certificate while a stream runs: what is not named goes on
// without a lost frame.
func TestReload(t *testing.T) {
	realPeers(t)
	seconds := pick(t, 12, 30)
	n := mediatest.Nginx(t)
	at := func(name string) destination { return destination{name: name, url: "rtmp://" + n.Addr + "/live"} }
	s := stream{id: "maria", destinations: []destination{at("stays"), at("goes")}}
	g := serve(t, s)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: seconds, BFrames: 3})
	p := mediatest.Publish(t, clip, "rtmps://"+g.rtmps+"/live/"+s.key())
	g.awaitLive(t, s)

	s.destinations = []destination{at("stays"), at("comes")}
	g.configure(t, g.yaml(s, stream{id: "more"})) // seen without a signal
	g.awaitLive(t, s)
	g.awaitState(t, stream{id: "more"}, "idle")
	if got := len(g.status(t, s).Destinations); got != 2 {
		t.Errorf("destinations after the change: got %d, want 2", got)
	}
	mediatest.Within(t, patience, "the removed destination to be left", func() bool { return n.Ended(t, "goes") == 1 })

	g.configure(t, strings.Replace(g.yaml(s), "hold:", "hodl:", 1))
	g.Signal(syscall.SIGHUP)
	mediatest.Within(t, patience, "a complaint about the faulty file", func() bool { return strings.Contains(g.Log(), "hodl") })
	g.awaitLive(t, s)
	g.awaitState(t, stream{id: "more"}, "idle") // the faulty file lacks it, and changed nothing

	g.configure(t, g.yaml(s, stream{id: "more"}))
	old := serverSerial(t, g)
	want := g.ca.Issue(t, filepath.Join(g.dir, "server.crt"), filepath.Join(g.dir, "server.key"))
	g.Signal(syscall.SIGHUP)
	mediatest.Within(t, patience, "the new certificate", func() bool { return serverSerial(t, g).Cmp(want) == 0 })
	if old.Cmp(want) == 0 {
		t.Error("the certificate was new before it was renewed")
	}
	if code := p.Wait(t, time.Duration(seconds)*time.Second+patience); code != 0 {
		t.Errorf("publish: exit %d", code)
	}
	published := mediatest.Published(t, clip)
	same(t, "stays", published, mediatest.Tags(t, n.Recording(t, "stays")))
	for _, name := range []string{"goes", "comes"} {
		if _, err := mediatest.Part(published, mediatest.Tags(t, n.Recording(t, name))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// serverSerial gives the serial number of the certificate that new connections get.
func serverSerial(t *testing.T, g *gateway) *big.Int {
	t.Helper()
	pem, err := os.ReadFile(g.ca.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", g.rtmps, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatalf("dial rtmps: %v", err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber
}
