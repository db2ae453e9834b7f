//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/bench/report"
	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestMain makes the test binary the program itself, for the floor in Go.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "floor" {
		main()
		return
	}
	os.Exit(m.Run())
}

// simulcart gives the program under measurement: $SIMULCART, or one that is built now.
func simulcart(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SIMULCART"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "simulcart")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/simulcart").CombinedOutput(); err != nil {
		t.Fatalf("build simulcart: %v\n%s", err, out)
	}
	return path
}

// Each kind of candidate is measured for a moment, and delivers what is published.
func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("runs real servers")
	}
	mediatest.Need(t, "nginx", nginxModule, "cc")
	o := options{
		simulcart: simulcart(t), rounds: 1, budget: time.Minute, warm: 50 * time.Millisecond, window: time.Second,
		here: true, json: filepath.Join(t.TempDir(), "results.json"),
	}
	p := fanOut(10)
	p.shapes = []report.Shape{{Streams: 1, Outputs: 2, Kbits: 1000}}
	p.candidates = slices.DeleteFunc(p.candidates, func(c candidate) bool {
		return !slices.Contains([]string{played, goAtOnce, nginxPushed, pushCollected, cCollected}, c.name)
	})
	idle := ingest()
	idle.candidates = idle.candidates[:1]
	stalling, steady := isolation(), memory()
	stalling.shapes, stalling.candidates, stalling.stalled = p.shapes, stalling.candidates[:1], 1
	steady.shapes, steady.stretch = p.shapes, 2
	packets, pieces := rtsp(), hlsParts()
	packets.shapes, packets.candidates = p.shapes, packets.candidates[:1]
	pieces.shapes, pieces.candidates = p.shapes, pieces.candidates[:1]
	viewers := whep()
	viewers.shapes, viewers.candidates = p.shapes, viewers.candidates[:2]
	parts := []part{p, idle, stalling, steady, packets, pieces, viewers}
	var out bytes.Buffer
	if err := o.run(t.Context(), parts, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{played, pushCollected, nginxPushed, cCollected, ingested, "over " + goAtOnce, "One stream to 10 outputs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("what is printed has no %q:\n%s", want, &out)
		}
	}
	results, err := report.Read(o.json)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(results.Samples), len(p.candidates)+1+2+1+1+1+2; got != want {
		t.Errorf("%d samples, want %d", got, want)
	}
	if stalled := results.Samples[len(p.candidates)+2]; stalled.Stalled != 1 || !strings.Contains(strings.Join(stalled.Notes, ""), "1 of 1 stalled outputs are live again") {
		t.Errorf("sample with a stalled output: %+v", stalled)
	}
	for _, s := range results.Samples {
		lossy := s.Part == viewers.name // datagrams may be lost on a busy machine
		if s.Gbit <= 0 || s.CPU <= 0 || s.RSS <= 0 || s.Torn > 0 && !lossy {
			t.Errorf("%s: %+v", s.Candidate, s)
		}
		if s.Outputs > 0 && (s.Delay.P50 <= 0 || s.Delay.P99 < s.Delay.P50 || s.Delay.Max < s.Delay.P99) {
			t.Errorf("%s: delays %+v", s.Candidate, s.Delay)
		}
	}
	doc := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(doc, []byte("# Figures\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.doc, o.noisy = doc, true
	if err := o.run(t.Context(), nil, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(doc)
	if err != nil || !strings.Contains(string(page), "| "+played+" |") || !strings.Contains(string(page), "(page-outputs.svg)") {
		t.Errorf("the document has not what was measured: %v\n%s", err, page)
	}
	if _, err := os.Stat(strings.TrimSuffix(doc, ".md") + "-outputs.svg"); err != nil {
		t.Error(err)
	}
}

// The Makefile names all parts.
func TestMakefile(t *testing.T) {
	b, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(b), "\\\n", ""), "BENCH_PARTS := ")
	line, _, _ := strings.Cut(rest, "\n")
	var want []string
	for _, p := range allParts() {
		want = append(want, p.name)
	}
	if got := strings.Fields(line); !slices.Equal(got, want) {
		t.Errorf("BENCH_PARTS are %v, the parts %v", got, want)
	}
}

// A part has its own name, and goals for its own candidates.
func TestParts(t *testing.T) {
	var names []string
	for _, p := range allParts() {
		if slices.Contains(names, p.name) {
			t.Errorf("two parts %s", p.name)
		}
		names = append(names, p.name)
		has := func(name string) bool {
			return slices.ContainsFunc(p.candidates, func(c candidate) bool { return c.name == name })
		}
		for _, g := range p.goals {
			if !has(g.Candidate) || g.Against != "" && !has(g.Against) {
				t.Errorf("part %s: a goal for %s against %q, which are not measured", p.name, g.Candidate, g.Against)
			}
		}
		if p.title == "" || len(p.shapes) == 0 {
			t.Errorf("part %s: %+v", p.name, p)
		}
	}
	if got, err := named(names); err != nil || len(got) != len(names) {
		t.Errorf("all by name: %d of %d, %v", len(got), len(names), err)
	}
	if _, err := named([]string{"nonsense"}); err == nil || !strings.Contains(err.Error(), "outputs100") {
		t.Errorf("a part that is not there: %v, want the names of all", err)
	}
}

// Beside each candidate of ours stands the same one with the base.
func TestBase(t *testing.T) {
	p := (options{base: "before", only: "play", outputs: 7}).narrow(fanOut(10))
	var names []string
	for _, c := range p.candidates {
		names = append(names, c.name)
	}
	if want := []string{played, "base " + played, nginxPlayed}; !slices.Equal(names, want) {
		t.Errorf("candidates %v, want %v", names, want)
	}
	for i, want := range []string{"now", "before"} {
		args, err := p.candidates[i].command(site{tools: tools{simulcart: "now"}, dir: t.TempDir(), shape: p.shapes[0]})
		if err != nil || args[0] != want {
			t.Errorf("%s runs %v, %v, want %s", names[i], args, err, want)
		}
	}
	if last := p.goals[len(p.goals)-1]; last.Candidate != played || last.Against != names[1] || p.shapes[0].Outputs != 7 {
		t.Errorf("goal %+v, shape %+v", last, p.shapes[0])
	}
}

// What was measured on a busy machine is not written into a document, nor is what was measured of a base.
func TestDocument(t *testing.T) {
	folder := t.TempDir()
	o := options{json: filepath.Join(folder, "results.json"), doc: filepath.Join(folder, "page.md")}
	results := &report.Results{}
	for _, p := range []string{"outputs10", "outputs50"} {
		results.Begin(report.Origin{Part: p, Command: o.command(p)})
	}
	shape := report.Shape{Streams: 1, Outputs: 10, Kbits: usual}
	results.Samples = []report.Sample{
		{Part: "outputs10", Candidate: played, Shape: shape, Gbit: 1, CPU: 1},
		{Part: "outputs10", Candidate: "base " + played, Shape: shape},
		{Part: "outputs50", Candidate: goAtOnce, Shape: shape, Others: 0.5},
	}
	if err := results.Write(o.json); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.doc, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := o.run(t.Context(), nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "outputs50") || strings.Contains(err.Error(), "outputs10") {
		t.Errorf("got %v, want that outputs50 is left out", err)
	}
	b, err := os.ReadFile(o.doc)
	page := string(b)
	if err != nil || !strings.Contains(page, "make bench-full PART=outputs10") || strings.Contains(page, "base ") || strings.Contains(page, goAtOnce) {
		t.Errorf("the document, %v:\n%s", err, page)
	}
}

func TestCommandLine(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag": {"-nonsense"}, "unknown part": {"nonsense"}, "help": {"-h"},
		"one CPU for both": {"-server-cpu", "0", "-load-cpu", "0", "outputs10"}, "no such CPU": {"-load-cpu", "4096", "outputs10"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := command(t.Context(), args, io.Discard, io.Discard); err == nil {
				t.Errorf("%q is accepted", args)
			}
		})
	}
}
