package main

import (
	"net"
	"net/url"

	"github.com/simulcart/simulcart/access"
)

// feedURL gives the address of a stream's feed, for a client that calls this machine host; "" where the protocol is not served.
func (n *node) feedURL(over access.Protocol, host, stream, secret string) string {
	l, scheme := n.rtmpListener, "rtmp"
	if l == nil {
		l, scheme = n.rtmpsListener, "rtmps"
	}
	if over != access.RTMP || l == nil {
		return ""
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return ""
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/live/" + stream}
	if secret != "" {
		u.RawQuery = url.Values{"token": {secret}}.Encode()
	}
	return u.String()
}
