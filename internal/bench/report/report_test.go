package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/bench/report"
)

var update = flag.Bool("update", false, "write the files in testdata")

func TestSpreadOf(t *testing.T) {
	nan := math.NaN()
	tests := map[string]struct {
		values []float64
		want   report.Spread
	}{
		"one":            {[]float64{2}, report.Spread{Median: 2, Low: 2, High: 2}},
		"odd":            {[]float64{3, 1, 2}, report.Spread{Median: 2, Low: 1, High: 3}},
		"even":           {[]float64{4, 1, 2, 3}, report.Spread{Median: 2.5, Low: 1, High: 4}},
		"without NaN":    {[]float64{nan, 5}, report.Spread{Median: 5, Low: 5, High: 5}},
		"an outlier":     {[]float64{1, 1, 1, 1, 99}, report.Spread{Median: 1, Low: 1, High: 99}},
		"kept in order":  {[]float64{9, 8, 7}, report.Spread{Median: 8, Low: 7, High: 9}},
		"nothing at all": {nil, report.Spread{Median: nan, Low: nan, High: nan}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tt.values)
			got := report.SpreadOf(tt.values)
			if got != tt.want && !(math.IsNaN(got.Median) && math.IsNaN(tt.want.Median)) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if !slices.EqualFunc(before, tt.values, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
				t.Errorf("the values are in another order: %v", tt.values)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for q, want := range map[float64]int{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := report.Quantile(slices.Clone(hundred), q); got != want {
			t.Errorf("quantile %v: got %d, want %d", q, got, want)
		}
	}
	if got := report.Quantile([]int(nil), 0.5); got != 0 {
		t.Errorf("of nothing: got %d", got)
	}
}

// samples are of two candidates in two shapes; in the second round the machine is half as fast.
func samples() []report.Sample {
	var all []report.Sample
	for round := 1; round <= 3; round++ {
		slow := 1.0
		if round == 2 {
			slow = 2
		}
		for _, n := range []int{100, 10} {
			for name, cpu := range map[string]float64{"floor": 1, "server": 1.5} {
				all = append(all, report.Sample{
					Part: "fan", Candidate: name, Shape: report.Shape{Streams: 1, Outputs: n, Kbits: 6000}, Round: round,
					Seconds: 10, Gbit: 10, Share: 1, CPU: cpu * slow, RSS: 12.34, Others: 0.01,
					Delay: report.Delay{P50: 0.5 * cpu, P99: 3 * slow, Max: 123.4}, Join: 1.25 * (cpu - 1),
				})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b report.Sample) int { return len(a.Candidate) - len(b.Candidate) })
	stalled := all[len(all)-1]
	stalled.Stalled, stalled.Delay.P99, stalled.Torn = 10, stalled.Delay.P99+1.5, 2
	all = append(all, stalled)
	return append(all, report.Sample{Part: "another", Candidate: "server"})
}

// Each round's own pair makes the ratio, so that a slow round changes nothing.
func TestRatio(t *testing.T) {
	rows := report.Rows(samples(), "fan")
	if len(rows) != 5 || rows[0].Shape.Outputs != 10 || rows[3].Shape.Outputs != 100 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	got := report.Ratio(rows[1], rows[0], report.Cost)
	if rows[1].Candidate != "server" || got.Low < 1.499 || got.High > 1.501 {
		t.Errorf("%s over %s: got %v, want 1.5 in each round", rows[1].Candidate, rows[0].Candidate, got)
	}
	if got := report.Ratio(rows[1], report.Row{}, report.Cost); !math.IsNaN(got.Median) {
		t.Errorf("over nothing: got %v", got)
	}
	if got := (report.Sample{CPU: 1}).Cost(); !math.IsNaN(got) {
		t.Errorf("cost of nothing: got %v", got)
	}
}

func TestTables(t *testing.T) {
	rows := report.Rows(samples(), "fan")
	goals := []report.Goal{
		{Figure: report.Cost, Candidate: "server", Against: "floor", Most: 1.2},
		{Figure: report.P99, Candidate: "server", Most: 5},
		{Figure: report.RSS, Candidate: "server", Outputs: 100},
		{Figure: report.Each, Candidate: "floor", Outputs: 10},
		{Figure: report.P99, Candidate: "server", Stalling: true, Most: 1},
		{Figure: report.Cost, Candidate: "server", Against: "nobody", Most: 1},
	}
	var text, doc bytes.Buffer
	for _, table := range []report.Table{report.Figures(rows), report.Goals(rows, goals)} {
		if err := table.Text(&text); err != nil {
			t.Fatal(err)
		}
		table.Markdown(&doc)
	}
	nothing := []report.Row{{Candidate: "server", Samples: []report.Sample{{Candidate: "server", CPU: 1}}}}
	for _, f := range []report.Figure{report.Cost, report.Each} {
		if got := report.Goals(nothing, []report.Goal{{Figure: f, Candidate: "server"}}); len(got.Rows) != 0 {
			t.Errorf("%s of nothing: %v", f, got.Rows)
		}
	}
	golden(t, "table.txt", text.Bytes())
	golden(t, "table.md", doc.Bytes())
}

func TestPlot(t *testing.T) {
	var b bytes.Buffer
	rows := report.Rows(samples(), "fan")
	slices.Reverse(rows) // parts are measured in any order
	err := report.Plot(&b, rows, report.Panel{Title: "CPU <s>", Figure: report.Cost}, report.Panel{Title: "delay", Figure: report.P99})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plot.svg", b.Bytes())
	wellFormed(t, b.Bytes())
	b.Reset()
	if err := report.Plot(&b, rows[:1], report.Panel{Title: "one point", Figure: report.Cost}); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.Bytes())
	if bytes.Contains(b.Bytes(), []byte("NaN")) {
		t.Error("a plot of one point has no place for it")
	}
}

func wellFormed(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
	}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s, want to got; go test ./internal/bench/report -update writes it anew:\n%s", name, diff)
	}
}

func TestPlace(t *testing.T) {
	const section = "<!-- measured: a -->\nnew\n<!-- end of a -->\n"
	tests := map[string]struct{ document, want string }{
		"empty":       {"", "\n\n" + section},
		"at the end":  {"# Words\n", "# Words\n\n" + section},
		"in place":    {"before\n<!-- measured: a -->\nold\n<!-- end of a -->\nafter\n", "before\n" + section + "after\n"},
		"never ended": {"<!-- measured: a -->\nold\n", "<!-- measured: a -->\nold\n\n" + section},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := report.Place(tt.document, "a", "new\n\n")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := report.Place(got, "a", "new"); name != "never ended" && again != got {
				t.Errorf("placed again: got %q, want %q", again, got)
			}
		})
	}
}

// A part that is measured again replaces what was known of it, and nothing else; the file gives back what was written.
func TestResults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	r, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	r.Begin(report.Origin{Part: "another"})
	r.Begin(report.Origin{Part: "fan", Date: "before"})
	r.Samples = samples()
	r.Begin(report.Origin{Part: "fan", Date: "now"})
	if err := r.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Samples) != 1 || got.Samples[0].Part != "another" {
		t.Errorf("samples %+v, want the other part's", got.Samples)
	}
	if o, found := got.Origin("fan"); !found || o.Date != "now" || len(got.Parts) != 2 {
		t.Errorf("parts %+v, want one of now", got.Parts)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Read(file); err == nil {
		t.Error("read what is no JSON")
	}
}

func TestPlaceIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := report.PlaceIn(file, "a", "text"); err == nil {
		t.Error("placed a section into no file")
	}
	if err := os.WriteFile(file, []byte("# Page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := report.PlaceIn(file, "a", "text"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "# Page\n\n<!-- measured: a -->\ntext\n<!-- end of a -->\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestNoise(t *testing.T) {
	others, spread := report.Noise(report.Rows(samples(), "fan"))
	if others != 0.01 || math.Abs(spread-1) > 1e-9 {
		t.Errorf("got %v and %v, want 0.01 and 1", others, spread)
	}
}
