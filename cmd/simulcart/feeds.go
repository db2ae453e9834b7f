package main

import (
	"net"
	"net/http"
	"net/url"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/config"
	"github.com/simulcart/simulcart/ingest"
	hlsout "github.com/simulcart/simulcart/outputs/hls"
	rtspout "github.com/simulcart/simulcart/outputs/rtsp"
	whepout "github.com/simulcart/simulcart/outputs/whep"
	"github.com/simulcart/simulcart/relay"
)

// rtsp makes the server of one listener.
func (n *node) rtsp(secure bool) *rtspout.Server {
	s := &rtspout.Server{
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
	if !secure { // RTP over UDP is not encrypted
		s.UDP = n.on.rtp
	}
	return s
}

// segments makes the server of HLS.
func (n *node) segments(c config.HLS) *hlsout.Server {
	return &hlsout.Server{
		Options: hlsout.Options{
			Segment: c.Segment, Part: c.Part, Window: c.Window, Folder: c.Folder, Always: c.Always, AudioOnly: c.AudioOnly, Origins: c.Origins,
		},
		Registry: n.controller.Registry, Log: n.log, Streams: n.hub.Streams, Fit: fitting(n.bench),
		Stream: func(name string) (*relay.Stream, bool) {
			s := n.hub.Stream(name)
			return s, s.Snapshot().Live
		},
		Known: n.controller.Known,
		Feed: func(stream, partner string) (hlsout.Feed, bool) {
			feed, known := n.controller.Feed(stream, partner, access.HLS)
			return hlsout.Feed{View: feed.View, Carried: feed.Carried, Served: feed.Served}, known
		},
	}
}

// public answers on the public listeners: each protocol over HTTP below its own path, and the pages.
func (n *node) public() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/hls/", n.hls.Handler())
	n.webrtc.mount(mux)
	mux.Handle("/", n.web.Handler())
	return mux
}

// feedURL gives the address of a stream's feed, for a client that calls this machine host; "" where the protocol is not served.
func (n *node) feedURL(over access.Protocol, host, stream, secret string) string {
	type place struct {
		scheme, path string
		l            net.Listener
	}
	places := map[access.Protocol][]place{
		access.RTMP: {{"rtmp", "/live/", n.on.rtmp}, {"rtmps", "/live/", n.on.rtmps}},
		access.RTSP: {{"rtsp", "/", n.on.rtsp}, {"rtsps", "/", n.on.rtsps}},
		access.HLS:  {{"http", "/hls/", n.on.http}, {"https", "/hls/", n.on.https}},
	}
	if n.webrtc != nil {
		places[access.WHEP] = []place{{"http", whepout.Path, n.on.http}, {"https", whepout.Path, n.on.https}}
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
		if over == access.HLS {
			u.Path += "/index.m3u8"
		}
		if secret != "" {
			u.RawQuery = url.Values{"token": {secret}}.Encode()
		}
		return u.String()
	}
	return ""
}
