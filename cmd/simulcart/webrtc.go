package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/control"
	"github.com/simulcart/simulcart/ingest"
	whipin "github.com/simulcart/simulcart/ingest/whip"
	"github.com/simulcart/simulcart/internal/rtc"
	whepout "github.com/simulcart/simulcart/outputs/whep"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/transcode"
)

// webrtc is the node's part of WebRTC. A nil one is off.
type webrtc struct {
	endpoint *rtc.Endpoint
	whip     *whipin.Server
	whep     *whepout.Server
}

// newWebRTC opens the ports that the configuration names; nil without any.
func (n *node) newWebRTC(c config.WebRTC) (*webrtc, error) {
	if c.UDP == "" && c.TCP == "" {
		return nil, nil
	}
	const hint = "is another program using it? choose another port"
	w := &webrtc{endpoint: &rtc.Endpoint{Public: c.PublicAddresses, Log: n.log}}
	var err error
	if c.UDP != "" {
		if w.endpoint.UDP, err = net.ListenPacket("udp", c.UDP); err != nil {
			return nil, fmt.Errorf("webrtc.udp: %w: %s", err, hint)
		}
	}
	if c.TCP != "" {
		if w.endpoint.TCP, err = net.Listen("tcp", c.TCP); err != nil {
			w.close()
			return nil, fmt.Errorf("webrtc.tcp: %w: %s", err, hint)
		}
	}
	w.whip = &whipin.Server{
		Endpoint: w.endpoint, Gate: n.gate, Registry: n.controller.Registry, Lobby: n.rtmp.Lobby, Refusals: n.rtmp.Refusals, Links: c.IceServers, Log: n.log,
	}
	w.whep = &whepout.Server{
		Endpoint: w.endpoint, Registry: n.controller.Registry, Lobby: n.rtmp.Lobby, Links: c.IceServers, Log: n.log,
		Crowded: func(evicted bool) {
			why := ingest.RefusedCrowd
			if evicted {
				why = ingest.RefusedEvicted
			}
			n.rtmp.Refusals.Count(why)
		},
		Stream: n.forBrowsers,
		Feed: func(stream, partner string) (whepout.Feed, bool) {
			feed, known := n.controller.Feed(stream, partner, access.WHEP)
			return whepout.Feed{Output: feed.Output, View: feed.View, Carried: feed.Carried}, known
		},
	}
	n.controller.Peers = control.Peers{Publishing: w.whip.Status, Watching: w.whep.Status, Refused: w.endpoint.Refused}
	return w, nil
}

// forBrowsers gives a stream as browsers can play it: itself where they can, else its rendition, which is made while somebody watches.
func (n *node) forBrowsers(name string) (*relay.Stream, bool) {
	s := n.hub.Stream(name)
	live := s.Snapshot().Live
	if live && !transcode.Suits(transcode.Web, s.Tracks()) {
		s = n.bench.Stream(name, transcode.Web)
	}
	return s, live
}

// mount answers on the public listeners.
func (w *webrtc) mount(mux *http.ServeMux) {
	if w != nil {
		mux.Handle(whipin.Path, w.whip.Handler())
		mux.Handle(whepout.Path, w.whep.Handler())
	}
}

// serve lets peers come and go.
func (w *webrtc) serve(spawn func(func(context.Context) error)) {
	if w != nil {
		spawn(w.endpoint.Run)
		spawn(w.whip.Run)
		spawn(w.whep.Run)
	}
}

// addresses gives where media travel, for the log.
func (w *webrtc) addresses() (attrs []any) {
	if w == nil {
		return nil
	}
	if w.endpoint.UDP != nil {
		attrs = append(attrs, "webrtc_udp", w.endpoint.UDP.LocalAddr().String())
	}
	if w.endpoint.TCP != nil {
		attrs = append(attrs, "webrtc_tcp", w.endpoint.TCP.Addr().String())
	}
	return attrs
}

// close closes the ports of a node that does not begin.
func (w *webrtc) close() {
	if w == nil {
		return
	}
	if w.endpoint.UDP != nil {
		_ = w.endpoint.UDP.Close()
	}
	if w.endpoint.TCP != nil {
		_ = w.endpoint.TCP.Close()
	}
}
