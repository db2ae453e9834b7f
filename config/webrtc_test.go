package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const hintAddress = "write the address that peers see, such as 203.0.113.7"

var webRTCFaults = []faultCase{
	{"webrtc, no address", "webrtc: {public_addresses: [example.com]}", "1:29: webrtc.public_addresses.1: \"example.com\" is no IP address that can be reached; " + hintAddress},
	{"webrtc, any address", "webrtc: {public_addresses: [\"::\"]}", "1:29: webrtc.public_addresses.1: \"::\" is no IP address that can be reached; " + hintAddress},
	{"webrtc, another scheme", "webrtc: {ice_servers: [\"http:a\"]}", "1:24: webrtc.ice_servers.1: \"http:a\" is no URL of a STUN or TURN server; write it as stun:stun.example.com:3478"},
	{"webrtc, a header in it", "webrtc: {ice_servers: [\"stun:a>b\"]}", "1:24: webrtc.ice_servers.1: \"stun:a>b\" is no URL of a STUN or TURN server; write it as stun:stun.example.com:3478"},
	{"webrtc, port taken", "webrtc: {tcp: \":8080\"}", "1:15: webrtc.tcp: the same port as http.listen has by default; choose another port, or write off for one of the two"},
	{"webrtc without http", "webrtc: {}\nhttp: {listen: off}", "1:1: webrtc: browsers and encoders come over http or https first, and both are off; set http.listen or https.listen"},
}

func TestWebRTC(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want WebRTC
	}{
		"not there":   {"", WebRTC{}},
		"the section": {"webrtc: {}", WebRTC{UDP: ":8189", TCP: ":8189"}},
		"UDP alone":   {"webrtc: {tcp: off}", WebRTC{UDP: ":8189"}},
		"all": {
			`webrtc: {udp: "10.0.0.1:9000", tcp: ":9001", public_addresses: [203.0.113.7, "2001:db8::1"], ice_servers: ["stun:a:3478", "turns:b?transport=tcp"]}`,
			WebRTC{
				UDP: "10.0.0.1:9000", TCP: ":9001", IceServers: []string{"stun:a:3478", "turns:b?transport=tcp"},
				PublicAddresses: []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::1")},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("a.yaml", []byte(tt.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, c.Webrtc, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
