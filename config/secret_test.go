package config

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	type hidden struct{ inner Secret }
	s := NewSecret(canary)
	d := Destination{URL: s, Key: s}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "secret", s, "pointer", &s, "destination", d, "map", map[string]Secret{"a": s}, "hidden", hidden{s})
	}
	out := map[string]string{"slog": log.String(), "cmp": cmp.Diff(s, NewSecret("other"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s"} {
		for i, v := range []any{s, &s, d, &d, []Secret{s}, map[string]Secret{"a": s}, hidden{s}, &hidden{s}} {
			out[fmt.Sprint(verb, i)] = fmt.Sprintf(verb, v)
		}
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal, "xml": xml.Marshal} {
		b, err := marshal(struct{ S Secret }{s})
		if name != "xml" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = string(b)
	}
	for name, text := range out {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s gives %s", name, text)
		}
	}
	if got := out["json"]; got != `{"S":"***"}` {
		t.Errorf("json: %s", got)
	}
	if got := strings.TrimSpace(out["yaml"]); got != `s: '***'` && got != `s: "***"` {
		t.Errorf("yaml: %s", got)
	}
	text, err := s.MarshalText()
	if err != nil || string(text) != masked || s.String() != masked || s.GoString() != masked || fmt.Sprintf("%d", s) != masked {
		t.Errorf("got %q %q %q, want %q", text, s.String(), s.GoString(), masked)
	}
}

func TestSecretEqual(t *testing.T) {
	var zero Secret
	for _, c := range []struct {
		a, b Secret
		want bool
	}{
		{NewSecret("a"), NewSecret("a"), true},
		{NewSecret("a"), NewSecret("b"), false},
		{NewSecret("a"), NewSecret("ab"), false},
		{zero, NewSecret(""), true},
		{zero, NewSecret("a"), false},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%q, %q: got %v", c.a.Reveal(), c.b.Reveal(), got)
		}
	}
}
