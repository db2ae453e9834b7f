package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/media"
)

func TestGroupStarts(t *testing.T) {
	tests := []struct{ name, frames, starts string }{
		{"key frame first", "KvvKvKK", "^..^.^^"},
		{"sound before the first key frame", "aaaKvaKv", "^.....^."},
		{"overlay in front of each key frame", "OKvaOKv", "^...^.."},
		{"sound before the first overlay", "aaOKvOKv", "^....^.."},
		{"overlay behind the key frame", "KOvKov", "^^.^.."},
		{"overlay that is no key frame", "KvoKv", "^..^."},
		{"two overlays in front of a key frame", "KvOOKv", "^.^..."},
		{"frame between overlay and key frame", "KvOaKv", "^.^.^."},
		{"sound only", "AaaAaaOAa", "^..^..^.."},
		{"no key frame at all", "vvvaa", "^...."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h Hub
			p, _ := h.Publish("s", nil)
			write(t, p, tt.frames)
			if got := startsOf(&p.stream.session.window); got != tt.starts {
				t.Errorf("starts of %q\n got %q\nwant %q", tt.frames, got, tt.starts)
			}
		})
	}
}

// startsOf draws ^ for each frame of the window that starts a group, and a dot for each other.
func startsOf(w *window) string {
	marks := strings.Repeat(".", w.entries.len())
	for n := w.starts.head; n != w.starts.tail; n++ {
		i := *w.starts.at(n) - w.entries.head
		marks = marks[:i] + "^" + marks[i+1:]
	}
	return marks
}

func TestWindow(t *testing.T) {
	tests := []struct {
		name     string
		maxAge   time.Duration // 100 ms a frame
		maxBytes int           // 1 byte a frame
		frames   string
		want     string // what is left
		starts   string
		cuts     uint64
	}{
		{"within the bounds", 0, 0, "KvvKvv", "KvvKvv", "^..^..", 0},
		{"time: following group not old enough", 300 * time.Millisecond, 0, "KvvKvv", "KvvKvv", "^..^..", 0},
		{"time: following group just old enough", 300 * time.Millisecond, 0, "KvvKvvv", "Kvvv", "^...", 0},
		{"time: newest group is never cut", 300 * time.Millisecond, 0, "KvKvvvvvvvvv", "Kvvvvvvvvv", "^.........", 0},
		{"time: several groups at once", 100 * time.Millisecond, 0, "KKKKK", "KK", "^^", 0},
		{"time: overlay stays with its group", 300 * time.Millisecond, 0, "OKvOKvv", "OKvv", "^...", 0},
		{"bytes: oldest group goes whole", 0, 6, "KvvKvvv", "Kvvv", "^...", 0},
		{"bytes: exactly full", 0, 6, "KvvKvv", "KvvKvv", "^..^..", 0},
		{"bytes: newest group is cut", 0, 4, "Kvvvv", "vvvv", "....", 1},
		{"bytes: cut once, counted once", 0, 4, "Kvvvvvvv", "vvvv", "....", 1},
		{"bytes: what is left of a cut group goes whole", 0, 4, "KvvvvKv", "Kv", "^.", 1},
		{"bytes: two groups cut", 0, 3, "KvvvKvvv", "vvv", "...", 2},
		{"bytes: key frame behind a first group that is cut", 0, 3, "aaaaK", "K", "^", 1},
		{"bytes: newest frame always stays", 0, -1, "KvK", "K", "^", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Hub{MaxAge: tt.maxAge, MaxBytes: tt.maxBytes}
			p, _ := h.Publish("s", nil)
			write(t, p, tt.frames)
			w := &p.stream.session.window
			if got := windowOf(w); got != tt.want || startsOf(w) != tt.starts || w.cuts != tt.cuts {
				t.Errorf("window after %q = %q, starts %q, %d cuts; want %q, %q, %d",
					tt.frames, got, startsOf(w), w.cuts, tt.want, tt.starts, tt.cuts)
			}
			snapshot := p.stream.Snapshot()
			if snapshot.Frames != len(tt.want) || snapshot.Bytes != len(tt.want) || snapshot.Groups != strings.Count(tt.starts, "^") {
				t.Errorf("Snapshot = %+v, want %q, %q", snapshot, tt.want, tt.starts)
			}
			wantMemoryFree(t, w)
		})
	}
}

func windowOf(w *window) string {
	var fs []*media.Frame
	for n := w.entries.head; n != w.entries.tail; n++ {
		fs = append(fs, w.frame(n))
	}
	return scriptOf(fs)
}

// wantMemoryFree checks that nothing that left the window is still reachable from it.
func wantMemoryFree(t interface{ Errorf(string, ...any) }, w *window) {
	held := 0
	for _, e := range w.entries.slots {
		if e.frame != nil {
			held++
			continue
		}
		for _, m := range e.made {
			if m != nil {
				t.Errorf("a frame is gone, what was derived from it is not")
			}
		}
	}
	if held != w.entries.len() {
		t.Errorf("%d frames in memory, %d in the window", held, w.entries.len())
	}
}

func TestWindowBoundsEmptyFrames(t *testing.T) {
	var h Hub
	p, _ := h.Publish("s", nil)
	empty := &media.Frame{Track: audio}
	for range maxFrames + 100 {
		if err := p.WriteFrame(empty); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.stream.Snapshot(); got.Frames != maxFrames || got.Bytes != 0 || got.Cuts != 1 {
		t.Errorf("%d frames, %d bytes, %d cuts; want %d frames, 0 bytes, 1 cut", got.Frames, got.Bytes, got.Cuts, maxFrames)
	}
}
