//go:build linux

package mediatest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The players of HLS whose decoded pictures can be read back while they play.
const (
	MPVPlayer      Player = "mpv"
	VLCPlayer      Player = "vlc"
	GStreamerPulls Player = "uridecodebin3"
)

// Viewer is a player that plays counted pictures.
type Viewer struct {
	*Process

	rate float64 // pictures in a second
	done chan struct{}

	mu     sync.Mutex
	seen   []Sight
	faults []error
}

// Sight is one decoded picture.
type Sight struct {
	Number int
	At     time.Time
}

// View starts a player whose pictures are those of a clip. It plays until the end of the stream, or until it is stopped.
func View(t testing.TB, player Player, url string, clip Counted) *Viewer {
	t.Helper()
	v := &Viewer{rate: float64(clip.Rate) / float64(max(clip.Per, 1)), done: make(chan struct{})}
	if player == VLCPlayer {
		v.viewVLC(t, url)
		return v
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := Command{Stdout: w, Path: string(player)}
	switch player {
	case FFmpegPlayer: // -re: as fast as a viewer would see it
		c.Args = []string{"-nostdin", "-v", "error", "-re", "-i", url, "-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base:v", "-1", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"}
	case MPVPlayer:
		c.Args = []string{"--no-config", "--msg-level=all=error", "--no-audio", "--vf=format=gray", "--of=rawvideo", "--ovc=rawvideo", "--o=-", url}
	case GStreamerPulls:
		c.Path = "gst-launch-1.0"
		c.Args = []string{"-q", "uridecodebin3", "uri=" + url, "!", "videoconvert", "!", "video/x-raw,format=GRAY8", "!", "fdsink", "fd=1", "sync=true"}
	default:
		t.Fatalf("no viewer %q", player)
	}
	v.Process = Start(t, c)
	_ = w.Close() // the child has its own copy
	go v.read(r, rawPicture)
	t.Cleanup(func() { v.end() })
	return v
}

// viewVLC starts VLC, which refuses to be root and writes to a file of its own choice.
func (v *Viewer) viewVLC(t testing.TB, url string) {
	t.Helper()
	Need(t, "cvlc", "setpriv")
	dir, err := os.MkdirTemp("", "simulcart-vlc-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	fifo := filepath.Join(dir, "pictures")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Chmod(fifo, 0o666), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(fifo, os.O_RDWR, 0) // so that nobody waits for the other
	if err != nil {
		t.Fatal(err)
	}
	c := Command{
		Name: "vlc", Path: "cvlc", Dir: dir, Env: []string{"HOME=" + dir},
		Args: []string{
			"-I", "dummy", "--no-audio", "--vout", "yuv", "--yuv-file", fifo, "--yuv-chroma", "I420", "--yuv-yuv4mpeg2",
			"--no-drop-late-frames", "--no-skip-frames", "--play-and-exit", url, "vlc://quit",
		},
	}
	if os.Getuid() == 0 {
		c.Args = append([]string{"--reuid=nobody", "--regid=nogroup", "--clear-groups", "cvlc"}, c.Args...)
		c.Path = "setpriv"
	}
	v.Process = Start(t, c)
	go func() {
		<-v.Done()
		_ = r.Close()
	}()
	go v.read(r, y4mPicture)
	t.Cleanup(func() { v.end() })
}

// rawPicture reads a gray picture.
func rawPicture(r *bufio.Reader, picture []byte) error {
	_, err := io.ReadFull(r, picture)
	return err
}

// y4mPicture reads the next picture of YUV4MPEG2 with 4:2:0, and gives its luma.
func y4mPicture(r *bufio.Reader, picture []byte) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "YUV4MPEG2") {
			if !strings.Contains(line, fmt.Sprintf(" W%d H%d ", countedWidth, countedHeight)) {
				return fmt.Errorf("pictures of another size: %s", line)
			}
			continue
		}
		if !strings.HasPrefix(line, "FRAME") {
			return fmt.Errorf("no picture at %q", line)
		}
		if _, err := io.ReadFull(r, picture); err != nil {
			return err
		}
		_, err = r.Discard(len(picture) / 2)
		return err
	}
}

// read notes each picture until the player is gone.
func (v *Viewer) read(from io.ReadCloser, next func(*bufio.Reader, []byte) error) {
	defer close(v.done)
	defer func() { _ = from.Close() }()
	r := bufio.NewReaderSize(from, 1<<16)
	picture := make([]byte, countedWidth*countedHeight)
	for {
		if err := next(r, picture); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrClosed) {
				v.fault(err)
			}
			return
		}
		n, err := read(picture)
		if err != nil {
			v.fault(fmt.Errorf("picture %d: %w", len(v.seen), err))
			continue
		}
		v.mu.Lock()
		v.seen = append(v.seen, Sight{n, time.Now()})
		v.mu.Unlock()
	}
}

func (v *Viewer) fault(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, err)
}

// Seen gives the pictures so far.
func (v *Viewer) Seen() []Sight {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[:len(v.seen):len(v.seen)]
}

// end ends the player and waits for its last picture.
func (v *Viewer) end() {
	v.Stop()
	<-v.done
}

// Viewing is what became of a viewer.
type Viewing struct {
	Pictures int
	Missing  int           // numbers between the first and the last that were not shown
	Stalls   int           // times that the pictures came more than 0.3 s later than they should by the first one, and by each stall before
	Late     time.Duration // the longest of them
	Faults   []error       // pictures that could not be read, or that went back
	Start    time.Duration // from begin to the first picture
}

// stall is how late a picture may come.
const stall = 300 * time.Millisecond

// Judge ends the player and judges what was seen since begin. A player that decodes ahead is taken for one that shows each picture at its time.
func (v *Viewer) Judge(begin time.Time) Viewing {
	v.end()
	return v.judge(begin)
}

func (v *Viewer) judge(begin time.Time) Viewing {
	g := Viewing{Pictures: len(v.seen), Faults: v.faults}
	if len(v.seen) == 0 {
		return g
	}
	first, behind := v.seen[0], time.Duration(0)
	g.Start = first.At.Sub(begin)
	last := first.Number
	for _, s := range v.seen[1:] {
		switch {
		case s.Number == first.Number && last == first.Number:
			first = s // VLC shows its first picture until its clock begins
			continue
		case s.Number == last: // shown again for want of another one
			continue
		case s.Number < last:
			g.Faults = append(g.Faults, fmt.Errorf("picture %d comes behind %d", s.Number, last))
		}
		g.Missing += max(0, s.Number-last-1)
		last = max(last, s.Number)
		due := first.At.Add(behind + time.Duration(float64(s.Number-first.Number)/v.rate*float64(time.Second)))
		if late := s.At.Sub(due); late > stall {
			g.Stalls++
			g.Late = max(g.Late, late)
			behind += late
		}
	}
	return g
}
