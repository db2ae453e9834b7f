package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Results is what is kept of measuring.
type Results struct {
	Parts   []Origin `json:"parts"`
	Samples []Sample `json:"samples"`
}

// An Origin is where and how the samples of a part were taken.
type Origin struct {
	Part    string `json:"part"`
	Date    string `json:"date"`
	Machine string `json:"machine"`
	Command string `json:"command"`
}

// Read reads results; a file that is not there has none.
func Read(name string) (*Results, error) {
	r := &Results{}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return r, nil
}

// Write replaces the file in one step.
func (r *Results) Write(name string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return replace(name, append(b, '\n'))
}

// Begin forgets what is known of a part.
func (r *Results) Begin(o Origin) {
	r.Parts = slices.DeleteFunc(r.Parts, func(known Origin) bool { return known.Part == o.Part })
	r.Samples = slices.DeleteFunc(r.Samples, func(s Sample) bool { return s.Part == o.Part })
	r.Parts = append(r.Parts, o)
}

// Origin gives where the samples of a part come from.
func (r *Results) Origin(part string) (Origin, bool) {
	i := slices.IndexFunc(r.Parts, func(o Origin) bool { return o.Part == part })
	if i < 0 {
		return Origin{}, false
	}
	return r.Parts[i], true
}

// Noise gives, over the samples of a part, the most of a CPU that others than server and load took, and the greatest distance between
// the least and the greatest cost of one candidate in one shape, as a share of its median.
func Noise(rows []Row) (others, spread float64) {
	for _, r := range rows {
		for _, s := range r.Samples {
			others = max(others, s.Others+s.Stolen)
		}
		if c := r.Of(Cost); c.Median > 0 {
			spread = max(spread, (c.High-c.Low)/c.Median)
		}
	}
	return others, spread
}

// Place puts a section into a document, in the place of the one of the same name, else at its end. What people wrote around the
// sections stays.
func Place(document, name, section string) string {
	begin, end := "<!-- measured: "+name+" -->\n", "<!-- end of "+name+" -->\n"
	section = begin + strings.TrimRight(section, "\n") + "\n" + end
	before, rest, found := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return strings.TrimRight(document, "\n") + "\n\n" + section
	}
	return before + section + after
}

// PlaceIn is Place in a file.
func PlaceIn(file, name, section string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("place a section: %w", err)
	}
	next := []byte(Place(string(b), name, section))
	if bytes.Equal(b, next) {
		return nil
	}
	return replace(file, next)
}

// replace writes a file in one step.
func replace(name string, content []byte) error {
	next := name + ".new"
	if err := os.WriteFile(next, content, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(next, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
