//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/simulcart/simulcart/internal/bench/meter"
	"github.com/simulcart/simulcart/internal/bench/report"
)

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
	fmt.Fprintf(w, "\n%s (%s)\n\n", p.title, p.name)
	if err := report.Figures(rows).Text(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := report.Goals(rows, p.goals).Text(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", noise(report.Noise(rows)))
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

// quiet is the share of a CPU that others may take, counted by the kernel's ticks, which are not exact.
const quiet = 0.15

// document writes what is known of all parts into a document, and the plot of the fan-out beside it; what was not measured on a quiet
// machine it leaves as it is.
func (o options) document(results *report.Results) error {
	var fan []report.Row
	var left []string
	for _, p := range allParts() {
		origin, found := results.Origin(p.name)
		if !found {
			continue
		}
		rows := slices.DeleteFunc(report.Rows(results.Samples, p.name), func(r report.Row) bool {
			return !slices.ContainsFunc(p.candidates, func(c candidate) bool { return c.name == r.Candidate })
		})
		if others, _ := report.Noise(rows); others > quiet && !o.noisy {
			left = append(left, p.name)
			continue
		}
		if err := report.PlaceIn(o.doc, p.name, section(p, origin, rows)); err != nil {
			return err
		}
		if strings.HasPrefix(p.name, "outputs") {
			fan = append(fan, rows...)
		}
	}
	if err := o.plot(fan); err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("left out, since the machine was busy with something else: %s", strings.Join(left, " "))
	}
	return nil
}

// section is what a document says of a part.
func section(p part, origin report.Origin, rows []report.Row) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s\n\n", p.title)
	fmt.Fprintf(&b, "`%s` on %s: %s. Medians, with the least and the greatest. %s\n\n", origin.Command, origin.Date, origin.Machine, noise(report.Noise(rows)))
	report.Figures(rows).Markdown(&b)
	fmt.Fprintln(&b)
	report.Goals(rows, p.goals).Markdown(&b)
	return b.String()
}

// plot writes the plot of the fan-out, where there is something to be seen.
func (o options) plot(fan []report.Row) error {
	if len(fan) == 0 {
		return nil
	}
	var b bytes.Buffer
	err := report.Plot(&b, fan, report.Panel{Title: "CPU seconds for each Gbit", Figure: report.Cost}, report.Panel{Title: "delay, p99, ms", Figure: report.P99})
	if err != nil {
		return err
	}
	plot := strings.TrimSuffix(o.doc, filepath.Ext(o.doc)) + "-outputs.svg"
	if err := os.WriteFile(plot, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return report.PlaceIn(o.doc, "plot", fmt.Sprintf("![CPU and delay over the number of outputs](%s)\n", filepath.Base(plot)))
}
