//go:build linux

package accept_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/internal/mediatest/hls"
)

// TestHLSSecure follows a stream over HTTPS and HTTP/2, on which the players of Apple insist for low latency: one connection carries all
// requests, those that are held too.
func TestHLSSecure(t *testing.T) {
	realPeers(t)
	s := stream{id: "maria"}
	addr, token := mediatest.FreeAddrs(t, 1)[0], key("tsl")
	g := &gateway{tokens: true, partners: fmt.Sprintf("https: {listen: %q, cert: server.crt, key: server.key}\nhls: {segment: 2s, part: 200ms, window: 10s}\n"+
		"partners:\n  tsl: {token: %q, streams: [maria], protocols: [hls]}\n", addr, token)}
	g.start(t, s)
	g.stock(t, s)
	clip := mediatest.Counted{Pictures: 40 * 30, Rate: 30, BFrames: true}
	mediatest.Publish(t, clip.File(t), g.publishURL(s))
	g.awaitState(t, s, "live")
	shop := g.changes(t, s, time.Second)
	pem, err := os.ReadFile(g.ca.CAFile)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("authority: %v", err)
	}
	seen := &protocols{RoundTripper: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	client := &http.Client{Transport: seen}
	_, all := variants(t, g.hlsURL(s, token)) // the same addresses on both
	f := hls.Follower{URL: strings.Replace(all[0], "http://"+g.http, "https://"+addr, 1), Client: client, Slack: time.Second}
	ctx, cancel := context.WithTimeout(t.Context(), pick(t, 8*time.Second, 30*time.Second))
	defer cancel()
	r, err := f.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	shop()
	judge(t, "hls_https", r)
	if seen.other.Load() > 0 || seen.second.Load() == 0 {
		t.Errorf("%d answers over HTTP/2, %d over something else", seen.second.Load(), seen.other.Load())
	}
}

// protocols counts by what answers came.
type protocols struct {
	http.RoundTripper
	second, other atomic.Int64
}

func (p *protocols) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.RoundTripper.RoundTrip(r)
	if err == nil && resp.ProtoMajor == 2 {
		p.second.Add(1)
	} else if err == nil {
		p.other.Add(1)
	}
	return resp, err
}
