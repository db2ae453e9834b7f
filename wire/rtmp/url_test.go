package rtmp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURL(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     URL
		address  string
		text     string // what String gives; "" where it is the same as in
	}{
		{"plain", "rtmp://host/app", URL{false, "host", "1935", "app"}, "host:1935", ""},
		{"port", "rtmp://host:1936/app", URL{false, "host", "1936", "app"}, "host:1936", ""},
		{"its own port", "rtmp://host:1935/app", URL{false, "host", "1935", "app"}, "host:1935", "rtmp://host/app"},
		{"tls", "rtmps://host/rtmp/", URL{true, "host", "443", "rtmp"}, "host:443", "rtmps://host/rtmp"},
		{"tls on another port", "rtmps://host:1935/app", URL{true, "host", "1935", "app"}, "host:1935", ""},
		{"instance", "rtmp://host/app/instance", URL{false, "host", "1935", "app/instance"}, "host:1935", ""},
		{"query", "rtmp://host/app/instance?x=y&z", URL{false, "host", "1935", "app/instance?x=y&z"}, "host:1935", ""},
		{"escapes stay", "rtmp://host/a%2Fb?c=%20", URL{false, "host", "1935", "a%2Fb?c=%20"}, "host:1935", ""},
		{"ipv4", "rtmp://192.0.2.1/app", URL{false, "192.0.2.1", "1935", "app"}, "192.0.2.1:1935", ""},
		{"ipv6", "rtmp://[2001:db8::1]/app", URL{false, "2001:db8::1", "1935", "app"}, "[2001:db8::1]:1935", ""},
		{"ipv6 and port", "rtmps://[2001:db8::1]:1936/app", URL{true, "2001:db8::1", "1936", "app"}, "[2001:db8::1]:1936", ""},
		{"ipv6 with a zone", "rtmp://[fe80::1%25eth0]/app", URL{false, "fe80::1%eth0", "1935", "app"}, "[fe80::1%eth0]:1935", ""},
		{"zone and port", "rtmp://[fe80::1%25eth0]:99/app", URL{false, "fe80::1%eth0", "99", "app"}, "[fe80::1%eth0]:99", ""},
		{"no app", "rtmp://host", URL{false, "host", "1935", ""}, "host:1935", "rtmp://host/"},
		{"capitals", "RTMP://host/App", URL{false, "host", "1935", "App"}, "host:1935", "rtmp://host/App"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseURL(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.Address() != tt.address {
				t.Errorf("address: got %q, want %q", got.Address(), tt.address)
			}
			want := tt.text
			if want == "" {
				want = tt.in
			}
			if got.String() != want {
				t.Errorf("text: got %q, want %q", got.String(), want)
			}
		})
	}
}

// What people paste in the place of a URL may be their key: no error repeats it.
func TestURLErrorsKeepSecrets(t *testing.T) {
	const key = "live_1234567890abcdef"
	for _, in := range []string{
		"", key, key + ":1", "http://host/" + key, "rtmp://", "rtmp:///" + key, "rtmp://" + key + ":x/", "rtmp://host:port/" + key,
		"rtmp://host/%zz" + key, "rtmp://host/\x00" + key, "rtmp://[" + key, "livekey123:" + key, key + "://host/app", "livekey://host", "rtmp://2001:db8::1/app",
	} {
		t.Run(in, func(t *testing.T) {
			_, err := ParseURL(in)
			if err == nil {
				t.Fatal("no error")
			}
			if s := err.Error(); strings.Contains(s, key) || strings.Contains(s, "livekey") {
				t.Errorf("got %q", s)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	base := URL{TLS: true, Host: "a.example", Port: "8443", App: "app/instance?x=y"}
	for _, tt := range []struct {
		name, ref, want string
	}{
		{"nothing", "", "rtmps://a.example:8443/app/instance?x=y"},
		{"elsewhere", "rtmps://b.example/other", "rtmps://b.example/other"},
		{"another scheme", "rtmp://b.example/other", "rtmp://b.example/other"},
		{"host alone", "//b.example/other", "rtmps://b.example/other"},
		{"path", "/other", "rtmps://a.example:8443/other"},
		{"path beside", "other", "rtmps://a.example:8443/app/other"},
		{"query", "?t=1", "rtmps://a.example:8443/app/instance?t=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := base.Resolve(tt.ref)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, ref := range []string{"http://b.example/key", "rtmp://host:port/key", "%zzkey"} {
		if _, err := base.Resolve(ref); err == nil || strings.Contains(err.Error(), "key") {
			t.Errorf("%s: got error %v", ref, err)
		}
	}
	if _, err := (URL{Host: "a b", Port: "1935"}).Resolve("/x"); err == nil {
		t.Error("a host with a blank: no error")
	}
}
