package outputs

import (
	"fmt"
	"sync"
)

// Carriage is how a push carries overlay states (OVERLAYS.md §2): a set, empty for not at all.
type Carriage uint8

// The carriages of RTMP.
const (
	CarriesSEI Carriage = 1 << iota // in the pictures: SEI of H.264 and HEVC, metadata OBUs of AV1
	CarriesAMF                      // beside them: onTextData
)

var carriageNames = [...]string{"off", "sei", "amf", "sei+amf"}

// String gives the word of the configuration.
func (c Carriage) String() string { return carriageNames[c&(CarriesSEI|CarriesAMF)] }

// ParseCarriage reads a word of the configuration.
func ParseCarriage(word string) (Carriage, error) {
	for i, name := range carriageNames {
		if name == word {
			return Carriage(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no carriage: off, sei, amf or sei+amf", word)
}

// Carried counts what an output carried of the overlay states. The zero value is ready; a nil one counts nothing. Several
// goroutines may use it.
type Carried struct {
	mu  sync.Mutex
	now CarriedStatus
}

// CarriedStatus is what an output carried, since the program began.
type CarriedStatus struct {
	SEI, AMF   Copies
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
	if by == CarriesSEI {
		return &s.SEI
	}
	return &s.AMF
}
