package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the file, and what to do about it. None of its texts holds a key, a URL or a
// value of the environment.
type Fault struct {
	File   string // as it was given to [Load] or [Parse]
	Line   int    // from 1
	Column int    // from 1, in characters
	Key    string // dotted path, such as streams.maria.destinations.tiktok.url; "" for the file as a whole
	Msg    string // what is wrong, and why
	Hint   string // the fix, where there is one to propose; else ""
}

// String gives "file:line:column: key: what is wrong; the fix", as editors and grep like it.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Msg)
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	return b.String()
}

// Faults is all that is wrong with a file, ordered by place. It is an error.
type Faults []Fault

// Error prints one fault per line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return fs
}

// nearest finds the word that was likely meant, at most 3 edits away and at most half of the word's length.
func nearest(seen string, words []string) (string, bool) {
	best, distance := "", 4
	for _, w := range words {
		if d := edits(strings.ToLower(seen), w, 3); d < distance && 2*d <= len(w) {
			best, distance = w, d
		}
	}
	return best, best != ""
}

// edits is the Levenshtein distance of a and b in bytes, or limit+1 where the lengths differ by more than limit.
func edits(a, b string, limit int) int {
	if len(a) > len(b)+limit || len(b) > len(a)+limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			diagonal = row[j+1]
			row[j+1] = min(swap, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// list writes words as people do: a, b or c.
func list(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
