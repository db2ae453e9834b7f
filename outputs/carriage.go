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
	SEI, AMF Copies
	Seq      int64 // of the newest state; 0 where none was

	// What the view could not give, in cards of new states.
	NoPrice, OtherLang, Shortened, NoParams, Dropped uint64

	Unreadable uint64 // states that could not be carried at all
}

// Copies counts copies of states by one carriage.
type Copies struct {
	States  uint64 // first copies
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
