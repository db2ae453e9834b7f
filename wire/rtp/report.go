package rtp

import (
	"time"

	"github.com/pion/rtcp"
)

// Report tells receivers which wall-clock time belongs to which timestamp, so that they play sound and pictures together, and what
// was sent: an RTCP sender report with a source description (RFC 3550 §6.4.1, §6.5).
type Report struct {
	SSRC      uint32
	Wall      time.Time // of Timestamp
	Timestamp uint32
	Packets   uint32 // sent so far, wrapped
	Octets    uint32 // of payload sent so far, wrapped
	CNAME     string // names the sender, the same for all tracks of a session; at most 255 bytes
	Bye       bool   // nothing more comes of this source: a BYE (§6.6) stands behind
}

// Marshal gives the report's packet. A CNAME that is too long is an error.
func (r Report) Marshal() ([]byte, error) {
	packets := []rtcp.Packet{
		&rtcp.SenderReport{SSRC: r.SSRC, NTPTime: NTP(r.Wall), RTPTime: r.Timestamp, PacketCount: r.Packets, OctetCount: r.Octets},
		rtcp.NewCNAMESourceDescription(r.SSRC, r.CNAME),
	}
	if r.Bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{r.SSRC}})
	}
	return rtcp.Marshal(packets)
}

// NTP gives a time as RTCP writes it: seconds since 1900, with 32 bits behind the point (RFC 3550 §4). It wraps in 2036.
func NTP(t time.Time) uint64 {
	const era = 2208988800 // seconds from 1900 to 1970
	return uint64(t.Unix()+era)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}
