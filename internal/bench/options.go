//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/floor"
	"github.com/simulcart/simulcart/internal/bench/meter"
	"github.com/simulcart/simulcart/internal/bench/report"
)

// options are those of the command line.
type options struct {
	simulcart, base    string
	rounds             int
	budget             time.Duration
	warm, window       time.Duration
	serverCPU, loadCPU int
	here               bool
	only               string
	outputs            int
	profile            string
	json, doc          string
	command            string // as it was typed
}

// run measures parts, prints them, and writes what is asked for.
func (o options) run(ctx context.Context, parts []part, stdout, stderr io.Writer) error {
	results := &report.Results{}
	var err error
	if o.json != "" {
		if results, err = report.Read(o.json); err != nil {
			return err
		}
	}
	if len(parts) > 0 {
		if err := o.measure(ctx, parts, results, stdout, stderr); err != nil {
			return err
		}
	}
	if o.doc != "" {
		return document(results, o.doc)
	}
	return nil
}

// measure measures parts into results.
func (o options) measure(ctx context.Context, parts []part, results *report.Results, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := tools{simulcart: o.simulcart}
	if t.self, err = os.Executable(); err != nil {
		return err
	}
	if t.c, err = floor.Compile(dir); err != nil && !errors.Is(err, exec.ErrNotFound) {
		return err
	}
	rn := runner{tools: t, cpu: o.serverCPU, warm: o.warm, window: o.window, profile: o.profile}
	if o.here {
		rn.cpu = -1
	}
	for _, p := range parts {
		p = o.narrow(p)
		results.Begin(report.Origin{Part: p.name, Date: time.Now().Format(time.DateOnly), Machine: machine(), Command: o.command})
		if err := o.take(ctx, rn, p, results, stderr); err != nil {
			return fmt.Errorf("part %s: %w", p.name, err)
		}
		if err := show(stdout, results, p); err != nil {
			return err
		}
	}
	return nil
}

// narrow leaves out of a part what nobody asked for, and puts beside each candidate of ours the same one with the base, where there is
// one.
func (o options) narrow(p part) part {
	var candidates []candidate
	for _, c := range p.candidates {
		if !strings.Contains(c.name, o.only) {
			continue
		}
		candidates = append(candidates, c)
		if base := c.based(o.base); o.base != "" && c.maker == ours {
			candidates = append(candidates, base)
			for _, f := range []report.Figure{report.Cost, report.P99, report.RSS} {
				p.goals = append(p.goals, report.Goal{Figure: f, Candidate: c.name, Against: base.name})
			}
		}
	}
	p.candidates = candidates
	for i := range p.shapes {
		if o.outputs > 0 {
			p.shapes[i].Outputs = o.outputs
		}
	}
	return p
}

// take takes the samples of a part, in turns, and keeps them after each.
func (o options) take(ctx context.Context, rn runner, p part, results *report.Results, stderr io.Writer) error {
	begun, longest := time.Now(), time.Duration(0)
	rn.stalled, rn.steady = p.stalled, p.stretch > 1
	rn.window *= time.Duration(max(1, p.stretch))
	for round := 1; round <= o.rounds && time.Since(begun)+longest <= o.budget; round++ {
		at := time.Now()
		for _, shape := range p.shapes {
			for i := 0; i < len(p.candidates); i++ {
				c := p.candidates[i]
				samples, err := rn.measure(ctx, c, shape)
				if errors.Is(err, exec.ErrNotFound) {
					fmt.Fprintf(stderr, "bench: %s is left out: %v\n", c.name, err)
					p.candidates = slices.Delete(p.candidates, i, i+1)
					i--
					continue
				}
				if err != nil {
					return err
				}
				for _, s := range samples {
					s.Part, s.Round = p.name, round
					results.Samples = append(results.Samples, s)
					fmt.Fprintf(stderr, "%s %d: %s\n", p.name, round, line(s))
				}
				if o.json != "" {
					if err := results.Write(o.json); err != nil {
						return err
					}
				}
			}
		}
		longest = max(longest, time.Since(at))
	}
	return nil
}

// line tells one sample.
func line(s report.Sample) string {
	text := fmt.Sprintf("%-22s %-9s %.3f CPU s/Gbit, delay %.2f / %.2f / %.2f ms, join %.1f ms, %.1f MiB, %.1f %% delivered, load %.0f %%, others %.0f %%",
		s.Candidate, s.Shape, s.Cost(), s.Delay.P50, s.Delay.P99, s.Delay.Max, s.Join, s.RSS, 100*s.Share, 100*s.Load, 100*(s.Others+s.Stolen))
	for _, n := range s.Notes {
		text += "; " + n
	}
	return text
}

// machine tells what figures depend on.
func machine() string {
	m := meter.Here()
	text := fmt.Sprintf("%d CPUs (%s), Linux %s, %s", m.Cores, m.CPU, m.Kernel, runtime.Version())
	if out, err := exec.Command("nginx", "-v").CombinedOutput(); err == nil {
		_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
		text += ", nginx " + version
	}
	return text
}

// show prints a part for a terminal.
func show(w io.Writer, results *report.Results, p part) error {
	rows := report.Rows(results.Samples, p.name)
	others, spread := report.Noise(rows)
	fmt.Fprintf(w, "\n%s (%s)\n\n", p.title, p.name)
	if err := report.Figures(rows).Text(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := report.Goals(rows, p.goals).Text(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", noise(others, spread))
	return err
}

// noise says how far figures are to be believed.
func noise(others, spread float64) string {
	text := fmt.Sprintf("Others than server and load took up to %.0f %% of a CPU; the runs of one candidate lie up to %.0f %% apart.", 100*others, 100*spread)
	if others > quiet {
		text += " That was no quiet machine: these figures are worth nothing."
	}
	return text
}

// quiet is the share of a CPU that others may take.
const quiet = 0.1

// document writes what is known of all parts into a document, and the plot of the fan-out beside it.
func document(results *report.Results, file string) error {
	var fan []report.Row
	for _, p := range allParts() {
		origin, found := results.Origin(p.name)
		if !found {
			continue
		}
		rows := report.Rows(results.Samples, p.name)
		others, spread := report.Noise(rows)
		var b bytes.Buffer
		fmt.Fprintf(&b, "## %s\n\n%s: %s.\n`%s`, the medians of all runs, with the least and the greatest. %s\n\n", p.title, origin.Date, origin.Machine, origin.Command, noise(others, spread))
		report.Figures(rows).Markdown(&b)
		fmt.Fprintln(&b)
		report.Goals(rows, p.goals).Markdown(&b)
		if err := report.PlaceIn(file, p.name, b.String()); err != nil {
			return err
		}
		if strings.HasPrefix(p.name, "outputs") {
			fan = append(fan, rows...)
		}
	}
	if len(fan) == 0 {
		return nil
	}
	var b bytes.Buffer
	err := report.Plot(&b, fan, report.Panel{Title: "CPU seconds for each Gbit", Figure: report.Cost}, report.Panel{Title: "delay, p99, ms", Figure: report.P99})
	if err != nil {
		return err
	}
	plot := strings.TrimSuffix(file, filepath.Ext(file)) + "-outputs.svg"
	if err := os.WriteFile(plot, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return report.PlaceIn(file, "plot", fmt.Sprintf("![CPU and delay over the number of outputs](%s)\n", filepath.Base(plot)))
}
