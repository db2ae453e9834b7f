package whep

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
	"github.com/simulcart/simulcart/wire/codec"
	"github.com/simulcart/simulcart/wire/rtp"
	"github.com/simulcart/simulcart/wire/sei"
)

// Errors that end a viewer whose answer fits the stream no more: she must ask anew.
var (
	errCodec = errors.New("the codec has changed")
	errOrder = errors.New("pictures are shown in another order than they are decoded in")
)

// never is before all times.
const never = media.Time(math.MinInt64)

const (
	batchBytes  = 256 << 10
	batchFrames = 64
	reportEach  = time.Second // sender reports
)

// How a viewer begins. A group of at most burstBytes is sent from its start, faster than it was made: Chromium was seen to be at the live
// edge within 0.2 s, with groups of up to 7 s.
const (
	keyFresh   = 300 * media.Millisecond // a group that began so lately is joined at its start, rather than at a key frame that is asked for
	burstBytes = 1 << 20
	burstMost  = 10 * media.Time(time.Second)
	burstRun   = 4  // packets at once while a viewer catches up: with the pause, about 38 Mbit/s
	frameRun   = 32 // packets of one frame at once, else
	runPause   = time.Millisecond
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
	skipping bool       // likewise, in the middle: she could not keep up
	asked    bool       // for the key frame that ends the skipping
	picture  media.Time // that of the newest picture that was sent
	until    media.Time // what is sent up to here is a burst
	sent     int        // packets
	reported time.Time
}

func newSender(v *session) *sender {
	sn := &sender{
		session: v, reader: v.stream.Subscribe(v.feed.Output, maxLag), lanes: v.lanes, view: v.feed.View, shown: v.feed.View.Name(),
		shared: relay.Derive(v.stream, rtp.PacketsKey{Most: rtp.DatagramPayload}, (&rtp.Cutter{Most: rtp.DatagramPayload}).Cut),
		copies: relay.Derive(v.stream, overlay.CopyKey{}, new(overlay.Reader).Read),
	}
	sn.base, sn.picture = v.server.bases.Of(v.name), never
	return sn
}

// join decides where the viewer starts, with the first frames at hand: at the newest key frame where that is near, else at the next one,
// which is asked for where the publisher can be asked.
func (sn *sender) join(frames []*media.Frame) {
	first, last, edge := frames[0], frames[len(frames)-1], sn.reader.Edge()
	age := edge - first.DTS
	if age <= keyFresh || !sn.hasVideo() {
		return
	}
	if sn.wishKey() || age > burstMost || last.DTS < edge {
		sn.after, sn.waiting = edge, true
		return
	}
	sn.until = edge
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
	frames, skipped, err := sn.reader.Next(ctx, make([]*media.Frame, 0, batchFrames), burstBytes)
	if err == nil {
		sn.join(frames)
	}
	for ; err == nil; frames, skipped, err = sn.reader.Next(ctx, frames[:0], batchBytes) {
		if skipped > 0 {
			sn.state = nil
		}
		sn.report(frames[len(frames)-1].PTS)
		first := sn.reader.First()
		for i, f := range frames {
			if err := sn.add(f, first+uint64(i)); err != nil {
				return err
			}
		}
		clear(frames)
	}
	return err
}

// add sends the frame that has the number seq in the stream.
func (sn *sender) add(f *media.Frame, seq uint64) error {
	if f.Track.Codec == media.Overlay {
		sn.tell(f, seq)
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
	case f.DTS < sn.until && l.codec.IsAudio(): // players catch up with pictures at once, with sound slowly
		return nil
	case l.codec.IsVideo():
		return sn.show(l, f, seq)
	}
	return sn.send(l, f, sn.shared.At(seq, f).Payloads)
}

// show sends a picture, unless the viewer waits for a key frame.
func (sn *sender) show(l *lane, f *media.Frame, seq uint64) error {
	if l.strain.breaks() {
		sn.session.counts.Skip()
		l.past.forget()
		sn.skipping, sn.asked = true, false
	}
	if sn.skipping && !sn.resumes(l, f) {
		sn.reader.Withheld(1)
		return nil
	}
	if sn.waiting && !f.Key {
		return nil
	}
	if f.PTS <= sn.picture {
		return errOrder
	}
	sn.waiting, sn.skipping, sn.picture = false, false, f.PTS
	shared := sn.shared.At(seq, f)
	payloads := shared.Payloads
	if sn.state != nil {
		payloads = sn.carry(shared)
	}
	return sn.send(l, f, payloads)
}

// resumes says whether the pictures go on with this one, behind a rest.
func (sn *sender) resumes(l *lane, f *media.Frame) bool {
	switch {
	case l.strain.rests(time.Now()):
		return false
	case f.Key:
		return true
	case !sn.asked:
		sn.asked = true
		sn.wishKey()
	}
	return false
}

// send sends a frame, not all at once where there is much of it.
func (sn *sender) send(l *lane, f *media.Frame, payloads []rtp.Payload) error {
	run := frameRun
	if f.DTS < sn.until {
		run = burstRun
	}
	for len(payloads) > 0 {
		n := min(run-sn.sent%run, len(payloads))
		if err := l.send(payloads[:n], f.PTS); err != nil {
			return err
		}
		payloads = payloads[n:]
		if sn.sent += n; sn.sent%run == 0 && (len(payloads) > 0 || run == burstRun) {
			time.Sleep(runPause)
		}
	}
	return nil
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

// tell takes a copy of an overlay state.
func (sn *sender) tell(f *media.Frame, seq uint64) {
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
	if now.Sub(sn.reported) < reportEach {
		return
	}
	wall := sn.session.stream.Wall(at)
	if wall.IsZero() {
		return
	}
	sn.reported = now
	for _, l := range sn.lanes {
		_ = sn.session.peer.WriteRTCP(l.report(at, wall)) // the next one is soon
	}
}
