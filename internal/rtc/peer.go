package rtc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/wire"
)

// Terms are what an offer is answered with.
type Terms struct {
	Chosen     map[int]Codec         // the codec of each medium that is taken, by its place in the offer; of each kind one
	Sends      bool                  // we send; else we receive
	Extensions map[string][]string   // URIs of RTP header extensions, by kind of medium
	Stages     *interceptor.Registry // pion's interceptors; nil: none
	Parameters string                // that the answer tells of the sound
}

// Peer is one peer connection.
//
//	opening ──▶ connected ──▶ gone
//	   └──────────────────────▲
type Peer struct {
	*webrtc.PeerConnection

	endpoint *Endpoint
	offer    *Offer
	terms    Terms

	once      sync.Once
	connected chan struct{}
	gone      context.Context
	end       context.CancelFunc // of gone
}

// NewPeer makes the peer that answers an offer; one that cannot be answered is a [*wire.UnsupportedError]. The owner adds tracks and
// handlers, then calls [Peer.Answer], and in any case [Peer.Close].
func (e *Endpoint) NewPeer(o *Offer, t Terms) (*Peer, error) {
	if !o.bundled(t.Chosen) {
		return nil, unsupported("media with connections of their own: offer a=group:BUNDLE with all of them (max-bundle)")
	}
	var engine webrtc.MediaEngine
	for i, c := range t.Chosen {
		kind := webrtc.NewRTPCodecType(o.Medias[i].Kind)
		if err := register(&engine, c, kind); err != nil {
			return nil, err
		}
	}
	for kind, uris := range t.Extensions {
		for _, uri := range uris {
			if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.NewRTPCodecType(kind)); err != nil {
				return nil, fmt.Errorf("register %s: %w", uri, err)
			}
		}
	}
	stages := t.Stages
	if stages == nil {
		stages = &interceptor.Registry{}
	}
	pc, err := e.connection(&engine, stages)
	if err != nil {
		return nil, err
	}
	p := &Peer{PeerConnection: pc, endpoint: e, offer: o, terms: t, connected: make(chan struct{})}
	p.gone, p.end = context.WithCancel(context.Background())
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.once.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			p.end()
		}
	})
	return p, nil
}

// register tells pion of a codec just as the peer offers it.
func register(engine *webrtc.MediaEngine, c Codec, kind webrtc.RTPCodecType) error {
	var feedback []webrtc.RTCPFeedback
	for _, f := range c.Feedback {
		name, parameter, _ := strings.Cut(f, " ")
		feedback = append(feedback, webrtc.RTCPFeedback{Type: name, Parameter: parameter})
	}
	p := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.PayloadType)}
	p.RTPCodecCapability = webrtc.RTPCodecCapability{
		MimeType: kind.String() + "/" + c.Name, ClockRate: uint32(c.Rate), Channels: uint16(c.Channels), SDPFmtpLine: c.Parameters, RTCPFeedback: feedback,
	}
	if err := engine.RegisterCodec(p, kind); err != nil {
		return fmt.Errorf("register %s: %w", c.Name, err)
	}
	if c.Repair == 0 {
		return nil
	}
	p = webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.Repair)}
	p.RTPCodecCapability = webrtc.RTPCodecCapability{MimeType: kind.String() + "/rtx", ClockRate: uint32(c.Rate), SDPFmtpLine: fmt.Sprintf("apt=%d", c.PayloadType)}
	if err := engine.RegisterCodec(p, kind); err != nil {
		return fmt.Errorf("register retransmissions of %s: %w", c.Name, err)
	}
	return nil
}

// Connected is closed once media may flow.
func (p *Peer) Connected() <-chan struct{} { return p.connected }

// Gone is closed when the peer is lost, has left, or did not come in time.
func (p *Peer) Gone() <-chan struct{} { return p.gone.Done() }

// Leave has the peer taken for gone; its owner closes it then.
func (p *Peer) Leave() { p.end() }

// whenGone calls f, at once where the peer is gone already.
func (p *Peer) whenGone(f func()) { context.AfterFunc(p.gone, f) }

// Close ends the connection, and returns when its goroutines are gone. It is idempotent.
func (p *Peer) Close() {
	_ = p.GracefulClose() // whatever could not be closed in order is closed now
	p.end()
}

// Answer takes the offer and gives the answer, in SDP. An offer that is refused for what stands in it is a [*wire.UnsupportedError].
func (p *Peer) Answer(ctx context.Context) ([]byte, error) {
	d, err := p.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	for i, m := range d.MediaDescriptions {
		m.Attributes = without(m.Attributes)
		p.tell(i, m)
	}
	if len(d.MediaDescriptions) > 0 {
		m := d.MediaDescriptions[0]
		for _, c := range p.endpoint.candidates() {
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: sdp.AttrKeyCandidate, Value: c})
		}
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: sdp.AttrKeyEndOfCandidates})
	}
	return d.Marshal()
}

// tell puts into a section of the answer what pion leaves out: the name of one that is refused, and our own parameters.
func (p *Peer) tell(i int, m *sdp.MediaDescription) {
	if _, named := m.Attribute(sdp.AttrKeyMID); !named {
		mid, _ := p.offer.description.MediaDescriptions[i].Attribute(sdp.AttrKeyMID)
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "inactive"}, sdp.Attribute{Key: sdp.AttrKeyMID, Value: mid})
	}
	c, chosen := p.terms.Chosen[i]
	if !chosen || p.terms.Parameters == "" || m.MediaName.Media != "audio" {
		return
	}
	for n, a := range m.Attributes {
		if a.Key == "fmtp" && strings.HasPrefix(a.Value, fmt.Sprintf("%d ", c.PayloadType)) {
			m.Attributes[n].Value = told(a.Value, p.terms.Parameters)
		}
	}
}

// told puts our own parameters behind those of a value of a=fmtp, and takes others of their names out: each name stands there once.
func told(value, own string) string {
	id, theirs, _ := strings.Cut(value, " ")
	name := func(parameter string) string {
		n, _, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		return n
	}
	all := slices.DeleteFunc(strings.Split(theirs, ";"), func(p string) bool {
		return name(p) == "" || slices.ContainsFunc(strings.Split(own, ";"), func(o string) bool { return strings.EqualFold(name(o), name(p)) })
	})
	return id + " " + strings.Join(append(all, own), ";")
}

// negotiate takes the offer as it is now.
func (p *Peer) negotiate(ctx context.Context) (*sdp.SessionDescription, error) {
	way := "sendonly"
	if p.terms.Sends {
		way = "recvonly"
	}
	offer, err := p.offer.settle(p.terms.Chosen, way)
	if err != nil {
		return nil, fmt.Errorf("write the offer: %w", err)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		return nil, &wire.UnsupportedError{Format: "sdp", Msg: err.Error()}
	}
	answer, err := p.CreateAnswer(nil)
	if err != nil {
		return nil, &wire.UnsupportedError{Format: "sdp", Msg: err.Error()}
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(answer); err != nil {
		return nil, fmt.Errorf("take the answer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer.SDP); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &d, nil
}

// errCredentials is an ICE restart that is none.
var errCredentials = errors.New("the ICE credentials are not those of RFC 8839")

// Restart begins ICE anew with other credentials of the peer, and gives ours.
func (p *Peer) Restart(ctx context.Context, f Fragment) (*Fragment, error) {
	if !f.isCredentials() {
		return nil, errCredentials
	}
	p.offer.restart(f.Ufrag, f.Password)
	d, err := p.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	ours := &Fragment{Candidates: p.endpoint.candidates(), End: true}
	ours.Ufrag, ours.Password = credentialsOf(d)
	return ours, nil
}

// first gives the kind and the mid of the first medium, which the fragments are about.
func (p *Peer) first() (kind, mid string) {
	m := p.offer.description.MediaDescriptions[0]
	mid, _ = m.Attribute(sdp.AttrKeyMID)
	return m.MediaName.Media, mid
}
