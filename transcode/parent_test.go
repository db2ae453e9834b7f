//go:build linux

package transcode

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

// asParent says that this process is the one that is killed, with the file that it publishes.
const asParent = "SIMULCART_TEST_PARENT"

// When we are killed, our children are gone within 2 s, those that work and those that do not react to anything.
func TestParentIsKilled(t *testing.T) {
	if path := os.Getenv(asParent); path != "" {
		beParent(t, path)
		return
	}
	if testing.Short() {
		t.Skip("-short: needs ffmpeg")
	}
	mediatest.Need(t, "ffmpeg")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped %v", stopped), func(t *testing.T) {
			cmd := exec.Command(self, "-test.run=^TestParentIsKilled$")
			cmd.Env = append(os.Environ(), asParent+"="+mediatest.Media(t, mediatest.Clip{Seconds: 4, BFrames: 2}))
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.Contains(lines.Text(), "output") {
			}
			pids, _ := children(t, cmd.Process.Pid)
			if stopped {
				for _, pid := range pids {
					if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
						t.Error(err)
					}
				}
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
			if len(pids) != 2 {
				t.Fatalf("%d children, want 2", len(pids))
			}
			await(t, "the children are gone", guard*goal, func() bool {
				for _, pid := range pids {
					if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(b), "ffmpeg") {
						return false
					}
				}
				return true
			})
		})
	}
}

// beParent makes a rendition until it is killed. Many threads come and go meanwhile: none of them may take the children with it.
func beParent(t *testing.T, path string) {
	g := newRig(t)
	stop := make(chan struct{})
	done := g.loop(t, readClip(t, path), stop)
	s := g.watch(t, Web)
	for n := 0; n < 60; n++ {
		go func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			time.Sleep(time.Millisecond)
		}()
		time.Sleep(20 * time.Millisecond)
	}
	if st := g.Status("maria"); len(st) == 2 && st[0].Restarts == 0 && st[1].Restarts == 0 {
		if s.count(media.Codec.IsVideo) > 0 {
			fmt.Println("output")
		}
	}
	time.Sleep(30 * time.Second)
	close(stop)
	<-done
}

// What a child may take is bounded, and it has a process group of its own.
func TestChildIsConfined(t *testing.T) {
	g := newRig(t)
	stop := make(chan struct{})
	done := g.loop(t, readClip(t, mediatest.Media(t, mediatest.Clip{Seconds: 4})), stop)
	s := g.watch(t, Web)
	defer func() { close(stop); <-done }()
	await(t, "output", guard*goal, func() bool { return s.count(media.Codec.IsAudio) > 0 })
	pids, _ := children(t, os.Getpid())
	if len(pids) != 1 {
		t.Fatalf("%d children", len(pids))
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pids[0]))
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]string{"Max data size": "536870912", "Max open files": "64", "Max file size": "0", "Max core file size": "0"}
	for line := range strings.Lines(string(b)) {
		for name, want := range limits {
			if rest, found := strings.CutPrefix(line, name); found {
				if f := strings.Fields(rest); len(f) < 2 || f[0] != want || f[1] != want {
					t.Errorf("%s: %v, want %s", name, f, want)
				}
				delete(limits, name)
			}
		}
	}
	if len(limits) > 0 {
		t.Errorf("not found: %v", limits)
	}
	if group, err := syscall.Getpgid(pids[0]); err != nil || group != pids[0] {
		t.Errorf("process group %d, %v, want %d", group, err, pids[0])
	}
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pids[0]))
	if err != nil || strings.TrimRight(string(environment), "\x00") != "LC_ALL=C" {
		t.Errorf("environment %q, %v", environment, err)
	}
	sockets, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pids[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range sockets {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pids[0], fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			t.Errorf("file %s is a %s", fd.Name(), to)
		}
	}
	if st := g.Status("maria"); len(st) != 1 || !st[0].Running || st[0].CPU <= 0 || st[0].Delay <= 0 {
		t.Errorf("status %+v", st)
	}
}
