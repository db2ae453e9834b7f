package hls

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// Bytes in memory and on disk are read as one, wherever a range begins and ends.
func TestBodies(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	failIf(t, err)
	defer func() { _ = f.Close() }()
	_, err = f.WriteString("....disk more....")
	failIf(t, err)
	list := []body{{data: []byte("memory ")}, {file: f, offset: 4, size: 5}, {}, {file: f, offset: 9, size: 4}, {data: []byte(" and memory")}}
	const want = "memory disk more and memory"
	all := &bodies{list: list}
	if err := iotest.TestReader(all, []byte(want)); err != nil {
		t.Error(err)
	}
	if n := all.length(); n != int64(len(want)) {
		t.Errorf("%d bytes", n)
	}
	for from := range want {
		for to := from; to <= len(want); to++ {
			if at, err := all.Seek(int64(from), io.SeekStart); at != int64(from) || err != nil {
				t.Fatal(at, err)
			}
			if b, err := io.ReadAll(io.LimitReader(all, int64(to-from))); string(b) != want[from:to] || err != nil {
				t.Errorf("%d to %d: %q, %v", from, to, b, err)
			}
		}
	}
	var b bytes.Buffer
	if n, err := all.WriteTo(&b); n != int64(len(want)) || b.String() != want || err != nil {
		t.Errorf("%q, %d, %v", b.String(), n, err)
	}
	if at, err := all.Seek(-6, io.SeekEnd); at != int64(len(want)-6) || err != nil {
		t.Error(at, err)
	}
	if at, err := all.Seek(2, io.SeekCurrent); at != int64(len(want)-4) || err != nil {
		t.Error(at, err)
	}
	if _, err := all.Seek(-1, io.SeekStart); err == nil {
		t.Error("before the start")
	}
	if _, err := all.WriteTo(iotest.TruncateWriter(io.Discard, 3)); err != nil {
		t.Error(err)
	}
	if n, err := all.WriteTo(broken{}); n != 7 || err == nil {
		t.Errorf("%d bytes, %v to a writer that breaks", n, err)
	}
}

// broken is a writer that takes one write.
type broken struct{}

func (broken) Write(b []byte) (int, error) {
	if string(b) == "memory " {
		return len(b), nil
	}
	return 0, io.ErrClosedPipe
}
