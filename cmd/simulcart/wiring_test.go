package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/outputs"
	rtmpout "github.com/simulcart/simulcart/outputs/rtmp"
	"github.com/simulcart/simulcart/wire/flv"
)

// pushOf makes the push of a destination that is configured with members of a YAML flow mapping.
func pushOf(t *testing.T, members string) *rtmpout.Push {
	t.Helper()
	text := fmt.Sprintf("streams: {a: {key: '0123456789012345678901', destinations: {d: {%s}}}}\n", members)
	c, err := config.Parse("x.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	desired, err := desiredOf(c)
	if err != nil {
		t.Fatal(err)
	}
	d := desired.Streams["a"].Destinations["d"]
	profile, ok := outputs.ProfileOf(d.Platform)
	scheme, _, _ := strings.Cut(d.URL, ":")
	build := constructors(&outputs.Dialer{}, nil, slog.New(slog.DiscardHandler))[scheme]
	if !ok || build == nil {
		t.Fatalf("no profile %q, or nothing for %q", d.Platform, scheme)
	}
	output, err := build(control.Assignment{Name: "d", Destination: d, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	push, ok := output.(*rtmpout.Push)
	if !ok {
		t.Fatalf("got a %T", output)
	}
	return push
}

// What a destination says goes before what is known of its platform.
func TestPushFollowsItsSettings(t *testing.T) {
	type settings struct {
		ChunkSize int
		Coalesce  time.Duration
		Plain     bool
		Form      flv.Form
		Overlays  string
		Key       string
	}
	for _, c := range []struct {
		name, members string
		want          settings
	}{
		{"a platform's", "platform: tiktok, url: 'rtmp://h/app', key: k", settings{4096, 100 * time.Millisecond, true, flv.Legacy, "off", "k"}},
		{"one that takes Enhanced RTMP", "url: 'rtmps://h/app/k'", settings{0, 100 * time.Millisecond, false, flv.Legacy, "sei+amf", "k"}},
		{
			"its own", "platform: tiktok, url: 'rtmp://h/app', key: k, chunk_size: 128, coalesce: 0s, enhanced: true, overlays: sei",
			settings{128, 0, false, flv.Enhanced, "sei", "k"},
		},
		{"no Enhanced RTMP", "url: 'rtmp://h/app', key: k, enhanced: false", settings{0, 100 * time.Millisecond, true, flv.Legacy, "sei+amf", "k"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pushOf(t, c.members)
			got := settings{p.ChunkSize, p.Coalesce, p.Plain, p.Form, p.Overlays.String(), p.Key.Reveal()}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// How a destination is trusted: by the system's authorities or by its own, under the URL's name or another, from TLS 1.2 on.
func TestPushTrusts(t *testing.T) {
	ca := mediatest.NewAuthority(t)
	pem, err := os.ReadFile(ca.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	own := x509.NewCertPool()
	own.AppendCertsFromPEM(pem)
	for _, c := range []struct {
		name, members string
		version       uint16
		server        string
		roots         *x509.CertPool
	}{
		{"as it is", "url: 'rtmps://h/app', key: k", tls.VersionTLS12, "", nil},
		{"told otherwise", fmt.Sprintf("url: 'rtmps://h/app', key: k, tls: {ca: '%s', server_name: live.example.com, min_version: '1.3'}", ca.CAFile), tls.VersionTLS13, "live.example.com", own},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := pushOf(t, c.members).TLS
			if got.MinVersion != c.version || got.ServerName != c.server || !got.RootCAs.Equal(c.roots) || got.InsecureSkipVerify {
				t.Errorf("got version %x, name %q, authorities of its own %t", got.MinVersion, got.ServerName, got.RootCAs != nil)
			}
		})
	}
	if _, err := trust(control.TLS{CA: "no certificate"}); err == nil || !strings.Contains(err.Error(), "tls.ca") {
		t.Errorf("got %v, want an error that names tls.ca", err)
	}
}
