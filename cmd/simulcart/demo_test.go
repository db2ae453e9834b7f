package main

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

// A listener on all addresses is told with one that others can type.
func TestWelcomeOfAllAddresses(t *testing.T) {
	listen := func(address string) net.Listener {
		t.Helper()
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	n := &node{on: listeners{rtmp: listen(":0"), http: listen("0.0.0.0:0"), metrics: listen("127.0.0.1:0")}}
	var out strings.Builder
	(&demoCommand{Key: "the-key", Token: "the-token"}).welcome(&out, n)
	addresses := regexp.MustCompile(`(?:rtmp|http)://([^/\s]+)`).FindAllStringSubmatch(out.String(), -1)
	if len(addresses) != 8 {
		t.Fatalf("got %d addresses, want 8:\n%s", len(addresses), &out)
	}
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a[1])
		if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() || port == "0" {
			t.Errorf("got %s, want an address that can be dialled", a[0])
		}
	}
	for _, l := range []net.Listener{n.on.rtmp, n.on.http} {
		if _, port, _ := net.SplitHostPort(l.Addr().String()); !strings.Contains(out.String(), ":"+port) {
			t.Errorf("the port %s is not told:\n%s", port, &out)
		}
	}
	if !strings.Contains(out.String(), "Metrics    http://"+n.on.metrics.Addr().String()+"/metrics\n") {
		t.Errorf("the metrics are told elsewhere:\n%s", &out)
	}
}
