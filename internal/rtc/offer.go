package rtc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/rtp"
)

// The limits of descriptions.
const (
	MaxSDP    = 64 << 10 // bytes of an offer, or of a fragment
	maxMedias = 32
)

// Offer is what a peer offers, read.
type Offer struct {
	Medias []Media

	description *sdp.SessionDescription // without what is not wanted of it
}

// Media is one m= section of an offer.
type Media struct {
	Kind     string // "audio", "video", "application" and others
	Sends    bool   // the peer would send
	Receives bool   // the peer would receive
	Codecs   []Codec
}

// Codec is a coding that a peer offers.
type Codec struct {
	PayloadType uint8
	rtp.Mapping
	Feedback []string // values of a=rtcp-fb without the payload type: "nack", "nack pli"
	Repair   uint8    // payload type of retransmissions (RFC 4588); 0: none is offered
}

// Has says whether the peer takes, or gives, feedback of a kind.
func (c *Codec) Has(feedback string) bool { return slices.Contains(c.Feedback, feedback) }

// ParseOffer reads an offer in SDP (RFC 8866, RFC 8829). Errors are [*wire.SyntaxError] for what is none, and
// [*wire.UnsupportedError] for what cannot be answered.
func ParseOffer(body []byte) (*Offer, error) {
	if len(body) > MaxSDP {
		return nil, unsupported("an offer of %d bytes, more than %d", len(body), MaxSDP)
	}
	var d sdp.SessionDescription
	if err := d.Unmarshal(body); err != nil {
		return nil, &wire.SyntaxError{Format: "sdp", Msg: err.Error()}
	}
	switch {
	case len(d.MediaDescriptions) == 0:
		return nil, unsupported("an offer without media")
	case len(d.MediaDescriptions) > maxMedias:
		return nil, unsupported("an offer of %d media, more than %d", len(d.MediaDescriptions), maxMedias)
	}
	if _, lite := d.Attribute(sdp.AttrKeyICELite); lite {
		return nil, unsupported("ICE-lite on both sides: the one that connects must be a full ICE agent")
	}
	o := &Offer{description: &d}
	d.Attributes = without(d.Attributes)
	for _, m := range d.MediaDescriptions {
		m.Attributes = without(m.Attributes)
		read, err := mediaOf(m, &d)
		if err != nil {
			return nil, err
		}
		o.Medias = append(o.Medias, read)
	}
	return o, nil
}

// without drops the attributes that are not acted upon: addresses of the peer's own network, and simulcast.
func without(all []sdp.Attribute) []sdp.Attribute {
	return slices.DeleteFunc(all, func(a sdp.Attribute) bool {
		return slices.Contains([]string{sdp.AttrKeyCandidate, sdp.AttrKeyEndOfCandidates, "remote-candidates", "rid", "simulcast"}, a.Key)
	})
}

// directions are the attributes of RFC 8866 §6.7.
var directions = map[string]struct{ sends, receives bool }{
	"sendrecv": {true, true}, "sendonly": {true, false}, "recvonly": {false, true}, "inactive": {},
}

func mediaOf(m *sdp.MediaDescription, d *sdp.SessionDescription) (Media, error) {
	read := Media{Kind: m.MediaName.Media, Sends: true, Receives: true}
	for _, attributes := range [][]sdp.Attribute{d.Attributes, m.Attributes} {
		for _, a := range attributes {
			if way, is := directions[a.Key]; is {
				read.Sends, read.Receives = way.sends, way.receives
			}
		}
	}
	if mid, _ := m.Attribute(sdp.AttrKeyMID); mid == "" {
		return Media{}, unsupported("a medium without a=mid")
	}
	if m.MediaName.Port.Value == 0 {
		if _, bundled := m.Attribute("bundle-only"); !bundled { // RFC 9143 §6: 0 is also the port of those
			read.Sends, read.Receives = false, false
		}
	}
	if read.Kind != "audio" && read.Kind != "video" {
		return read, nil
	}
	var err error
	read.Codecs, err = codecsOf(m)
	return read, err
}

// codecsOf lists what a section offers, in its order.
func codecsOf(m *sdp.MediaDescription) ([]Codec, error) {
	maps, parameters, feedback := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, a := range m.Attributes {
		id, value, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtpmap":
			maps[id] = value
		case "fmtp":
			parameters[id] = value
		case "rtcp-fb":
			feedback[id] = append(feedback[id], value)
		}
	}
	var codecs []Codec
	repairs := map[string]uint8{} // by the payload type that is repaired
	for _, id := range m.MediaName.Formats {
		number, err := strconv.ParseUint(id, 10, 7)
		if err != nil || maps[id] == "" {
			continue // those with a number of their own (RFC 3551 §6) are none of ours
		}
		mapping, err := rtp.ParseRTPMap(maps[id])
		if err != nil {
			return nil, err
		}
		mapping.Parameters = parameters[id]
		if strings.EqualFold(mapping.Name, "rtx") {
			of, _, _ := strings.Cut(strings.TrimPrefix(mapping.Parameters, "apt="), ";")
			repairs[of] = uint8(number)
			continue
		}
		codecs = append(codecs, Codec{PayloadType: uint8(number), Mapping: mapping, Feedback: append(feedback[id], feedback["*"]...)})
	}
	for i := range codecs {
		codecs[i].Repair = repairs[strconv.Itoa(int(codecs[i].PayloadType))]
	}
	return codecs, nil
}

// bundled says whether the chosen media would share one connection (RFC 9143), which is all there is.
func (o *Offer) bundled(chosen map[int]Codec) bool {
	return len(chosen) < 2 || slices.ContainsFunc(o.description.Attributes, func(a sdp.Attribute) bool {
		mids, is := strings.CutPrefix(a.Value, "BUNDLE ")
		for i := range chosen {
			mid, _ := o.description.MediaDescriptions[i].Attribute(sdp.AttrKeyMID)
			is = is && slices.Contains(strings.Fields(mids), mid)
		}
		return is && a.Key == sdp.AttrKeyGroup
	})
}

// settle gives the offer as pion is to have it: the chosen media go one way, all others none.
func (o *Offer) settle(chosen map[int]Codec, way string) ([]byte, error) {
	for i, m := range o.description.MediaDescriptions {
		if m.MediaName.Media != "audio" && m.MediaName.Media != "video" {
			continue
		}
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool { _, is := directions[a.Key]; return is })
		direction := "inactive"
		if _, is := chosen[i]; is {
			direction = way
		}
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: direction})
	}
	return o.description.Marshal()
}

// restart puts other ICE credentials in.
func (o *Offer) restart(ufrag, password string) {
	o.description.Origin.SessionVersion++
	replace := func(all []sdp.Attribute) {
		for i := range all {
			switch all[i].Key {
			case "ice-ufrag":
				all[i].Value = ufrag
			case "ice-pwd":
				all[i].Value = password
			}
		}
	}
	replace(o.description.Attributes)
	for _, m := range o.description.MediaDescriptions {
		replace(m.Attributes)
	}
}

// credentials gives the peer's ICE credentials.
func (o *Offer) credentials() (ufrag, password string) { return credentialsOf(o.description) }

// credentialsOf gives the first ICE credentials of a description: all its media share them (RFC 9143).
func credentialsOf(d *sdp.SessionDescription) (ufrag, password string) {
	ufrag, _ = d.Attribute("ice-ufrag")
	password, _ = d.Attribute("ice-pwd")
	for _, m := range d.MediaDescriptions {
		if ufrag == "" {
			ufrag, _ = m.Attribute("ice-ufrag")
		}
		if password == "" {
			password, _ = m.Attribute("ice-pwd")
		}
	}
	return ufrag, password
}

func unsupported(msg string, args ...any) error {
	return &wire.UnsupportedError{Format: "sdp", Msg: fmt.Sprintf(msg, args...)}
}
