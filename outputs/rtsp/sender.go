// Package rtsp serves streams over RTSP: a [Server] for the dialogue, and for each client that plays a sender.
//
// The flow of a frame:
//
//  1. the stream's reader hands over all frames that wait, up to a bound;
//  2. each frame's RTP payloads are made once per stream and payload size, and shared (relay.Derived); with an overlay state in them
//     once more for each view;
//  3. the sender puts its own headers in front, 16 bytes for each packet, and writes all in one writev, or packet by packet over UDP.
package rtsp

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
	"github.com/simulcart/simulcart/wire/sei"
)

// errCodec ends a client whose description fits the stream no more.
var errCodec = errors.New("the codec has changed: the client must ask for the stream anew")

const (
	batchBytes  = 256 << 10       // most that one write pins
	batchFrames = 64              // room for the frames of one write to begin with
	reportEach  = 5 * time.Second // sender reports, RFC 3550 §6.2
)

// link is where packets go: an RTSP connection, or UDP.
type link interface {
	// add takes an RTP packet on the channel of a track: its header, and its payload, which stays as it is until flush.
	add(channel uint8, h rtp.Header, p rtp.Payload)
	// report takes an RTCP packet.
	report(channel uint8, packet []byte)
	// flush sends what was taken: frames, the last of which has the decode time at.
	flush(at media.Time) error
	// payload is the most that a payload may have, in bytes.
	payload() int
	// batch is the most that the frames of one flush may have, in bytes, but for the first.
	batch() int
}

// lane is one track on its way to one client.
type lane struct {
	index   int   // in the description
	id      uint8 // of the track
	codec   media.Codec
	channel uint8     // for RTP; RTCP has the next one
	ports   wire.Pair // of the client, for UDP; else zero
	header  rtp.Header
	clock   rtp.Clock
	packets uint32
	octets  uint32
}

// sender writes one reader's frames to one client.
type sender struct {
	stream *relay.Stream
	reader *relay.Reader
	link   link
	lanes  []*lane
	cname  string

	view    *overlay.View
	carried *outputs.Carried
	shared  *relay.Derived[*rtp.Packets]
	copies  *relay.Derived[*overlay.Copy]
	state   *overlay.Sight // belongs to the picture that follows
	newest  int64          // seq of the newest state that went out
	shown   string         // the view's name

	frames   []*media.Frame
	skipped  int
	reported time.Time
	pts, dts media.Time // of the last frame
}

// packetsOf gives what a stream's frames become in payloads of at most so many bytes.
func packetsOf(s *relay.Stream, most int) *relay.Derived[*rtp.Packets] {
	return relay.Derive(s, rtp.PacketsKey{Most: most}, (&rtp.Cutter{Most: most}).Cut)
}

// open prepares the first frames, so that the client can be told of the time at which they begin. It waits until there is one.
func (sn *sender) open(ctx context.Context) (begin media.Time, err error) {
	sn.shared = packetsOf(sn.stream, sn.link.payload())
	sn.copies = relay.Derive(sn.stream, overlay.CopyKey{}, new(overlay.Reader).Read)
	sn.shown = sn.view.Name()
	if sn.frames, sn.skipped, err = sn.reader.Next(ctx, make([]*media.Frame, 0, batchFrames), sn.link.batch()); err != nil {
		return 0, err
	}
	return sn.frames[0].PTS, nil
}

// run sends until the session or ctx ends. A session that ends is said to.
func (sn *sender) run(ctx context.Context, now func() time.Time) error {
	err := sn.carryOn(ctx, now)
	if hasEnded(err) {
		sn.reports(sn.pts, true)
		return errors.Join(err, sn.link.flush(sn.dts))
	}
	return err
}

// hasEnded says whether there is nothing more to send: the client was told.
func hasEnded(err error) bool { return errors.Is(err, relay.ErrEnded) || errors.Is(err, errCodec) }

// carryOn sends until there is no more.
func (sn *sender) carryOn(ctx context.Context, now func() time.Time) error {
	for {
		if sn.skipped > 0 {
			sn.state = nil
		}
		if at := now(); at.Sub(sn.reported) >= reportEach {
			sn.reported = at
			sn.reports(sn.frames[0].PTS, false)
		}
		first := sn.reader.First()
		for i, f := range sn.frames {
			if err := sn.add(f, first+uint64(i)); err != nil {
				return err
			}
		}
		last := sn.frames[len(sn.frames)-1]
		sn.pts, sn.dts = last.PTS, last.DTS
		clear(sn.frames)
		if err := sn.link.flush(sn.dts); err != nil {
			return err
		}
		var err error
		if sn.frames, sn.skipped, err = sn.reader.Next(ctx, sn.frames[:0], sn.link.batch()); err != nil {
			return err
		}
	}
}

// add takes the frame that has the number seq in the stream.
func (sn *sender) add(f *media.Frame, seq uint64) error {
	if f.Track.Codec == media.Overlay {
		if sn.state = sn.copies.At(seq, f).By(sn.view); sn.state == nil {
			sn.carried.Lose()
		}
		return nil
	}
	l := sn.lane(f.Track.ID)
	if l == nil {
		return nil
	}
	if l.codec != f.Track.Codec {
		return errCodec
	}
	shared := sn.shared.At(seq, f)
	payloads := shared.Payloads
	if sn.state != nil && f.Track.Codec.IsVideo() {
		payloads = sn.carry(shared)
	}
	l.header.Timestamp = l.clock.Timestamp(f.PTS)
	for _, p := range payloads {
		l.header.Marker = p.Marker
		sn.link.add(l.channel, l.header, p)
		l.header.Sequence++
		l.packets++
		l.octets += uint32(p.Len())
	}
	return nil
}

// carry gives the payloads of the picture with the state in it, where it can have one, and counts.
func (sn *sender) carry(p *rtp.Packets) []rtp.Payload {
	s := sn.state
	sn.state = nil
	if !sei.Carries(p.Frame.Track.Codec) {
		return p.Payloads
	}
	with := p.Carrying(s.Text, sn.shown)
	if with == nil {
		sn.carried.Lose()
		return p.Payloads
	}
	if s.Seq <= sn.newest {
		sn.carried.Repeat(outputs.CarriesSEI, len(s.Text))
		return with
	}
	sn.newest = s.Seq
	sn.carried.State(outputs.CarriesSEI, s.Seq, len(s.Text))
	sn.carried.Reduce(outputs.Reductions{
		NoPrice: s.Counts.NoPrice, OtherLang: s.Counts.OtherLang, Shortened: s.Counts.Shortened, NoParams: s.Counts.NoParams,
		NoMeta: s.Counts.NoMeta, Dropped: s.Counts.Dropped,
	})
	return with
}

// lane finds the lane of a track; nil where the client did not ask for it.
func (sn *sender) lane(id uint8) *lane {
	for _, l := range sn.lanes {
		if l.id == id {
			return l
		}
	}
	return nil
}

// reports tells for each track which time of day belongs to a media time, and whether it ends.
func (sn *sender) reports(at media.Time, bye bool) {
	wall := sn.reader.Wall(at)
	for _, l := range sn.lanes {
		packet, err := rtp.Report{
			SSRC: l.header.SSRC, Wall: wall, Timestamp: l.clock.Timestamp(at), Packets: l.packets, Octets: l.octets, CNAME: sn.cname, Bye: bye,
		}.Marshal()
		if err == nil {
			sn.link.report(l.channel+1, packet)
		}
	}
}

// interleaved is RTP within the RTSP connection, RFC 2326 §10.12: each packet behind "$", its channel and its length.
type interleaved struct {
	write   func(packets *net.Buffers) error // which consumes the list
	scratch []byte
	pieces  []piece
	parts   [][]byte
	vector  net.Buffers // parts, for write
}

// piece is a run of scratch, and a body that follows it.
type piece struct {
	end  int // of the run, in scratch
	body []byte
}

func (i *interleaved) payload() int { return rtp.InterleavedPayload }

func (i *interleaved) batch() int { return batchBytes }

func (i *interleaved) add(channel uint8, h rtp.Header, p rtp.Payload) {
	i.frame(channel, rtp.HeaderSize+p.Len())
	i.scratch = append(h.Append(i.scratch), p.Header...)
	i.pieces = append(i.pieces, piece{len(i.scratch), p.Body})
}

func (i *interleaved) report(channel uint8, packet []byte) {
	i.frame(channel, len(packet))
	i.scratch = append(i.scratch, packet...)
	i.pieces = append(i.pieces, piece{len(i.scratch), nil})
}

func (i *interleaved) frame(channel uint8, length int) {
	i.scratch = wire.AppendFrameHeader(i.scratch, channel, length)
}

// flush writes all at once: scratch has its place now, so that parts of it can be named.
func (i *interleaved) flush(media.Time) error {
	i.parts = i.parts[:0]
	begin := 0
	for n, p := range i.pieces {
		if len(p.body) == 0 && n+1 < len(i.pieces) {
			continue // the run goes on
		}
		i.parts = append(i.parts, i.scratch[begin:p.end])
		if len(p.body) > 0 {
			i.parts = append(i.parts, p.body)
		}
		begin = p.end
	}
	i.vector = i.parts
	err := i.write(&i.vector)
	clear(i.pieces)
	clear(i.parts)
	i.scratch, i.pieces = i.scratch[:0], i.pieces[:0]
	return err
}
