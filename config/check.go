package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
)

// check looks at what several sections say together.
func (r *reader) check(c *Config) {
	r.pair("rtmps", c.RTMPS)
	r.pair("https", c.HTTPS)
	r.pair("rtsps", c.RTSPS)
	r.ports(c)
	if c.Limits.Unauthenticated < c.Limits.UnauthenticatedPerIP {
		r.fault(r.first("limits.unauthenticated", "limits.unauthenticated_per_ip"), "limits.unauthenticated",
			fmt.Sprintf("%d in all is less than the %d per address", c.Limits.Unauthenticated, c.Limits.UnauthenticatedPerIP),
			"raise limits.unauthenticated")
	}
	if c.Debug && c.Metrics.Listen == "" {
		r.warn(r.at["debug"], "debug", "pprof is on the metrics listener, which is off", "")
	}
	if c.RTSP.UDP != "" && c.RTSP.Listen == "" {
		r.warn(r.at["rtsp.udp"], "rtsp.udp", "UDP is for clients of rtsp.listen, which is off", "")
	}
	if on := c.Webrtc.UDP + c.Webrtc.TCP; on != "" && c.HTTP.Listen+c.HTTPS.Listen == "" {
		r.fault(r.at["webrtc"], "webrtc", "browsers and encoders come over http or https first, and both are off", "set http.listen or https.listen")
	}
	r.counts(c)
	r.publishKeys(c)
	r.tokensAsWhole(c)
	r.partnersAsWhole(c)
	r.targets(c)
}

// first gives the place of the first of paths that the file has.
func (r *reader) first(paths ...string) place {
	for _, path := range paths {
		if p, ok := r.at[path]; ok {
			return p
		}
	}
	return place{1, 1}
}

// ports finds two listeners that want the same port.
func (r *reader) ports(c *Config) {
	all := []struct{ key, address string }{
		{"rtmp.listen", c.RTMP.Listen},
		{"rtmps.listen", c.RTMPS.Listen},
		{"rtsp.listen", c.RTSP.Listen},
		{"rtsps.listen", c.RTSPS.Listen},
		{"http.listen", c.HTTP.Listen},
		{"https.listen", c.HTTPS.Listen},
		{"metrics.listen", c.Metrics.Listen},
		{"webrtc.tcp", c.Webrtc.TCP},
	}
	for i, b := range all {
		for _, a := range all[:i] {
			if !collide(a.address, b.address) || r.faulty(a.key) || r.faulty(b.key) {
				continue
			}
			here, other := b.key, a.key
			if p, ok := r.at[here]; !ok || r.has(other) && r.at[other].line > p.line {
				here, other = other, here
			}
			r.fault(r.at[here], here, "the same port as "+other+r.line(other), "choose another port, or write off for one of the two")
		}
	}
}

// line names the line of path, or says that the file leaves it at its default.
func (r *reader) line(path string) string {
	if p, ok := r.at[path]; ok {
		return fmt.Sprintf(" on line %d", p.line)
	}
	return " has by default"
}

// collide says whether two addresses cannot both be listened on.
func collide(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || isWildcard(hostA) || isWildcard(hostB)
}

func isWildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// counts holds the numbers of streams and destinations against the limits.
func (r *reader) counts(c *Config) {
	const hint = "raise the limit, or share the work between two servers"
	if n, limit := len(c.Streams), c.Limits.Streams; n > limit {
		r.fault(r.at["streams"], "streams", fmt.Sprintf("%d streams: limits.streams allows %d", n, limit), hint)
	}
	for id, s := range c.Streams {
		path := "streams." + id + ".destinations"
		if n, limit := len(s.Destinations), c.Limits.DestinationsPerStream; n > limit {
			r.fault(r.at[path], path, fmt.Sprintf("%d destinations: limits.destinations_per_stream allows %d", n, limit), hint)
		}
	}
}

// byLine gives the names of the entries below path in the file's order.
func byLine[T any](r *reader, path string, entries map[string]T) []string {
	return slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		pa, pb := r.at[path+"."+a], r.at[path+"."+b]
		return cmp.Or(cmp.Compare(pa.line, pb.line), cmp.Compare(pa.column, pb.column))
	})
}

// publishKeys finds streams with the same key.
func (r *reader) publishKeys(c *Config) {
	owner := make(map[string]string)
	for _, id := range byLine(r, "streams", c.Streams) {
		key := c.Streams[id].Key.Reveal()
		if key == "" {
			continue
		}
		other, taken := owner[key]
		if !taken {
			owner[key] = id
			continue
		}
		path := "streams." + id + ".key"
		if !r.has(path) {
			path += "_file"
		}
		r.fault(r.at[path], path, fmt.Sprintf("the same key as streams.%s on line %d: a key says which stream is published",
			other, r.at["streams."+other].line), keyHint)
	}
}

// targets warns of destinations that go to the same place, where one throws the other out.
func (r *reader) targets(c *Config) {
	owner := make(map[string]string)
	for _, id := range byLine(r, "streams", c.Streams) {
		all := c.Streams[id].Destinations
		parent := "streams." + id + ".destinations"
		for _, name := range byLine(r, parent, all) {
			d, path := all[name], parent+"."+name
			if d.URL.Reveal() == "" || d.Paused {
				continue
			}
			target := d.URL.Reveal() + "\n" + d.Key.Reveal()
			if other, taken := owner[target]; taken {
				r.warn(r.at[path], path, fmt.Sprintf("the same url and key as %s on line %d: one will throw the other out",
					other, r.at[other].line), "pause one of the two")
				continue
			}
			owner[target] = path
		}
	}
}
