package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const issueFile = `
rtmp:    {listen: ":1935"}
rtmps:   {listen: ":1936", cert: server.crt, key: server.key}
http:    {listen: ":8080"}             # status page, JSON API; later WHIP, WHEP, HLS
metrics: {listen: "127.0.0.1:9464"}    # /metrics, /healthz, /readyz, pprof when debug is on
log:     {level: info, format: text}
allow_private_destinations: true       # default false; here because both receivers are on loopback
streams:
  maria:
    key: ${MARIA_KEY}
    hold: 120s
    on_end: end                        # or hold: what a clean end by the encoder does
    public: false                      # true: RTMP play without a token (partners' tokens come with the feeds)
    destinations:
      tiktok:
        platform: tiktok
        url: rtmp://127.0.0.1:19351/live
        key: ${TIKTOK_KEY}
        coalesce: 100ms                # collecting time, default by profile
      talkshoplive:
        platform: talkshoplive
        url: rtmps://127.0.0.1:19352/live
        key: abc
        tls: {ca: ca.crt}
`

// certificate gives a self-signed certificate and its key, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// folderWithCertificates has server.crt, server.key and ca.crt.
func folderWithCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := certificate(t)
	write(t, dir, "server.crt", cert)
	write(t, dir, "server.key", key)
	write(t, dir, "ca.crt", cert)
	return dir
}

func TestLoadIssueFile(t *testing.T) {
	dir := folderWithCertificates(t)
	path := write(t, dir, "simulcart.yaml", issueFile)
	t.Setenv("MARIA_KEY", anyKey)
	t.Setenv("TIKTOK_KEY", "stream-1?auth=2")
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.RTMPS = TLSListener{Listen: ":1936", Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	want.AllowPrivateDestinations = true
	want.Files = []string{filepath.Join(dir, "ca.crt"), filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")}
	want.Streams = map[string]Stream{"maria": {
		Key:  NewSecret(anyKey),
		Hold: 120 * time.Second,
		Destinations: map[string]Destination{
			"tiktok": {
				Platform: TikTok, URL: NewSecret("rtmp://127.0.0.1:19351/live"), Key: NewSecret("stream-1?auth=2"),
				Coalesce: new(100 * time.Millisecond),
			},
			"talkshoplive": {
				Platform: TalkShopLive, URL: NewSecret("rtmps://127.0.0.1:19352/live"), Key: NewSecret("abc"),
				TLS: TLS{CA: filepath.Join(dir, "ca.crt")},
			},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseEveryKey(t *testing.T) {
	dir := folderWithCertificates(t)
	write(t, dir, "keys/good", goodKey+"\r\n")
	const text = `
rtmp: {listen: off}
rtmps: {cert: server.crt, key: server.key}
http: {listen: "[::1]:0"}
hls: {segment: 4s, part: 1s, window: 30m, folder: keys, always: true, audio_only: true, origins: ["https://shop.example.com:8443", "*"]}
metrics: {listen: "localhost:0"}
log: {level: debug, format: json}
debug: true
limits: {destinations_per_stream: 2, streams: 2, unauthenticated_per_ip: 3, unauthenticated: "${FOUR}"}
drain: 1m30s
streams:
  "1":
    key_file: keys/good
    hold: 0
    on_end: hold
    policy: reject
    public: true
    destinations:
      a:
        url: rtmps://[::1]:443/app/key?x=y
        coalesce: 0s
        chunk_size: 128
        enhanced: false
        paused: true
        tls: {server_name: h.example, min_version: "1.3", ca: "${DIR}/ca.crt"}
      b: {platform: youtube, url: "rtmp://${HOST}/app", key: "a$$b$c${FOUR}"}
`
	env := map[string]string{"FOUR": "4", "HOST": "h.example", "DIR": dir}
	got, err := Parse(filepath.Join(dir, "x.yaml"), []byte(text), func(n string) (string, bool) { return env[n], true })
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		RTMPS: TLSListener{Listen: ":1936", Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")},
		HLS: HLS{
			Segment: 4 * time.Second, Part: time.Second, Window: 30 * time.Minute, Folder: filepath.Join(dir, "keys"),
			Always: true, AudioOnly: true, Origins: []string{"https://shop.example.com:8443", "*"},
		},
		HTTP:    Listener{Listen: "[::1]:0"},
		Metrics: Listener{Listen: "localhost:0"},
		Log:     Log{Level: slog.LevelDebug, Format: JSON},
		Debug:   true,
		Limits:  Limits{DestinationsPerStream: 2, Streams: 2, UnauthenticatedPerIP: 3, Unauthenticated: 4},
		Drain:   90 * time.Second,
		Streams: map[string]Stream{"1": {
			Key: NewSecret(goodKey), OnEnd: Hold, Policy: Reject, Public: true,
			Destinations: map[string]Destination{
				"a": {
					URL: NewSecret("rtmps://[::1]:443/app/key?x=y"), Coalesce: new(time.Duration(0)), ChunkSize: new(128),
					Enhanced: new(false), Paused: true,
					TLS: TLS{CA: filepath.Join(dir, "ca.crt"), ServerName: "h.example", MinVersion: tls.VersionTLS13},
				},
				"b": {Platform: YouTube, URL: NewSecret("rtmp://h.example/app"), Key: NewSecret("a$b$c4")},
			},
		}},
		Files: got.Files,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Files) != 4 {
		t.Errorf("files: %v", got.Files)
	}
}

// What YAML takes for a number is taken as it is written where text is meant.
func TestKeysThatLookLikeNumbers(t *testing.T) {
	for _, key := range []string{
		"0012345678901234567890123456", "1_000_000_000_000_000_000_000", "0x0123456789abcdef0123456789", "1.50000000000000000000000",
		"+1234567890123456789012345", "123456789012345678901234e5", "-0b11111111111111111111111111",
	} {
		c, err := Parse("x.yaml", []byte("streams: {a: {key: "+key+"}}\n"), nil)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got := c.Streams["a"].Key.Reveal(); got != key {
			t.Errorf("got %s, want %s", got, key)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a folder was read")
	}
}

func TestRTSP(t *testing.T) {
	for text, want := range map[string]RTSPListener{
		"":                                      {},
		"rtsp: {}\n":                            {Listen: ":8554"},
		"rtsp: {udp: \":8000\"}\n":              {Listen: ":8554", UDP: ":8000"},
		"rtsp: {listen: \":1\", udp: \":0\"}\n": {Listen: ":1", UDP: ":0"},
		"rtsp: {listen: off, udp: off}\n":       {},
	} {
		c, err := Parse("x.yaml", []byte(text), nil)
		if err != nil || c.RTSP != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, c, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	dir := folderWithCertificates(t)
	for _, name := range []string{"server.key", "open"} {
		path := write(t, dir, name, readText(t, dir, name))
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const text = `
debug: true
metrics: {listen: off}
rtmps: {cert: server.crt, key: server.key}
rtsp: {listen: off, udp: ":8000"}
streams:
  maria:
    key_file: open
    destinations:
      a: {url: rtmp://h/app, key: k}
      b: {url: rtmp://h/app, key: k}
      c: {url: rtmp://h/app, key: k, paused: true}
`
	c, err := Parse(filepath.Join(dir, "x.yaml"), []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Warnings {
		c.Warnings[i].File = "x.yaml"
	}
	want := `x.yaml:2:8: debug: pprof is on the metrics listener, which is off
x.yaml:4:32: rtmps.key: every user of this machine can read the file; chmod 600 it
x.yaml:5:26: rtsp.udp: UDP is for clients of rtsp.listen, which is off
x.yaml:8:15: streams.maria.key_file: every user of this machine can read the file; chmod 600 it
x.yaml:11:7: streams.maria.destinations.b: the same url and key as streams.maria.destinations.a on line 10: one will throw the other out; pause one of the two`
	if got := Faults(c.Warnings).Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// readText gives the file's text, or a good key where there is no file.
func readText(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return goodKey
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCertificateFaults(t *testing.T) {
	dir := folderWithCertificates(t)
	_, other := certificate(t)
	write(t, dir, "other.key", other)
	write(t, dir, "text", "text")
	for _, c := range []struct{ name, cert, key, want string }{
		{"another key", "server.crt", "other.key", "1:15: rtmps.cert: cert and key do not work together: tls: private key does not match public key; name the certificate and its own key, both as PEM"},
		{"no certificate", "text", "server.key", "1:15: rtmps.cert: cert and key do not work together: tls: failed to find any PEM data in certificate input; name the certificate and its own key, both as PEM"},
		{"no key", "server.crt", `""`, "1:1: rtmps: cert and key are both needed; name two PEM files, or write listen: off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := faultText(t, dir, "rtmps: {cert: "+c.cert+", key: "+c.key+"}\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	if got := faultText(t, dir, "rtmps: {listen: off, cert: none}\n"); got != "" {
		t.Errorf("a listener that is off was checked: %s", got)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		got  interface{ String() string }
		want string
	}{
		{Text, "text"},
		{JSON, "json"},
		{End, "end"},
		{Hold, "hold"},
		{Takeover, "takeover"},
		{Reject, "reject"},
		{Custom, "custom"},
		{TikTok, "tiktok"},
		{TalkShopLive, "talkshoplive"},
		{YouTube, "youtube"},
		{Facebook, "facebook"},
		{Instagram, "instagram"},
		{Twitch, "twitch"},
		{Kick, "kick"},
		{Platform(200), "unknown"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
