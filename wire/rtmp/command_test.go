package rtmp

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
)

func TestCommandBothWays(t *testing.T) {
	for _, tt := range []struct {
		name string
		cmd  Command
		hex  string
	}{
		{"null object", Command{Name: "createStream", Transaction: 4}, "02 000c 63726561746553747265616d 00 4010000000000000 05"},
		{
			"arguments",
			Command{Name: "publish", Transaction: 5, Args: []any{"K", "live"}, StreamID: 1},
			"02 0007 7075626c697368 00 4014000000000000 05 02 0001 4b 02 0004 6c697665",
		},
		{
			"object",
			Command{Name: "connect", Transaction: 1, Object: amf.Object{{Key: "app", Value: "live"}}},
			"02 0007 636f6e6e656374 00 3ff0000000000000 03 0003 617070 02 0004 6c697665 000009",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Message{Type: TypeCommand, StreamID: tt.cmd.StreamID, Payload: mediatest.Unhex(t, tt.hex)}
			m := tt.cmd.Message()
			if diff := cmp.Diff(want, m); diff != "" {
				t.Errorf("message (-want +got)\n%s", diff)
			}
			got, err := ParseCommand(m)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Args) == 0 {
				got.Args = nil
			}
			if diff := cmp.Diff(tt.cmd, got); diff != "" {
				t.Errorf("command (-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseCommand(t *testing.T) {
	for _, tt := range []struct {
		name string
		hex  string
		want Command
	}{
		{"a name alone, as ffmpeg's onFCPublish", "02 0001 61", Command{Name: "a"}},
		{"no object", "02 0001 61 00 3ff0000000000000", Command{Name: "a", Transaction: 1}},
		{
			"an ECMA array as object", "02 0001 61 00 3ff0000000000000 08 00000001 0001 6b 0101 000009",
			Command{Name: "a", Transaction: 1, Object: amf.Object{{Key: "k", Value: true}}, Args: []any{}},
		},
		{"an argument of AMF3 is left out", "02 0001 61 00 3ff0000000000000 05 11 01", Command{Name: "a", Transaction: 1, Args: []any{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseCommand(Message{Type: TypeCommand, Payload: mediatest.Unhex(t, tt.hex)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseCommandErrors(t *testing.T) {
	for _, tt := range []struct {
		name, hex, want string
	}{
		{"nothing", "", "rtmp command: at byte 0: no name"},
		{"a number first", "00 3ff0000000000000", "rtmp command: at byte 0: begins with float64, want a name"},
		{"two strings", "02 0001 61 02 0001 62", "rtmp command: at byte 0: string behind the name, want the transaction's number"},
		{"cut in the name", "02 0009 61", "amf0: at byte 3: string needs 9 bytes, 1 are left"},
		{"cut in the object", "02 0001 61 00 3ff0000000000000 03 0001", "amf0: at byte 16: key needs 1 bytes, 0 are left"},
		{"cut in the transaction", "02 0001 61 00 3f", "amf0: at byte 5: number needs 8 bytes, 1 are left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCommand(Message{Type: TypeCommand, Payload: mediatest.Unhex(t, tt.hex)})
			var syntax *wire.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	info := amf.Object{
		{Key: "level", Value: "error"},
		{Key: "code", Value: "C"},
		{Key: "description", Value: "D"},
		{Key: "tcUrl", Value: "rtmp://h/a"},
	}
	full := Status{Level: "error", Code: "C", Description: "D", TCURL: "rtmp://h/a"}
	for _, tt := range []struct {
		name string
		cmd  Command
		want Status
		ok   bool
	}{
		{"onStatus", Command{Name: "onStatus", Args: []any{info}}, full, true},
		{"an ECMA array", Command{Name: "_error", Args: []any{amf.ECMA(info)}}, full, true},
		{"behind another value", Command{Name: "_result", Args: []any{1.0, info}}, full, true},
		{"none", Command{Name: "_result", Args: []any{1.0}}, Status{}, false},
		{"another command", Command{Name: "publish", Args: []any{info}}, Status{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := StatusOf(tt.cmd)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %+v %v, want %+v %v", got, ok, tt.want, tt.ok)
			}
		})
	}
	if got, _ := StatusOf(full.command(0)); got != full {
		t.Errorf("sent and read: got %+v, want %+v", got, full)
	}
}

func TestStatusErrorText(t *testing.T) {
	for _, tt := range []struct {
		status Status
		want   string
	}{
		{Status{}, "the peer refused publish without a reason"},
		{Status{Code: "C"}, "the peer refused publish: C"},
		{Status{Description: "D"}, "the peer refused publish: D"},
		{Status{Code: "C", Description: "D"}, "the peer refused publish: C: D"},
	} {
		if got := (&StatusError{Command: "publish", Status: tt.status}).Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestNames(t *testing.T) {
	types := map[MessageType]string{
		TypeSetChunkSize: "set chunk size", TypeAbort: "abort", TypeAcknowledgement: "acknowledgement",
		TypeUserControl: "user control", TypeWindowAckSize: "window acknowledgement size", TypeSetPeerBandwidth: "set peer bandwidth",
		TypeAudio: "audio", TypeVideo: "video", TypeData: "data", TypeCommand: "command", TypeDataAMF3: "AMF3", TypeCommandAMF3: "AMF3",
		TypeShared: "shared object", TypeSharedAMF3: "shared object", TypeAggregate: "aggregate", 99: "type 99",
	}
	for typ, want := range types {
		if got := typ.String(); got != want {
			t.Errorf("type %d: got %q, want %q", uint8(typ), got, want)
		}
	}
	limits := []string{"chunk_size", "chunk_streams", "partial_bodies", "message_size", "name_length"}
	for l, want := range limits {
		if got := Limit(l).String(); got != want {
			t.Errorf("limit %d: got %q, want %q", l, got, want)
		}
	}
}
