package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// exemplarGroup is the exemplars of one config.
type exemplarGroup struct {
	Name  string
	Items []exemplarFigure
}

// exemplarFigure is one agent request drawn attempt by attempt.
type exemplarFigure struct {
	Title, When, Took, Kind string
	Ticks                   []tick
	Rows                    []attemptRow
}

type attemptRow struct {
	Call, Target, Text string
	Kind               string // good, fallback or bad
	From, Width        place
	FirstToken         place
	HasFirstToken      bool
	WaitFrom, Wait     place // the pause before it
	Faults             []string
}

const (
	exemplarsShown = 12 // of one config, half of them slow
	groupsShown    = 8
)

func exemplarGroups(r *Report) []exemplarGroup {
	var out []exemplarGroup
	for i := range r.Configs {
		c := &r.Configs[i]
		var bad, slow []seeded
		for _, run := range c.Runs {
			for _, e := range run.Exemplars {
				if e.Why == "slow" {
					slow = append(slow, seeded{e, run.Seed})
				} else {
					bad = append(bad, seeded{e, run.Seed})
				}
			}
		}
		slices.SortStableFunc(slow, func(a, b seeded) int { return cmp.Compare(b.Latency(), a.Latency()) })
		bad, slow = bad[:min(len(bad), exemplarsShown/2)], slow[:min(len(slow), exemplarsShown/2)]
		g := exemplarGroup{Name: c.Name}
		for _, e := range append(bad, slow...) {
			g.Items = append(g.Items, exemplarFigureOf(e.Exemplar, e.seed, len(c.Runs) > 1))
		}
		if len(g.Items) > 0 && len(out) < groupsShown {
			out = append(out, g)
		}
	}
	return out
}

// seeded is an exemplar of the run under this seed.
type seeded struct {
	Exemplar
	seed uint64
}

var whyWords = map[string]string{"false_success": "believed a broken answer", "slow": "slow"}

func exemplarFigureOf(e Exemplar, seed uint64, seeds bool) exemplarFigure {
	f := exemplarFigure{Title: fmt.Sprintf("#%d", e.Request), Took: short(e.Latency()), Kind: e.Outcome, When: "arrived at " + at(e.Sched)}
	if seeds {
		f.When += fmt.Sprintf(", seed %d", seed)
	}
	switch word := whyWords[e.Why]; {
	case e.Why == "slow":
		f.Title += " " + word + ", " + e.Outcome
	case word != "":
		f.Title += " " + word
	default:
		f.Title += " " + e.Outcome
	}
	if e.Class != "" {
		f.Title += ": " + e.Class
	}
	length := max(e.Latency(), 1e-6)
	since := scale(func(x float64) float64 { return x / length })
	s := scale(func(x float64) float64 { return since(x - e.Sched) })
	_, ticks := linearScale([]Value{{Value: length, High: length}})
	ticks = slices.DeleteFunc(ticks, func(x float64) bool { return x > length })
	f.Ticks = since.ticks(ticks, "s")
	last := e.Sched
	for _, c := range e.Calls {
		for i, a := range c.Attempts {
			row := attemptRowOf(s, c, a, last)
			if i == 0 {
				row.Call = c.Name
			}
			f.Rows = append(f.Rows, row)
			last = a.End
		}
		if c.More > 0 {
			f.Rows = append(f.Rows, attemptRow{Text: fmt.Sprintf("and %d more attempts", c.More), Kind: "bad"})
		}
		last = max(last, c.End)
	}
	return f
}

func attemptRowOf(s scale, c ExemplarCall, a ExemplarAttempt, last float64) attemptRow {
	row := attemptRow{
		Target: a.Target, Kind: "good", From: across(s(a.Start)), Width: across(max(s(a.End)-s(a.Start), 0.004)),
		WaitFrom: across(s(last)), Wait: across(s(a.Start) - s(last)), Faults: a.Faults,
	}
	words := []string{short(a.End - a.Start)}
	switch {
	case a.Class != "":
		row.Kind = "bad"
		words = append(words, a.Class)
	case c.Fallback:
		row.Kind = "fallback"
	case !a.Terminal && a.Reached && c.Op == "llm":
		row.Kind = "bad"
		words = append(words, "no terminal event")
	}
	if a.Status >= 400 {
		words = append(words, fmt.Sprint(a.Status))
	}
	if a.TTFT > 0 && a.TTFT < a.End-a.Start {
		row.HasFirstToken, row.FirstToken = true, across(s(a.Start+a.TTFT))
	}
	row.Text = strings.Join(words, " · ")
	return row
}

// latencyFigure draws the latency distributions of all configs on one axis.
type latencyFigure struct {
	Ticks []tick
	Rows  []latencyRow
}

type latencyRow struct {
	Name      string
	Bars      []latencyBar
	Quantiles []tick
	Text      string
}

// latencyBar is in per cent of the width, and in pixels from the top.
type latencyBar struct {
	Kind        string
	X, Width    place
	Top, Height float64
}

const latencyHeight = 56

func latencyFigureOf(r *Report) *latencyFigure {
	low, high := 0.0, 0.0
	for i := range r.Configs {
		if d := r.Configs[i].Latency; d != nil && d.Buckets() > 0 {
			if low == 0 || d.Low < low {
				low = d.Low
			}
			high = max(high, d.Edge(d.Buckets()))
		}
	}
	if low == 0 {
		return nil
	}
	s, ticks := logScale(low, high)
	f := &latencyFigure{Ticks: s.ticks(ticks, "s")}
	for i := range r.Configs {
		c := &r.Configs[i]
		if c.Latency == nil {
			continue
		}
		row := latencyRow{Name: c.Name, Bars: latencyBars(s, c.Latency)}
		var words []string
		for _, p := range []string{"p50", "p95", "p99"} {
			v := c.Metric("latency." + p + "{op=agent_request}")
			if v.Known() && v.Value > 0 {
				row.Quantiles = append(row.Quantiles, tick{across(s(v.Value)), p, ""})
				words = append(words, p+" "+amount(v.Value, v.Unit))
			}
		}
		row.Text = strings.Join(words, " · ")
		f.Rows = append(f.Rows, row)
	}
	return f
}

func latencyBars(s scale, d *Distribution) []latencyBar {
	tallest := 1
	for i := range d.Buckets() {
		n := 0
		for _, counts := range d.Counts {
			n += counts[i]
		}
		tallest = max(tallest, n)
	}
	var out []latencyBar
	for i := range d.Buckets() {
		top := float64(latencyHeight)
		for _, outcome := range outcomeNames {
			if counts := d.Counts[outcome]; counts != nil && counts[i] > 0 {
				height := max(float64(latencyHeight-2)*float64(counts[i])/float64(tallest), 1)
				top -= height
				left, right := s(d.Edge(i)), s(d.Edge(i+1))
				out = append(out, latencyBar{outcome, across(left), across((right - left) * 0.92), rounded(top), rounded(height)})
			}
		}
	}
	return out
}
