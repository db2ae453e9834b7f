package rtmp

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/wire/amf"
)

// Lengths of what a client may tell before authorisation, in bytes.
const (
	maxApp      = 64
	maxTCURL    = 1024
	maxSoftware = 256
	maxName     = 1024 // of a stream name with its query; a key is shorter, a token stands in the query
)

// serverChunkSize is what we send in, and what publishers take over who follow their server: larger chunks cost less on both sides. It is
// what SRS sends in, so that players know it.
const serverChunkSize = 60_000

// Action is what a client asks of a server.
type Action uint8

// The actions.
const (
	Publish Action = iota + 1
	Play
)

// String gives the command's name.
func (a Action) String() string {
	if a == Publish {
		return "publish"
	}
	return "play"
}

// Request is a client's wish to publish or to play, waiting for [Request.Accept] or [Request.Reject].
type Request struct {
	Action   Action
	Peer     Peer
	Name     string     // stream key (publish) or stream (play), without its query
	Query    url.Values // what stood behind a ? in the name
	StreamID uint32     // message stream id

	conn      *Conn
	connected bool // an application that is served was asked for
}

// serverStream is the message stream id that createStream gives: one stream for each connection.
const serverStream = 1

// ReadRequest conducts the server's dialogue after the handshake, until the client asks to publish or to play. apps are the
// application names that are served; another one is refused in words that name the first. Errors are a closed connection,
// a [*LimitError], a [*wire.SyntaxError], or a [*StatusError] for what was refused here.
func ReadRequest(c *Conn, apps ...string) (*Request, error) {
	r := &Request{conn: c, StreamID: serverStream}
	for {
		cmd, err := c.ReadCommand()
		if err != nil {
			return nil, err
		}
		switch cmd.Name {
		case "connect":
			err = r.connect(cmd, apps)
		case "createStream":
			err = c.WriteCommand(Command{Name: "_result", Transaction: cmd.Transaction, Args: []any{float64(serverStream)}})
		case "publish", "play":
			return r, r.named(cmd)
		default:
			err = c.Answer(cmd)
		}
		if err != nil {
			return nil, err
		}
	}
}

// connect checks and answers the connect command.
func (r *Request) connect(cmd Command, apps []string) error {
	r.Peer = peerOf(cmd.Object)
	for _, field := range []struct {
		name, value string
		most        int
	}{{"app", r.Peer.App, maxApp}, {"tcUrl", r.Peer.TCURL, maxTCURL}, {"flashVer", r.Peer.Software, maxSoftware}} {
		if len(field.value) > field.most {
			return r.conn.overName(field.name, len(field.value), field.most)
		}
	}
	app, _, _ := strings.Cut(r.Peer.App, "?")
	app = strings.Trim(app, "/")
	if !slices.Contains(apps, app) {
		status := Status{Level: "error", Code: CodeInvalidApp, Description: fmt.Sprintf("no application of that name: use rtmp://host/%s", apps[0])}
		refuse := Command{Name: "_error", Transaction: cmd.Transaction, Args: status.command(0).Args}
		if err := r.conn.WriteCommand(refuse); err != nil {
			return err
		}
		return &StatusError{Command: "connect", Status: status}
	}
	r.Peer.App = app
	r.connected = true
	return r.conn.welcome(cmd)
}

// welcome answers connect: window, bandwidth, chunk size, and the result with our capabilities.
func (c *Conn) welcome(cmd Command) error {
	const dynamic = 2 // limit type (Adobe RTMP §5.4.5)
	if err := c.writeControl(TypeWindowAckSize, windowAckSize); err != nil {
		return err
	}
	if err := c.writeControl(TypeSetPeerBandwidth, windowAckSize, dynamic); err != nil {
		return err
	}
	if err := c.setChunkSize(serverChunkSize); err != nil {
		return err
	}
	info := capabilities(amf.Object{
		{Key: "level", Value: "status"},
		{Key: "code", Value: CodeConnectSuccess},
		{Key: "description", Value: "Connection succeeded."},
		{Key: "objectEncoding", Value: 0.0},
	})
	return c.WriteCommand(Command{
		Name: "_result", Transaction: cmd.Transaction, Args: []any{info},
		Object: amf.Object{{Key: "fmsVer", Value: "FMS/3,0,1,123"}, {Key: "capabilities", Value: 31.0}},
	})
}

// Answer replies to the commands around publish and play that want a reply and nothing else: releaseStream, FCPublish,
// getStreamLength and their like. Those of transaction 0 get none.
func (c *Conn) Answer(cmd Command) error {
	if cmd.Transaction == 0 {
		return nil
	}
	switch cmd.Name {
	case "releaseStream", "FCPublish", "FCUnpublish", "FCSubscribe", "_checkbw", "deleteStream", "closeStream", "setPeerInfo":
		return c.WriteCommand(Command{Name: "_result", Transaction: cmd.Transaction, Args: []any{amf.Undefined{}}})
	case "getStreamLength":
		return c.WriteCommand(Command{Name: "_result", Transaction: cmd.Transaction, Args: []any{0.0}})
	}
	return nil
}

// named takes the stream's name from publish or play.
func (r *Request) named(cmd Command) error {
	if !r.connected {
		return commandSyntax(r.conn.reader.offset, "%s before connect", cmd.Name)
	}
	r.Action = Play
	if cmd.Name == "publish" {
		r.Action = Publish
	}
	full := cmd.text(0)
	if len(full) > maxName {
		return r.conn.overName("stream name", len(full), maxName)
	}
	name, query, _ := strings.Cut(full, "?")
	r.Name = name
	r.Query, _ = url.ParseQuery(query) // what cannot be read is not there
	if cmd.StreamID != 0 {
		r.StreamID = cmd.StreamID
	}
	return nil
}

func (c *Conn) overName(what string, seen, most int) error {
	return &LimitError{Limit: LimitName, Offset: c.reader.offset, Seen: int64(seen), Max: int64(most), Msg: what + " too long"}
}

// Accept answers the request: media may follow.
func (r *Request) Accept() error {
	if err := r.conn.userControl(eventStreamBegin, r.StreamID); err != nil {
		return err
	}
	if r.Action == Publish {
		start := Status{Level: "status", Code: CodePublishStart, Description: "Start publishing."}
		return r.conn.WriteCommand(start.command(r.StreamID))
	}
	reset := Status{Level: "status", Code: CodePlayReset, Description: "Playing and resetting."}
	start := Status{Level: "status", Code: CodePlayStart, Description: "Started playing."}
	if err := r.conn.WriteCommand(reset.command(r.StreamID), start.command(r.StreamID)); err != nil {
		return err
	}
	access := amf.Append(nil, "|RtmpSampleAccess", true, true)
	return r.conn.WriteMessage(Message{Type: TypeData, StreamID: r.StreamID, Payload: access})
}

// Reject answers the request with an error; the caller closes the connection. code is one of this package's, description is
// shown to the person at the encoder.
func (r *Request) Reject(code, description string) error {
	return r.WriteStatus("error", code, description)
}

// WriteStatus sends an onStatus on the request's stream. level is "status", "warning" or "error".
func (r *Request) WriteStatus(level, code, description string) error {
	return r.conn.WriteCommand(Status{Level: level, Code: code, Description: description}.command(r.StreamID))
}

// EndPlay tells a player that the stream has ended.
func (r *Request) EndPlay() error {
	if err := r.conn.userControl(eventStreamEOF, r.StreamID); err != nil {
		return err
	}
	return r.WriteStatus("status", CodeUnpublishNotify, "The stream has ended.")
}

// AskReconnect sends a ReconnectRequest (Enhanced RTMP v2), if the peer understands it; it says whether it was sent. tcURL ""
// means the same place.
func (r *Request) AskReconnect(tcURL, description string) (bool, error) {
	if !r.Peer.CanDo(CapReconnect) {
		return false, nil
	}
	status := Status{Level: "status", Code: CodeReconnectRequest, Description: description, TCURL: tcURL}
	return true, r.conn.WriteCommand(status.command(0))
}

// IsEnd says whether a command of the publisher or player ends its stream cleanly.
func IsEnd(cmd Command) bool {
	return cmd.Name == "FCUnpublish" || cmd.Name == "deleteStream" || cmd.Name == "closeStream"
}
