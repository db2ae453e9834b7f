package rtmp

import (
	"github.com/simulcart/simulcart/wire/amf"
)

// CapsEx is the bit field of extended capabilities in connect and its answer (Enhanced RTMP v2, "Enhancing NetConnection
// connect Command").
type CapsEx uint32

// The capabilities.
const (
	CapReconnect     CapsEx = 1 << iota // understands a ReconnectRequest
	CapMultitrack                       // understands multitrack messages
	CapModEx                            // understands ModEx signals
	CapTimestampNano                    // understands the nanosecond offset of ModEx
)

// ourCaps is what both our sides understand.
const ourCaps = CapReconnect | CapMultitrack | CapModEx | CapTimestampNano

// fourCCs are the codecs that we relay in Enhanced RTMP, as both our sides announce them.
func fourCCs() amf.Array {
	return amf.Array{"avc1", "hvc1", "av01", "vp08", "vp09", "mp4a", "Opus", "fLaC", ".mp3"}
}

// fourCCInfo bits say what a peer does with a codec (Enhanced RTMP v2, FourCcInfoMask).
const fourCCForward = 4

// capabilities appends what both sides of connect tell of Enhanced RTMP.
func capabilities(o amf.Object) amf.Object {
	return append(o,
		amf.Member{Key: "fourCcList", Value: fourCCs()},
		amf.Member{Key: "videoFourCcInfoMap", Value: amf.Object{{Key: "*", Value: float64(fourCCForward)}}},
		amf.Member{Key: "audioFourCcInfoMap", Value: amf.Object{{Key: "*", Value: float64(fourCCForward)}}},
		amf.Member{Key: "capsEx", Value: float64(ourCaps)},
	)
}

// Peer is what the other side of a connection told in connect or its answer.
type Peer struct {
	App      string // application, without its query
	TCURL    string // the URL that the client connected to
	Software string // flashVer of a client, fmsVer of a server
	FourCCs  []string
	Caps     CapsEx
}

// CanDo says whether the peer has all capabilities of want.
func (p Peer) CanDo(want CapsEx) bool { return p.Caps&want == want }

// Enhanced says whether the peer announced any codec through FourCC.
func (p Peer) Enhanced() bool { return len(p.FourCCs) > 0 }

// peerOf reads a connect object, or the properties and information of its answer.
func peerOf(o amf.Object) Peer {
	p := Peer{App: o.Text("app"), TCURL: o.Text("tcUrl"), Software: o.Text("flashVer")}
	if p.Software == "" {
		p.Software = o.Text("fmsVer")
	}
	if caps, ok := o.Number("capsEx"); ok && caps >= 0 && caps < 1<<32 {
		p.Caps = CapsEx(caps)
	}
	p.FourCCs = fourCCNames(o)
	return p
}

// fourCCNames collects codecs from the list of Enhanced RTMP v1 and from the keys of v2's maps.
func fourCCNames(o amf.Object) []string {
	var names []string
	if list, ok := o.Lookup("fourCcList"); ok {
		values, _ := list.(amf.Array)
		for _, v := range values {
			if s, ok := v.(string); ok {
				names = append(names, s)
			}
		}
	}
	for _, key := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
		v, _ := o.Lookup(key)
		m, _ := members(v)
		for _, member := range m {
			names = append(names, member.Key)
		}
	}
	return names
}
