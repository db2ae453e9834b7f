package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
)

// bothWays are messages that a connection sends and another one reads the same.
var bothWays = []struct {
	name string
	m    Message
}{
	{"empty", Message{Type: TypeVideo, StreamID: 1}},
	{"one byte", Message{Type: TypeAudio, StreamID: 1, Timestamp: 1, Payload: []byte{9}}},
	{"one chunk of 128", Message{Type: TypeVideo, StreamID: 1, Timestamp: 40, Payload: body(128)}},
	{"a byte more", Message{Type: TypeData, StreamID: 1, Timestamp: 41, Payload: body(129)}},
	{"one chunk of 4096", Message{Type: TypeVideo, StreamID: 1, Timestamp: 80, Payload: body(4096)}},
	{"two chunks of 4096", Message{Type: TypeVideo, StreamID: 1, Timestamp: 81, Payload: body(8192)}},
	{"one chunk of 64 KiB", Message{Type: TypeVideo, StreamID: 1, Timestamp: 120, Payload: body(65536)}},
	{"more", Message{Type: TypeVideo, StreamID: 0xFFFFFFFF, Timestamp: 121, Payload: body(200_000)}},
	{"back in time", Message{Type: TypeVideo, StreamID: 1, Timestamp: 0, Payload: body(300)}},
	{"last plain time", Message{Type: TypeVideo, StreamID: 1, Timestamp: 0xFFFFFE, Payload: body(300)}},
	{"first extended time", Message{Type: TypeVideo, StreamID: 1, Timestamp: 0xFFFFFF, Payload: body(300)}},
	{"after 4 h 39 min 37 s", Message{Type: TypeVideo, StreamID: 1, Timestamp: 0x1000000, Payload: body(300)}},
	{"after 12 days", Message{Type: TypeVideo, StreamID: 1, Timestamp: 1 << 30, Payload: body(300)}},
	{"after 24 days", Message{Type: TypeVideo, StreamID: 1, Timestamp: 1<<31 - 1, Payload: body(300)}},
	{"after 31 days", Message{Type: TypeVideo, StreamID: 1, Timestamp: 5 << 29, Payload: body(300)}},
	{"after 37 days", Message{Type: TypeVideo, StreamID: 1, Timestamp: 3 << 30, Payload: body(300)}},
	{"last time before the wrap", Message{Type: TypeVideo, StreamID: 1, Timestamp: 1<<32 - 1, Payload: body(300)}},
	{"the wrap after 49.7 days", Message{Type: TypeVideo, StreamID: 1, Timestamp: 1 << 32, Payload: body(300)}},
	{"extended again", Message{Type: TypeVideo, StreamID: 1, Timestamp: 1<<32 + 0xFFFFFF, Payload: body(300)}},
	{"extended and empty", Message{Type: TypeAudio, StreamID: 1, Timestamp: 1<<32 + 0x1000000}},
	{"command", Message{Type: TypeCommand, Payload: Command{Name: "connect", Transaction: 1}.Message().Payload}},
}

func TestChunksBothWays(t *testing.T) {
	for _, size := range []int{128, 4096, 65536, 1<<31 - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			sender, tape := play(nil)
			if err := sender.setChunkSize(size); err != nil {
				t.Fatal(err)
			}
			var want []Message
			for _, tt := range bothWays {
				want = append(want, tt.m)
				if err := sender.WriteMessage(tt.m); err != nil {
					t.Fatal(err)
				}
			}
			for name, r := range map[string]io.Reader{
				"at once":      strings.NewReader(tape.told.String()),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tape.told.String())),
			} {
				c := NewConn(&failing{said: r})
				c.Authorise()
				got, err := messages(c)
				if err != nil {
					t.Fatal(name, err)
				}
				if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
			}
		})
	}
}

// text makes short messages to compare with.
func text(typ MessageType, stream uint32, at int64, body string) Message {
	return Message{Type: typ, StreamID: stream, Timestamp: at, Payload: []byte(body)}
}

func TestHeaders(t *testing.T) {
	half, rest := strings.Repeat("61", 128), strings.Repeat("61", 2)
	long := strings.Repeat("a", 130)
	for _, tt := range []struct {
		name, hex string
		want      []Message
	}{
		{"type 0", "04 000010 000001 08 01000000 61", []Message{text(TypeAudio, 1, 16, "a")}},
		{"chunk stream id of 2 bytes, lowest", "00 00 000010 000001 08 01000000 61", []Message{text(TypeAudio, 1, 16, "a")}},
		{
			"chunk stream ids of 2 and 3 bytes mean the same",
			"00 ff 000010 000001 08 01000000 61  c1 ff00 61  01 0001 000000 000001 08 01000000 62 c1 0001 62",
			[]Message{text(TypeAudio, 1, 16, "a"), text(TypeAudio, 1, 32, "a"), text(TypeAudio, 1, 0, "b"), text(TypeAudio, 1, 0, "b")},
		},
		{"highest chunk stream id, 65599", "01 ffff 000010 000001 08 01000000 61", []Message{text(TypeAudio, 1, 16, "a")}},
		{
			"type 1 changes length and type", "04 000010 000001 08 01000000 61  44 000005 000002 09 6262",
			[]Message{text(TypeAudio, 1, 16, "a"), text(TypeVideo, 1, 21, "bb")},
		},
		{
			"type 2 changes the delta", "04 000010 000001 08 01000000 61  84 000007 62",
			[]Message{text(TypeAudio, 1, 16, "a"), text(TypeAudio, 1, 23, "b")},
		},
		{
			"type 3 begins a message after type 1", "04 000010 000001 08 01000000 61  44 000005 000001 08 62  c4 63",
			[]Message{text(TypeAudio, 1, 16, "a"), text(TypeAudio, 1, 21, "b"), text(TypeAudio, 1, 26, "c")},
		},
		{
			"type 3 begins a message after type 0", "04 00001a 000001 08 01000000 61  c4 62  c4 63",
			[]Message{text(TypeAudio, 1, 26, "a"), text(TypeAudio, 1, 52, "b"), text(TypeAudio, 1, 78, "c")},
		},
		{"type 1 first, as librtmp sends it", "42 000000 000002 12 6161", []Message{text(TypeData, 0, 0, "aa")}},
		{
			"empty messages", "04 000010 000000 08 01000000  c4  c4",
			[]Message{
				{Type: TypeAudio, StreamID: 1, Timestamp: 16},
				{Type: TypeAudio, StreamID: 1, Timestamp: 32},
				{Type: TypeAudio, StreamID: 1, Timestamp: 48},
			},
		},
		{
			"chunks of two messages in turns",
			"06 000010 000082 09 01000000" + half + "04 000020 000082 08 01000000" + half + "c6" + rest + "c4" + rest,
			[]Message{text(TypeVideo, 1, 16, long), text(TypeAudio, 1, 32, long)},
		},
		{
			"chunk size in the middle of a message",
			"06 000010 000182 09 01000000" + half + "02 000000 000004 01 00000000 00000101 c6" + half + half + "61 c6 61",
			[]Message{text(TypeVideo, 1, 16, strings.Repeat("a", 386))},
		},
		{
			"abort", "06 000010 000082 09 01000000" + half + "02 000000 000004 02 00000000 00000006  46 000001 000001 09 62",
			[]Message{text(TypeVideo, 1, 17, "b")},
		},
		{
			"abort of nothing", "02 000000 000004 02 00000000 00000009 c2 00000002  04 000010 000001 08 01000000 61",
			[]Message{text(TypeAudio, 1, 16, "a")},
		},
		{"abort without an id", "02 000000 000001 02 00000000 00", nil},
		{
			"extended time, repeated", "06 ffffff 000082 09 01000000 01000000" + half + "c6 01000000" + rest,
			[]Message{text(TypeVideo, 1, 0x1000000, long)},
		},
		{
			"extended time, not repeated", "06 ffffff 000082 09 01000000 01000000" + half + "c6" + rest + "06 000010 000001 09 01000000 62",
			[]Message{text(TypeVideo, 1, 0x1000000, long), text(TypeVideo, 1, 16, "b")},
		},
		{
			"a message that type 3 begins after an extended delta, repeated",
			"06 000010 000082 09 01000000" + half + "c6" + rest + "86 ffffff 01000000" + half + "c6 01000000" + rest + "c6 01000000" + half + "c6 01000000" + rest,
			[]Message{text(TypeVideo, 1, 16, long), text(TypeVideo, 1, 0x1000010, long), text(TypeVideo, 1, 0x2000010, long)},
		},
		{
			"the same, not repeated",
			"06 000010 000082 09 01000000" + half + "c6" + rest + "86 ffffff 01000000" + half + "c6" + rest + "c6" + half + "c6" + rest + "86 000001" + half + "c6" + rest,
			[]Message{text(TypeVideo, 1, 16, long), text(TypeVideo, 1, 0x1000010, long), text(TypeVideo, 1, 0x2000010, long), text(TypeVideo, 1, 0x2000011, long)},
		},
		{
			"an extended delta, the time repeated instead",
			"06 000010 000082 09 01000000" + half + "c6" + rest + "86 ffffff 01000000" + half + "c6 01000010" + rest,
			[]Message{text(TypeVideo, 1, 16, long), text(TypeVideo, 1, 0x1000010, long)},
		},
		{
			"a wrap by delta", "04 ffffff 000001 08 01000000 fffffff0 61  84 000020 62  84 000020 63",
			[]Message{text(TypeAudio, 1, 0xFFFFFFF0, "a"), text(TypeAudio, 1, 1<<32+0x10, "b"), text(TypeAudio, 1, 1<<32+0x30, "c")},
		},
		{
			"a wrap on two chunk streams, one behind", "04 ffffff 000001 08 01000000 fffffff0 61  06 000005 000001 09 01000000 62  84 000001 63  86 000001 64",
			[]Message{text(TypeAudio, 1, 0xFFFFFFF0, "a"), text(TypeVideo, 1, 1<<32+5, "b"), text(TypeAudio, 1, 0xFFFFFFF1, "c"), text(TypeVideo, 1, 1<<32+6, "d")},
		},
		{
			"a wrap at 31 bits, one message behind",
			"04 ffffff 000001 08 01000000 7ffffff0 61  06 000005 000001 09 01000000 62  04 ffffff 000001 08 01000000 7ffffff8 63  06 000010 000001 09 01000000 64",
			[]Message{text(TypeAudio, 1, 0x7FFFFFF0, "a"), text(TypeVideo, 1, 1<<31+5, "b"), text(TypeAudio, 1, 0x7FFFFFF8, "c"), text(TypeVideo, 1, 1<<31+0x10, "d")},
		},
		{"an unknown type", "04 000010 000001 63 01000000 61", []Message{text(99, 1, 16, "a")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(mediatest.Unhex(t, tt.hex))
			got, err := messages(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestChunkErrors(t *testing.T) {
	half := strings.Repeat("61", 128)
	for _, tt := range []struct {
		name, hex, want string
	}{
		{"type 2 first", "84 000001", "rtmp chunk: at byte 1: type 2 header on chunk stream 4, which has no message before it"},
		{"type 3 first", "c1 0001", "rtmp chunk: at byte 3: type 3 header on chunk stream 320, which has no message before it"},
		{"type 0 in a message", "04 000010 000082 08 01000000" + half + "04 000010", "rtmp chunk: at byte 141: type 0 header on chunk stream 4 in the middle of a message"},
		{"chunk size of 2 bytes", "02 000000 000002 01 00000000 1000", "rtmp chunk: at byte 14: set chunk size of 2 bytes, want 4"},
		{"AMF3 command", "03 000000 000001 11 00000000 00", "rtmp: at byte 13: not supported: AMF3 messages: use AMF0"},
		{"AMF3 data", "03 000000 000001 0f 00000000 00", "rtmp: at byte 13: not supported: AMF3 messages: use AMF0"},
		{"shared object", "03 000000 000001 13 00000000 00", "rtmp: at byte 13: not supported: shared object messages: use AMF0"},
		{"aggregate", "03 000000 000001 16 00000000 00", "rtmp: at byte 13: not supported: aggregate messages: use AMF0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(mediatest.Unhex(t, tt.hex))
			_, err := messages(c)
			var syntax *wire.SyntaxError
			var unsupported *wire.UnsupportedError
			if !errors.As(err, &syntax) && !errors.As(err, &unsupported) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// A connection that ends is only clean between chunks.
func TestChunksCut(t *testing.T) {
	whole := mediatest.Unhex(t, "01 0000 ffffff 000082 09 01000000 01000000"+strings.Repeat("61", 128)+"c1 0000 01000000 6161")
	clean := map[int]bool{0: true, 18 + 128: true, len(whole): true}
	for n := range len(whole) + 1 {
		c, _ := play(whole[:n])
		_, err := messages(c)
		if clean[n] && err != nil || !clean[n] && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
}

func TestLimits(t *testing.T) {
	header := func(id byte, length int, typ MessageType) string {
		return fmt.Sprintf("%02x 000000 %06x %02x 01000000", id, length, uint8(typ))
	}
	many := func(n int) string {
		var b strings.Builder
		for id := range n {
			b.WriteString(header(byte(3+id), 0, TypeAudio))
		}
		return b.String()
	}
	partial := func(n, size int) string { // n unfinished messages of size bytes each
		var b strings.Builder
		for id := range n {
			b.WriteString(header(byte(3+id), size+1, TypeAudio) + strings.Repeat("61", size))
		}
		return b.String()
	}
	const sized = "02 000000 000004 01 00000000 00003fff"            // chunks of 16,383 bytes: 16 bytes
	cut := func(id byte, length, size int, typ MessageType) string { // the first size bytes of a message
		var b strings.Builder
		b.WriteString(header(id, length, typ))
		for at := 0; at < size; at += 16383 {
			if at > 0 {
				fmt.Fprintf(&b, "%02x", 3<<6|id)
			}
			b.WriteString(strings.Repeat("00", min(16383, size-at)))
		}
		return b.String()
	}
	whole := func(length int, typ MessageType) string { return cut(3, length, length, typ) }
	parts := func(chunks ...int) string { // unfinished video messages, of so many chunks each
		var b strings.Builder
		for i, n := range chunks {
			b.WriteString(cut(byte(4+i), 8<<20, n*16383, TypeVideo))
		}
		return b.String()
	}
	for _, tt := range []struct {
		name       string
		authorised bool
		hex        string
		want       string // "" where it is allowed
	}{
		{"32 chunk streams", false, many(32), ""},
		{"33 chunk streams", false, many(33), "rtmp: at byte 385: too many chunk streams: 33, allowed 32 (limit chunk_streams)"},
		{"33 chunk streams, authorised", true, many(33), "rtmp: at byte 385: too many chunk streams: 33, allowed 32 (limit chunk_streams)"},
		{"16 KiB", false, sized + header(3, 16<<10, TypeVideo) + strings.Repeat("00", 16383) + "c3 00", ""},
		{"video", false, header(3, 16<<10+1, TypeVideo), "rtmp: at byte 12: video message too long: 16385, allowed 16384 (limit message_size)"},
		{"audio", false, header(3, 16<<10+1, TypeAudio), "rtmp: at byte 12: audio message too long: 16385, allowed 16384 (limit message_size)"},
		{"data", false, header(3, 16<<10+1, TypeData), "rtmp: at byte 12: data message too long: 16385, allowed 16384 (limit message_size)"},
		{"command", false, header(3, 16<<10+1, TypeCommand), "rtmp: at byte 12: command message too long: 16385, allowed 16384 (limit message_size)"},
		{"control", false, header(3, 0xFFFFFF, TypeAbort), "rtmp: at byte 12: abort message too long: 16777215, allowed 16384 (limit message_size)"},
		{"unknown", false, header(3, 0xFFFFFF, 99), "rtmp: at byte 12: type 99 message too long: 16777215, allowed 16384 (limit message_size)"},
		{"64 KiB of parts", false, sized + partial(4, 16383) + header(12, 3, TypeAudio) + "616161", ""},
		{"a byte more", false, sized + partial(4, 16383) + header(12, 5, TypeAudio) + "6161616161", "rtmp: at byte 65608: too much of unfinished messages: 65537, allowed 65536 (limit partial_bodies)"},
		{"authorised, the longest of each type", true, sized + whole(8<<20, TypeVideo) + whole(64<<10, TypeAudio) + whole(64<<10, TypeData) + whole(16<<10, TypeAbort), ""},
		{"12 MiB of parts", true, sized + parts(512, 256) + header(12, 768, TypeAudio) + strings.Repeat("61", 768), ""},
		{"a byte more than 12 MiB", true, sized + parts(512, 256) + header(12, 769, TypeAudio) + strings.Repeat("61", 769), "rtmp: at byte 12582962: too much of unfinished messages: 12582913, allowed 12582912 (limit partial_bodies)"},
		{"authorised video", true, header(3, 8<<20+1, TypeVideo), "rtmp: at byte 12: video message too long: 8388609, allowed 8388608 (limit message_size)"},
		{"authorised audio", true, header(3, 64<<10+1, TypeAudio), "rtmp: at byte 12: audio message too long: 65537, allowed 65536 (limit message_size)"},
		{"authorised data", true, header(3, 64<<10+1, TypeData), "rtmp: at byte 12: data message too long: 65537, allowed 65536 (limit message_size)"},
		{"authorised command", true, header(3, 16<<10+1, TypeCommand), "rtmp: at byte 12: command message too long: 16385, allowed 16384 (limit message_size)"},
		{"type 1 is held to it too", false, header(3, 1, TypeVideo) + "61 43 000000 ffffff 09", "rtmp: at byte 21: video message too long: 16777215, allowed 16384 (limit message_size)"},
		{"chunk size 128", false, "02 000000 000004 01 00000000 00000080", ""},
		{"chunk size 127", false, "02 000000 000004 01 00000000 0000007f", "rtmp: at byte 16: chunk size too small: 127, allowed 128 (limit chunk_size)"},
		{"chunk size 1", false, "02 000000 000004 01 00000000 00000001", "rtmp: at byte 16: chunk size too small: 1, allowed 128 (limit chunk_size)"},
		{"chunk size 0", false, "02 000000 000004 01 00000000 00000000", "rtmp: at byte 16: chunk size too small: 0, allowed 128 (limit chunk_size)"},
		{"chunk size 134217728", false, "02 000000 000004 01 00000000 08000000", ""},
		{"chunk size 2^31-1", false, "02 000000 000004 01 00000000 7fffffff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(mediatest.Unhex(t, tt.hex))
			if tt.authorised {
				c.Authorise()
			}
			_, err := messages(c)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var over *LimitError
			if !errors.As(err, &over) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Parts that are finished or aborted no longer count.
func TestPartsAreGivenBack(t *testing.T) {
	one := "04 000000 003fff 08 01000000" + strings.Repeat("61", 128)
	abort := "02 000000 000004 02 00000000 00000004"
	c, _ := play(mediatest.Unhex(t, strings.Repeat(one+abort, 1000)))
	if _, err := messages(c); err != nil {
		t.Error(err)
	}
	if c.reader.held != 0 {
		t.Errorf("%d bytes are still counted", c.reader.held)
	}
}

// A length that is only declared takes no memory.
func TestMemoryFollowsWhatArrives(t *testing.T) {
	size := "02 000000 000004 01 00000000 7fffffff"
	for name, hex := range map[string]string{
		"8 MiB declared":      size + "06 000000 800000 09 01000000",
		"16 MB declared":      size + "06 000000 ffffff 09 01000000",
		"1,000 bytes of them": size + "06 000000 800000 09 01000000" + strings.Repeat("61", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			b := mediatest.Unhex(t, hex)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, _ := play(b)
			c.Authorise()
			if _, err := messages(c); err == nil {
				t.Error("no error")
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 2*readStep+32<<10 { // one step, and the buffer of an authorised peer
				t.Errorf("%d bytes were allocated", got)
			}
		})
	}
}

// Who has sent a long message is believed to send another one, and not one on each chunk stream at once.
func TestMemoryFollowsWhatCame(t *testing.T) {
	const size, streams = 1 << 20, 20
	long := Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, size)}
	b := appendMessage(nil, Message{Type: TypeSetChunkSize, Payload: []byte{0, 0, 16, 0}}, defaultChunkSize)
	b = appendMessage(b, long, 4096)
	for i := range streams { // a header of type 0, and one chunk
		b = append(b, byte(10+i), 0, 0, 0, size>>16, 0, 0, byte(TypeVideo), 1, 0, 0, 0)
		b = append(b, make([]byte, 4096)...)
	}
	r := newChunkReader(bytes.NewReader(b))
	r.limits = Authorised()
	announced, err := r.next()
	if err != nil || r.setSize(announced.Payload) != nil {
		t.Fatalf("chunk size: %v", err)
	}
	if m, err := r.next(); err != nil || len(m.Payload) != size {
		t.Fatalf("%d bytes, %v", len(m.Payload), err)
	}
	if _, err := r.next(); err == nil {
		t.Fatal("no error")
	}
	room := 0
	for _, cs := range r.streams {
		room += cap(cs.body)
	}
	if most := size + streams*8192; room < size || room > most {
		t.Errorf("%d bytes are kept for %d messages of which %d have come, want %d to %d", room, streams, streams*4096, size, most)
	}
}

// A message is put together in one piece of memory, once one of its length has come.
func TestReadAllocates(t *testing.T) {
	m := Message{Type: TypeVideo, StreamID: 1, Timestamp: 40, Payload: make([]byte, 100<<10)}
	r := newChunkReader(&repeated{whole: appendMessage(nil, m, defaultChunkSize)})
	r.limits = Authorised()
	if got := testing.AllocsPerRun(100, func() {
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
	}); got != 1 {
		t.Errorf("%v allocations for a message, want 1", got)
	}
}

// A publisher's clock that goes on for long comes back as it was, whether it is written with all of its 32 bits or without the highest.
func TestClockFollowsAnyPublisher(t *testing.T) {
	for name, mask := range map[string]uint32{"32 bits": math.MaxUint32, "31 bits": math.MaxInt32} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				at := int64(rapid.Uint32().Draw(t, "start") & mask)
				var c clock
				if got := c.unwrap(uint32(at)); got != at {
					t.Fatalf("got %d, want %d", got, at)
				}
				for _, step := range rapid.SliceOf(rapid.Int64Range(-1<<30, 1<<30-1)).Draw(t, "steps") {
					at += step
					if got := c.unwrap(uint32(at) & mask); got != at {
						t.Fatalf("got %d, want %d after a step of %d", got, at, step)
					}
				}
			})
		})
	}
}
