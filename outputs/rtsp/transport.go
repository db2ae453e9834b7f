package rtsp

import (
	"errors"
	"net/netip"

	"github.com/simulcart/simulcart/relay"
	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// refusal is the answer to a way that a client may not have.
type refusal struct {
	status int
	words  string
}

// transport picks how a track travels: the first way of those that the client offers which is served, or why there is none. All
// tracks of a session go the same way.
func (c *client) transport(r *wire.Request) (wire.Transport, *refusal) {
	none := &refusal{wire.StatusTransport, "Only RTP/AVP/TCP;unicast;interleaved is served"}
	if c.server.UDP != nil {
		none.words = "Only RTP/AVP/TCP;unicast;interleaved and RTP/AVP;unicast;client_port are served"
	}
	offers, err := wire.ParseTransports(r.Header.Value("Transport"))
	var limit *wire.LimitError
	if errors.As(err, &limit) {
		return wire.Transport{}, &refusal{wire.StatusTransport, "Ports below 1024 are not served"}
	}
	if err != nil {
		return wire.Transport{}, none
	}
	for _, t := range offers {
		if t.Multicast || t.Mode != "" && t.Mode != "PLAY" || len(c.lanes) > 0 && t.TCP == c.isUDP() {
			continue
		}
		if t.TCP {
			return c.channels(t)
		}
		if c.server.UDP != nil && !t.ClientPort.IsZero() && c.server.UDP.reaches(c.address) {
			return c.ports(t)
		}
	}
	return wire.Transport{}, none
}

// channels agrees on those of a track within the connection.
func (c *client) channels(t wire.Transport) (wire.Transport, *refusal) {
	want := t.Interleaved
	if want.IsZero() {
		want = wire.Pair{RTP: 2 * len(c.lanes), RTCP: 2*len(c.lanes) + 1}
	}
	for _, l := range c.lanes {
		if taken := int(l.channel); want.RTP <= taken+1 && want.RTCP >= taken {
			return wire.Transport{}, &refusal{wire.StatusBadRequest, "The channels are taken"}
		}
	}
	if want.RTCP != want.RTP+1 {
		return wire.Transport{}, &refusal{wire.StatusTransport, "RTCP must have the channel behind RTP's"}
	}
	return wire.Transport{TCP: true, Interleaved: want}, nil
}

// ports agrees on those of a track over UDP. Packets go to the address that the connection comes from and to no other, whatever the client
// asks for: who holds a token could have us flood others else.
func (c *client) ports(t wire.Transport) (wire.Transport, *refusal) {
	if t.Destination != "" {
		if wanted, err := netip.ParseAddr(t.Destination); err != nil || wanted.Unmap() != c.address {
			return wire.Transport{}, &refusal{wire.StatusDestination, "Packets go to the address of the connection only"}
		}
	}
	for _, l := range c.lanes {
		for _, taken := range []int{l.ports.RTP, l.ports.RTCP} {
			if t.ClientPort.RTP == taken || t.ClientPort.RTCP == taken {
				return wire.Transport{}, &refusal{wire.StatusBadRequest, "The ports are taken"}
			}
		}
	}
	return wire.Transport{ClientPort: t.ClientPort, ServerPort: c.server.UDP.pair}, nil
}

// isUDP says whether the tracks that are set up go over UDP.
func (c *client) isUDP() bool { return len(c.lanes) > 0 && !c.lanes[0].ports.IsZero() }

// link makes the way of the tracks that are set up.
func (c *client) link(reader *relay.Reader) link {
	if !c.isUDP() {
		return &interleaved{write: c.send}
	}
	d := &datagrams{ports: c.server.UDP, unsent: reader.Unsent}
	for _, l := range c.lanes {
		d.to = append(d.to, d.ports.to(c.address, l.ports.RTP), d.ports.to(c.address, l.ports.RTCP))
	}
	return d
}
