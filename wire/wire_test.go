package wire

import "testing"

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"malformed", &SyntaxError{Format: "amf0", Offset: 12, Msg: "depth 17, at most 16"}, "amf0: at byte 12: depth 17, at most 16"},
		{"not done", &UnsupportedError{Format: "rtmp", Msg: "RTMPE: use rtmps"}, "rtmp: at byte 0: not supported: RTMPE: use rtmps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.err.Error(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
