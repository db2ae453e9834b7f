package rtsp

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// NoTrack is the Track of a URL that stands for the whole stream.
const NoTrack = -1

const trackMark = "trackID="

// URL is an rtsp or rtsps address, taken apart. The track stands at its end:
//
//	rtsp://host[:port]/path/trackID=1?query
type URL struct {
	TLS      bool
	User     string // for the client's own use: never written
	Password string // the same
	Host     string // name or address, without port
	Port     string
	Path     string // as it was escaped, without slashes around it and without the track
	Query    string // behind the ?, as it was escaped
	Track    int    // 0 and above, or NoTrack
}

// These errors repeat no part of the URL, since tokens and passwords stand there; url.Parse's own would.
var (
	errNoURL  = errors.New("parse rtsp URL: not a valid URL")
	errScheme = errors.New("parse rtsp URL: it must start with rtsp:// or rtsps://")
	errNoHost = errors.New("parse rtsp URL: no host")
	errIPv6   = errors.New("parse rtsp URL: an IPv6 address must stand in brackets")
)

// ParseURL reads an address. Default ports are 554 and 322. Clients that put a track behind a URL with a query put it behind the
// query; it is found there too.
func ParseURL(s string) (URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return URL{}, errNoURL
	}
	r := URL{Host: u.Hostname(), Port: u.Port(), Track: NoTrack}
	switch u.Scheme {
	case "rtsp", "rtspu":
		r.Port = orDefault(r.Port, "554")
	case "rtsps":
		r.TLS, r.Port = true, orDefault(r.Port, "322")
	default:
		return URL{}, errScheme
	}
	if r.Host == "" {
		return URL{}, errNoHost
	}
	if strings.Contains(r.Host, ":") && !strings.HasPrefix(u.Host, "[") {
		return URL{}, errIPv6 // its last group would be taken for the port
	}
	r.User = u.User.Username()
	r.Password, _ = u.User.Password()
	r.Path, r.Query, r.Track = takeTrack(u.EscapedPath(), u.RawQuery)
	return r, nil
}

// takeTrack takes the track off the end of the query, or of the path.
func takeTrack(path, query string) (string, string, int) {
	track := NoTrack
	query = strings.TrimRight(query, "/")
	if cut := strings.LastIndexByte(query, '/'); cut >= 0 {
		if n, ok := parseTrack(query[cut+1:]); ok {
			query, track = strings.TrimRight(query[:cut], "/"), n
		}
	}
	path = strings.Trim(path, "/")
	if cut := strings.LastIndexByte(path, '/'); track == NoTrack {
		if n, ok := parseTrack(path[cut+1:]); ok {
			path, track = strings.TrimRight(path[:max(cut, 0)], "/"), n
		}
	}
	return path, query, track
}

// parseTrack reads "trackID=1".
func parseTrack(s string) (int, bool) {
	if len(s) < len(trackMark) || !strings.EqualFold(s[:len(trackMark)], trackMark) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[len(trackMark):], 10, 16)
	return int(n), err == nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Address is host and port to dial.
func (u URL) Address() string { return net.JoinHostPort(u.Host, u.Port) }

// String gives the URL without user and password, and with the port only where it is not the scheme's own.
func (u URL) String() string {
	scheme, port := "rtsp", "554"
	if u.TLS {
		scheme, port = "rtsps", "322"
	}
	host := strings.ReplaceAll(u.Host, "%", "%25") // before the zone of an IPv6 address (RFC 6874)
	switch {
	case u.Port != port:
		host = net.JoinHostPort(host, u.Port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	s := scheme + "://" + host + "/" + u.Path
	if u.Track != NoTrack {
		s = strings.TrimRight(s, "/") + "/" + trackMark + strconv.Itoa(u.Track)
	}
	if u.Query != "" {
		s += "?" + u.Query
	}
	return s
}

// WithTrack gives the URL of a track of the stream; of the whole stream with [NoTrack].
func (u URL) WithTrack(track int) URL {
	u.Track = track
	return u
}

// Parameter gives a parameter of the query, such as a token; empty where there is none.
func (u URL) Parameter(name string) string {
	values, _ := url.ParseQuery(u.Query) // what cannot be read is not there
	return values.Get(name)
}
