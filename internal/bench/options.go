//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/floor"
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
	noisy              bool
	set                []string // flags that change what is measured, as they were typed
}

// command is how a part is measured again.
func (o options) command(part string) string {
	line := "make bench"
	if part != allParts()[0].name {
		line += "-full PART=" + part
	}
	if len(o.set) > 0 {
		line += fmt.Sprintf(" BENCH_FLAGS=%q", strings.Join(o.set, " "))
	}
	return line
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
		return o.document(results)
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
		results.Begin(report.Origin{Part: p.name, Date: time.Now().Format(time.DateOnly), Machine: machine(), Command: o.command(p.name)})
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
