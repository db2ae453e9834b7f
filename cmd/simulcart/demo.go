package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/sandbox"
)

// The demonstration's one stream.
const (
	demoStream = "live"
	demoHold   = 30 * time.Second
)

// demoPlatforms are the platforms that the sandbox plays.
var demoPlatforms = []string{"tiktok", "talkshoplive"}

// demoCommand is simulcart demo.
type demoCommand struct {
	RTMP    string `name:"rtmp" default:":1935" help:"Where encoders connect."`
	HTTP    string `name:"http" default:":8080" help:"Where the status page is."`
	Metrics string `default:"127.0.0.1:9464" help:"Where Prometheus reads."`
	Key     string `help:"The stream key; without one a random key is made." env:"SIMULCART_DEMO_KEY"`
	Token   string `help:"The API's token; without one a random token is made." env:"SIMULCART_DEMO_TOKEN"`
	NoCard  bool   `help:"Leave out the test card, and wait for an encoder."`
}

// Run serves the demonstration until ctx ends.
func (d *demoCommand) Run(ctx context.Context, out io.Writer, stderr stderrWriter) error {
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Metrics.Listen = d.RTMP, d.HTTP, d.Metrics
	c.AllowPrivateDestinations = true // the sandbox is on loopback
	for _, secret := range []*string{&d.Key, &d.Token} {
		if *secret == "" {
			*secret = rand.Text() // 130 random bits
		}
	}
	c.Tokens = []config.Token{{Name: "demo", Token: config.NewSecret(d.Token), Role: config.Admin}}
	log := newLogger(stderr, c.Log)
	n, err := newNode(c, log)
	if err != nil {
		return err
	}
	stream := control.Stream{
		Key: access.DigestOf(d.Key), Public: true, Ingest: ingest.Options{Hold: demoHold, OnEnd: ingest.HoldSession},
		Destinations: make(map[string]control.Destination), Catalog: demoProducts(),
	}
	var beside []func(context.Context) error
	for _, platform := range demoPlatforms {
		destination, serve, err := sandboxDestination(platform, log)
		if err != nil {
			n.closeListeners()
			return err
		}
		stream.Destinations[platform] = destination
		beside = append(beside, serve)
	}
	if !d.NoCard {
		card := &sandbox.Card{Log: log, Open: func() (sandbox.Stage, error) {
			return n.gate.Admit(ingest.Applicant{Stream: demoStream, Protocol: "card", Remote: "here", Software: "test card", StandIn: true})
		}}
		beside = append(beside, func(ctx context.Context) error {
			if err := card.Run(ctx); err != nil {
				log.Warn("no test card", "err", err)
			}
			return nil
		})
	}
	n.extra = map[string]control.Stream{demoStream: stream}
	d.welcome(out, n)
	return n.run(ctx, beside...)
}

// demoProducts are there to be shown at once.
func demoProducts() []*overlay.Product {
	product := func(id, english, german string, euro, dollar int64) *overlay.Product {
		return &overlay.Product{
			ID: id, Title: []overlay.Text{{Lang: "en", Text: english}, {Lang: "de", Text: german}},
			Price: []overlay.Money{{Amount: euro, Currency: "EUR"}, {Amount: dollar, Currency: "USD"}},
			Avail: overlay.InStock, Link: "https://shop.example.com/p/" + id,
		}
	}
	return []*overlay.Product{
		product("dress", "Linen summer dress", "Sommerkleid aus Leinen", 2499, 2799),
		product("hat", "Straw hat", "Strohhut", 1950, 2150),
		product("mug", "Stoneware mug", "Becher aus Steinzeug", 1200, 1350),
	}
}

// sandboxDestination starts a receiver on a free port of loopback, and gives the destination that leads to it.
func sandboxDestination(platform string, log *slog.Logger) (control.Destination, func(context.Context) error, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return control.Destination{}, nil, fmt.Errorf("open the sandbox's port: %w", err)
	}
	key, server := rand.Text(), fmt.Sprintf("rtmp://%s/live", l.Addr())
	receiver := &sandbox.Receiver{Key: key, Log: log}
	d := control.Destination{Platform: platform, URL: server, Server: access.NewSecret(server), Key: access.NewSecret(key)}
	return d, func(ctx context.Context) error { return receiver.Serve(ctx, l) }, nil
}

// welcome tells what to type into OBS.
func (d *demoCommand) welcome(out io.Writer, n *node) {
	host := "127.0.0.1"
	if name, err := os.Hostname(); err == nil {
		if addresses, err := net.LookupHost(name); err == nil && len(addresses) > 0 && strings.Count(addresses[0], ".") == 3 {
			host = addresses[0]
		}
	}
	address := func(l net.Listener) string {
		if l == nil {
			return "off"
		}
		ip, port, _ := net.SplitHostPort(l.Addr().String())
		if parsed := net.ParseIP(ip); parsed == nil || parsed.IsUnspecified() {
			ip = host
		}
		return net.JoinHostPort(ip, port)
	}
	fmt.Fprintf(out, `simulcart demo

  OBS        Settings > Stream > Service: Custom...
  Server     rtmp://%s/live
  Stream Key %s

  Status     http://%s/
  Metrics    http://%s/metrics
  Play       rtmp://%s/live/%s
             http://%s/hls/%s/index.m3u8

  Overlays   export SIMULCART_SERVER=http://%s SIMULCART_TOKEN=%s
             simulcart overlay show dress     (or hat, mug; simulcart overlay hide)
             simulcart overlay tail rtmp://%s/live/%s
  API        http://%s/docs

The status page asks for the token above. A test card plays until your encoder comes. Both destinations are sandboxes on this machine: nothing leaves it.
Press Ctrl-C to end.

`, address(n.on.rtmp), d.Key, address(n.on.http), address(n.on.metrics), address(n.on.rtmp), demoStream,
		address(n.on.http), demoStream, address(n.on.http), d.Token, address(n.on.rtmp), demoStream, address(n.on.http))
}
