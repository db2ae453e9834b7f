package rtmp

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// URL is an rtmp or rtmps address, taken apart as encoders do: the path is the application, and the stream key stands
// beside it.
type URL struct {
	TLS  bool
	Host string // name or address, without port
	Port string
	App  string // the path, without slashes around it; may hold slashes and a query
}

// These errors repeat no part of the URL, since people paste keys in its place; url.Parse's own would.
var (
	errNoURL  = errors.New("parse rtmp URL: not a valid URL")
	errScheme = errors.New("parse rtmp URL: it must start with rtmp:// or rtmps://")
	errNoHost = errors.New("parse rtmp URL: no host")
	errIPv6   = errors.New("parse rtmp URL: an IPv6 address must stand in brackets")
)

// ParseURL reads rtmp://host[:port]/app and rtmps://host[:port]/app. Default ports are 1935 and 443.
func ParseURL(s string) (URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return URL{}, errNoURL
	}
	r := URL{Host: u.Hostname(), Port: u.Port()}
	switch u.Scheme {
	case "rtmp":
		r.Port = orDefault(r.Port, "1935")
	case "rtmps":
		r.TLS, r.Port = true, orDefault(r.Port, "443")
	default:
		return URL{}, errScheme
	}
	if r.Host == "" {
		return URL{}, errNoHost
	}
	if strings.Contains(r.Host, ":") && !strings.HasPrefix(u.Host, "[") {
		return URL{}, errIPv6 // its last group would be taken for the port
	}
	r.App = strings.Trim(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		r.App += "?" + u.RawQuery
	}
	return r, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Address is host and port to dial.
func (u URL) Address() string { return net.JoinHostPort(u.Host, u.Port) }

// String gives the URL as connect's tcUrl has it: with the port only where it is not the scheme's own.
func (u URL) String() string {
	scheme, port := "rtmp", "1935"
	if u.TLS {
		scheme, port = "rtmps", "443"
	}
	host := strings.ReplaceAll(u.Host, "%", "%25") // before the zone of an IPv6 address (RFC 6874)
	switch {
	case u.Port != port:
		host = net.JoinHostPort(host, u.Port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return scheme + "://" + host + "/" + u.App
}

// Resolve reads the URL of a ReconnectRequest, which may be relative to u (Enhanced RTMP v2, "Reconnect Request"): a path
// alone keeps scheme, host and port.
func (u URL) Resolve(ref string) (URL, error) {
	base, err := url.Parse(u.String())
	if err != nil {
		return URL{}, errNoURL
	}
	to, err := base.Parse(ref)
	if err != nil {
		return URL{}, errNoURL
	}
	return ParseURL(to.String())
}
