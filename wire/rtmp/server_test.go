package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
)

// connect is the least that a client says to connect to an application.
func connect(app string) Command {
	return Command{Name: "connect", Transaction: 1, Object: amf.Object{{Key: "app", Value: app}}}
}

// names gives what commands are called, and the code where they carry one.
func names(all []Command) []string {
	var n []string
	for _, cmd := range all {
		status, _ := StatusOf(cmd)
		n = append(n, strings.TrimSpace(fmt.Sprint(cmd.Name, " ", cmd.Transaction, " ", status.Code)))
	}
	return n
}

func TestReadRequest(t *testing.T) {
	publish := func(name string) Command {
		return Command{Name: "publish", Transaction: 5, Args: []any{name, "live"}, StreamID: 1}
	}
	for _, tt := range []struct {
		name string
		said []Command
		want Request
		told []string
	}{
		{
			"publish",
			[]Command{connect("live"), publish("KEY")},
			Request{Action: Publish, Name: "KEY", StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"as OBS",
			[]Command{
				connect("live"),
				{Name: "releaseStream", Transaction: 2, Args: []any{"KEY"}},
				{Name: "FCPublish", Transaction: 3, Args: []any{"KEY"}},
				{Name: "createStream", Transaction: 4},
				publish("KEY"),
			},
			Request{Action: Publish, Name: "KEY", StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success", "_result 2", "_result 3", "_result 4"},
		},
		{
			"transaction 0 wants no answer",
			[]Command{connect("live"), {Name: "releaseStream", Args: []any{"KEY"}}, publish("KEY")},
			Request{Action: Publish, Name: "KEY", StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"_checkbw, and what nobody knows",
			[]Command{connect("live"), {Name: "_checkbw", Transaction: 7}, {Name: "what", Transaction: 8}, publish("KEY")},
			Request{Action: Publish, Name: "KEY", StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success", "_result 7"},
		},
		{
			"play with a query",
			[]Command{connect("live"), {Name: "play", Args: []any{"show?token=a%20b&x", -1000.0}, StreamID: 3}},
			Request{Action: Play, Name: "show", Query: url.Values{"token": {"a b"}, "x": {""}}, StreamID: 3},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"a query that cannot be read",
			[]Command{connect("live"), publish("KEY?%zz")},
			Request{Action: Publish, Name: "KEY", Query: url.Values{}, StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"no stream id",
			[]Command{connect("live"), {Name: "play", Args: []any{"show"}}},
			Request{Action: Play, Name: "show", StreamID: serverStream},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"no name",
			[]Command{connect("live"), {Name: "publish", StreamID: 1}},
			Request{Action: Publish, StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"a number as name",
			[]Command{connect("live"), {Name: "publish", Args: []any{1.0}, StreamID: 1}},
			Request{Action: Publish, StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success"},
		},
		{
			"length of a stream",
			[]Command{connect("live"), {Name: "getStreamLength", Transaction: 3, Args: []any{"show"}}, {Name: "play", Args: []any{"show"}}},
			Request{Action: Play, Name: "show", StreamID: 1},
			[]string{"_result 1 NetConnection.Connect.Success", "_result 3"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, tape := play(say(tt.said...))
			got, err := ReadRequest(c, "live")
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Query) == 0 && len(tt.want.Query) == 0 {
				got.Query = tt.want.Query
			}
			tt.want.Peer.App = "live"
			got.conn, got.connected = nil, false
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(Request{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.told, names(commands(t, tape.told.Bytes()))); diff != "" {
				t.Errorf("answers (-want +got)\n%s", diff)
			}
			if tt.want.Action.String() != tt.said[len(tt.said)-1].Name {
				t.Errorf("action: got %q", tt.want.Action)
			}
		})
	}
}

func TestApplications(t *testing.T) {
	for app, ok := range map[string]bool{
		"live": true, "live/": true, "/live": true, "live?token=x": true, "live/?token=x/": true, "other": true,
		"": false, "Live": false, "live/x": false, "?live": false, "nothing": false,
	} {
		c, tape := play(say(connect(app), Command{Name: "play", Args: []any{"show"}}))
		r, err := ReadRequest(c, "live", "other")
		if ok {
			if err != nil {
				t.Errorf("%q: %v", app, err)
			} else if r.Peer.App != "live" && r.Peer.App != "other" {
				t.Errorf("%q: got %q", app, r.Peer.App)
			}
			continue
		}
		var status *StatusError
		if !errors.As(err, &status) || status.Command != "connect" || status.Status.Code != CodeInvalidApp {
			t.Errorf("%q: got %v", app, err)
		}
		told := commands(t, tape.told.Bytes())
		if diff := cmp.Diff([]string{"_error 1 NetConnection.Connect.InvalidApp"}, names(told)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", app, diff)
		}
		if s, _ := StatusOf(told[0]); s.Description != "no application of that name: use rtmp://host/live" {
			t.Errorf("%q: got %q", app, s.Description)
		}
	}
}

func TestReadRequestErrors(t *testing.T) {
	told := func(key string, n int) Command {
		c := connect("live")
		c.Object = append(c.Object, amf.Member{Key: key, Value: strings.Repeat("x", n)})
		return c
	}
	named := func(n int) Command { return Command{Name: "publish", Args: []any{strings.Repeat("x", n)}} }
	for _, tt := range []struct {
		name string
		said []Command
		want string // the end of the error
	}{
		{"app of 65 bytes", []Command{connect(strings.Repeat("x", 65))}, "app too long: 65, allowed 64 (limit name_length)"},
		{"tcUrl of 1,025 bytes", []Command{told("tcUrl", 1025)}, "tcUrl too long: 1025, allowed 1024 (limit name_length)"},
		{"flashVer of 257 bytes", []Command{told("flashVer", 257)}, "flashVer too long: 257, allowed 256 (limit name_length)"},
		{"name of 1,025 bytes", []Command{connect("live"), named(1025)}, "stream name too long: 1025, allowed 1024 (limit name_length)"},
		{"the longest", []Command{told("tcUrl", 1024), told("flashVer", 256), named(1024)}, ""},
		{"no connect", []Command{{Name: "createStream", Transaction: 1}, named(10)}, "publish before connect"},
		{"nothing", nil, "EOF"},
		{"not all", []Command{connect("live")}, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := play(say(tt.said...))
			_, err := ReadRequest(c, "live")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("no command", func(t *testing.T) {
		c, _ := play(appendMessage(nil, Message{Type: TypeCommand, Payload: []byte{5}}, 128))
		_, err := ReadRequest(c, "live")
		var syntax *wire.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever write breaks, the dialogue ends with its error.
func TestServerBrokenWrites(t *testing.T) {
	said := say(connect("live"), Command{Name: "FCPublish", Transaction: 2}, Command{Name: "createStream", Transaction: 3}, Command{Name: "play", Args: []any{"x"}})
	for n := range 10 {
		c := NewConn(&failing{said: bytes.NewReader(said), left: n})
		r, err := ReadRequest(c, "live")
		if err == nil {
			err = r.Accept()
		}
		if err == nil {
			err = r.EndPlay()
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("write %d: got %v", n, err)
		}
	}
	c := NewConn(&failing{said: bytes.NewReader(say(connect("wrong")))})
	if _, err := ReadRequest(c, "live"); !errors.Is(err, errBroken) {
		t.Errorf("refusal: got %v", err)
	}
	c = NewConn(&failing{})
	if err := c.WriteBatch(&Batch{scratch: []byte{1}}); !errors.Is(err, errBroken) {
		t.Errorf("batch: got %v", err)
	}
}

func TestAcknowledgements(t *testing.T) {
	said := appendMessage(nil, Message{Type: TypeWindowAckSize, Payload: []byte{0, 0, 4, 0}}, 128) // 1,024 bytes
	for range 10 {
		said = appendMessage(said, Message{Type: TypeAudio, StreamID: 1, Payload: body(100)}, 128) // 112 bytes
	}
	c, tape := play(said)
	if _, err := messages(c); err != nil {
		t.Fatal(err)
	}
	// Half a window: after the fifth and the tenth message.
	want := appendMessage(nil, Message{Type: TypeAcknowledgement, Payload: []byte{0, 0, 2, 0x40}}, 128)
	want = appendMessage(want, Message{Type: TypeAcknowledgement, Payload: []byte{0, 0, 4, 0x70}}, 128)
	if !bytes.Equal(tape.told.Bytes(), want) {
		t.Errorf("got %x, want %x", tape.told.Bytes(), want)
	}
	c = NewConn(&failing{said: bytes.NewReader(said)})
	if _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if _, err := messages(c); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestControl(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Message
		told string
	}{
		{"ping", Message{Type: TypeUserControl, Payload: mediatest.Unhex(t, "0006 01020304")}, "02 000000 000006 04 00000000 0007 01020304"},
		{"pong", Message{Type: TypeUserControl, Payload: mediatest.Unhex(t, "0007 01020304")}, ""},
		{"set buffer", Message{Type: TypeUserControl, Payload: mediatest.Unhex(t, "0003 00000001 00000bb8")}, ""},
		{"short ping", Message{Type: TypeUserControl, Payload: mediatest.Unhex(t, "0006 01")}, ""},
		{"empty event", Message{Type: TypeUserControl}, ""},
		{"acknowledgement", Message{Type: TypeAcknowledgement, Payload: mediatest.Unhex(t, "00000001")}, ""},
		{"bandwidth", Message{Type: TypeSetPeerBandwidth, Payload: mediatest.Unhex(t, "00000001 02")}, ""},
		{"short window", Message{Type: TypeWindowAckSize, Payload: mediatest.Unhex(t, "0000")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, tape := play(appendMessage(nil, tt.m, 128))
			if got, err := messages(c); err != nil || len(got) != 0 {
				t.Errorf("got %v and error %v", got, err)
			}
			if want := mediatest.Unhex(t, tt.told); !bytes.Equal(tape.told.Bytes(), want) {
				t.Errorf("got %x, want %x", tape.told.Bytes(), want)
			}
		})
	}
}

func TestPing(t *testing.T) {
	c, tape := play(nil)
	if err := c.Ping(); err != nil {
		t.Fatal(err)
	}
	if got := tape.told.Bytes(); len(got) != 18 || !bytes.Equal(got[:14], mediatest.Unhex(t, "02 000000 000006 04 00000000 0006")) {
		t.Errorf("got %x", got)
	}
}

// ReadCommand passes over media.
func TestReadCommand(t *testing.T) {
	said := appendMessage(nil, Message{Type: TypeVideo, StreamID: 1, Payload: body(300)}, 128)
	c, _ := play(append(said, say(Command{Name: "FCUnpublish", Transaction: 6})...))
	cmd, err := c.ReadCommand()
	if err != nil || cmd.Name != "FCUnpublish" || !IsEnd(cmd) {
		t.Errorf("got %+v and error %v", cmd, err)
	}
	if _, err := c.ReadCommand(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if IsEnd(Command{Name: "publish"}) || !IsEnd(Command{Name: "deleteStream"}) || !IsEnd(Command{Name: "closeStream"}) {
		t.Error("the wrong commands end a stream")
	}
}
