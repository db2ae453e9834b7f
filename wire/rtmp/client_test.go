package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/wire/amf"
)

// What servers say in a publish.
var (
	connected = Command{
		Name: "_result", Transaction: 1, Object: amf.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}},
		Args: []any{amf.Object{{Key: "level", Value: "status"}, {Key: "code", Value: CodeConnectSuccess}}},
	}
	created = Command{Name: "_result", Transaction: 4, Args: []any{1.0}}
	started = Status{Level: "status", Code: CodePublishStart}.command(1)
	badName = Status{Level: "error", Code: CodePublishBadName, Description: "taken"}.command(1)
)

// publishTo connects and publishes to a server that says b.
func publishTo(b []byte) (id uint32, told []byte, err error) {
	c, tape := play(b)
	if _, err = c.Connect(Offer{URL: URL{Host: "host", Port: "1935", App: "app"}}); err == nil {
		id, err = c.Publish("KEY")
	}
	return id, tape.told.Bytes(), err
}

func TestPublishAnswers(t *testing.T) {
	refused := func(name string, transaction float64) Command {
		return Command{Name: name, Transaction: transaction, Args: badName.Args}
	}
	for _, tt := range []struct {
		name string
		said []Command
		want string // "" where publish is accepted
	}{
		{"accepted", []Command{connected, created, started}, ""},
		{"answers to all", []Command{connected, {Name: "_result", Transaction: 2}, {Name: "_result", Transaction: 3, Args: []any{amf.Undefined{}}}, created, started}, ""},
		{"onBWDone, with numbers", []Command{{Name: "onBWDone", Args: []any{8192.0}}, connected, {Name: "onBWDone"}, created, started, {Name: "onBWDone"}}, ""},
		{"_onbwcheck", []Command{{Name: "_onbwcheck", Transaction: 9}, connected, created, started}, ""},
		{"onFCPublish before and after", []Command{connected, {Name: "onFCPublish"}, created, {Name: "onFCPublish", Args: badName.Args[:0]}, started}, ""},
		{"a warning", []Command{connected, created, Status{Level: "warning", Code: "NetStream.Play.InsufficientBW"}.command(1), started}, ""},
		{"started with a warning", []Command{connected, created, Status{Level: "warning", Code: CodePublishStart}.command(1)}, ""},
		{"a status", []Command{connected, created, Status{Level: "status", Code: "NetStream.Publish.Idle"}.command(1), started}, ""},
		{"releaseStream refused", []Command{connected, refused("_error", 2), created, started}, ""},
		{"FCPublish refused, late", []Command{connected, created, refused("_error", 3), started}, ""},
		{"publish answered with _result", []Command{connected, created, {Name: "_result", Transaction: 5}, started}, ""},
		{"connect refused", []Command{refused("_error", 1)}, "the peer refused connect: NetStream.Publish.BadName: taken"},
		{"connect refused without words", []Command{{Name: "_error", Transaction: 1}}, "the peer refused connect without a reason"},
		{"connect refused by onStatus", []Command{refused("onStatus", 0)}, "the peer refused connect: NetStream.Publish.BadName: taken"},
		{"connect refused by a result", []Command{refused("_result", 1)}, "the peer refused connect: NetStream.Publish.BadName: taken"},
		{"createStream refused", []Command{connected, {Name: "_error", Transaction: 4}}, "the peer refused createStream without a reason"},
		{"refused before createStream", []Command{connected, badName}, "the peer refused createStream: NetStream.Publish.BadName: taken"},
		{"createStream without an id", []Command{connected, {Name: "_result", Transaction: 4, Args: []any{"1", -1.0, 4294967296.0}}}, "read answer to createStream: rtmp command: at byte 171: no message stream id"},
		{"publish refused", []Command{connected, created, badName}, "the peer refused publish: NetStream.Publish.BadName: taken"},
		{"publish refused by _error", []Command{connected, created, refused("_error", 5)}, "the peer refused publish: NetStream.Publish.BadName: taken"},
		{"publish refused without words", []Command{connected, created, {Name: "_error", Transaction: 5}}, "the peer refused publish without a reason"},
		{"closed at once", nil, "read answer to connect: EOF"},
		{"closed after connect", []Command{connected}, "read answer to createStream: EOF"},
		{"closed after createStream", []Command{connected, created}, "read answer to publish: EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, _, err := publishTo(say(tt.said...))
			if tt.want == "" && (err != nil || id != 1) || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got stream %d and error %v, want %s", id, err, tt.want)
			}
		})
	}
}

// Some servers repeat the key when they refuse it.
func TestRefusalWithoutKey(t *testing.T) {
	for said, want := range map[string]string{
		"stream app/sk_1?t=2 is taken": "stream app/[key] is taken",
		"sk_1 is taken":                "[key] is taken",
		"taken":                        "taken",
	} {
		c, _ := play(say(created, Status{Level: "error", Description: said}.command(1)))
		_, err := c.Publish("sk_1?t=2")
		var status *StatusError
		if !errors.As(err, &status) || status.Status.Description != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if got := (Status{Description: "taken"}).Hide("").Description; got != "taken" {
		t.Errorf("no secret: got %q", got)
	}
}

// What a client sends, as a server reads it.
func TestClientCommands(t *testing.T) {
	address := URL{TLS: true, Host: "host", Port: "443", App: "app/instance?x=y"}
	for _, tt := range []struct {
		name   string
		offer  Offer
		plain  []string // keys of connect's object in front of the capabilities
		follow []Command
	}{
		{
			"publish",
			Offer{URL: address},
			[]string{"app", "type", "flashVer", "swfUrl", "tcUrl"},
			[]Command{
				{Name: "releaseStream", Transaction: 2, Args: []any{"KEY?a=b&c"}},
				{Name: "FCPublish", Transaction: 3, Args: []any{"KEY?a=b&c"}},
				{Name: "createStream", Transaction: 4},
				{Name: "publish", Transaction: 5, Args: []any{"KEY?a=b&c", "live"}, StreamID: 1},
				{Name: "FCUnpublish", Transaction: 6, Args: []any{"KEY?a=b&c"}},
				{Name: "deleteStream", Transaction: 7, Args: []any{1.0}},
			},
		},
		{
			"play",
			Offer{URL: address, Play: true, Plain: true, ChunkSize: 65536},
			[]string{"app", "flashVer", "tcUrl", "fpad", "capabilities", "audioCodecs", "videoCodecs", "videoFunction"},
			[]Command{
				{Name: "createStream", Transaction: 4},
				{Name: "play", Transaction: 5, Args: []any{"KEY?a=b&c", -1000.0}, StreamID: 1},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			accept := started
			if tt.offer.Play {
				accept = Status{Level: "status", Code: CodePlayStart}.command(1)
			}
			c, tape := play(say(connected, created, accept))
			peer, err := c.Connect(tt.offer)
			if err != nil {
				t.Fatal(err)
			}
			if peer.Software != "FMS/3,0,1,123" || peer.Enhanced() {
				t.Errorf("peer: got %+v", peer)
			}
			if tt.offer.Play {
				_, err = c.Play("KEY?a=b&c")
			} else if _, err = c.Publish("KEY?a=b&c"); err == nil {
				err = c.Unpublish("KEY?a=b&c", 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			told := commands(t, tape.told.Bytes())
			if want := max(tt.offer.ChunkSize, 4096); c.ChunkSize() != want {
				t.Errorf("chunk size: got %d, want %d", c.ChunkSize(), want)
			}
			checkConnect(t, told[0], tt.plain, !tt.offer.Plain)
			for i := range told {
				told[i].Object = nil
			}
			if diff := cmp.Diff(tt.follow, told[1:], cmp.Comparer(sameArgs)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// sameArgs compares arguments; none are nil or empty.
func sameArgs(a, b []any) bool { return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b) }

func checkConnect(t *testing.T, cmd Command, plain []string, enhanced bool) {
	t.Helper()
	want := plain
	if enhanced {
		want = append(append([]string{}, plain...), "fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx")
	}
	var got []string
	for _, m := range cmd.Object {
		got = append(got, m.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("connect (-want +got)\n%s", diff)
	}
	if got := cmd.Object.Text("app"); got != "app/instance?x=y" {
		t.Errorf("app: got %q", got)
	}
	if got := cmd.Object.Text("tcUrl"); got != "rtmps://host/app/instance?x=y" {
		t.Errorf("tcUrl: got %q", got)
	}
}

func TestClientBrokenWrites(t *testing.T) {
	said := say(connected, created, started, Status{Code: CodePlayStart}.command(1))
	for n := range 6 {
		for name, ask := range map[string]func(*Conn) error{
			"publish": func(c *Conn) error {
				if _, err := c.Publish("KEY"); err != nil {
					return err
				}
				for c.Unpublish("KEY", 1) == nil {
				}
				return errBroken
			},
			"play": func(c *Conn) error {
				if _, err := c.Play("KEY"); err != nil {
					return err
				}
				return errBroken
			},
		} {
			c := NewConn(&failing{said: bytes.NewReader(said), left: n})
			_, err := c.Connect(Offer{})
			if err == nil {
				err = ask(c)
			}
			if !errors.Is(err, errBroken) {
				t.Errorf("%s, write %d: got %v", name, n, err)
			}
		}
	}
	for _, said := range [][]byte{say(connected), say(connected, created)} {
		c, _ := play(said)
		if _, err := c.Connect(Offer{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Play("KEY"); err == nil {
			t.Error("play without an answer: no error")
		}
	}
}

// TestChunkSizeFollowsThePeer: who says nothing of its own sends in chunks of the peer's size, in bounds.
func TestChunkSizeFollowsThePeer(t *testing.T) {
	for _, tt := range []struct{ own, peer, want int }{
		{0, 128, 4096}, {0, 4096, 4096}, {0, 60_000, 60_000}, {0, 134_217_728, 65_536}, {4096, 60_000, 4096}, {128, 128, 128},
	} {
		said := appendMessage(nil, Message{Type: TypeSetChunkSize, Payload: binary.BigEndian.AppendUint32(nil, uint32(tt.peer))}, defaultChunkSize)
		welcome := Command{Name: "_result", Transaction: transactionConnect, Object: amf.Object{}}
		c, tape := play(appendMessage(said, welcome.Message(), min(tt.peer, maxChunkSize)))
		if _, err := c.Connect(Offer{ChunkSize: tt.own}); err != nil {
			t.Fatal(err)
		}
		if got := c.ChunkSize(); got != tt.want {
			t.Errorf("own %d, the peer's %d: sends in chunks of %d, want %d", tt.own, tt.peer, got, tt.want)
		}
		announced := newChunkReader(bytes.NewReader(tape.told.Bytes()))
		var size uint32
		for {
			m, err := announced.next()
			if err != nil {
				break
			}
			if m.Type == TypeSetChunkSize {
				size = binary.BigEndian.Uint32(m.Payload)
				_ = announced.setSize(m.Payload)
			}
		}
		if int(size) != tt.want {
			t.Errorf("own %d, the peer's %d: announced %d, want %d", tt.own, tt.peer, size, tt.want)
		}
	}
}

func TestPeer(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    amf.Object
		want Peer
	}{
		{"nothing", nil, Peer{}},
		{
			"a client of old",
			amf.Object{{Key: "app", Value: "live"}, {Key: "tcUrl", Value: "rtmp://h/live"}, {Key: "flashVer", Value: "FMLE"}},
			Peer{App: "live", TCURL: "rtmp://h/live", Software: "FMLE"},
		},
		{"a list", amf.Object{{Key: "fourCcList", Value: amf.Array{"hvc1", 1.0, "av01"}}}, Peer{FourCCs: []string{"hvc1", "av01"}}},
		{
			"maps",
			amf.Object{
				{Key: "capsEx", Value: 3.0},
				{Key: "videoFourCcInfoMap", Value: amf.ECMA{{Key: "*", Value: 4.0}}},
				{Key: "audioFourCcInfoMap", Value: amf.Object{{Key: "Opus", Value: 1.0}}},
			},
			Peer{FourCCs: []string{"*", "Opus"}, Caps: CapReconnect | CapMultitrack},
		},
		{"mistakes", amf.Object{{Key: "capsEx", Value: -1.0}, {Key: "fourCcList", Value: "hvc1"}, {Key: "app", Value: 1.0}}, Peer{}},
		{"too many", amf.Object{{Key: "capsEx", Value: 4294967296.0}}, Peer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := peerOf(tt.o)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.Enhanced() != (len(tt.want.FourCCs) > 0) {
				t.Errorf("enhanced: got %v", got.Enhanced())
			}
		})
	}
}
