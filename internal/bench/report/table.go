package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// A Table is what people read.
type Table struct {
	Head []string
	Rows [][]string
}

// Figures is the table of a part's rows.
func Figures(rows []Row) Table {
	t := Table{Head: []string{
		"candidate", "streams × outputs", "runs", "CPU s/Gbit", "delay p50 / p99 / max ms", "join ms", "RSS MiB", "delivered", "missing", "torn", "others",
	}}
	for _, r := range rows {
		missing, torn, others := 0, 0, 0.0
		var share []float64
		for _, s := range r.Samples {
			missing, torn = missing+s.Missing, torn+s.Torn
			others, share = max(others, s.Others+s.Stolen), append(share, s.Share)
		}
		delays, join := "", ""
		if r.Shape.Outputs > 0 {
			delays = number(r.Of(P50).Median) + " / " + number(r.Of(P99).Median) + " / " + number(r.Of(Max).Median)
		}
		if j := r.Of(Join).Median; j > 0 {
			join = number(j)
		}
		t.Rows = append(t.Rows, []string{
			r.Candidate, r.Shape.String(), fmt.Sprint(len(r.Samples)), r.Of(Cost).String(), delays, join,
			number(r.Of(RSS).Median), fmt.Sprintf("%.1f %%", 100*SpreadOf(share).Median), fmt.Sprint(missing), fmt.Sprint(torn),
			fmt.Sprintf("%.0f %%", 100*others),
		})
	}
	return t
}

// String gives streams and outputs of each, and what is not as usual.
func (s Shape) String() string {
	text := fmt.Sprintf("%d × %d", s.Streams, s.Outputs)
	if s.Kbits != 6000 {
		text += fmt.Sprintf(", %g Mbit/s", float64(s.Kbits)/1000)
	}
	if s.Stalled > 0 {
		text += fmt.Sprintf(", %d stall", s.Stalled)
	}
	return text
}

// String gives the median, and the least and the greatest.
func (s Spread) String() string {
	if math.IsNaN(s.Median) {
		return "none"
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Low), number(s.High))
}

// number gives three digits.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "none"
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.9995:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// A Goal is what a figure may be at most: of a candidate, or of the ratio of two.
type Goal struct {
	Figure    Figure
	Candidate string
	Against   string  // empty: no ratio
	Stalling  bool    // what stalled outputs add to the figure of the others
	Outputs   int     // in shapes of so many outputs only; 0: in all
	Most      float64 // 0: there is no bound, the figure is told for information
}

// reached gives what a goal is for, and how it stands in the shape of a row; false where it is not for that.
func (g Goal) reached(r Row, rows []Row) (what string, got Spread, unit string, ok bool) {
	switch {
	case r.Candidate != g.Candidate, g.Stalling != (r.Shape.Stalled > 0), g.Outputs > 0 && g.Outputs != r.Shape.all():
		return "", Spread{}, "", false
	case g.Stalling:
		shape := r.Shape
		shape.Stalled = 0
		before, found := find(rows, g.Candidate, shape)
		return "more " + string(g.Figure) + " of " + g.Candidate, Difference(r, before, g.Figure), g.Figure.unit(), found
	case g.Against != "":
		other, found := find(rows, g.Against, r.Shape)
		return string(g.Figure) + ", " + g.Candidate + " over " + g.Against, Ratio(r, other, g.Figure), "", found
	}
	return string(g.Figure) + " of " + g.Candidate, r.Of(g.Figure), g.Figure.unit(), true
}

// Goals is the table of goals, for each shape in which their candidates were measured.
func Goals(rows []Row, goals []Goal) Table {
	t := Table{Head: []string{"figure", "streams × outputs", "reached", "goal", "verdict"}}
	for _, g := range goals {
		for _, r := range rows {
			if what, got, unit, ok := g.reached(r, rows); ok && !math.IsNaN(got.Median) {
				t.Rows = append(t.Rows, []string{what, r.Shape.String(), got.String() + unit, bound(g.Most, unit), verdict(got.Median, g.Most)})
			}
		}
	}
	return t
}

func find(rows []Row, candidate string, s Shape) (Row, bool) {
	for _, r := range rows {
		if r.Candidate == candidate && r.Shape == s {
			return r, true
		}
	}
	return Row{}, false
}

func bound(most float64, unit string) string {
	if most == 0 {
		return ""
	}
	return fmt.Sprintf("<= %g%s", most, unit)
}

func verdict(reached, most float64) string {
	switch {
	case most == 0:
		return ""
	case reached <= most:
		return "reached"
	}
	return "missed"
}

// Text writes the table for a terminal.
func (t Table) Text(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		fmt.Fprintln(tab, strings.Join(row, "\t"))
	}
	return tab.Flush()
}

// Markdown writes the table for a document.
func (t Table) Markdown(w io.Writer) {
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.Head)
	fmt.Fprintln(w, strings.Repeat("|---", len(t.Head))+"|")
	for _, row := range t.Rows {
		line(row)
	}
}
