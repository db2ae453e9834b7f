package hls

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/overlay"
)

// spooled is a playlist of 60 segments of 2 s, with states, as the muxer's goroutine for old segments finds it.
func spooled(t *testing.T) *recorder {
	t.Helper()
	frames := withStates(source{video: picture, audio: sound}.until(seconds(120)), 50)
	made := press(t, frames)
	r := recorderOf(made.as, 5*time.Minute)
	r.alone = true
	for _, p := range made.pieces {
		failIf(t, r.take(p))
	}
	return r
}

// all gives every segment and part as a view has it, by name.
func (r *recorder) all(t *testing.T) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for _, g := range r.list.segments {
		names := []string{}
		if g.closed {
			names = append(names, r.of.segmentName(g.number))
		}
		for i := range g.parts {
			names = append(names, r.of.partName(g.number, i))
		}
		for _, name := range names {
			b, err := r.bytes(name)
			failIf(t, err)
			got[name] = string(b)
		}
	}
	return got
}

// openFiles counts the files that this process has open below a folder.
func openFiles(t *testing.T, folder string) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("open files are counted on Linux alone")
	}
	list, err := os.ReadDir("/proc/self/fd")
	failIf(t, err)
	for _, one := range list {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", one.Name())); err == nil && strings.HasPrefix(to, folder) {
			n++
		}
	}
	return n
}

// Segments that go to disk are byte for byte what they were, for all views and renditions, and nothing is left behind.
func TestSpoolKeepsBytes(t *testing.T) {
	folder := t.TempDir()
	r := spooled(t)
	views := []struct {
		of   rendition
		view *overlay.View
	}{{whole, seller}, {whole, &overlay.View{}}, {alone, seller}}
	var before []map[string]string
	for _, v := range views {
		r.of, r.view = v.of, v.view
		before = append(before, r.all(t))
	}
	memory := r.list.memoryLocked()
	moved := 0
	for g := r.list.agedLocked(); g != nil; g = r.list.agedLocked() {
		failIf(t, r.list.move(g, folder))
		moved++
	}
	if aged := r.list.newestLocked().end() - r.list.segments[moved].end(); moved < 25 || aged > seconds(61) {
		t.Errorf("%d segments were moved, the oldest in memory ended %v ago", moved, aged)
	}
	for i, v := range views {
		r.of, r.view = v.of, v.view
		for name, b := range r.all(t) {
			if b != before[i][name] {
				t.Errorf("%s of view %d: %d bytes, before %d, or they differ", name, i, len(b), len(before[i][name]))
			}
		}
	}
	if now := r.list.memoryLocked(); now > memory*3/4 {
		t.Errorf("%d bytes in memory, before %d", now, memory)
	}
	if n := openFiles(t, folder); n != moved {
		t.Errorf("%d files, want %d", n, moved)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("names in the folder: %v, %v", left, err)
	}
	r.list.forget()
	if n := openFiles(t, folder); n != 0 {
		t.Errorf("%d files are still open", n)
	}
}

// Who reads while a segment is forgotten reads to the end; then the file is closed.
func TestSpoolWhileRead(t *testing.T) {
	folder := t.TempDir()
	r := spooled(t)
	want, err := r.bytes("0.m4s")
	failIf(t, err)
	inMemory, err := r.list.fetch(whole, 0, -1, seller)
	failIf(t, err)
	failIf(t, r.list.move(r.list.segments[0], folder))
	onDisk, err := r.list.fetch(whole, 0, -1, seller)
	failIf(t, err)
	again, err := r.list.fetch(whole, 0, 0, seller)
	failIf(t, err)
	r.list.forget()
	if n := openFiles(t, folder); n != 1 {
		t.Errorf("%d files, want that which is read", n)
	}
	for _, found := range []*resource{inMemory, onDisk} {
		var b bytes.Buffer
		if _, err := found.WriteTo(&b); err != nil || !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%d bytes, %v, want %d", b.Len(), err, len(want))
		}
		found.leave()
	}
	again.leave()
	if n := openFiles(t, folder); n != 0 {
		t.Errorf("%d files are still open", n)
	}
	if _, err := r.list.fetch(whole, 0, -1, seller); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

// A segment that is forgotten while it is written leaves no file.
func TestSpoolOfForgotten(t *testing.T) {
	folder := t.TempDir()
	r := spooled(t)
	g := r.list.segments[0]
	r.list.forget()
	failIf(t, r.list.move(g, folder))
	if n := openFiles(t, folder); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

// Where nothing can be written, segments stay in memory up to the bound, the trouble is counted, said once a minute, and the stream goes on. When
// the folder is there again, they go to it.
func TestSpoolWithoutFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "gone")
		r := spooled(t)
		var log bytes.Buffer
		m := &muxer{list: r.list, options: Options{Folder: folder}, log: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		var beside sync.WaitGroup
		beside.Go(func() { m.spool(ctx) })
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if said := strings.Count(log.String(), "level=WARN"); said != 1 || !strings.Contains(log.String(), "no such file") {
			t.Errorf("said %d times: %s", said, log.String())
		}
		if n := r.list.counts.unwritten; n != 3 && n != 4 {
			t.Errorf("%d are counted", n)
		}
		if _, err := r.bytes("0.m4s"); err != nil {
			t.Errorf("a segment is gone: %v", err)
		}
		failIf(t, os.Mkdir(folder, 0o755))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if r.list.segments[0].file == nil || r.list.agedLocked() != nil {
			t.Error("it does not go on when the folder is back")
		}
		cancel()
		beside.Wait()
		r.list.forget()
	})
}

// A disk that is full is like a folder that is gone: what was begun is discarded.
func TestSpoolOnFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no device that is always full")
	}
	defer func() { _ = full.Close() }()
	r := spooled(t)
	if _, err := r.list.segments[0].write(full); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	if b, err := r.bytes("0.m4s"); err != nil || len(b) == 0 {
		t.Errorf("a segment is gone: %v", err)
	}
}
