package config

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOverlays(t *testing.T) {
	dir := folderWithCertificates(t)
	write(t, dir, "keys/good", goodKey+"\n")
	write(t, dir, "products.csv", "id\n")
	const text = `
https: {cert: server.crt, key: server.key}
tokens: [{name: ops, token: ${ADMIN_TOKEN}, role: admin}, {name: wall, token_file: keys/good, role: read}, {name: maria, token: "$$01234567890123456789{}", role: "stream:maria"}]
catalog: products.csv
streams:
  maria:
    key: ${KEY}
    catalog: {file: products.csv, format: shopify, shop: "https://shop.example.com", currency: EUR, lang: pt-BR}
    encoder_delay: 1500ms
    trust_overlays: true
    destinations:
      a: {url: "rtmp://h/app", key: k, overlays: off, view: {currency: USD, locale: en-US, link: {utm_source: a, x: "${KEY}"}, hide: [stock, gtin]}, pass_data: true}
      b: {url: "rtmp://h/app", key: l, overlays: sei+amf}
`
	env := map[string]string{"ADMIN_TOKEN": "admin-token-0123456789", "KEY": anyKey}
	got, err := Parse(filepath.Join(dir, "x.yaml"), []byte(text), func(n string) (string, bool) { return env[n], true })
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	products := filepath.Join(dir, "products.csv")
	want.HTTPS = TLSListener{Listen: ":8443", Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	want.Tokens = []Token{
		{Name: "ops", Token: NewSecret("admin-token-0123456789"), Role: Admin},
		{Name: "wall", Token: NewSecret(goodKey), Role: Reader},
		{Name: "maria", Token: NewSecret("$01234567890123456789{}"), Role: Creator, Stream: "maria"},
	}
	want.Catalog = &Catalog{File: products}
	want.Streams = map[string]Stream{"maria": {
		Key: NewSecret(anyKey), Hold: 120 * time.Second, EncoderDelay: 1500 * time.Millisecond, TrustOverlays: true,
		Catalog: &Catalog{File: products, Format: "shopify", Shop: "https://shop.example.com", Currency: "EUR", Lang: "pt-BR"},
		Destinations: map[string]Destination{
			"a": {
				URL: NewSecret("rtmp://h/app"), Key: NewSecret("k"), Overlays: new("off"), PassData: true,
				View: &View{Currency: "USD", Locale: "en-US", Link: map[string]string{"utm_source": "a", "x": anyKey}, Hide: []string{"stock", "gtin"}},
			},
			"b": {URL: NewSecret("rtmp://h/app"), Key: NewSecret("l"), Overlays: new("sei+amf")},
		},
	}}
	want.Files = []string{filepath.Join(dir, "keys", "good"), products, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMarkVariables(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a$b": "a$b", "$": "$", "${A}": "$\ue000A\ue001", "x${A_1}y${B}": "x$\ue000A_1\ue001y$\ue000B\ue001",
		"$${A}": "$${A}", "$$${A}": "$$$\ue000A\ue001", "${": "${", "${A": "${A", "${}": "${}", "${A-B}": "${A-B}", "${1}": "${1}",
	} {
		if got := markVariables(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got := unmark(markVariables(in)); got != in {
			t.Errorf("%q: unmarked %q", in, got)
		}
	}
}
