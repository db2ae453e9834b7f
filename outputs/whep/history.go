package whep

import (
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/simulcart/simulcart/wire/rtp"
)

const (
	mostResends  = 8                      // of one packet
	resendApart  = 10 * time.Millisecond  // the least between two, or the time there and back,
	resendLonger = 100 * time.Millisecond // up to this
	mostSpare    = 512                    // packets that may be sent again at once; half as many as are sent first, else
)

// history is what went out on a lane. The sender writes it, and the listener asks.
type history struct {
	began time.Time

	mu      sync.Mutex
	sent    []sent // the last packets, by sequence number modulo its length
	spare   int    // halves of packets that may be sent again
	apart   time.Duration
	packets uint32
	octets  uint32
	told    tales
}

func newHistory(packets int) history { return history{began: time.Now(), sent: make([]sent, packets)} }

// sent is a packet that went out. There are many of them for each viewer, so that it is small.
type sent struct {
	payload   *rtp.Payload // shared with all other viewers; nil: there was none
	timestamp uint32
	again     uint32 // ms from the beginning to the last resend; they wrap
	sequence  uint16
	stamp     [3]byte
	count     uint8 // of resends
}

// told is a sender report that went out.
type told struct {
	middle uint32 // of its NTP time, by which the viewer names it
	at     time.Time
}

// tales are the last sender reports.
type tales struct {
	last  [8]told
	count int
}

func (t *tales) tell(ntp uint64, now time.Time) {
	t.last[t.count%len(t.last)] = told{uint32(ntp >> 16), now}
	t.count++
}

// trip gives the time there and back by a viewer's report, which names one of ours; false where that is not known.
func (t *tales) trip(r rtcp.ReceptionReport, now time.Time) (time.Duration, bool) {
	for _, told := range t.last {
		if !told.at.IsZero() && told.middle == r.LastSenderReport {
			return max(0, now.Sub(told.at)-time.Duration(r.Delay)*time.Second/(1<<16)), true
		}
	}
	return 0, false
}

// remember keeps a run of packets that is about to go out, of which s says what the first one has and all have alike.
func (h *history) remember(payloads []rtp.Payload, s sent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range payloads {
		s.payload = &payloads[i]
		h.sent[int(s.sequence)%len(h.sent)] = s
		s.sequence++
		h.octets += uint32(s.payload.Len())
	}
	h.spare = min(h.spare+len(payloads), 2*mostSpare)
	h.packets += uint32(len(payloads))
}

// tell notes that a sender report goes out, and gives its counts of packets and octets.
func (h *history) tell(ntp uint64, now time.Time) (packets, octets uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told.tell(ntp, now)
	return h.packets, h.octets
}

// trip gives the time there and back by a viewer's report; false where that is not known.
func (h *history) trip(r rtcp.ReceptionReport, now time.Time) (time.Duration, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	trip, known := h.told.trip(r, now)
	if known {
		h.apart = min(trip, resendLonger)
	}
	return trip, known
}

// forget takes what was sent as not worth sending again.
func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.sent {
		h.sent[i].count = mostResends
	}
}

// find gives a packet that may go out again, and says whether it is known still and whether it may.
func (h *history) find(sequence uint16, now time.Time) (found sent, known, may bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.sent[int(sequence)%len(h.sent)]
	if s.payload == nil || s.sequence != sequence {
		return sent{}, false, false
	}
	ms := uint32(now.Sub(h.began) / time.Millisecond)
	since := time.Duration(ms-s.again) * time.Millisecond
	if s.count >= mostResends || s.count > 0 && since < max(resendApart, h.apart) || h.spare < 2 {
		return sent{}, true, false // what is lost for want of room is not mended by more
	}
	h.spare -= 2
	s.count++
	s.again = ms
	return *s, true, true
}
