package m3u8

import "time"

// DateRange is a span of time with attributes, §4.4.5.1. A playlist may say the same one several times, each time with more.
type DateRange struct {
	ID              string
	Class           string // says what the attributes mean; empty: not told
	Start           time.Time
	End             time.Time      // zero: not told
	Duration        *time.Duration // nil: not told
	PlannedDuration time.Duration  // 0: not told
	EndOnNext       bool           // ends where the next one of its class begins
	Attributes      []Attribute    // the others, in their order
}

// Attribute is an attribute of no type that is known here.
type Attribute struct {
	Name   string // of A to Z, 0 to 9 and hyphens; ours begin with X-
	Value  string
	Quoted bool // a text; otherwise a number, a hexadecimal sequence or a name
}

// knownToDateRange says whether an attribute has a field of its own.
func knownToDateRange(name string) bool {
	switch name {
	case attrID, attrClass, attrStartDate, attrEndDate, attrDuration, attrPlannedDuration, attrEndOnNext:
		return true
	}
	return false
}
