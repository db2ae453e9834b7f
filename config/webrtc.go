package config

import (
	"net/netip"
	"net/url"
	"slices"
)

// WebRTC is where browsers and encoders publish (WHIP) and watch (WHEP); the dialogue itself is on http and https.
type WebRTC struct {
	UDP             string       // host:port for media; "" off
	TCP             string       // the same for peers behind firewalls that let no UDP through; "" off
	PublicAddresses []netip.Addr // under which peers reach the ports; none: the machine's own
	IceServers      []string     // URLs of STUN and TURN servers that peers are told of
}

// webRTC reads a section whose ports are off by default, and the usual ones where it is there.
func (r *reader) webRTC(v value, w *WebRTC) {
	if v.kind() == "a section" {
		w.UDP, w.TCP = ":8189", ":8189"
	}
	var addresses []string
	r.section(v, fields{
		"udp":              r.listen(&w.UDP),
		"tcp":              r.listen(&w.TCP),
		"public_addresses": r.list(&addresses, r.address),
		"ice_servers":      r.list(&w.IceServers, r.iceServer),
	})
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil {
			w.PublicAddresses = append(w.PublicAddresses, ip)
		}
	}
}

// address reads an IP address at which somebody can be reached.
func (r *reader) address(v value) (string, bool) {
	s, ok := r.scalar(v, "an IP address such as 203.0.113.7")
	if !ok {
		return "", false
	}
	if ip, err := netip.ParseAddr(s.text); err != nil || ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() {
		r.fault(v.place(), v.path, s.String()+" is no IP address that can be reached", "write the address that peers see, such as 203.0.113.7")
		return "", false
	}
	return s.text, true
}

// iceServer reads the URL of a STUN or TURN server (RFC 7064, RFC 7065).
func (r *reader) iceServer(v value) (string, bool) {
	s, ok := r.scalar(v, "a URL such as stun:stun.example.com:3478")
	if !ok {
		return "", false
	}
	u, err := url.Parse(s.text)
	if err != nil || !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, u.Scheme) || u.Opaque == "" || !only(s.text, func(c byte) bool { return c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '"' }) {
		r.fault(v.place(), v.path, s.String()+" is no URL of a STUN or TURN server", "write it as stun:stun.example.com:3478")
		return "", false
	}
	return s.text, true
}
