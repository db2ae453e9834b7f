package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// A file with a secret at every place where one may stand.
const secretFile = `
tokens: [{name: ops, token: ` + goodKey + `, role: admin}, {name: ` + goodKey + `, token: "${SECRET}", role: "stream:` + goodKey + `"}]
rtmps: {cert: "` + goodKey + `", key: ` + goodKey + `}
streams:
  maria:
    key: ` + goodKey + `
    hold: 120s
    destinations:
      tiktok: {url: "rtmp://h/app/` + goodKey + `", key: ` + goodKey + `, paused: false}
      other:
        url: rtmps://user:` + goodKey + `@h/app?` + goodKey + `
        key: "${SECRET}-` + goodKey + `"
        tls: {ca: ` + goodKey + `, server_name: h}
  jane: {key: ` + goodKey + `}
  joe: {key_file: ` + goodKey + `}
`

// No fault shows a secret, whatever else is wrong with the file: every byte of it is left out once, and broken by each
// character that means something to YAML.
func TestFaultsShowNoSecret(t *testing.T) {
	dir := faultFolder(t)
	name := filepath.Join(dir, "simulcart.yaml")
	check := func(text string) {
		_, err := Parse(name, []byte(text), faultEnv)
		var faults Faults
		if !errors.As(err, &faults) {
			t.Fatalf("no faults for\n%s", text)
		}
		if said := err.Error(); strings.Contains(said, "n4ry") || strings.Contains(said, "ijklm") {
			t.Fatalf("%s\nshows a secret of\n%s", said, text)
		}
	}
	check(secretFile)
	for i := range secretFile {
		before, after := secretFile[:i], secretFile[i:]
		check(before + after[1:])
		for _, s := range []string{":", ": ", ",", `"`, "{", "}", "&", " #", ": |", "\n", "\n  ", "${", "? "} {
			check(before + s + after)
		}
	}
}

// The faults of all cases show no value of the environment, no key file's text and no part of a URL.
func TestCasesShowNoSecret(t *testing.T) {
	for _, c := range allFaultCases() {
		for _, secret := range []string{canary, anyKey, "topsecret", "push.example.com", "me:pw"} {
			if strings.Contains(c.want, secret) {
				t.Errorf("%s: %q shows %q", c.name, c.want, secret)
			}
		}
	}
}
