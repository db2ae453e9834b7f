package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse holds Parse to its word: it ends, without a panic, with a Config or with faults that name a place and do not
// show what the environment holds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(Sample))
	f.Add([]byte(example(Sample)))
	for _, c := range allFaultCases() {
		if len(c.yaml) < 4096 {
			f.Add([]byte(c.yaml))
		}
	}
	env := func(name string) (string, bool) { return canary + name, true }
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz/simulcart.yaml", data, env)
		if err == nil {
			if c == nil {
				t.Fatal("no error and no config")
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("got %T, want faults", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Msg == "" {
				t.Errorf("%#v has no place or no text", fault)
			}
			if s := fault.String(); strings.Contains(s, canary) || strings.ContainsAny(s, "\n\r\t\x00") {
				t.Errorf("%q shows a value of the environment, or is not one line", s)
			}
		}
	})
}
