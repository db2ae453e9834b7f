//go:build linux

package mediatest

import (
	"path/filepath"
	"testing"
	"time"
)

// A clip's beeps are with their pictures, and sound that is late is found to be so.
func TestBeats(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	clip := Counted{Pictures: 120, Rate: 30, Grain: 40, Beeps: true}
	late := Tags(t, clip.File(t))
	for i := range late {
		if late[i].Type == AudioTag {
			late[i].Time += 70
		}
	}
	shifted := filepath.Join(t.TempDir(), "late.flv")
	WriteFLV(t, shifted, late)
	for file, want := range map[string]time.Duration{clip.File(t): 0, shifted: 70 * time.Millisecond} {
		beats := Beats(t, file, 30)
		if len(beats) < 3 {
			t.Errorf("%d beeps", len(beats))
		}
		for _, b := range beats {
			if off := b.Apart - want; off.Abs() > 5*time.Millisecond {
				t.Errorf("the beep of picture %d is %v late, want %v", b.Number, b.Apart, want)
			}
		}
	}
}
