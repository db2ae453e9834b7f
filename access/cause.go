package access

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Cause is why somebody may not pull a stream. The set is closed; each is a label in metrics. The zero value: she may.
type Cause uint8

// The causes, in the order in which they are looked for.
const (
	CauseMissing  Cause = iota + 1 // no secret was shown, and the stream is not public
	CauseUnknown                   // nobody's secret: mistyped, guessed, withdrawn, or a link of another process
	CauseExpired                   // a contract or a link that was good once
	CauseStream                    // a contract, a link or a key for other streams, or there is no such stream
	CauseProtocol                  // a contract or a link for other protocols
	CauseFull                      // all connections of the contract are in use
	causes
)

var causeNames = [...]string{"none", "missing", "unknown", "expired", "stream", "protocol", "full"}

// String gives the label.
func (c Cause) String() string { return causeNames[c] }

// concerns says whether who is known by a contract, or who is not, can be refused for c.
func (c Cause) concerns(partner string) bool {
	if partner == "" {
		return c != CauseFull
	}
	return c >= CauseExpired
}

// playLocked decides who may pull what: 0, or why not.
func (r *Registry) playLocked(p Principal, o Object, now time.Time) Cause {
	grant, known := r.grants[o.Stream]
	cause := CauseMissing
	switch {
	case !p.until.IsZero() && !now.Before(p.until):
		return CauseExpired
	case known && grant.Public:
		return 0
	case p.Partner != "":
		c := r.contracts[p.Partner]
		if c == nil || !c.Digest.Equal(p.token) {
			return CauseUnknown
		}
		cause = c.gap(o, now)
	case p.link.stream != "":
		cause = p.link.gap(o, now)
	case p.Stream != "" && p.Role == NoRole: // the creator previews, by the stream key
		switch own, still := r.grants[p.Stream]; {
		case !still || !own.Key.Equal(p.token):
			return CauseUnknown
		case p.Stream != o.Stream:
			return CauseStream
		}
		cause = 0
	case p.Role != NoRole, p.Unknown: // tokens of the API pull nothing
		return CauseUnknown
	}
	if cause == 0 && !known {
		return CauseStream
	}
	return cause
}

// refusal is what refusals are counted by.
type refusal struct {
	partner string // "" for all who have no contract
	over    Protocol
	cause   Cause
}

// refuseLocked counts a refusal. A partner's name is kept only where her contract knows it, so that the labels are bounded.
func (r *Registry) refuseLocked(p Principal, o Object, c Cause) {
	partner := p.Partner
	if !c.concerns(partner) || r.contracts[partner] == nil {
		partner = ""
	}
	if r.refused == nil {
		r.refused = make(map[refusal]uint64)
	}
	r.refused[refusal{partner, o.Over, c}]++
}

// forgetRefusalsLocked drops the counts of partners that are gone.
func (r *Registry) forgetRefusalsLocked() {
	maps.DeleteFunc(r.refused, func(f refusal, _ uint64) bool { return f.partner != "" && r.contracts[f.partner] == nil })
}

// Refused is how often somebody was refused over one protocol since the process started, or the partner's contract began.
type Refused struct {
	Partner string // "" for all who have no contract
	Over    Protocol
	Causes  map[string]uint64 // by label; none that can be is left out
}

// Refusals gives the counts for each partner and for all others, over each protocol, in the order of their names.
func (r *Registry) Refusals() []Refused {
	r.mu.RLock()
	defer r.mu.RUnlock()
	partners := slices.AppendSeq([]string{""}, maps.Keys(r.contracts))
	slices.SortFunc(partners, cmp.Compare)
	all := make([]Refused, 0, len(partners)*int(protocols-1))
	for _, partner := range partners {
		for over := RTMP; over < protocols; over++ {
			counts := make(map[string]uint64)
			for c := CauseMissing; c < causes; c++ {
				if c.concerns(partner) {
					counts[c.String()] = r.refused[refusal{partner, over, c}]
				}
			}
			all = append(all, Refused{partner, over, counts})
		}
	}
	return all
}
