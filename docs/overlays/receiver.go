package overlays

import (
	"bytes"
	"encoding/json"
)

// State is one message of the convention. Its cards stay JSON until somebody checks them.
type State struct {
	V, Seq, At, Now int64
	Stream          string
	Show            []json.RawMessage
}

// Newest gives the newer of the state that one has and those in an H.264 access unit, a list of NAL units.
func Newest(have State, unit [][]byte) State {
	for _, nal := range unit {
		sei, n := bytes.ReplaceAll(nal, []byte{0, 0, 3}, []byte{0, 0}), [2]int{} // n: type and size of an SEI message
		for at := 1; at < len(sei) && sei[0]&31 == 6; at, n = at+n[1], [2]int{} {
			for i := 0; i < 2 && at < len(sei); at++ { // each is any number of FF and one other byte, to be added up
				n[i], i = n[i]+int(sei[at]), i+1-int(sei[at]/0xFF)
			}
			text, ours := bytes.CutPrefix(sei[at:min(at+n[1], at+16+4096, len(sei))], []byte("\x5b\x6d\x1f\x0e\x2c\x8a\x4c\x1b\x9e\x7a\x73\x69\x6d\x75\x6c\x63"))
			if got := (State{}); ours && n[0] == 5 && json.Unmarshal(text, &got) == nil && got.V == 1 && (got.Stream != have.Stream || got.Seq > have.Seq) {
				have = got
			}
		}
	}
	return have
}
