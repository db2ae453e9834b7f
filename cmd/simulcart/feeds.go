package main

import (
	"net"
	"net/url"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	rtspout "github.com/simulcart/simulcart/outputs/rtsp"
	"github.com/simulcart/simulcart/relay"
)

// rtsp makes the server of one listener.
func (n *node) rtsp(secure bool) *rtspout.Server {
	return &rtspout.Server{
		Registry: n.controller.Registry, Secure: secure, Log: n.log, Lobby: n.rtmp.Lobby,
		Crowded: func(evicted bool) {
			why := ingest.RefusedCrowd
			if evicted {
				why = ingest.RefusedEvicted
			}
			n.rtmp.Refusals.Count(why)
		},
		Stream: func(name string) (*relay.Stream, bool) {
			s := n.hub.Stream(name)
			return s, s.Snapshot().Live
		},
		Feed: func(stream, partner string) (rtspout.Feed, bool) {
			feed, known := n.controller.Feed(stream, partner, access.RTSP)
			return rtspout.Feed{Output: feed.Output, View: feed.View, Carried: feed.Carried}, known
		},
	}
}

// feedURL gives the address of a stream's feed, for a client that calls this machine host; "" where the protocol is not served.
func (n *node) feedURL(over access.Protocol, host, stream, secret string) string {
	type place struct {
		scheme, path string
		l            net.Listener
	}
	places := map[access.Protocol][]place{
		access.RTMP: {{"rtmp", "/live/", n.rtmpListener}, {"rtmps", "/live/", n.rtmpsListener}},
		access.RTSP: {{"rtsp", "/", n.rtspListener}, {"rtsps", "/", n.rtspsListener}},
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, p := range places[over] {
		if p.l == nil {
			continue
		}
		_, port, err := net.SplitHostPort(p.l.Addr().String())
		if err != nil {
			continue
		}
		u := url.URL{Scheme: p.scheme, Host: net.JoinHostPort(host, port), Path: p.path + stream}
		if secret != "" {
			u.RawQuery = url.Values{"token": {secret}}.Encode()
		}
		return u.String()
	}
	return ""
}
