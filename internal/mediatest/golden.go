package mediatest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Unhex reads bytes written in hexadecimal, in which blanks may stand anywhere.
func Unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Golden reads a list of expected values from a JSON file.
func Golden[T any](t testing.TB, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}
