// Package rtmp carries streams over RTMP and RTMPS: [Push] publishes to a platform, [Play] serves a player.
//
// The flow of a frame, for both:
//
//  1. the stream's reader hands over all frames that wait, up to a bound: of the stream, or of a rendition where the peer does not take what
//     the encoder sends;
//  2. each frame's message is made once per stream, chunk size and codec form, and shared (relay.Derived, rtmp.Shared);
//  3. the sender puts its own headers in front, adds sequence headers where a track is new, and writes all in one writev.
package rtmp

import (
	"context"
	"slices"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/amf"
	"github.com/simulcart/simulcart/wire/flv"
	wire "github.com/simulcart/simulcart/wire/rtmp"
)

const (
	batchBytes  = 256 << 10 // most that one write pins
	batchFrames = 64        // room for the frames of one write to begin with
	clockRate   = 1000      // RTMP counts milliseconds
)

// sender writes one reader's frames to one connection.
type sender struct {
	conn     *wire.Conn
	streamID uint32 // message stream id
	form     flv.Form
	stream   *relay.Stream // that the newest frames come from
	reader   *relay.Follower
	wrapped  bool     // metadata goes as @setDataFrame, as publishers send it
	passData bool     // the encoder's own data messages go too
	overlays *carrier // nil: none

	shared    *relay.Derived[*wire.Shared]
	origin    media.Time             // of the session, to be added to all times
	sent      map[uint8]*media.Track // by ID: those whose sequence headers the peer has
	tracks    []*media.Track         // that onMetaData told of
	described bool                   // onMetaData was sent
	frames    []*media.Frame
	batch     wire.Batch
}

// sharing is the key under which messages are shared: all that they depend on beside the frame.
type sharing struct {
	chunkSize int
	form      flv.Form
}

// newSender subscribes under the output's name.
func newSender(reader *relay.Follower, conn *wire.Conn, streamID uint32, form flv.Form) *sender {
	sn := &sender{conn: conn, streamID: streamID, form: form, reader: reader, sent: make(map[uint8]*media.Track)}
	sn.frames = make([]*media.Frame, 0, batchFrames)
	return sn
}

// next waits for frames and puts them into the batch. skipped counts the frames that were jumped over before them.
func (sn *sender) next(ctx context.Context) (first media.Time, skipped int, err error) {
	frames, skipped, err := sn.reader.Next(ctx, sn.frames[:0], batchBytes)
	if err != nil {
		return 0, 0, err
	}
	sn.frames = frames
	if from := sn.reader.Stream(); from != sn.stream {
		sn.open(from)
	}
	sn.describe(frames[0])
	if skipped > 0 {
		sn.overlays.skip()
	}
	for i, f := range frames {
		sn.add(f, sn.reader.First()+uint64(i))
	}
	first = frames[0].DTS
	clear(frames)
	return first, skipped, nil
}

// add puts frame f, which has the number seq in the stream, into the batch.
func (sn *sender) add(f *media.Frame, seq uint64) {
	switch f.Track.Codec {
	case media.Overlay:
		sn.overlays.take(f, seq)
		return
	case media.Data:
		if !sn.passData {
			return
		}
	}
	if sn.sent[f.Track.ID] != f.Track {
		sn.configure(f)
	}
	m := sn.message(f, seq)
	if m == nil {
		return
	}
	if f.Track.Codec != media.Data {
		m = sn.overlays.carry(f, m, &sn.batch, sn.streamID)
	}
	sn.batch.Add(m, sn.streamID)
}

// open finds what is shared with other outputs of the stream that frames come from now, the first of which is there.
func (sn *sender) open(s *relay.Stream) {
	sn.stream, sn.origin = s, sn.reader.Origin()
	kind := sn.kind()
	sn.shared = relay.Derive(s, kind, func(f *media.Frame) *wire.Shared { return message(f, s.Origin(), kind, f.Data) })
	sn.overlays.open(s, sn.origin, kind)
}

// kind is what messages for this peer depend on.
func (sn *sender) kind() sharing { return sharing{sn.conn.ChunkSize(), sn.form} }

// message gives the shared message of a frame; nil where its codec has no form in RTMP. While the end of one session is still
// read and the next has begun, what is shared counts from the next one's origin: then the message is the sender's own.
func (sn *sender) message(f *media.Frame, seq uint64) *wire.Shared {
	m := sn.shared.At(seq, f)
	if m == nil || m.Timestamp() == uint32(timestamp(f.DTS, sn.origin)) {
		return m
	}
	return message(f, sn.origin, sn.kind(), f.Data)
}

// flush writes the batch.
func (sn *sender) flush() error { return sn.conn.WriteBatch(&sn.batch) }

// timestamp gives t on the stream's RTMP clock.
func timestamp(t, origin media.Time) int64 {
	return max(0, t.Ticks(clockRate)-origin.Ticks(clockRate))
}

// message makes the message of a frame whose data are parts; nil where the codec has no form in RTMP, which the pre-flight check
// tells.
func message(f *media.Frame, origin media.Time, kind sharing, parts ...[]byte) *wire.Shared {
	var head []byte
	var err error
	of := wire.TypeAudio
	switch {
	case f.Track.Codec.IsVideo():
		of = wire.TypeVideo
		composition := int32(f.PTS.Ticks(clockRate) - f.DTS.Ticks(clockRate))
		head, err = flv.AppendVideoHeader(nil, kind.form, f.Track.Codec, flv.Coded, f.Key, composition)
	case f.Track.Codec == media.Data:
		of = wire.TypeData
	default:
		head, err = flv.AppendAudioHeader(nil, kind.form, f.Track, flv.Coded, f.Data)
	}
	if err != nil {
		return nil
	}
	return wire.Share(of, timestamp(f.DTS, origin), head, kind.chunkSize, parts...)
}

// describe puts onMetaData in front of f, where it is due: at the start and when the tracks have changed.
func (sn *sender) describe(f *media.Frame) {
	tracks := sn.reader.Tracks()
	if len(tracks) == 0 || sn.described && slices.Equal(tracks, sn.tracks) {
		return // without tracks a publisher has just come, and has not told yet
	}
	sn.described, sn.tracks = true, slices.Clone(tracks)
	var publisher amf.ECMA
	for _, t := range tracks {
		if t.Codec == media.Metadata {
			v, _, _ := amf.Decode(t.Config) // what cannot be read is rebuilt
			publisher, _ = v.(amf.ECMA)
		}
	}
	var body []byte
	if sn.wrapped {
		body = amf.Append(body, "@setDataFrame")
	}
	body = amf.Append(body, "onMetaData", flv.BuildMetadata(tracks, publisher, sn.form))
	m := wire.Message{Type: wire.TypeData, StreamID: sn.streamID, Timestamp: timestamp(f.DTS, sn.origin), Payload: body}
	sn.batch.AddMessage(m, sn.conn.ChunkSize())
}

// configure puts the sequence header of f's track in front of f. Codecs without one, and configurations that nobody can read,
// have none.
func (sn *sender) configure(f *media.Frame) {
	t := f.Track
	sn.sent[t.ID] = t
	if t.Config == nil {
		return
	}
	var head []byte
	var err error
	m := wire.Message{Type: wire.TypeAudio, StreamID: sn.streamID, Timestamp: timestamp(f.DTS, sn.origin)}
	if t.Codec.IsVideo() {
		m.Type = wire.TypeVideo
		head, err = flv.AppendVideoHeader(nil, sn.form, t.Codec, flv.SequenceStart, true, 0)
	} else {
		head, err = flv.AppendAudioHeader(nil, sn.form, t, flv.SequenceStart, nil)
	}
	if err == nil {
		m.Payload, err = flv.AppendConfig(head, t)
	}
	if err != nil {
		return // a codec without a form in RTMP: the pre-flight check tells
	}
	sn.batch.AddMessage(m, sn.conn.ChunkSize())
}
