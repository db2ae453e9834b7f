package rtmp

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// repeated reads the same bytes over and over.
type repeated struct {
	whole, rest []byte
}

func (r *repeated) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		r.rest = r.whole
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// BenchmarkRead reads pictures as encoders send them, in chunks of 4,096 bytes: of 6 Mbit/s, and of 50.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{22_500, 190_000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			m := Message{Type: TypeVideo, StreamID: 1, Timestamp: 40, Payload: make([]byte, size)}
			r := newChunkReader(io.MultiReader(
				bytes.NewReader(appendMessage(nil, Message{Type: TypeSetChunkSize, Payload: []byte{0, 0, 16, 0}}, defaultChunkSize)),
				&repeated{whole: appendMessage(nil, m, 4096)}))
			r.limits = Authorised()
			announced, err := r.next()
			if err != nil || r.setSize(announced.Payload) != nil {
				b.Fatalf("chunk size: %v", err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := r.next(); err != nil || len(got.Payload) != size {
					b.Fatalf("%d bytes, %v", len(got.Payload), err)
				}
			}
		})
	}
}
