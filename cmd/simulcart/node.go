package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
	rtmpin "github.com/simulcart/simulcart/ingest/rtmp"
	"github.com/simulcart/simulcart/outputs"
	hlsout "github.com/simulcart/simulcart/outputs/hls"
	rtspout "github.com/simulcart/simulcart/outputs/rtsp"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/transcode"
	"github.com/simulcart/simulcart/web"
	"github.com/simulcart/simulcart/wire/gather"
)

// The budget of connection attempts of all destinations together.
const (
	attemptsPerSecond = 50
	attemptsAtOnce    = 200
)

// node is the running gateway: everything wired together, and its listeners.
type node struct {
	log        *slog.Logger
	config     *config.Config
	hub        *relay.Hub
	bench      *transcode.Bench
	gate       *ingest.Gate
	controller *control.Controller
	rtmp       *rtmpin.Server
	hls        *hlsout.Server
	web        *web.Server
	webrtc     *webrtc                   // nil without webrtc
	rtmpsCert  *certificate              // nil without rtmps
	httpsCert  *certificate              // nil without https
	rtspsCert  *certificate              // nil without rtsps
	extra      map[string]control.Stream // beside those of the configuration: the demonstration's

	on listeners

	ready atomic.Bool
}

// listeners are where a node is reached. nil: off.
type listeners struct {
	rtmp, rtmps, rtsp, rtsps, http, https, metrics net.Listener

	rtp *rtspout.Ports // of RTSP's RTP over UDP
}

// newNode wires a gateway and opens its listeners, so that a port in use is known at once.
func newNode(c *config.Config, log *slog.Logger) (*node, error) {
	hub := &relay.Hub{}
	bench := &transcode.Bench{Hub: hub, Log: log}
	hub.Source = bench.Source
	registry := &access.Registry{}
	refusals := &ingest.Refusals{}
	n := &node{log: log, config: c, hub: hub, bench: bench, gate: &ingest.Gate{Hub: hub, Log: log}}
	dialer := &outputs.Dialer{AllowPrivate: c.AllowPrivateDestinations}
	n.controller = &control.Controller{
		Hub: hub, Gate: n.gate, Registry: registry, Log: log,
		Outputs: constructors(dialer, fitting(bench), log), Budget: outputs.NewBudget(attemptsPerSecond, attemptsAtOnce), Refusals: refusals,
		Variants: bench.Renditions, Bridge: transcode.Made,
	}
	n.rtmp = &rtmpin.Server{
		Gate: n.gate, Registry: registry, Log: log, Play: player(hub, n.controller, fitting(bench)), Refusals: refusals,
		Lobby: &access.Lobby{PerAddress: c.Limits.UnauthenticatedPerIP, InAll: c.Limits.Unauthenticated},
	}
	n.hls = n.segments(c.HLS)
	n.controller.Packaged, n.controller.Bridges, n.controller.Forget = n.hls.Status, n.bridges, n.forget
	n.web = &web.Server{
		Source: n.controller, Overlays: n.controller, Access: registry,
		Log: log, Version: buildVersion(), Debug: c.Debug, Ready: n.isReady, FeedURL: n.feedURL,
	}
	if err := n.listen(); err != nil {
		n.closeListeners()
		return nil, err
	}
	return n, nil
}

var errNotReady = errors.New("starting, or shutting down")

func (n *node) isReady() error {
	if n.ready.Load() {
		return nil
	}
	return errNotReady
}

// listen opens what the configuration names.
func (n *node) listen() (err error) {
	for _, l := range []struct {
		key, address string
		to           *net.Listener
	}{
		{"rtmp", n.config.RTMP.Listen, &n.on.rtmp},
		{"rtmps", n.config.RTMPS.Listen, &n.on.rtmps},
		{"rtsp", n.config.RTSP.Listen, &n.on.rtsp},
		{"rtsps", n.config.RTSPS.Listen, &n.on.rtsps},
		{"http", n.config.HTTP.Listen, &n.on.http},
		{"https", n.config.HTTPS.Listen, &n.on.https},
		{"metrics", n.config.Metrics.Listen, &n.on.metrics},
	} {
		if l.address == "" {
			continue
		}
		opened, err := net.Listen("tcp", l.address)
		if err != nil {
			return fmt.Errorf("%s.listen: %w: is another program using it? choose another port", l.key, err)
		}
		*l.to = opened
	}
	if address := n.config.RTSP.UDP; address != "" && n.on.rtsp != nil {
		if n.on.rtp, err = rtspout.OpenPorts(address); err != nil {
			return fmt.Errorf("rtsp.udp: %w: is another program using it, or the port behind it? choose another port", err)
		}
	}
	if n.webrtc, err = n.newWebRTC(n.config.Webrtc); err != nil {
		return err
	}
	return n.certificates(n.config)
}

// certificates reads those that the listeners show, for the first time or anew. On an error all stay as they are.
func (n *node) certificates(c *config.Config) error {
	var exchange []func()
	for _, l := range []struct {
		listener net.Listener
		files    config.TLSListener
		to       **certificate
	}{
		{n.on.rtmps, c.RTMPS, &n.rtmpsCert},
		{n.on.https, c.HTTPS, &n.httpsCert},
		{n.on.rtsps, c.RTSPS, &n.rtspsCert},
	} {
		if l.listener == nil || l.files.Listen == "" {
			continue
		}
		if *l.to == nil {
			*l.to = &certificate{}
		}
		pair, err := readCertificate(l.files.Cert, l.files.Key)
		if err != nil {
			return err
		}
		exchange = append(exchange, func() { (*l.to).current.Store(pair) })
	}
	for _, do := range exchange {
		do()
	}
	return nil
}

func (n *node) closeListeners() {
	for _, l := range []net.Listener{n.on.rtmp, n.on.rtmps, n.on.rtsp, n.on.rtsps, n.on.http, n.on.https, n.on.metrics} {
		if l != nil {
			_ = l.Close()
		}
	}
	if n.on.rtp != nil {
		_ = n.on.rtp.Close()
	}
	n.webrtc.close()
}

// run serves until ctx ends, then drains: destinations get their last frames and a clean end, within the configured time.
// beside runs with it, until the drain is over; an error of it ends the node.
func (n *node) run(ctx context.Context, beside ...func(ctx context.Context) error) error {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	desired, err := desiredOf(n.config)
	if err != nil {
		return err
	}
	maps.Copy(desired.Streams, n.extra)
	if err := n.controller.Apply(life, desired); err != nil {
		return err
	}
	var all sync.WaitGroup
	spawn := func(f func(context.Context) error) {
		all.Go(func() {
			if err := f(life); err != nil {
				cancel(err)
			}
		})
	}
	n.serve(spawn)
	for _, f := range beside {
		spawn(f)
	}
	n.ready.Store(true)
	n.announce()
	select {
	case <-ctx.Done():
		n.drain()
	case <-life.Done():
	}
	cancel(nil)
	n.controller.Wait()
	all.Wait()
	n.hub.Close()
	if err := context.Cause(life); !errors.Is(err, context.Canceled) {
		return err
	}
	n.log.Info("simulcart ended")
	return nil
}

// forget drops what was counted of a stream that the configuration names no more.
func (n *node) forget(stream string) {
	n.bench.Forget(stream)
	n.hls.Forget(stream)
	if n.webrtc != nil {
		n.webrtc.whip.Forget(stream)
		n.webrtc.whep.Forget(stream)
	}
}

// serve starts the listeners' servers.
func (n *node) serve(spawn func(func(context.Context) error)) {
	if l := n.on.rtmp; l != nil {
		spawn(func(ctx context.Context) error { return n.rtmp.Serve(ctx, l, nil) })
	}
	if l := n.on.rtmps; l != nil {
		spawn(func(ctx context.Context) error { return n.rtmp.Serve(ctx, l, n.rtmpsCert.config()) })
	}
	if l := n.on.rtsp; l != nil {
		spawn(func(ctx context.Context) error { return n.rtsp(false).Serve(ctx, l) })
	}
	if l := n.on.rtsps; l != nil {
		spawn(func(ctx context.Context) error {
			return n.rtsp(true).Serve(ctx, gather.NewListener(l, n.rtspsCert.config()))
		})
	}
	public := n.public()
	if n.on.http != nil || n.on.https != nil {
		spawn(n.hls.Run)
	}
	n.webrtc.serve(spawn)
	if l := n.on.http; l != nil {
		spawn(func(ctx context.Context) error { return serveHTTP(ctx, l, nil, public, n.log) })
	}
	if l := n.on.https; l != nil {
		spawn(func(ctx context.Context) error { return serveHTTP(ctx, l, n.httpsCert.config(), public, n.log) })
	}
	if l := n.on.metrics; l != nil {
		spawn(func(ctx context.Context) error { return serveHTTP(ctx, l, nil, n.web.Operations(), n.log) })
	}
}

// serveHTTP serves until ctx ends, with secure behind TLS and by HTTP/2 too.
func serveHTTP(ctx context.Context, l net.Listener, secure *tls.Config, h http.Handler, log *slog.Logger) error {
	server := web.HTTPServer(h, log)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	serve := server.Serve
	if secure != nil {
		server.TLSConfig = secure
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http on %s: %w", l.Addr(), err)
	}
	return nil
}

// announce says where everything is.
func (n *node) announce() {
	attrs := []any{"version", buildVersion(), "streams", len(n.config.Streams) + len(n.extra)}
	for _, l := range []struct {
		key string
		l   net.Listener
	}{{"rtmp", n.on.rtmp}, {"rtmps", n.on.rtmps}, {"rtsp", n.on.rtsp}, {"rtsps", n.on.rtsps}, {"http", n.on.http}, {"https", n.on.https}, {"metrics", n.on.metrics}} {
		if l.l != nil {
			attrs = append(attrs, l.key, l.l.Addr().String())
		}
	}
	if n.on.rtp != nil {
		attrs = append(attrs, "rtsp_udp", n.on.rtp.String())
	}
	n.log.Info("simulcart is ready", append(attrs, n.webrtc.addresses()...)...)
	n.log.Info("products of the API and all cues are kept in memory: a restart loses them")
}

// drain lets go in order: no new publishers, those that are here are asked to reconnect, sessions end, destinations get the
// rest and a clean end.
func (n *node) drain() {
	n.ready.Store(false)
	n.log.Info("draining", "at_most", n.config.Drain)
	n.gate.Drain()
	for _, s := range n.hub.Streams() {
		n.hub.Remove(s.Name())
	}
	gone := make(chan struct{})
	go func() { // ends with the controller, for which run waits
		n.controller.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(n.config.Drain):
		n.log.Warn("some destinations took too long to end cleanly")
	}
}

// reload applies a changed configuration: streams and destinations by diff, certificates, nothing else. On an error nothing
// has changed.
func (n *node) reload(life context.Context, c *config.Config) error {
	desired, err := desiredOf(c)
	if err != nil {
		return err
	}
	if err := n.certificates(c); err != nil {
		return err
	}
	if err := n.controller.Apply(life, desired); err != nil {
		return err
	}
	for _, change := range needRestart(n.config, c) {
		n.log.Warn("this change of the configuration is applied at the next start", "key", change)
	}
	return nil
}

// needRestart names the keys that differ and are not applied while running.
func needRestart(old, now *config.Config) []string {
	var keys []string
	for _, k := range []struct {
		key  string
		same bool
	}{
		{"rtmp.listen", old.RTMP == now.RTMP},
		{"rtmps.listen", old.RTMPS.Listen == now.RTMPS.Listen},
		{"rtsp", old.RTSP == now.RTSP},
		{"rtsps.listen", old.RTSPS.Listen == now.RTSPS.Listen},
		{"http.listen", old.HTTP == now.HTTP},
		{"hls", reflect.DeepEqual(old.HLS, now.HLS)},
		{"https.listen", old.HTTPS.Listen == now.HTTPS.Listen},
		{"metrics.listen", old.Metrics == now.Metrics},
		{"webrtc", reflect.DeepEqual(old.Webrtc, now.Webrtc)},
		{"log", old.Log == now.Log},
		{"debug", old.Debug == now.Debug},
		{"limits", old.Limits == now.Limits},
		{"allow_private_destinations", old.AllowPrivateDestinations == now.AllowPrivateDestinations},
		{"drain", old.Drain == now.Drain},
	} {
		if !k.same {
			keys = append(keys, k.key)
		}
	}
	return keys
}
