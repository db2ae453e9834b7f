package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/wire/amf"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// chunk gives a type 0 header on chunk stream 3 that declares a message, with the bytes given behind it.
func chunk(t rtmp.MessageType, length int, body ...byte) []byte {
	b := []byte{3, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), byte(t), 0, 0, 0, 0}
	return append(b, body...)
}

// nested gives a data message with an object that is one deeper than allowed.
func nested() []byte {
	const depth = 17
	b := amf.Append(nil, "onMetaData")
	for range depth {
		b = append(b, 3, 0, 1, 'a')
	}
	b = append(b, 5)
	return append(b, bytes.Repeat([]byte{0, 0, 9}, depth)...)
}

// command gives a command message of that body, in chunks of 128 bytes.
func command(body []byte) []byte {
	var out []byte
	for first := true; first || len(body) > 0; first = false {
		if first {
			out = chunk(rtmp.TypeCommand, len(body))
		} else {
			out = append(out, 0xC3)
		}
		n := min(128, len(body))
		out, body = append(out, body[:n]...), body[n:]
	}
	return out
}

// noise is the same garbage each time.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// What a peer may try: its own connection ends, with a clear error in the log, and a publisher on another stream loses nothing.
func TestHostilePeers(t *testing.T) {
	raw := func(b []byte) func(r *rig, nc net.Conn) {
		return func(_ *rig, nc net.Conn) { _, _ = nc.Write(b) }
	}
	shaken := func(b []byte) func(r *rig, nc net.Conn) {
		return func(r *rig, nc net.Conn) {
			if err := rtmp.OfferHandshake(nc); err != nil {
				r.Fatal(err)
			}
			_, _ = nc.Write(b)
		}
	}
	published := func(do func(r *rig, c *client)) func(r *rig, nc net.Conn) {
		return func(r *rig, nc net.Conn) {
			c := r.mustPublish(nc, "maria-key")
			r.group(c, 0)
			do(r, c)
		}
	}
	for _, tc := range []struct {
		name  string
		do    func(r *rig, nc net.Conn)
		said  string
		label string // under which the refusal is counted; "": it had been let in
		limit string // under which the limit is counted; "": it was none
	}{
		{"garbage", raw(noise(64 << 10)), "this is no RTMP peer", "syntax", ""},
		{"a web browser", raw([]byte("GET / HTTP/1.1\r\n\r\n")), "speaks HTTP", "syntax", ""},
		{"TLS on the plain port", raw(append([]byte{0x16, 3, 1}, make([]byte, 200)...)), "speaks TLS", "syntax", ""},
		{"RTMPE", raw(append([]byte{6}, make([]byte, 1536)...)), "RTMPE", "unsupported", ""},
		{"garbage after the handshake", shaken(bytes.Repeat([]byte{0xFF}, 4096)), "rtmp chunk: at byte", "syntax", ""},
		{"AMF of depth 17", shaken(command(nested()[13:])), "more than 16 values inside each other", "unsupported", ""},
		{"AMF of depth 4,000", shaken(command(bytes.Repeat([]byte{3, 0, 1, 'a'}, 4000))), "more than 16 values inside each other", "unsupported", ""},
		{"connect of depth 17", shaken(command(append(amf.Append(nil, "connect", 1.0), nested()[13:]...))), "more than 16 values inside each other", "unsupported", ""},
		{"a message of 16 MB before authorisation", shaken(chunk(rtmp.TypeVideo, 1<<24-1, make([]byte, 128)...)), "message too long: 16777215, allowed 16384", "limit", "message_size"},
		{"chunks of 1 byte", shaken(chunk(rtmp.TypeSetChunkSize, 4, 0, 0, 0, 1)), "chunk size too small: 1, allowed 128", "limit", "chunk_size"},
		{"another application", func(r *rig, nc net.Conn) {
			_ = rtmp.OfferHandshake(nc)
			_, err := rtmp.NewConn(nc).Connect(rtmp.Offer{URL: rtmp.URL{Host: "h", App: "vod"}})
			var refused *rtmp.StatusError
			if !errors.As(err, &refused) || !strings.Contains(refused.Status.Description, "rtmp://host/live") {
				r.Errorf("heard %v", err)
			}
		}, "no application of that name", "app", ""},
		{"a stream name of 2 KiB", func(r *rig, nc net.Conn) { _, _ = publishAs(nc, strings.Repeat("k", 2048)) }, "stream name too long", "limit", "name_length"},
		{"33 chunk streams", shaken(func() (b []byte) {
			for i := range 33 {
				b = append(b, byte(3+i), 0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 1)
			}
			return b
		}()), "too many chunk streams", "limit", "chunk_streams"},
		{"64 KiB of unfinished messages", shaken(func() []byte {
			b := chunk(rtmp.TypeSetChunkSize, 4, 0, 0, 0x3F, 0xFF)
			for i := range byte(5) {
				part := chunk(rtmp.TypeVideo, 16<<10, make([]byte, 0x3FFF)...)
				part[0] += i
				b = append(b, part...)
			}
			return b
		}()), "too much of unfinished messages", "limit", "partial_bodies"},
		{"a message of 9 MiB", published(func(_ *rig, c *client) {
			_, _ = c.nc.Write(chunk(rtmp.TypeVideo, 9<<20, 0x27))
		}), "video message too long", "", "message_size"},
		{"garbage after publish", published(func(_ *rig, c *client) { _, _ = c.nc.Write(bytes.Repeat([]byte{0xFF}, 4096)) }), "rtmp chunk: at byte", "", ""},
		{"a command of depth 17 does not end a show", published(func(r *rig, c *client) {
			reader := r.hub.Stream("maria").Subscribe("show", 0)
			defer reader.Close()
			_ = c.WriteMessage(rtmp.Message{Type: rtmp.TypeCommand, Payload: nested()})
			r.group(c, 0)
			r.read(reader, 3)
			_ = c.nc.Close()
		}), "more than 16 values inside each other", "", ""},
		{"times beyond a century", published(func(_ *rig, c *client) {
			for at := int64(1<<30 - 1); ; at += 1<<30 - 1 {
				if c.WriteMessage(rtmp.Message{Type: rtmp.TypeVideo, StreamID: c.id, Timestamp: at, Payload: unhex(interFrame)}) != nil {
					return
				}
			}
		}), errRunaway.Error(), "", ""},
		{"times beyond a century ago", published(func(_ *rig, c *client) {
			for at := int64(-1 << 30); ; at -= 1 << 30 {
				if c.WriteMessage(rtmp.Message{Type: rtmp.TypeVideo, StreamID: c.id, Timestamp: at, Payload: unhex(interFrame)}) != nil {
					return
				}
			}
		}), errRunaway.Error(), "", ""},
		{"AMF3", published(func(_ *rig, c *client) {
			_ = c.WriteMessage(rtmp.Message{Type: rtmp.TypeCommandAMF3, Payload: []byte{0}})
		}), "use AMF0", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, dial := loopback(t)
			other := r.mustPublish(dial(), "open-key")
			reader := r.hub.Stream("open").Subscribe("test", 0)
			defer reader.Close()
			r.group(other, 0)
			nc := dial()
			tc.do(r, nc)
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is open")
			}
			r.logged(tc.said)
			if tc.label != "" {
				r.counted(tc.label)
			}
			r.hit(tc.limit)
			r.group(other, 80)
			if got := r.read(reader, 6); len(got) != 6 {
				t.Errorf("the other stream gave %v", got)
			}
		})
	}
}

// What cannot be relayed and does no harm is counted, and said once in a while.
func TestWhatIsNotRelayed(t *testing.T) {
	r, dial := loopback(t)
	c := r.mustPublish(dial(), "maria-key")
	reader := r.hub.Stream("maria").Subscribe("test", 0)
	defer reader.Close()
	r.group(c, 0)
	for range 5 {
		if err := c.WriteMessage(rtmp.Message{Type: rtmp.TypeData, StreamID: c.id, Payload: nested()}); err != nil {
			t.Fatal(err)
		}
		r.send(c, rtmp.TypeVideo, 0, "12 00") // Sorenson H.263
		// Enhanced RTMP multitrack: many tracks of VP8, each a track id and a length; track 1 is the second.
		r.send(c, rtmp.TypeVideo, 40, "96 11 76703038 01 000001 aa")
	}
	r.group(c, 80)
	r.read(reader, 6)
	st, _ := r.gate.Status("maria")
	got := st.Counters.Drops()
	if got["unsupported"] != 10 || got["extra_track"] != 5 {
		t.Errorf("dropped %v", got)
	}
	if n := strings.Count(r.log.all(), "cannot be relayed"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
	if n := strings.Count(r.log.all(), "track that is not relayed"); n != 1 {
		t.Errorf("named a further track %d times, want once", n)
	}
}

// Peers that declare much and send little hold no memory for it.
func TestMemoryFollowsWhatArrives(t *testing.T) {
	const peers = 50
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, tc := range []struct {
		name string
		do   func(r *rig, nc net.Conn, i int)
		most uint64 // bytes for each peer, both ends
	}{
		{"16 KiB declared before authorisation", func(_ *rig, nc net.Conn, _ int) {
			_ = rtmp.OfferHandshake(nc)
			_, _ = nc.Write(chunk(rtmp.TypeCommand, 16<<10, 2))
		}, 64 << 10},
		{"video of 8 MiB declared after it", func(r *rig, nc net.Conn, i int) {
			key := "key of " + string(rune('A'+i))
			c, err := publishAs(nc, key)
			if err != nil {
				r.Fatal(err)
			}
			b := binary.BigEndian.AppendUint32(chunk(rtmp.TypeSetChunkSize, 4), 1<<30)
			_, _ = c.nc.Write(append(b, chunk(rtmp.TypeVideo, 8<<20, make([]byte, 1000)...)...))
		}, 192 << 10}, // readStep of wire/rtmp, and the connection
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, dial := loopback(t)
			grants := keys(peers)
			r.server.Registry.Replace(grants)
			for name := range grants {
				r.gate.Configure(name, ingest.Options{})
			}
			before := heap()
			for i := range peers {
				tc.do(r, dial(), i)
			}
			time.Sleep(50 * time.Millisecond) // more is read then, if ever
			if grown := heap() - min(before, heap()); grown > peers*tc.most {
				t.Errorf("%d peers hold %d KiB, want at most %d KiB each", peers, grown>>10, tc.most>>10)
			}
		})
	}
}
