package outputs

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"
)

// Carriage is how an output carries overlay states (OVERLAYS.md §2): a set, empty for not at all.
type Carriage uint8

// The carriages.
const (
	CarriesSEI     Carriage = 1 << iota // in the pictures: SEI of H.264 and HEVC, metadata OBUs of AV1
	CarriesAMF                          // beside them in RTMP: onTextData
	CarriesID3                          // in front of them in HLS: ID3 in emsg
	CarriesRange                        // in the playlists of HLS: EXT-X-DATERANGE
	CarriesChannel                      // beside them in WebRTC: a data channel
)

var carriageNames = [...]string{"sei", "amf", "id3", "daterange", "datachannel"}

// String gives the word of the configuration, or the names with a plus between them.
func (c Carriage) String() string {
	var names []string
	for i, name := range carriageNames {
		if c>>i&1 == 1 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "off"
	}
	return strings.Join(names, "+")
}

// ParseCarriage reads a word of the configuration, for pushes.
func ParseCarriage(word string) (Carriage, error) {
	for c := Carriage(0); c <= CarriesSEI|CarriesAMF; c++ {
		if c.String() == word {
			return c, nil
		}
	}
	return 0, fmt.Errorf("%q is no carriage: off, sei, amf or sei+amf", word)
}

// Carried counts what an output carried of the overlay states. The zero value is ready; a nil one counts nothing. Several
// goroutines may use it.
type Carried struct {
	mu   sync.Mutex
	now  CarriedStatus
	seen [len(carriageNames)]sight // the newest state by each carriage, of feeds whose viewers have no connection
}

// sight is a state that was carried.
type sight struct {
	stream string // the session's public id
	seq    int64
}

// CarriedStatus is what an output carried, since the program began.
type CarriedStatus struct {
	SEI, AMF   Copies
	ID3, Range Copies
	Channel    Copies
	Seq        int64 // of the newest state; 0 where none was
	Reductions       // of new states
	Unreadable int   // copies that could not be carried
}

// Reductions is what a view could not give of states, in cards; see [overlay.Counts].
type Reductions struct{ NoPrice, OtherLang, Shortened, NoParams, NoMeta, Dropped int }

// Copies counts copies of states by one carriage.
type Copies struct {
	States  uint64 // first copies on a connection
	Repeats uint64
	Bytes   uint64 // of the messages, without what surrounds them
}

// Status gives the counts.
func (c *Carried) Status() CarriedStatus {
	if c == nil {
		return CarriedStatus{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// State counts the first copy of a state on a connection, of so many bytes, that went out by one carriage. seq is that of the
// newest state that went out by any: a copy beside the pictures may be behind one in them.
func (c *Carried) State(by Carriage, seq int64, bytes int) {
	c.count(func(now *CarriedStatus) {
		now.Seq = seq
		n := now.copies(by)
		n.States++
		n.Bytes += uint64(bytes)
	})
}

// Repeat counts a further copy of a state.
func (c *Carried) Repeat(by Carriage, bytes int) {
	c.count(func(now *CarriedStatus) {
		n := now.copies(by)
		n.Repeats++
		n.Bytes += uint64(bytes)
	})
}

// Copy counts a copy of a state that goes to somebody of many, whose connections are not known: the first of all is that of a new
// state, the others are repeats. stream is the state's.
func (c *Carried) Copy(by Carriage, stream string, seq int64, bytes int) {
	if !c.Once(by, stream, seq, bytes) {
		c.Repeat(by, bytes)
	}
}

// Once counts a new state, and says whether it is one.
func (c *Carried) Once(by Carriage, stream string, seq int64, bytes int) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	last := &c.seen[bits.TrailingZeros8(uint8(by))]
	isNew := last.stream != stream || seq > last.seq
	if isNew {
		*last = sight{stream, seq}
	}
	c.mu.Unlock()
	if isNew {
		c.State(by, seq, bytes)
	}
	return isNew
}

// Reduce counts what the view could not give of a new state.
func (c *Carried) Reduce(by Reductions) {
	c.count(func(now *CarriedStatus) {
		now.NoPrice += by.NoPrice
		now.OtherLang += by.OtherLang
		now.Shortened += by.Shortened
		now.NoParams += by.NoParams
		now.NoMeta += by.NoMeta
		now.Dropped += by.Dropped
	})
}

// Lose counts a copy that could not be carried.
func (c *Carried) Lose() { c.count(func(now *CarriedStatus) { now.Unreadable++ }) }

func (c *Carried) count(how func(now *CarriedStatus)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	how(&c.now)
}

func (s *CarriedStatus) copies(by Carriage) *Copies {
	switch by {
	case CarriesSEI:
		return &s.SEI
	case CarriesID3:
		return &s.ID3
	case CarriesRange:
		return &s.Range
	case CarriesChannel:
		return &s.Channel
	}
	return &s.AMF
}
