package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
)

// The sizes of a plot, in pixels.
const (
	plotWidth   = 900
	panelHeight = 300
	marginLeft  = 70
	marginRight = 230 // for the names
	marginTop   = 40
	marginFoot  = 50
)

// colours tell the candidates apart; they go round.
var colours = []string{"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#17becf", "#bcbd22"}

// A Panel is one plot over the number of outputs.
type Panel struct {
	Title  string
	Figure Figure
}

// Plot writes panels, one below the other, as SVG: a line of medians for each candidate over the number of outputs (logarithmic), with
// the least and the greatest at each point.
func Plot(w io.Writer, rows []Row, panels ...Panel) error {
	p := &plot{w: w, rows: slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int { return a.Shape.all() - b.Shape.all() })}
	for _, r := range rows {
		if !slices.Contains(p.names, r.Candidate) {
			p.names = append(p.names, r.Candidate)
		}
		if n := r.Shape.all(); !slices.Contains(p.outputs, n) {
			p.outputs = append(p.outputs, n)
		}
	}
	slices.Sort(p.outputs)
	height := len(panels) * (panelHeight + marginTop + marginFoot)
	p.print(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, plotWidth, height, plotWidth, height)
	p.print(`<rect width="100%%" height="100%%" fill="white"/>`)
	for i, panel := range panels {
		p.panel(panel, float64(i*(panelHeight+marginTop+marginFoot)+marginTop))
	}
	p.print(`</svg>`)
	return p.err
}

// plot is one under way.
type plot struct {
	w       io.Writer
	rows    []Row
	names   []string // of candidates, which have their colours by their places here
	outputs []int
	err     error
}

func (p *plot) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// panel draws one panel with its upper edge at top.
func (p *plot) panel(panel Panel, top float64) {
	highest := 0.0
	for _, r := range p.rows {
		if high := r.Of(panel.Figure).High; high > highest {
			highest = high
		}
	}
	step := stepOf(highest)
	highest = math.Max(step, math.Ceil(highest/step)*step)
	y := func(v float64) float64 { return top + panelHeight*(1-v/highest) }
	p.print(`<text x="%d" y="%.0f" font-size="14" font-weight="bold">%s</text>`, marginLeft, top-14, html.EscapeString(panel.Title))
	for i := 0; float64(i)*step <= highest+step/2; i++ {
		v := float64(i) * step
		p.print(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, marginLeft, y(v), plotWidth-marginRight, y(v))
		p.print(`<text x="%d" y="%.1f" text-anchor="end">%g</text>`, marginLeft-8, y(v)+4, math.Round(v*1e6)/1e6)
	}
	for _, n := range p.outputs {
		p.print(`<text x="%.1f" y="%.0f" text-anchor="middle">%d</text>`, p.x(n), top+panelHeight+20, n)
	}
	p.print(`<text x="%d" y="%.0f" text-anchor="middle">outputs</text>`, (marginLeft+plotWidth-marginRight)/2, top+panelHeight+38)
	for i, name := range p.names {
		p.line(panel.Figure, name, colours[i%len(colours)], y)
		at := top + float64(i)*18 + 6
		p.print(`<rect x="%d" y="%.0f" width="14" height="4" fill="%s"/>`, plotWidth-marginRight+20, at-4, colours[i%len(colours)])
		p.print(`<text x="%d" y="%.0f">%s</text>`, plotWidth-marginRight+42, at+2, html.EscapeString(name))
	}
}

// line draws the figure of one candidate.
func (p *plot) line(f Figure, name, colour string, y func(float64) float64) {
	points := ""
	for _, r := range p.rows {
		s := r.Of(f)
		if r.Candidate != name || math.IsNaN(s.Median) {
			continue
		}
		x := p.x(r.Shape.all())
		points += fmt.Sprintf("%.1f,%.1f ", x, y(s.Median))
		p.print(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-opacity="0.4"/>`, x, y(s.Low), x, y(s.High), colour)
		p.print(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x, y(s.Median), colour)
	}
	p.print(`<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, points, colour)
}

// x is where a number of outputs stands.
func (p *plot) x(outputs int) float64 {
	low, high := math.Log(float64(max(1, p.outputs[0]))), math.Log(float64(max(1, p.outputs[len(p.outputs)-1])))
	const width = plotWidth - marginLeft - marginRight
	if high == low {
		return marginLeft + width/2
	}
	return marginLeft + 20 + (width-40)*(math.Log(float64(max(1, outputs)))-low)/(high-low)
}

// stepOf gives the distance of grid lines: 1, 2 or 5 of some power of ten, so that there are four to ten.
func stepOf(highest float64) float64 {
	if highest <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, m := range []float64{0.1, 0.2, 0.5, 1} {
		if highest/(m*power) <= 10 {
			return m * power
		}
	}
	return power
}
