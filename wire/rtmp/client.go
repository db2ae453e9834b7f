package rtmp

import (
	"errors"
	"fmt"

	"github.com/simulcart/simulcart/wire/amf"
)

// The client's dialogue, as publisher (as OBS does it) and as player:
//
//	SetChunkSize, connect          ──▶
//	                               ◀──  WindowAckSize, SetPeerBandwidth, SetChunkSize, _result
//	releaseStream, FCPublish,
//	createStream                   ──▶
//	                               ◀──  _result (message stream id)
//	publish key "live"             ──▶                             play name -1000   ──▶
//	                               ◀──  onStatus Publish.Start     ◀── StreamBegin, onStatus Play.Start
//	media …                        ──▶                             ◀── media …
//	FCUnpublish, deleteStream      ──▶

// Transactions of the dialogue; their answers are told apart by them.
const (
	transactionConnect = iota + 1
	transactionRelease
	transactionFCPublish
	transactionCreate
	transactionPublish
)

// maxSendSize is the most that a peer's chunk size is followed to: some servers take no larger chunks than this.
const maxSendSize = 1 << 16

// flashVersion is what clients of today call themselves: platforms look for the words.
const flashVersion = "FMLE/3.0 (compatible; simulcart)"

// Offer is what a client asks for in connect.
type Offer struct {
	URL       URL
	ChunkSize int  // of what we send; 0 means 4096, as OBS has it, or the peer's own where that is larger, as ffmpeg has it
	Plain     bool // leaves out the fields of Enhanced RTMP, for peers that stumble over them
	Play      bool // connects as a player
}

// Connect opens the application. The handshake is done; the caller sets deadlines. A refusal is a [*StatusError].
func (c *Conn) Connect(o Offer) (Peer, error) {
	if err := c.setChunkSize(max(minChunkSize, orDefaultSize(o.ChunkSize))); err != nil {
		return Peer{}, err
	}
	object := amf.Object{{Key: "app", Value: o.URL.App}}
	if o.Play {
		object = append(object,
			amf.Member{Key: "flashVer", Value: "LNX 9,0,124,2"}, amf.Member{Key: "tcUrl", Value: o.URL.String()},
			amf.Member{Key: "fpad", Value: false}, amf.Member{Key: "capabilities", Value: 15.0},
			amf.Member{Key: "audioCodecs", Value: 4071.0}, amf.Member{Key: "videoCodecs", Value: 252.0},
			amf.Member{Key: "videoFunction", Value: 1.0})
	} else {
		object = append(object,
			amf.Member{Key: "type", Value: "nonprivate"}, amf.Member{Key: "flashVer", Value: flashVersion},
			amf.Member{Key: "swfUrl", Value: o.URL.String()}, amf.Member{Key: "tcUrl", Value: o.URL.String()})
	}
	if !o.Plain {
		object = capabilities(object)
	}
	if err := c.WriteCommand(Command{Name: "connect", Transaction: transactionConnect, Object: object}); err != nil {
		return Peer{}, err
	}
	answer, err := c.answer("connect", transactionConnect)
	if err != nil {
		return Peer{}, err
	}
	if o.ChunkSize == 0 && c.reader.size > c.sendSize {
		if err := c.setChunkSize(min(c.reader.size, maxSendSize)); err != nil {
			return Peer{}, err
		}
	}
	return peerOf(append(append(amf.Object{}, answer.Object...), answer.info()...)), nil
}

func orDefaultSize(size int) int {
	if size == 0 {
		return 4096
	}
	return size
}

// Publish asks to publish under key, which is sent as it is, with its query if it has one, and gives the message stream id
// once the peer has accepted. A refusal is a [*StatusError], without the key where the peer repeats it.
func (c *Conn) Publish(key string) (uint32, error) {
	id, err := c.publish(key)
	var status *StatusError
	if errors.As(err, &status) {
		status.Status = status.Status.Hide(key)
	}
	return id, err
}

func (c *Conn) publish(key string) (uint32, error) {
	err := c.WriteCommand(
		Command{Name: "releaseStream", Transaction: transactionRelease, Args: []any{key}},
		Command{Name: "FCPublish", Transaction: transactionFCPublish, Args: []any{key}},
		Command{Name: "createStream", Transaction: transactionCreate})
	if err != nil {
		return 0, err
	}
	id, err := c.created()
	if err != nil {
		return 0, err
	}
	publish := Command{Name: "publish", Transaction: transactionPublish, Args: []any{key, "live"}, StreamID: id}
	if err := c.WriteCommand(publish); err != nil {
		return 0, err
	}
	return id, c.accepted("publish", CodePublishStart)
}

// Unpublish ends a publish cleanly.
func (c *Conn) Unpublish(key string, id uint32) error {
	return c.WriteCommand(
		Command{Name: "FCUnpublish", Transaction: transactionPublish + 1, Args: []any{key}},
		Command{Name: "deleteStream", Transaction: transactionPublish + 2, Args: []any{float64(id)}})
}

// Play asks for a live stream and gives the message stream id once the peer has accepted.
func (c *Conn) Play(name string) (uint32, error) {
	if err := c.writeControl(TypeWindowAckSize, windowAckSize); err != nil {
		return 0, err
	}
	if err := c.WriteCommand(Command{Name: "createStream", Transaction: transactionCreate}); err != nil {
		return 0, err
	}
	id, err := c.created()
	if err != nil {
		return 0, err
	}
	const live = -1000 // only a live stream, for as long as it lasts (Adobe RTMP §7.2.2.1)
	play := Command{Name: "play", Transaction: transactionPublish, Args: []any{name, float64(live)}, StreamID: id}
	if err := c.WriteCommand(play); err != nil {
		return 0, err
	}
	return id, c.accepted("play", CodePlayStart)
}

// created waits for the answer to createStream.
func (c *Conn) created() (uint32, error) {
	answer, err := c.answer("createStream", transactionCreate)
	if err != nil {
		return 0, err
	}
	for _, v := range answer.Args {
		if id, ok := v.(float64); ok && id >= 0 && id < 1<<32 {
			return uint32(id), nil
		}
	}
	return 0, fmt.Errorf("read answer to createStream: %w", commandSyntax(c.reader.offset, "no message stream id"))
}

// answer waits for the _result of a transaction.
func (c *Conn) answer(name string, transaction float64) (Command, error) {
	for {
		cmd, err := c.ReadCommand()
		if err != nil {
			return Command{}, fmt.Errorf("read answer to %s: %w", name, err)
		}
		status, _ := StatusOf(cmd)
		switch {
		case refuses(cmd, status, transaction):
			return Command{}, &StatusError{Command: name, Status: status}
		case cmd.Name == "_result" && cmd.Transaction == transaction:
			return cmd, nil
		}
	}
}

// accepted waits for the onStatus that accepts publish or play.
func (c *Conn) accepted(name, code string) error {
	for {
		cmd, err := c.ReadCommand()
		if err != nil {
			return fmt.Errorf("read answer to %s: %w", name, err)
		}
		status, _ := StatusOf(cmd)
		switch {
		case cmd.Name == "onStatus" && status.Code == code:
			return nil
		case refuses(cmd, status, transactionPublish):
			return &StatusError{Command: name, Status: status}
		}
	}
}

// refuses says whether cmd refuses what was asked: any onStatus of level error, or the answer to the transaction. Errors of
// other transactions do not: some servers know no releaseStream or FCPublish.
func refuses(cmd Command, status Status, transaction float64) bool {
	if cmd.Name == "onStatus" {
		return status.Level == "error"
	}
	return cmd.Transaction == transaction && (cmd.Name == "_error" || cmd.Name == "_result" && status.Level == "error")
}
