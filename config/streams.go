package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Bounds of keys and URLs, in characters.
const (
	minStreamKey      = 22
	maxStreamKey      = 128
	maxDestinationKey = 512
	maxURL            = 2048
)

func (r *reader) streams(v value, c *Config) {
	r.named(v, func(id string, v value) {
		if c.Streams == nil {
			c.Streams = make(map[string]Stream)
		}
		c.Streams[id] = r.stream(v)
	})
}

func (r *reader) stream(v value) Stream {
	s := Stream{Hold: 120 * time.Second}
	r.section(v, fields{
		"key":            r.secret(&s.Key, "the publish key", checkStreamKey),
		"key_file":       r.keyFile(&s.Key, checkStreamKey),
		"hold":           r.duration(&s.Hold, 1800*time.Second),
		"on_end":         choice(r, &s.OnEnd, endPolicies[:]),
		"policy":         choice(r, &s.Policy, takeoverPolicies[:]),
		"public":         r.flag(&s.Public),
		"catalog":        r.catalog(&s.Catalog),
		"encoder_delay":  r.duration(&s.EncoderDelay, 10*time.Second),
		"trust_overlays": r.flag(&s.TrustOverlays),
		"destinations": func(v value) {
			r.named(v, func(name string, v value) {
				if s.Destinations == nil {
					s.Destinations = make(map[string]Destination)
				}
				s.Destinations[name] = r.destination(v)
			})
		},
	})
	if !r.oneKey(v) && !r.faulty(v.path) {
		r.fault(v.place(), v.path, "key is missing: without it nobody can publish", keyHint)
	}
	return s
}

// oneKey says whether v has a key or a key_file, and reports both.
func (r *reader) oneKey(v value) bool {
	key, file := r.has(v.path+".key"), r.has(v.path+".key_file")
	if key && file {
		r.fault(r.at[v.path+".key_file"], v.path+".key_file", "key and key_file are both set", "keep one of the two")
	}
	return key || file
}

func (r *reader) destination(v value) Destination {
	var d Destination
	r.section(v, fields{
		"platform":   choice(r, &d.Platform, platforms[:]),
		"url":        r.secret(&d.URL, "a URL such as rtmp://host/app", checkURL),
		"key":        r.secret(&d.Key, "the stream key that the platform gave", checkDestinationKey),
		"key_file":   r.keyFile(&d.Key, checkDestinationKeyFile),
		"coalesce":   optional(&d.Coalesce, func(t *time.Duration) func(value) { return r.duration(t, time.Second) }),
		"chunk_size": optional(&d.ChunkSize, func(n *int) func(value) { return r.number(n, 128, 16777215) }),
		"enhanced":   optional(&d.Enhanced, r.flag),
		"overlays":   optional(&d.Overlays, func(s *string) func(value) { return r.word(s, carriages) }),
		"view":       r.view(&d.View),
		"pass_data":  r.flag(&d.PassData),
		"paused":     r.flag(&d.Paused),
		"tls":        func(v value) { r.tls(v, &d.TLS) },
	})
	r.destinationAsWhole(v, d)
	return d
}

// destinationAsWhole checks what the keys of a destination say together.
func (r *reader) destinationAsWhole(v value, d Destination) {
	keyed := r.oneKey(v)
	if r.faulty(v.path) {
		return
	}
	u, err := url.Parse(d.URL.Reveal())
	switch {
	case !r.has(v.path + ".url"):
		r.fault(v.place(), v.path, "url is missing", "write the server URL that the platform shows, such as rtmp://host/app")
		return
	case err != nil || u.Scheme == "":
		return // reported with the URL
	}
	faultyKey := r.faulty(v.path+".key") || r.faulty(v.path+".key_file")
	if d.Key.Reveal() == "" && !faultyKey && len(strings.FieldsFunc(u.Path, func(c rune) bool { return c == '/' })) < 2 {
		msg := "key is missing, and the url's path has none behind the app"
		if keyed {
			msg = "key is empty, and the url's path has none behind the app"
		}
		r.fault(v.place(), v.path, msg, "write the stream key that the platform gave as key or key_file")
	}
	if p, ok := r.at[v.path+".tls"]; ok && u.Scheme == "rtmp" {
		r.fault(p, v.path+".tls", "tls has no meaning for rtmp://", "write rtmps:// in the url, or remove tls")
	}
}

func (r *reader) tls(v value, t *TLS) {
	r.section(v, fields{
		"ca":          r.authorities(&t.CA),
		"server_name": r.serverName(&t.ServerName),
		"min_version": func(v value) {
			var i uint8
			choice(r, &i, []string{"1.2", "1.3"})(v)
			t.MinVersion = tls.VersionTLS12 + uint16(i)
		},
		"insecure_skip_verify": func(v value) {
			r.fault(v.key, v.path, "verification cannot be switched off, since the key would go to whoever answers",
				"trust the server's own certificate with ca: FILE")
		},
	})
}

func (r *reader) serverName(dst *string) func(value) {
	const want = "the name in the server's certificate"
	return func(v value) {
		s, ok := r.scalar(v, want)
		if ok && !isHost(s.text) {
			r.fault(v.place(), v.path, fmt.Sprintf("expected %s, saw %s", want, s), "")
			return
		}
		*dst = s.text
	}
}

// secret reads a text that no fault may show. check says what is wrong with it.
func (r *reader) secret(dst *Secret, want string, check func(string) (msg, hint string)) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, want)
		if !ok {
			return
		}
		if msg, hint := check(s.text); msg != "" {
			r.fault(v.place(), v.path, msg, hint)
			return
		}
		*dst = NewSecret(s.text)
	}
}

const keyHint = "make one with: openssl rand -base64 24 | tr '+/' '-_'"

// checkStreamKey checks a publish key. The characters that end a stream's name in a URL are refused, since encoders put
// the key into one.
func checkStreamKey(key string) (msg, hint string) {
	switch n := len(key); {
	case !only(key, isVisible) || strings.ContainsAny(key, "/?#&%"):
		return "a key may not hold spaces, / ? # & %, nor characters beyond ASCII: encoders send it as a part of a URL", keyHint
	case n < minStreamKey:
		return fmt.Sprintf("%d characters: a key needs at least %d, so that nobody guesses it", n, minStreamKey), keyHint
	case n > maxStreamKey:
		return fmt.Sprintf("%d characters: a key has at most %d", n, maxStreamKey), keyHint
	}
	return "", ""
}

// checkDestinationKey checks what a platform gave. It may be empty where the URL has the key.
func checkDestinationKey(key string) (msg, hint string) {
	switch {
	case !only(key, isVisible):
		return "a space, or a character beyond printable ASCII", "copy the key again"
	case len(key) > maxDestinationKey:
		return fmt.Sprintf("%d characters: a key has at most %d", len(key), maxDestinationKey), ""
	}
	return "", ""
}

func checkDestinationKeyFile(key string) (msg, hint string) {
	if key == "" {
		return "the file is empty", "write the stream key that the platform gave into it"
	}
	return checkDestinationKey(key)
}

// checkURL checks a push URL. Its parts are not shown, since some platforms put the key into the path or the query.
func checkURL(text string) (msg, hint string) {
	const form = "write it as rtmp://host/app or rtmps://host/app"
	if len(text) > maxURL {
		return fmt.Sprintf("%d characters: a URL has at most %d", len(text), maxURL), ""
	}
	if !only(text, isVisible) {
		return "a space, or a character beyond printable ASCII", form
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "not a URL", form
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return "neither rtmp:// nor rtmps://", form
	case u.User != nil:
		return "user and password do not belong in the url, which is shown on the status page",
			"put what the platform asks for into key, as in NAME?user=U&pass=P"
	case strings.Contains(text, "#"):
		return "a # and what follows it mean nothing to a server", "remove it, or put it into key if it belongs to the key"
	case u.Hostname() == "" || !isHost(u.Hostname()) && net.ParseIP(u.Hostname()) == nil:
		return "no host that can be looked up", form
	case strings.HasSuffix(u.Host, ":") || u.Port() == "0" || u.Port() != "" && !isPort(u.Port()):
		return "the port is not a number from 1 to 65535", form
	}
	return "", ""
}
