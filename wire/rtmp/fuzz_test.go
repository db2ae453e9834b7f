package rtmp

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/wire"
)

// known says whether err is one that a reader of hostile bytes may give.
func known(err error) bool {
	var syntax *wire.SyntaxError
	var unsupported *wire.UnsupportedError
	var over *LimitError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &syntax) || errors.As(err, &unsupported) || errors.As(err, &over)
}

// pieces reads b in pieces of changing lengths.
type pieces struct {
	b   []byte
	n   int
	let byte
}

func (p *pieces) Read(dst []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	p.n = p.n*31 + int(p.let)
	n := copy(dst, p.b[:min(1+p.n&0xFF, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}

// FuzzChunks reads any bytes, however split, within the limits, and to the same messages.
func FuzzChunks(f *testing.F) {
	for _, name := range []string{"obs-publisher.bin", "gstreamer-publisher.bin", "nginx-to-player.bin"} {
		f.Add(golden(f, name), byte(3), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, split byte, authorised bool) {
		var all [2][]Message
		var errs [2]string
		for i, r := range []io.Reader{bytes.NewReader(b), &pieces{b: b, let: split}} {
			c := NewConn(&tape{said: r})
			if authorised {
				c.Authorise()
			}
			for {
				m, err := c.ReadMessage()
				if held := c.reader.held; held < 0 || held > c.reader.limits.Partial || len(c.reader.streams) > c.reader.limits.ChunkStreams {
					t.Fatalf("%d bytes are held on %d chunk streams", held, len(c.reader.streams))
				}
				if err != nil {
					if errs[i] = err.Error(); !known(err) {
						t.Fatalf("got %v", err)
					}
					break
				}
				all[i] = append(all[i], m)
			}
		}
		if errs[0] != errs[1] || !reflect.DeepEqual(all[0], all[1]) {
			t.Errorf("at once %d messages and %q, in pieces %d and %q", len(all[0]), errs[0], len(all[1]), errs[1])
		}
	})
}

// FuzzParseCommand checks that a command that was read is written to one that reads the same.
func FuzzParseCommand(f *testing.F) {
	for _, cmd := range []Command{connected, created, started, connect("live"), {Name: "publish", Args: []any{"KEY", "live"}}} {
		f.Add(cmd.Message().Payload)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cmd, err := ParseCommand(Message{Type: TypeCommand, Payload: b})
		if err != nil {
			if !known(err) {
				t.Fatalf("got %v", err)
			}
			return
		}
		StatusOf(cmd)
		peerOf(cmd.Object)
		once := cmd.Message()
		again, err := ParseCommand(once)
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if twice := again.Message(); !bytes.Equal(once.Payload, twice.Payload) {
			t.Errorf("got %x, then %x", once.Payload, twice.Payload)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte{3})
	f.Add([]byte{0x16, 3, 1})
	f.Add(append([]byte{3}, make([]byte, 2*handshakeSize)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := OfferHandshake(&tape{said: bytes.NewReader(b)}); err != nil && !known(err) {
			t.Errorf("client: got %v", err)
		}
		p := &tape{said: bytes.NewReader(b)}
		h, err := ReadHello(p)
		if err == nil {
			err = h.Answer(p)
		}
		if err != nil && !known(err) {
			t.Errorf("server: got %v", err)
		}
	})
}

// FuzzURL checks that an address that was read is written to one that reads the same, and that errors repeat nothing of it.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"rtmp://host/app", "rtmps://[2001:db8::1]:1936/app/instance?x=y", "rtmp://[fe80::1%25eth0]/app",
		"//other/app", "/app", "live_secretkey:1", "rtmp://user:secretkey@host/a#b",
	} {
		f.Add(s)
	}
	base := URL{Host: "host", Port: "1935", App: "app"}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := base.Resolve(s)
		secretless(t, s, err)
		u, err := ParseURL(s)
		secretless(t, s, err)
		if err != nil {
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || again != u {
			t.Errorf("%q: got %+v, again %+v and error %v", s, u, again, err)
		}
	})
}

// secretless fails where err repeats a word of s that is long enough for a key.
func secretless(t *testing.T, s string, err error) {
	if err == nil {
		return
	}
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(":/?#@&= ", r) }) {
		if len(word) >= 6 && strings.Contains(err.Error(), word) {
			t.Errorf("%q repeats %q", err, word)
		}
	}
}

// FuzzAnswers has a client publish and play against any server, and a server listen to any client.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"nginx-to-publisher.bin", "ffmpeg-to-publisher.bin", "obs-publisher.bin", "rtmpdump-player.bin"} {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, ask := range []func(*Conn, string) (uint32, error){(*Conn).Publish, (*Conn).Play} {
			c, _ := play(b)
			_, err := c.Connect(Offer{URL: liveURL})
			if err == nil {
				_, err = ask(c, "KEY")
			}
			var status *StatusError
			if err != nil && !known(err) && !errors.As(err, &status) {
				t.Errorf("client: got %v", err)
			}
		}
		c, _ := play(b)
		r, err := ReadRequest(c, "live")
		var status *StatusError
		if err != nil && !known(err) && !errors.As(err, &status) {
			t.Errorf("server: got %v", err)
		}
		if err == nil && (r.Accept() != nil || len(r.Name) > maxName) {
			t.Errorf("got %+v", r)
		}
	})
}

// FuzzBatch checks that whatever is put into a batch is read again as it was.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("head and payload"), int64(0), uint32(1), uint16(0), uint8(5))
	f.Add(body(300), int64(0xFFFFFF), uint32(1), uint16(0), uint8(1))
	f.Add(body(9000), int64(1<<32-1), uint32(7), uint16(4096-128), uint8(16))
	f.Fuzz(func(t *testing.T, b []byte, timestamp int64, stream uint32, more uint16, head uint8) {
		if len(b) > 60_000 || timestamp < 0 {
			return
		}
		size, cut := minChunkSize+int(more), min(int(head)&0x7F, len(b))
		shared := Message{Type: TypeVideo, StreamID: stream, Timestamp: timestamp & 0xFFFFFFFF, Payload: b}
		own := Message{Type: TypeData, StreamID: stream, Timestamp: shared.Timestamp, Payload: b}
		var batch Batch
		batch.Add(Share(TypeVideo, timestamp, b[:cut], size, b[cut:]), stream)
		batch.AddMessage(own, size)
		sender, tape := play(nil)
		if err := sender.setChunkSize(size); err != nil {
			t.Fatal(err)
		}
		if err := sender.WriteBatch(&batch); err != nil {
			t.Fatal(err)
		}
		c, _ := play(tape.told.Bytes())
		c.Authorise()
		got, err := messages(c)
		if err != nil || len(got) != 2 {
			t.Fatalf("got %d messages and error %v", len(got), err)
		}
		for i, want := range []Message{shared, own} {
			if got[i].Type != want.Type || got[i].StreamID != stream || got[i].Timestamp != want.Timestamp || !bytes.Equal(got[i].Payload, b) {
				t.Errorf("message %d: got %s of %d on %d at %d", i, got[i].Type, len(got[i].Payload), got[i].StreamID, got[i].Timestamp)
			}
		}
	})
}
