package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A shared message has the bytes of one that is written alone, whatever its size.
func TestShareEqualsMessage(t *testing.T) {
	for _, size := range []int{128, 4096} {
		for _, head := range []int{0, 1, 5, 16} {
			for _, timestamp := range []int64{0, 0xFFFFFE, 0xFFFFFF, 1<<32 + 7, -1} {
				t.Run(fmt.Sprintf("chunks of %d, head of %d, at %d", size, head, timestamp), func(t *testing.T) {
					for _, chunks := range []int{0, 1, 2, 3} {
						for n := max(head, chunks*size-20); n <= chunks*size+20; n++ {
							checkShare(t, size, head, Message{Type: TypeVideo, StreamID: 1, Timestamp: timestamp, Payload: body(n)})
						}
					}
				})
			}
		}
	}
}

// checkShare compares m, of which head bytes are the head, with what a batch makes of it.
func checkShare(t *testing.T, size, head int, m Message) {
	t.Helper()
	rest := m.Payload[head:]
	s := Share(m.Type, m.Timestamp, m.Payload[:head], size, rest[:len(rest)/3], nil, rest[len(rest)/3:len(rest)/2], rest[len(rest)/2:])
	if s.Len() != len(m.Payload) || s.Timestamp() != uint32(m.Timestamp) {
		t.Errorf("length %d, time %d: got %d, %d", len(m.Payload), uint32(m.Timestamp), s.Len(), s.Timestamp())
	}
	var b Batch
	b.Add(s, m.StreamID)
	want := appendMessage(nil, m, size)
	if b.Len() != len(want) {
		t.Errorf("length %d: the batch has %d bytes, want %d", len(m.Payload), b.Len(), len(want))
	}
	var got bytes.Buffer
	if err := b.flush(&got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("length %d: got\n%x, want\n%x", len(m.Payload), got.Bytes(), want)
	}
}

// frames are a picture, sound and an own message, as an output's batch has them between two writes.
func frames(size int) (shared []*Shared, own Message) {
	return []*Shared{
		Share(TypeVideo, 40, []byte{0x27, 1, 0, 0, 0}, size, body(20_000)),
		Share(TypeAudio, 42, []byte{0xaf, 1}, size, body(300)),
		Share(TypeData, 42, nil, size),
	}, Message{Type: TypeData, StreamID: 1, Timestamp: 40, Payload: body(5000)}
}

// fill puts frames into a batch and gives the bytes that must be written.
func fill(b *Batch, size int) []byte {
	shared, own := frames(size)
	b.AddMessage(own, size)
	want := appendMessage(nil, own, size)
	for _, s := range shared {
		b.Add(s, 1)
		whole := append([]byte(nil), s.head...)
		for i := 0; i < len(s.rest); i += 2 {
			whole = append(whole, s.rest[i]...)
		}
		want = appendMessage(want, Message{Type: s.typ, StreamID: 1, Timestamp: int64(s.timestamp), Payload: whole}, size)
	}
	b.AddMessage(own, size)
	return appendMessage(want, own, size)
}

// writes counts writes.
type writes struct {
	net.Conn
	bytes.Buffer
	n int
}

func (w *writes) Read(b []byte) (int, error) { return w.Buffer.Read(b) }

func (w *writes) Write(b []byte) (int, error) {
	w.n++
	return w.Buffer.Write(b)
}

func TestBatchIsOneWrite(t *testing.T) {
	var w writes
	c := NewConn(&w)
	var b Batch
	if err := c.WriteBatch(&b); err != nil || w.n != 0 {
		t.Errorf("an empty batch: got %d writes and error %v", w.n, err)
	}
	for range 3 {
		w.Reset()
		w.n = 0
		want := fill(&b, 4096)
		if b.Len() != len(want) {
			t.Errorf("got %d bytes, want %d", b.Len(), len(want))
		}
		if err := c.WriteBatch(&b); err != nil {
			t.Fatal(err)
		}
		if w.n != 1 {
			t.Errorf("got %d writes", w.n)
		}
		if diff := cmp.Diff(want, w.Bytes(), cmp.Comparer(bytes.Equal)); diff != "" {
			t.Error("not what was added")
		}
		if b.Len() != 0 {
			t.Errorf("%d bytes are left", b.Len())
		}
	}
}

// On TCP a batch goes out as it is, also where it has more slices than one writev takes (1,024).
func TestBatchOnTCP(t *testing.T) {
	here, there := tcpPair(t)
	var b Batch
	var want []byte
	for range 200 {
		want = append(want, fill(&b, 128)...)
	}
	if len(b.slices) <= 1024 {
		t.Fatalf("only %d slices", len(b.slices))
	}
	got := make([]byte, len(want))
	var reading sync.WaitGroup
	reading.Go(func() {
		if _, err := io.ReadFull(there, got); err != nil {
			t.Error(err)
		}
	})
	if err := NewConn(here).WriteBatch(&b); err != nil {
		t.Error(err)
	}
	reading.Wait()
	if !bytes.Equal(got, want) {
		t.Error("not what was added")
	}
	for _, s := range b.slices[:cap(b.slices)] {
		if s != nil {
			t.Fatal("an emptied batch keeps a reference to a frame")
		}
	}
}

// tcpPair gives both ends of a connection.
func tcpPair(t testing.TB) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func TestBatchThatIsNotWritten(t *testing.T) {
	c := NewConn(&failing{})
	var b Batch
	fill(&b, 4096)
	if err := c.WriteBatch(&b); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes are left", b.Len())
	}
}

func TestBatchDoesNotAllocate(t *testing.T) {
	shared, own := frames(4096)
	for name, w := range map[string]io.Writer{"elsewhere": io.Discard, "on TCP": drained(t)} {
		var b Batch
		got := testing.AllocsPerRun(100, func() {
			for _, s := range shared {
				b.Add(s, 1)
			}
			b.AddMessage(own, 4096)
			if err := b.flush(w); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations for each batch", name, got)
		}
	}
}

// drained gives a TCP connection whose other end reads all.
func drained(t testing.TB) net.Conn {
	here, there := tcpPair(t)
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, there) })
	t.Cleanup(func() { here.Close(); reading.Wait() })
	return here
}

// BenchmarkBatch is what a video frame of 8 KiB costs: shared once, then into the batch of each output, without the socket.
func BenchmarkBatch(b *testing.B) {
	payload, head := body(8<<10), []byte{0x27, 1, 0, 0, 0}
	for _, outputs := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("outputs=%d", outputs), func(b *testing.B) {
			batches := make([]Batch, outputs)
			b.ReportAllocs()
			b.SetBytes(int64(outputs * len(payload)))
			for b.Loop() {
				s := Share(TypeVideo, 40, head, 4096, payload)
				for i := range batches {
					batches[i].Add(s, 1)
					batches[i].cut()
					batches[i].reset()
				}
			}
		})
	}
}
