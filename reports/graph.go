package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"
)

const (
	graphHeight = 4
	graphMargin = 9 // columns left of the plot: indent, label, axis
)

// course draws the good share of each config over time, and below it the windows of
// the faults.
func (s *screen) course(r *Report) {
	drawn := false
	for i := range r.Configs {
		c := &r.Configs[i]
		shares, length := goodShares(c)
		if len(shares) < 2 || !c.reliability().Known() {
			continue
		}
		if !drawn {
			s.title("Full answers over time", "% of the agent requests that arrived in each step; ━ marks the fault windows")
			drawn = true
		}
		s.plot(c.Name, shares)
		s.marks(r, c, length, len(shares))
	}
}

// goodShares gives the per cent of good agent requests by step over all seeds; a step
// without any repeats the one before.
func goodShares(c *ConfigReport) (shares []float64, length float64) {
	var good, all []int
	for _, run := range c.Runs {
		length = max(length, run.Duration)
		for i := range run.Series.Requests {
			if i == len(all) {
				good, all = append(good, 0), append(all, 0)
			}
			good[i] += run.Series.OK[i] + run.Series.Fallback[i]
			all[i] += run.Series.Requests[i]
		}
	}
	last := 100.0
	for i := range all {
		if all[i] > 0 {
			last = 100 * float64(good[i]) / float64(all[i])
		}
		shares = append(shares, last)
	}
	return shares, length
}

func (s *screen) plotWidth() int { return s.width - graphMargin - 1 }

func (s *screen) plot(name string, shares []float64) {
	s.line("  ", s.paint(bold, name))
	graph := asciigraph.Plot(shares, asciigraph.Height(graphHeight), asciigraph.Width(s.plotWidth()),
		asciigraph.LowerBound(0), asciigraph.UpperBound(100), asciigraph.Precision(0))
	for line := range strings.SplitSeq(graph, "\n") {
		axis := strings.IndexAny(line, "┤┼")
		if axis < 0 {
			s.line(line)
			continue
		}
		rest := line[axis:]
		s.line("  ", s.paint(dim, fmt.Sprintf("%5s ", strings.TrimSpace(line[:axis]))), s.paint(green, rest))
	}
}

// marks writes a line of the windows and one of the time.
func (s *screen) marks(r *Report, c *ConfigReport, length float64, steps int) {
	width := s.plotWidth()
	// A point of the plot stands for the middle of its step.
	column := func(at float64) int {
		point := at/length*float64(steps) - 0.5
		return min(width, max(0, int(math.Round(point/float64(steps-1)*float64(width-1)))))
	}
	for _, w := range r.Windows {
		if r.fired(w.Name, c.Name) == "–" || w.To <= w.From || w.From >= length {
			continue
		}
		from := column(w.From)
		n := max(1, column(w.To)-from)
		lead, name := strings.Repeat(" ", graphMargin+from), clip(w.Name, 24)
		line := strings.Repeat("━", n)
		switch size := len([]rune(name)); {
		case n > size+3:
			line = "━ " + name + " " + strings.Repeat("━", n-size-3)
		case graphMargin+from+n+1+size <= s.width:
			line += " " + name
		case from > size:
			lead = pad(lead[:len(lead)-size-1]+name, len(lead))
		}
		s.line(lead, s.paint(red, line))
	}
	end := plain(length) + " s"
	s.line(strings.Repeat(" ", graphMargin), s.paint(dim, pad("0", max(1, width-len(end)))+end))
}
