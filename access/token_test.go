package access

import (
	"errors"
	"testing"
)

func TestTokens(t *testing.T) {
	var r Registry
	if r.HasTokens() {
		t.Error("the zero registry has tokens")
	}
	r.Replace(map[string]Grant{"maria": {Key: DigestOf("maria-key")}, "open": {Key: DigestOf("open-key"), Public: true}})
	r.SetTokens([]Token{
		{Name: "ops", Digest: DigestOf("ops-token"), Role: Admin},
		{Name: "maria", Digest: DigestOf("maria-token"), Role: Creator, Stream: "maria"},
		{Name: "wall", Digest: DigestOf("wall-token"), Role: Reader},
		{Name: "ghost", Digest: DigestOf("ghost-token"), Role: Creator, Stream: "gone"},
		{Name: "none", Digest: DigestOf("none-token")},
		{Name: "empty", Role: Admin},
	})
	if !r.HasTokens() {
		t.Error("no tokens")
	}
	for _, c := range []struct {
		name, token, stream string
		allowed             string // actions, by their first letters
	}{
		{"admin", "ops-token", "maria", "rca"},
		{"admin, a stream that is not known", "ops-token", "nobody", "rca"},
		{"admin, the node", "ops-token", "", "rca"},
		{"admin, a public stream", "ops-token", "open", "lrca"},
		{"creator, her stream", "maria-token", "maria", "rc"},
		{"creator, another stream", "maria-token", "open", "l"},
		{"creator, the node", "maria-token", "", ""},
		{"creator of a stream that is gone", "ghost-token", "gone", ""},
		{"reader", "wall-token", "maria", "r"},
		{"reader, the node", "wall-token", "", "r"},
		{"a token without a role", "none-token", "maria", ""},
		{"the empty token", "", "maria", ""},
		{"no such token", "guess", "maria", ""},
		{"a stream key is no token", "maria-key", "maria", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, got := r.IdentifyToken(c.token), ""
			for _, a := range []struct {
				Action
				letter string
			}{{Publish, "p"}, {Play, "l"}, {Read, "r"}, {Change, "c"}, {Administer, "a"}} {
				err := r.Authorize(p, a.Action, Object{Stream: c.stream, Over: RTMP})
				if err == nil {
					got += a.letter
				} else if !errors.Is(err, ErrDenied) {
					t.Errorf("%s: got %v, want ErrDenied", a, err)
				}
			}
			if got != c.allowed {
				t.Errorf("allowed %q, want %q", got, c.allowed)
			}
		})
	}
	if p := r.IdentifyToken("ops-token"); p.Name != "ops" || p.Role != Admin || p.Role.String() != "admin" {
		t.Errorf("got %+v", p)
	}
	for _, a := range []Action{Read, Change, Administer} {
		if err := r.Authorize(r.Identify("maria-key"), a, Object{Stream: "maria"}); err == nil {
			t.Errorf("a stream key may %s", a)
		}
	}
	r.SetTokens(nil)
	if p := r.IdentifyToken("ops-token"); p.Role != NoRole || r.HasTokens() {
		t.Errorf("after they were taken away: %+v", p)
	}
}
