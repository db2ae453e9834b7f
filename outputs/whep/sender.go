package whep

import (
	"context"
	"errors"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/sei"
)

// errCodec ends a viewer whose answer fits the stream no more.
var errCodec = errors.New("the codec has changed: the viewer must ask for the stream anew")

const (
	batchBytes  = 256 << 10
	batchFrames = 64
	reportEach  = time.Second                 // sender reports
	keyFresh    = 300 * media.Millisecond     // a group that began so lately is joined at its start
	burstMost   = 3 * media.Time(time.Second) // and one of an encoder that cannot be asked for a key frame, up to this age
	burstRun    = 32                          // packets that go out at once
	burstPause  = time.Millisecond            // between such runs
)

// sender writes one reader's frames to one viewer.
type sender struct {
	session *session
	reader  *relay.Reader
	lanes   []*lane
	shared  *relay.Derived[*rtp.Packets]
	copies  *relay.Derived[*overlay.Copy]

	view   *overlay.View
	shown  string         // the view's name
	state  *overlay.Sight // belongs to the picture that follows
	newest int64          // seq of the newest state that went out in pictures
	base   uint32         // RTP timestamp of media time 0

	after    media.Time // nothing up to here is sent: the viewer starts at the next key frame
	waiting  bool       // for a key frame
	reported time.Time
}

func newSender(v *session) *sender {
	sn := &sender{
		session: v, reader: v.stream.Subscribe(v.feed.Output, maxLag), lanes: v.lanes, view: v.feed.View, shown: v.feed.View.Name(),
		shared: relay.Derive(v.stream, rtp.PacketsKey{Most: rtp.DatagramPayload}, (&rtp.Cutter{Most: rtp.DatagramPayload}).Cut),
		copies: relay.Derive(v.stream, overlay.CopyKey{}, new(overlay.Reader).Read),
	}
	sn.base = v.server.base(v.stream.Name())
	return sn
}

// join decides where the viewer starts: at the newest key frame where that is near, else at the next one, which is asked for.
func (sn *sender) join() {
	age := media.Time(sn.reader.Lag())
	far := burstMost
	if age > keyFresh && sn.wishKey() {
		far = keyFresh
	}
	if age > far && sn.hasVideo() {
		sn.after, sn.waiting = sn.session.stream.Snapshot().Newest, true
	}
}

func (sn *sender) hasVideo() bool {
	for _, l := range sn.lanes {
		if l.codec.IsVideo() {
			return true
		}
	}
	return false
}

// wantKey asks the publisher for a key frame, for a viewer who has lost a picture. Any goroutine may call it.
func (sn *sender) wantKey() { sn.wishKey() }

func (sn *sender) wishKey() bool {
	heeded := sn.reader.WantKey()
	if heeded {
		sn.session.counts.WishKey()
	}
	return heeded
}

// run sends until the session of the stream or ctx ends.
func (sn *sender) run(ctx context.Context) error {
	sn.join()
	frames := make([]*media.Frame, 0, batchFrames)
	for {
		var skipped int
		var err error
		if frames, skipped, err = sn.reader.Next(ctx, frames[:0], batchBytes); err != nil {
			return err
		}
		if skipped > 0 {
			sn.state = nil
		}
		sn.report(frames[len(frames)-1].PTS)
		first := sn.reader.First()
		for i, f := range frames {
			if err := sn.add(f, first+uint64(i), len(frames) > 1); err != nil {
				return err
			}
		}
		clear(frames)
	}
}

// add sends the frame that has the number seq in the stream.
func (sn *sender) add(f *media.Frame, seq uint64, burst bool) error {
	if f.Track.Codec == media.Overlay {
		sn.show(f, seq)
		return nil
	}
	l := sn.lane(f.Track)
	switch {
	case l == nil:
		return nil
	case l.codec != f.Track.Codec:
		return errCodec
	case sn.waiting && f.DTS <= sn.after:
		return nil
	case sn.waiting && l.codec.IsVideo():
		if !f.Key {
			return nil
		}
		sn.waiting = false
	}
	shared := sn.shared.At(seq, f)
	payloads := shared.Payloads
	if sn.state != nil && f.Track.Codec.IsVideo() {
		payloads = sn.carry(shared)
	}
	for burst && len(payloads) > burstRun {
		if err := l.send(payloads[:burstRun], f.PTS); err != nil {
			return err
		}
		payloads = payloads[burstRun:]
		time.Sleep(burstPause)
	}
	return l.send(payloads, f.PTS)
}

// lane finds the lane of a track; nil where the viewer does not have it.
func (sn *sender) lane(t *media.Track) *lane {
	for _, l := range sn.lanes {
		if l.id == t.ID && l.codec.IsVideo() == t.Codec.IsVideo() {
			return l
		}
	}
	return nil
}

// show takes a copy of an overlay state.
func (sn *sender) show(f *media.Frame, seq uint64) {
	c := sn.copies.At(seq, f)
	if sn.state = c.By(sn.view); sn.state == nil {
		sn.session.feed.Carried.Lose()
		return
	}
	sn.session.board.show(sn.state.Seq, func() []byte { return c.Timed(sn.view, rtp.Clock{Rate: codec.VideoRate, Base: sn.base}.Timestamp) })
}

// carry gives the payloads of the picture with the state in it, where it can have one, and counts.
func (sn *sender) carry(p *rtp.Packets) []rtp.Payload {
	s, carried := sn.state, sn.session.feed.Carried
	sn.state = nil
	if !sei.Carries(p.Frame.Track.Codec) {
		return p.Payloads
	}
	with := p.Carrying(s.Text, sn.shown)
	if with == nil {
		carried.Lose()
		return p.Payloads
	}
	if s.Seq <= sn.newest {
		carried.Repeat(outputs.CarriesSEI, len(s.Text))
		return with
	}
	sn.newest = s.Seq
	carried.State(outputs.CarriesSEI, s.Seq, len(s.Text))
	carried.Reduce(outputs.Reductions{
		NoPrice: s.Counts.NoPrice, OtherLang: s.Counts.OtherLang, Shortened: s.Counts.Shortened, NoParams: s.Counts.NoParams,
		NoMeta: s.Counts.NoMeta, Dropped: s.Counts.Dropped,
	})
	return with
}

// report tells for each track, once in a while, which time of day belongs to a media time, so that sound and pictures are played together.
func (sn *sender) report(at media.Time) {
	now := time.Now()
	wall := sn.session.stream.Wall(at)
	if now.Sub(sn.reported) < reportEach || wall.IsZero() {
		return
	}
	sn.reported = now
	for _, l := range sn.lanes {
		_ = sn.session.peer.WriteRTCP(l.report(at, wall)) // the next one is soon
	}
}
