package rtmp

import (
	"fmt"
	"strings"

	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/amf"
)

// Command is one AMF0 command message (Adobe RTMP §7.2).
type Command struct {
	Name        string
	Transaction float64    // 0: no answer is wanted
	Object      amf.Object // the command object; nil is sent as null
	Args        []any      // AMF0 values, see wire/amf
	StreamID    uint32     // message stream id
}

// ParseCommand reads the body of a command message. From an argument that cannot be read on, all is left out: some encoders
// add values that nobody knows. Name, transaction and object must stand; what breaks AMF's own bounds there is told. A name alone has transaction 0, as ffmpeg's
// onFCPublish.
func ParseCommand(m Message) (Command, error) {
	values, err := amf.DecodeAll(m.Payload)
	switch {
	case len(values) < 3 && err != nil:
		return Command{}, err
	case len(values) == 0:
		return Command{}, commandSyntax(0, "no name")
	}
	c := Command{StreamID: m.StreamID}
	var ok bool
	if c.Name, ok = values[0].(string); !ok {
		return Command{}, commandSyntax(0, "begins with %T, want a name", values[0])
	}
	if len(values) > 1 {
		if c.Transaction, ok = values[1].(float64); !ok {
			return Command{}, commandSyntax(0, "%T behind the name, want the transaction's number", values[1])
		}
	}
	if len(values) > 2 {
		c.Object, _ = members(values[2])
		c.Args = values[3:]
	}
	return c, nil
}

func commandSyntax(offset int64, format string, args ...any) error {
	return &wire.SyntaxError{Format: "rtmp command", Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

// Message gives the command as a message.
func (c Command) Message() Message {
	body := amf.Append(nil, c.Name, c.Transaction)
	if c.Object != nil {
		body = amf.Append(body, c.Object)
	} else {
		body = amf.Append(body, nil)
	}
	return Message{Type: TypeCommand, StreamID: c.StreamID, Payload: amf.Append(body, c.Args...)}
}

// text gives argument i where it is a string, else "".
func (c Command) text(i int) string {
	if i >= len(c.Args) {
		return ""
	}
	s, _ := c.Args[i].(string)
	return s
}

// info gives the argument that holds an answer's information object: the first that is one.
func (c Command) info() amf.Object {
	for _, a := range c.Args {
		if o, ok := members(a); ok {
			return o
		}
	}
	return nil
}

// members reads an object or an ECMA array, which software mixes up.
func members(v any) (amf.Object, bool) {
	switch v := v.(type) {
	case amf.Object:
		return v, true
	case amf.ECMA:
		return amf.Object(v), true
	}
	return nil, false
}

// Status codes that this package sends or acts on (Adobe RTMP §7.2; Enhanced RTMP v2 for ReconnectRequest).
const (
	CodeConnectSuccess   = "NetConnection.Connect.Success"
	CodeConnectRejected  = "NetConnection.Connect.Rejected"
	CodeInvalidApp       = "NetConnection.Connect.InvalidApp"
	CodeReconnectRequest = "NetConnection.Connect.ReconnectRequest"
	CodePublishStart     = "NetStream.Publish.Start"
	CodePublishBadName   = "NetStream.Publish.BadName"
	CodePublishDenied    = "NetStream.Publish.Denied"
	CodeUnpublishSuccess = "NetStream.Unpublish.Success"
	CodePlayReset        = "NetStream.Play.Reset"
	CodePlayStart        = "NetStream.Play.Start"
	CodePlayStop         = "NetStream.Play.Stop"
	CodePlayNotFound     = "NetStream.Play.StreamNotFound"
	CodePlayFailed       = "NetStream.Play.Failed"
	CodeUnpublishNotify  = "NetStream.Play.UnpublishNotify"
)

// Status is what a peer says of a connection or a stream: the information object of onStatus, _result or _error.
type Status struct {
	Level       string // "status", "warning" or "error"
	Code        string // such as NetStream.Publish.Start
	Description string // in the peer's own words
	TCURL       string // of a ReconnectRequest: where to go; "" means the same place
}

// StatusOf reads the status that a command carries; false where it carries none.
func StatusOf(c Command) (Status, bool) {
	if c.Name != "onStatus" && c.Name != "_result" && c.Name != "_error" {
		return Status{}, false
	}
	info := c.info()
	if info == nil {
		return Status{}, false
	}
	return Status{
		Level: info.Text("level"), Code: info.Text("code"),
		Description: info.Text("description"), TCURL: info.Text("tcUrl"),
	}, true
}

// Hide gives the status with the secret blotted out of the peer's words, since some peers repeat a stream key: whole, and up to
// its query.
func (s Status) Hide(secret string) Status {
	name, _, _ := strings.Cut(secret, "?")
	for _, part := range []string{secret, name} {
		if part != "" {
			s.Description = strings.ReplaceAll(s.Description, part, "[key]")
			s.TCURL = strings.ReplaceAll(s.TCURL, part, "[key]")
		}
	}
	return s
}

// command gives the status as an onStatus for a message stream.
func (s Status) command(streamID uint32) Command {
	info := amf.Object{{Key: "level", Value: s.Level}, {Key: "code", Value: s.Code}, {Key: "description", Value: s.Description}}
	if s.TCURL != "" {
		info = append(info, amf.Member{Key: "tcUrl", Value: s.TCURL})
	}
	return Command{Name: "onStatus", Args: []any{info}, StreamID: streamID}
}

// StatusError is a refusal by the peer.
type StatusError struct {
	Command string // what was refused: connect, createStream, publish, play
	Status  Status
}

// Error gives the peer's own words.
func (e *StatusError) Error() string {
	text := "the peer refused " + e.Command
	if e.Status.Code == "" && e.Status.Description == "" {
		return text + " without a reason"
	}
	for _, words := range []string{e.Status.Code, e.Status.Description} {
		if words != "" {
			text += ": " + words
		}
	}
	return text
}
