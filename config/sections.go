package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// config reads the whole file.
func (r *reader) config(v value, c *Config) {
	r.section(v, fields{
		"rtmp":                       func(v value) { r.listener(v, &c.RTMP) },
		"rtmps":                      func(v value) { r.tlsListener(v, &c.RTMPS, ":1936") },
		"rtsp":                       func(v value) { r.rtsp(v, &c.RTSP) },
		"rtsps":                      func(v value) { r.tlsListener(v, &c.RTSPS, ":8322") },
		"hls":                        func(v value) { r.hls(v, &c.HLS) },
		"webrtc":                     func(v value) { r.webRTC(v, &c.Webrtc) },
		"http":                       func(v value) { r.listener(v, &c.HTTP) },
		"https":                      func(v value) { r.tlsListener(v, &c.HTTPS, ":8443") },
		"tokens":                     r.tokens(c),
		"catalog":                    r.catalog(&c.Catalog),
		"metrics":                    func(v value) { r.listener(v, &c.Metrics) },
		"log":                        func(v value) { r.log(v, &c.Log) },
		"debug":                      r.flag(&c.Debug),
		"allow_private_destinations": r.flag(&c.AllowPrivateDestinations),
		"limits":                     func(v value) { r.limits(v, &c.Limits) },
		"drain":                      r.duration(&c.Drain, 5*time.Minute),
		"partners":                   func(v value) { r.partners(v, c) },
		"streams":                    func(v value) { r.streams(v, c) },
	})
}

func (r *reader) listener(v value, l *Listener) {
	r.section(v, fields{"listen": r.listen(&l.Listen)})
}

// rtsp reads a listener that is off by default, and listens on the usual address where its section is there.
func (r *reader) rtsp(v value, l *RTSPListener) {
	if v.kind() == "a section" {
		l.Listen = ":8554"
	}
	r.section(v, fields{"listen": r.listen(&l.Listen), "udp": r.portPair(&l.UDP)})
}

// portPair reads host:port of the first of two ports, which is even, or off.
func (r *reader) portPair(dst *string) func(value) {
	return func(v value) {
		r.listen(dst)(v)
		_, port, err := net.SplitHostPort(*dst)
		if n, _ := strconv.ParseUint(port, 10, 16); err == nil && n%2 != 0 && !r.faulty(v.path) {
			r.fault(v.place(), v.path, fmt.Sprintf("expected an even port, saw %d", n), "RTP has an even port, and RTCP the one behind it")
		}
	}
}

// tlsListener reads a listener that is off by default, and listens on the usual address where its section is there.
func (r *reader) tlsListener(v value, l *TLSListener, usual string) {
	if v.kind() == "a section" {
		l.Listen = usual
	}
	r.section(v, fields{
		"listen": r.listen(&l.Listen),
		"cert":   r.path(&l.Cert),
		"key":    r.path(&l.Key),
	})
}

func (r *reader) log(v value, l *Log) {
	levels := []string{"debug", "info", "warn", "error"}
	r.section(v, fields{
		"level": func(v value) {
			i := uint8(1)
			choice(r, &i, levels)(v)
			l.Level = []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}[i]
		},
		"format": choice(r, &l.Format, logFormats[:]),
	})
}

func (r *reader) limits(v value, l *Limits) {
	r.section(v, fields{
		"destinations_per_stream": r.number(&l.DestinationsPerStream, 1, 512),
		"streams":                 r.number(&l.Streams, 1, 1000),
		"unauthenticated_per_ip":  r.number(&l.UnauthenticatedPerIP, 1, 4096),
		"unauthenticated":         r.number(&l.Unauthenticated, 1, 16384),
	})
}

// listen reads host:port, or off.
func (r *reader) listen(dst *string) func(value) {
	const want = "host:port, :port for all addresses, or off"
	return func(v value) {
		s, ok := r.scalar(v, want)
		switch {
		case !ok:
		case s.text == "off":
			*dst = ""
		case !isListenAddress(s.text):
			hint := ""
			if isPort(s.text) && !s.env {
				hint = fmt.Sprintf("write %q", ":"+s.text)
			}
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), hint)
		default:
			*dst = s.text
		}
	}
}

func isListenAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return host == "" || err == nil || isHost(host)
}

// isPort says whether s is a number from 0 to 65535.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// isHost says whether s may be a host's name: letters, digits, dots, - and _, at most 253.
func isHost(s string) bool {
	return s != "" && len(s) <= 253 && only(s, func(c byte) bool {
		return isAlphanumeric(c) || slices.Contains([]byte("-._"), c)
	})
}
