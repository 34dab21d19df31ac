package reports

import (
	"cmp"
	"fmt"
	"slices"
)

// comparePage is the comparison as its template takes it.
type comparePage struct {
	assets
	*Comparison
	Note    string
	Verdict string // better, worse or not resolved, for the badge
	Forest  *forest
	Paretos []pareto
	Tables  []compareTable
}

// forest draws the differences of the first metric on one axis, with 0 in it.
type forest struct {
	Ticks []tick
	Zero  place
	Rows  []forestRow
}

type forestRow struct {
	Name, Text, Kind string
	Mark             mark
}

// pareto draws reliability against a price. Points that no other beats on both axes
// are on the front.
type pareto struct {
	Title  string
	XTicks []tick
	YTicks []levelTick
	Points []paretoPoint
}

type levelTick struct {
	Y    float64
	Text string
}

type paretoPoint struct {
	X       place
	Y       float64
	Label   string
	Align   string
	Shift   int
	OnFront bool
	Text    string
}

type compareTable struct {
	Title, How string
	Rows       []compareRow
}

type compareRow struct {
	Kind  string
	Cells []string
}

var verdictKinds = map[string]string{Better: "good", Worse: "bad", Unresolved: "none"}

// HTML renders the comparison as one page that works from a disk, as that of a report.
func (c *Comparison) HTML() ([]byte, error) {
	p := &comparePage{assets: loadAssets(), Comparison: c, Note: compareNote, Verdict: Unresolved, Forest: c.forest()}
	for _, pair := range c.Pairs {
		t := compareTable{Title: c.Sides[pair.To].Label + " against " + c.Sides[pair.From].Label, How: pair.hows()}
		for _, d := range pair.Differences {
			t.Rows = append(t.Rows, compareRow{verdictKinds[d.Verdict], c.cells(pair, d)})
			if d.Metric == comparedMetrics[0] && d.Verdict != Unresolved && p.Verdict != Worse {
				p.Verdict = d.Verdict
			}
		}
		p.Tables = append(p.Tables, t)
	}
	for _, price := range []struct{ title, metric string }{
		{"against the latency p95 of agent requests", "latency.p95{op=agent_request}"},
		{"against attempts per call", "retry_amplification"},
	} {
		if chart := c.pareto(price.title, price.metric); len(chart.Points) > 1 {
			p.Paretos = append(p.Paretos, chart)
		}
	}
	return render("compare.html", p)
}

func (c *Comparison) forest() *forest {
	low, high := 0.0, 0.0
	type entry struct {
		name string
		d    MetricDifference
	}
	var entries []entry
	for _, p := range c.Pairs {
		for _, d := range p.Differences {
			if d.Metric == comparedMetrics[0] {
				entries = append(entries, entry{c.Sides[p.To].Label, d})
				low, high = min(low, d.Difference.Value, orZero(d.Difference.Low)), max(high, d.Difference.Value, orZero(d.Difference.High))
			}
		}
	}
	if len(entries) == 0 {
		return nil
	}
	room := max(high-low, 0.002)
	low, high = low-room*0.06, high+room*0.06
	s := scale(func(x float64) float64 { return (x - low) / (high - low) })
	step := roundStep(room / 4)
	f := &forest{Zero: across(s(0))}
	for i := -8; i <= 8; i++ {
		if x := float64(i) * step; x >= low && x <= high {
			t := s.ticks([]float64{x}, "ratio")[0]
			t.Text = change(x, "ratio")
			if x == 0 {
				t.Text = "0"
			}
			f.Ticks = append(f.Ticks, t)
		}
	}
	for _, e := range entries {
		m := s.mark(e.d.Difference)
		m.Text = changeWith(e.d.Difference)
		f.Rows = append(f.Rows, forestRow{e.name, changeWith(e.d.Difference) + " · " + e.d.Verdict, verdictKinds[e.d.Verdict], m})
	}
	return f
}

const paretoHeight = 260

func (c *Comparison) pareto(title, metric string) pareto {
	out := pareto{Title: title}
	var xs, ys []Value
	var sides []Side
	for _, side := range c.Sides {
		x, y := side.Metrics[metric], side.Metrics[comparedMetrics[0]]
		if x.Unit != "" && y.Unit != "" {
			xs, ys, sides = append(xs, x), append(ys, Value{Value: y.Value, Low: y.Value, High: y.Value}), append(sides, side)
		}
	}
	if len(sides) == 0 {
		return out
	}
	horizontal, ticks := linearScale(bare(xs))
	out.XTicks = horizontal.ticks(ticks, xs[0].Unit)
	vertical, levels := ninesScale(ys)
	height := func(share float64) float64 { return rounded(10 + (1-share)*(paretoHeight-20)) }
	for _, level := range levels {
		out.YTicks = append(out.YTicks, levelTick{height(vertical(level)), tickText(level, "ratio")})
	}
	for i, side := range sides {
		p := paretoPoint{X: across(horizontal(xs[i].Value)), Y: height(vertical(ys[i].Value)), Label: side.Label, Align: "start", Shift: 10, OnFront: true}
		if horizontal(xs[i].Value) > 0.6 {
			p.Align, p.Shift = "end", -10
		}
		for k := range sides {
			noWorse := ys[k].Value >= ys[i].Value && xs[k].Value <= xs[i].Value
			if noWorse && (ys[k].Value > ys[i].Value || xs[k].Value < xs[i].Value) {
				p.OnFront = false
			}
		}
		p.Text = fmt.Sprintf("%s: %s at %s", side.Label, percent(ys[i].Value), amount(xs[i].Value, xs[i].Unit))
		out.Points = append(out.Points, p)
	}
	slices.SortStableFunc(out.Points, func(a, b paretoPoint) int { return cmp.Compare(a.Y, b.Y) })
	return out
}

// bare leaves the intervals out.
func bare(values []Value) []Value {
	out := make([]Value, len(values))
	for i, v := range values {
		out[i] = Value{Value: v.Value, High: v.Value}
	}
	return out
}
