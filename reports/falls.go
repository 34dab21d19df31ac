package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const fallsText = "What each pattern buys alone, stacked on what no pattern brings. The rest is what they buy only together, or, going back, what two of them buy alike."

// text is what stands beside a bar.
func (f fall) text() string {
	switch f.Kind {
	case "paper", "total":
		return percent(f.To)
	case "rest":
		return change(f.To-f.From, "ratio")
	}
	return changeWith(f.Gain)
}

// gainColumns are the metrics of the table of patterns.
var gainColumns = []struct{ title, metric string }{
	{"reliability", "effective_reliability"}, {"p95", "latency.p95{op=agent_request}"},
	{"tries/call", "retry_amplification"}, {"wasted tokens", "wasted_tokens"}, {"cost", "cost"}, // the last, where there are prices
}

var gainHeads = map[string]string{AblationAdded: "alone, it adds", AblationRemoved: "with the others, it adds"}

// gainTable gives, by pattern, what it adds alone or in the company of the others.
func (a *Ablation) gainTable(kind string) (header []string, rows [][]string) {
	header = []string{"pattern"}
	columns := slices.Clone(gainColumns)
	if !slices.ContainsFunc(a.Steps, func(s AblationStep) bool { return s.Metrics["cost"].N > 0 }) {
		columns = columns[:len(columns)-1]
	}
	for _, c := range columns {
		header = append(header, c.title)
	}
	for _, pattern := range a.patterns() {
		step := a.step(kind, pattern)
		if step == nil {
			continue
		}
		row := []string{pattern}
		for _, c := range columns {
			v, ok := step.Gain[c.metric]
			text := "–"
			if ok {
				text = change(v.Value, v.Unit)
				if c.metric == "effective_reliability" {
					text = changeWith(v)
				}
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return header, rows
}

// fallScale begins a little below the lowest bar, so that small gains show, and ends
// at 100 % or beyond where bars overlap.
func fallScale(falls []fall) (from, to float64) {
	from, to = 1, 1
	for _, f := range falls {
		from, to = min(from, f.To), max(to, f.To)
		if f.Kind != "total" && f.Kind != "paper" {
			from = min(from, f.From)
		}
	}
	return max(0, math.Floor(from*10-0.5)/10), to
}

// falls draws the waterfall for a terminal.
func (s *screen) falls(r *Report) {
	if r.Ablation == nil {
		return
	}
	falls := r.falls()
	if len(falls) > 0 {
		s.title("What each pattern buys", "effective reliability of "+r.Ablation.Config)
		name := 0
		for _, f := range falls {
			name = max(name, utf8.RuneCountInString(f.Name))
		}
		name = min(name, 20)
		width := max(s.width-name-42, 16)
		from, to := fallScale(falls)
		cell := func(x float64) int {
			return min(width, max(0, int(math.Round((x-from)/(to-from)*float64(width)))))
		}
		for _, f := range falls {
			left, right, color, glyph := 0, cell(f.To), green, "█"
			switch f.Kind {
			case "paper":
				color, glyph = dim, "░"
			case "total":
				color = bold
			default:
				left, right = min(cell(f.From), cell(f.To)), max(cell(f.From), cell(f.To))
				if f.To < f.From {
					color, glyph = red, "▒"
				}
			}
			bar := strings.Repeat(" ", left) + s.paint(color, strings.Repeat(glyph, max(right-left, 1)))
			s.line("  ", pad(clip(f.Name, name), name), "  ", bar, strings.Repeat(" ", width-max(right, left+1)+2), f.text())
		}
		s.text(dim, "  ", "  ", fmt.Sprintf("The bars begin at %s. %s", percent(from), fallsText))
	}
	for _, kind := range []string{AblationAdded, AblationRemoved} {
		if header, rows := r.Ablation.gainTable(kind); len(rows) > 0 {
			s.line()
			s.line("  ", s.paint(dim, "Each pattern: "+gainHeads[kind]))
			s.grid(header, rows)
		}
	}
}

// falls writes the waterfall as tables.
func (m *markdown) falls(r *Report) {
	if r.Ablation == nil {
		return
	}
	m.printf("### What each pattern buys\n\n")
	if falls := r.falls(); len(falls) > 0 {
		m.WriteString(row("effective reliability of "+escape(r.Ablation.Config), "", "reaches") + rule(1, 2))
		for _, f := range falls {
			step := ""
			if f.Kind != "paper" && f.Kind != "total" {
				step = f.text()
			}
			m.WriteString(row(escape(f.Name), step, percent(f.To)))
		}
		m.printf("\n%s\n\n", fallsText)
	}
	for _, kind := range []string{AblationAdded, AblationRemoved} {
		header, rows := r.Ablation.gainTable(kind)
		if len(rows) == 0 {
			continue
		}
		m.printf("Each pattern: %s\n\n%s%s", gainHeads[kind], row(header...), rule(1, len(header)-1))
		for _, cells := range rows {
			cells[0] = escape(cells[0])
			m.WriteString(row(cells...))
		}
		m.printf("\n")
	}
}

// fallsFigure is the waterfall of a page.
type fallsFigure struct {
	Note  string
	Ticks []tick
	Rows  []fallRow
	Sides []gainSide
}

type fallRow struct {
	Name, Text, Kind  string
	From, Width, Ends place
	Last              bool
}

type gainSide struct {
	Title  string
	Header []string
	Rows   [][]string
}

func fallsFigureOf(r *Report) *fallsFigure {
	if r.Ablation == nil {
		return nil
	}
	figure := &fallsFigure{Note: fallsText}
	falls := r.falls()
	from, to := fallScale(falls)
	s := scale(func(x float64) float64 { return (x - from) / (to - from) })
	step := roundStep((1 - from) / 4)
	var ticks []float64
	for x := math.Ceil(from/step-1e-9) * step; x <= 1.0001; x += step {
		ticks = append(ticks, x)
	}
	figure.Ticks = s.ticks(ticks, "ratio")
	for i, f := range falls {
		row := fallRow{Name: f.Name, Text: f.text(), Kind: "ok", Ends: across(s(f.To)), Last: i == len(falls)-1}
		left, right := from, f.To
		switch {
		case f.Kind == "paper":
			row.Kind, row.Last = "none", true
		case f.Kind == "total":
			row.Kind = "total"
		case f.Kind == "rest" && f.To >= f.From:
			row.Kind = "fallback"
		case f.To < f.From:
			row.Kind = "failed"
		}
		if f.Kind != "total" && f.Kind != "paper" {
			left, right = min(f.From, f.To), max(f.From, f.To)
		}
		row.From, row.Width = across(s(left)), across(max(s(right)-s(left), 0.002))
		figure.Rows = append(figure.Rows, row)
	}
	for _, kind := range []string{AblationAdded, AblationRemoved} {
		if header, rows := r.Ablation.gainTable(kind); len(rows) > 0 {
			figure.Sides = append(figure.Sides, gainSide{"Each pattern: " + gainHeads[kind], header, rows})
		}
	}
	return figure
}
