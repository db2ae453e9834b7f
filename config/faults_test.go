package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// canary is what every secret of the tests has in it.
const canary = "c4n4ry-"

// faultCase is a faulty file and all that is said of it.
type faultCase struct {
	name string
	yaml string
	want string // one line per fault, without the file's name in front
}

// The texts that many faults share.
const (
	hintSyntax = "; check the indentation and the line before, and put text with special characters in quotes"
	msgAnchor  = "YAML anchors (&), aliases (*) and merges (<<) are not supported; " +
		"write the value out, or put the value in quotes if it is text"
	hintTop  = "known here: allow_private_destinations, catalog, debug, drain, hls, http, https, limits, log, metrics, partners, rtmp, rtmps, rtsp, rtsps, streams, tokens, webrtc"
	hintKey  = "; make one with: openssl rand -base64 24 | tr '+/' '-_'"
	hintPath = "; relative paths start at the config file's folder"
	hintURL  = "; write it as rtmp://host/app or rtmps://host/app"
)

// Keys of the tests.
const (
	anyKey  = "abcdefghijklmnopqrstuvwxyz012345"
	goodKey = canary + "abcdefghijklmnopqrst"
)

// tiktok puts lines into a destination, where they start at line 6 and column 9.
func tiktok(lines string) string {
	const indent = "\n        "
	return "streams:\n  maria:\n    key: " + anyKey + "\n    destinations:\n      tiktok:" +
		indent + strings.ReplaceAll(lines, "\n", indent) + "\n"
}

func allFaultCases() []faultCase {
	return slices.Concat(fileFaults, valuesFaults, streamsFaults, destinationsFaults, overlaysFaults, partnersFaults, hlsFaults, webRTCFaults)
}

// faultEnv is the environment of the fault cases.
func faultEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"EMPTY":  "",
		"TEN":    "10s",
		"LIST":   "[1, 2]",
		"LONG":   strings.Repeat("x", 40<<10),
		"SECRET": canary + "value",
	}[name]
	return v, ok
}

// faultFolder holds the files that the fault cases name.
func faultFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "keys/good", goodKey+"\n")
	write(t, dir, "keys/short", canary+"\n")
	write(t, dir, "keys/empty", "\n")
	write(t, dir, "products.csv", "id\n")
	write(t, dir, "keys/large", strings.Repeat("x", maxKeyFile+1))
	return dir
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// faultText parses and gives all faults, with the folder cut off.
func faultText(t *testing.T, dir, yaml string) string {
	t.Helper()
	_, err := Parse(filepath.Join(dir, "simulcart.yaml"), []byte(yaml), faultEnv)
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), filepath.Join(dir, "simulcart.yaml")+":", "")
}

func TestFaults(t *testing.T) {
	dir := faultFolder(t)
	for _, c := range allFaultCases() {
		t.Run(c.name, func(t *testing.T) {
			if got := faultText(t, dir, c.yaml); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
