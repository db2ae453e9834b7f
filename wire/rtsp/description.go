package rtsp

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
	"github.com/simulcart/simulcart/wire/rtp"
)

// ContentTypeSDP is the Content-Type of a session description, and what Accept asks for.
const ContentTypeSDP = "application/sdp"

// firstPayloadType is the first of those that SDP gives a meaning to, RFC 3551 §6.
const firstPayloadType = 96

// Description is a session description in SDP (RFC 8866, and RFC 2326 appendix C), as DESCRIBE gives it.
type Description struct {
	Name    string // for people; empty: " ", which means none
	ID      uint64 // of the session
	Version uint64 // rises when the description changes
	Control string // of the whole stream: a URL, or "*" for the one that was asked for; empty: not told
	Medias  []Media
}

// Media is one track of a description.
type Media struct {
	Kind        string       // "video", "audio" or another; written from Track
	PayloadType uint8        // of the RTP packets; 0 when written: 96 and up, in order
	Control     string       // a URL, or a path behind that of the whole stream
	Track       *media.Track // nil where its coding is not taken, see Fault; its ID is the place in the list
	Fault       error        // why Track is nil; not written
}

// Marshal writes the description of a live stream. Errors are those of [rtp.MappingOf], and a [*LimitError] for more than 16 tracks.
func (d Description) Marshal() ([]byte, error) {
	if len(d.Medias) > maxMedia {
		return nil, tooManyMedia(len(d.Medias))
	}
	const anywhere = "0.0.0.0" // the connection is that of RTSP
	name := d.Name
	if name == "" {
		name = " "
	}
	if !isText(name) || !isText(d.Control) {
		return nil, errText
	}
	s := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: d.ID, SessionVersion: d.Version, NetworkType: "IN", AddressType: "IP4", UnicastAddress: anywhere,
		},
		SessionName:           sdp.SessionName(name),
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: anywhere}},
		TimeDescriptions:      []sdp.TimeDescription{{}},
		Attributes:            []sdp.Attribute{sdp.NewAttribute("range", "npt=now-")},
	}
	if d.Control != "" {
		s.Attributes = append(s.Attributes, sdp.NewAttribute("control", d.Control))
	}
	for i, m := range d.Medias {
		section, err := m.section(firstPayloadType + i)
		if err != nil {
			return nil, err
		}
		s.MediaDescriptions = append(s.MediaDescriptions, section)
	}
	b, err := s.Marshal()
	if err == nil && len(b) > maxBody {
		err = &LimitError{Limit: LimitBody, Seen: int64(len(b)), Max: maxBody, Msg: "body too large"}
	}
	return b, err
}

// section writes the track's own lines.
func (m Media) section(payloadType int) (*sdp.MediaDescription, error) {
	if !isText(m.Control) {
		return nil, errText
	}
	mapping, err := rtp.MappingOf(m.Track)
	if err != nil {
		return nil, err
	}
	kind := "audio"
	if m.Track.Codec.IsVideo() {
		kind = "video"
	}
	if m.PayloadType != 0 {
		payloadType = int(m.PayloadType)
	}
	number := strconv.Itoa(payloadType)
	section := &sdp.MediaDescription{
		MediaName:  sdp.MediaName{Media: kind, Protos: []string{"RTP", "AVP"}, Formats: []string{number}},
		Attributes: []sdp.Attribute{sdp.NewAttribute("rtpmap", number+" "+mapping.RTPMap())},
	}
	if mapping.Parameters != "" {
		section.Attributes = append(section.Attributes, sdp.NewAttribute("fmtp", number+" "+mapping.Parameters))
	}
	if m.Control != "" {
		section.Attributes = append(section.Attributes, sdp.NewAttribute("control", m.Control))
	}
	return section, nil
}

// ParseDescription reads a description. One that breaks the format is a [*wire.SyntaxError], which repeats nothing of it; more than 16
// tracks, or 64 KiB, are a [*LimitError].
func ParseDescription(b []byte) (*Description, error) {
	if len(b) > maxBody {
		return nil, &LimitError{Limit: LimitBody, Seen: int64(len(b)), Max: maxBody, Msg: "body too large"}
	}
	var s sdp.SessionDescription
	if err := s.Unmarshal(b); err != nil || len(b) == 0 {
		return nil, &wire.SyntaxError{Format: "sdp", Msg: "not a session description"}
	}
	if len(s.MediaDescriptions) > maxMedia {
		return nil, tooManyMedia(len(s.MediaDescriptions))
	}
	d := &Description{Name: strings.TrimSpace(string(s.SessionName)), ID: s.Origin.SessionID, Version: s.Origin.SessionVersion}
	d.Control, _ = s.Attribute("control")
	for i, section := range s.MediaDescriptions {
		d.Medias = append(d.Medias, parseMedia(uint8(i), section))
	}
	return d, nil
}

// parseMedia reads a track's own lines. What cannot be read costs this track only.
func parseMedia(id uint8, section *sdp.MediaDescription) Media {
	m := Media{Kind: section.MediaName.Media}
	m.Control, _ = section.Attribute("control")
	if len(section.MediaName.Formats) == 0 {
		m.Fault = &wire.SyntaxError{Format: "sdp", Msg: "a media line without a format"}
		return m
	}
	format := section.MediaName.Formats[0]
	n, err := strconv.ParseUint(format, 10, 7)
	if err != nil {
		m.Fault = &wire.SyntaxError{Format: "sdp", Msg: "a media line whose first format is not 0 to 127"}
		return m
	}
	m.PayloadType = uint8(n)
	rtpmap, found := attributeOf(section, "rtpmap", format)
	if !found {
		m.Fault = &wire.UnsupportedError{Format: "sdp", Msg: "payload types without rtpmap"}
		return m
	}
	mapping, err := rtp.ParseRTPMap(rtpmap)
	if err != nil {
		m.Fault = err
		return m
	}
	mapping.Parameters, _ = attributeOf(section, "fmtp", format)
	m.Track, m.Fault = mapping.Track(id)
	return m
}

// attributeOf gives the value of an attribute behind the payload type that it begins with.
func attributeOf(section *sdp.MediaDescription, name, format string) (string, bool) {
	for _, a := range section.Attributes {
		if number, rest, found := strings.Cut(a.Value, " "); found && a.Key == name && number == format {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func tooManyMedia(n int) error {
	return &LimitError{Limit: LimitMedia, Seen: int64(n), Max: maxMedia, Msg: "too many media sections"}
}
