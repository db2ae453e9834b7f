// Package report makes figures of samples: medians with their spread, ratios of samples taken side by side, tables for people and for
// documents, and plots. The same samples give the same bytes.
package report

import (
	"cmp"
	"math"
	"slices"
)

// A Sample is one run of one candidate.
type Sample struct {
	Part      string `json:"part"`
	Candidate string `json:"candidate"`
	Shape
	Round   int      `json:"round"`
	Seconds float64  `json:"seconds"` // of the window
	Gbit    float64  `json:"gbit"`    // of media that receivers have read in it; without receivers, that were published
	Share   float64  `json:"share"`   // of what they should have read
	CPU     float64  `json:"cpu"`     // seconds of the server and its children in the window
	RSS     float64  `json:"rss"`     // MiB at its end
	Grown   float64  `json:"grown"`   // by how much of it since the window's begin
	Delay   Delay    `json:"delay"`
	Join    float64  `json:"join"`    // ms from the wish to the first picture, the median of all players; 0: there are none
	Missing int      `json:"missing"` // pictures
	Torn    int      `json:"torn"`    // pictures that no decoder can use
	Load    float64  `json:"load"`    // CPU that publishers and receivers used, 1 is a whole one
	Others  float64  `json:"others"`  // the same, of all else on the machine
	Stolen  float64  `json:"stolen"`  // the same, of the machine's host
	Notes   []string `json:"notes,omitempty"`
}

// Shape is what is asked of a server.
type Shape struct {
	Streams int `json:"streams"`
	Outputs int `json:"outputs"`           // of each stream
	Kbits   int `json:"kbits"`             // a second, of each stream
	Stalled int `json:"stalled,omitempty"` // of the outputs, which do not read; no other figure but memory counts them
}

// all gives the outputs of all streams.
func (s Shape) all() int { return s.Streams * s.Outputs }

// Delay is that of pictures, in ms, from the publisher's write to the read of the last byte.
type Delay struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Cost is in CPU seconds for each Gbit.
func (s Sample) Cost() float64 {
	if s.Gbit == 0 {
		return math.NaN()
	}
	return s.CPU / s.Gbit
}

// Figure is one of those that a sample has.
type Figure string

// The figures.
const (
	Cost Figure = "CPU s/Gbit"
	P50  Figure = "delay p50"
	P99  Figure = "delay p99"
	Max  Figure = "delay max"
	Join Figure = "join"
	RSS  Figure = "RSS"
	Grow Figure = "growth of RSS"
	Each Figure = "RSS for each output" // the whole, divided
)

// Of gives the figure of a sample.
func (f Figure) Of(s Sample) float64 {
	switch f {
	case Cost:
		return s.Cost()
	case P50:
		return s.Delay.P50
	case P99:
		return s.Delay.P99
	case Max:
		return s.Delay.Max
	case Join:
		return s.Join
	case RSS:
		return s.RSS
	case Grow:
		return s.Grown
	case Each:
		if s.Outputs == 0 {
			return math.NaN()
		}
		return s.RSS / float64(s.all())
	}
	panic("report: no figure " + string(f))
}

// unit is what stands behind a number of the figure.
func (f Figure) unit() string {
	switch f {
	case Cost:
		return ""
	case RSS, Grow, Each:
		return " MiB"
	}
	return " ms"
}

// A Spread is the median of several samples, with the least and the greatest.
type Spread struct{ Median, Low, High float64 }

// SpreadOf gives the spread of values; NaN where there are none. Values that are no numbers do not count.
func SpreadOf(values []float64) Spread {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(v)
	middle := len(v) / 2
	median := v[middle]
	if len(v)%2 == 0 {
		median = (v[middle-1] + v[middle]) / 2
	}
	return Spread{median, v[0], v[len(v)-1]}
}

// Quantile gives the value below which the share q of all lies, the largest for 1; 0 where there are none. It sorts values.
func Quantile[T cmp.Ordered](values []T, q float64) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

// A Row is all samples of one candidate in one shape.
type Row struct {
	Candidate string
	Shape     Shape
	Samples   []Sample
}

// Of gives the spread of a figure.
func (r Row) Of(f Figure) Spread {
	values := make([]float64, 0, len(r.Samples))
	for _, s := range r.Samples {
		values = append(values, f.Of(s))
	}
	return SpreadOf(values)
}

// Rows groups the samples of a part, in the order in which their candidates and shapes first came.
func Rows(samples []Sample, part string) []Row {
	var rows []Row
	for _, s := range samples {
		if s.Part != part {
			continue
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Candidate == s.Candidate && r.Shape == s.Shape })
		if i < 0 {
			i = len(rows)
			rows = append(rows, Row{Candidate: s.Candidate, Shape: s.Shape})
		}
		rows[i].Samples = append(rows[i].Samples, s)
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(
			cmp.Compare(a.Shape.all(), b.Shape.all()),
			cmp.Compare(a.Shape.Kbits, b.Shape.Kbits), cmp.Compare(a.Shape.Stalled, b.Shape.Stalled))
	})
	return rows
}

// Ratio gives the spread of one row's figure over another's, each of two samples of one round, so that what changes on the machine
// from round to round is in both.
func Ratio(over, under Row, f Figure) Spread {
	return pairs(over, under, func(a, b Sample) float64 { return f.Of(a) / f.Of(b) })
}

// Difference gives the spread of one row's figure less another's, as Ratio does.
func Difference(a, b Row, f Figure) Spread {
	return pairs(a, b, func(a, b Sample) float64 { return f.Of(a) - f.Of(b) })
}

func pairs(a, b Row, of func(a, b Sample) float64) Spread {
	var values []float64
	for _, x := range a.Samples {
		for _, y := range b.Samples {
			if x.Round == y.Round {
				values = append(values, of(x, y))
			}
		}
	}
	return SpreadOf(values)
}
