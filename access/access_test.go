package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretNeverPrints(t *testing.T) {
	const canary = "canary-9f2b"
	s := NewSecret(canary)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	text, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%+v", struct{ S *Secret }{&s}),
		fmt.Sprint(fmt.Errorf("dial: %v", s)), log.String(), string(text),
	} {
		if strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
			t.Errorf("secret printed: %s", got)
		}
	}
	if s.Reveal() != canary {
		t.Errorf("Reveal: got %q", s.Reveal())
	}
}

func TestAuthorize(t *testing.T) {
	var r Registry
	r.Replace(map[string]Grant{
		"maria": {Key: DigestOf("maria-key")},
		"open":  {Key: DigestOf("open-key"), Public: true},
		"none":  {},
	})
	for _, c := range []struct {
		name, key, stream string
		action            Action
		want              bool
	}{
		{"creator publishes", "maria-key", "maria", Publish, true},
		{"creator previews", "maria-key", "maria", Play, true},
		{"foreign key publishes", "open-key", "maria", Publish, false},
		{"foreign key plays", "open-key", "maria", Play, false},
		{"anybody plays a public stream", "", "open", Play, true},
		{"anybody publishes to a public stream", "", "open", Publish, false},
		{"anybody plays a private stream", "", "maria", Play, false},
		{"empty key and a stream without key", "", "none", Publish, false},
		{"unknown stream", "maria-key", "nobody", Publish, false},
		{"empty stream", "", "", Publish, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := r.Authorize(r.Identify(c.key), c.action, Object{Stream: c.stream, Over: RTMP})
			if (err == nil) != c.want {
				t.Errorf("%s: got %v, want allowed %v", c.action, err, c.want)
			}
			if err != nil && !errors.Is(err, ErrDenied) {
				t.Errorf("got %v, want ErrDenied", err)
			}
			if err != nil && c.stream != "" && strings.Contains(err.Error(), c.stream) {
				t.Errorf("%v repeats what may be a key", err)
			}
		})
	}
	r.Replace(nil)
	if p := r.Identify("maria-key"); p.Stream != "" {
		t.Errorf("after Replace(nil): got %q", p.Stream)
	}
}
