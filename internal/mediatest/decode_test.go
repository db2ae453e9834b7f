package mediatest

import (
	"path/filepath"
	"testing"
)

// TestDecodeReconnect decodes a recording in which the pictures behind a reconnect do not follow in the rhythm of those before:
// two of them fall into the time of one.
func TestDecodeReconnect(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	var tags []Tag
	for _, g := range Published(t, Media(t, Clip{Seconds: 4})) {
		if g.Type == VideoTag && g.Time >= 2000 {
			g.Time -= 21
		}
		tags = append(tags, g)
	}
	path := filepath.Join(t.TempDir(), "reconnect.flv")
	WriteFLV(t, path, tags)
	if got, want := Decode(t, path), 4*30; got != want {
		t.Errorf("%d pictures, want %d", got, want)
	}
}
