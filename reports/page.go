package reports

import (
	"fmt"
	"html/template"
	"strings"
)

// page is the report as its templates take it.
type page struct {
	assets
	*Report
	Data   template.JS
	Status Status

	Verdict, Facts, ScenarioText string
	Tiles                        []tile
	Judgements                   []judgementRow
	Ladder                       *ladder
	Falls                        *fallsFigure
	Columns                      []column
	Rows                         []configRow
	Errors                       []errorRow
	Latencies                    *latencyFigure
	FaultRows                    []faultRow
	AlertLines                   []string
	Exemplars                    []exemplarGroup
	Courses                      []courseTable
	MetricRows                   []metricRow
}

// tile is one of the big numbers below the verdict.
type tile struct{ Name, Value, Note, Kind string }

type judgementRow struct {
	Mark, Kind, Label, Evidence string
	Judgement
}

type configRow struct {
	Name     string
	Bar      []segment
	Outcomes []string
	Failures string
	Cells    []string
}

type errorRow struct {
	Class string
	Cells []errorCell
}

type errorCell struct {
	Text  string
	Width place
}

type faultRow struct {
	Window
	Cells []faultCell
}

type faultCell struct {
	Text string
	Zero bool
}

type metricRow struct {
	Name  string
	Cells []string
}

func newPage(r *Report) (*page, error) {
	data, err := embeddable(timelineOf(r))
	if err != nil {
		return nil, err
	}
	p := &page{
		assets: loadAssets(), Report: r, Data: data, Status: r.Status,
		Verdict: r.Verdict(), Facts: r.facts(), ScenarioText: indented(r.Scenario),
		Judgements: judgementRows(r), AlertLines: r.alertLines(),
	}
	if !r.measured() {
		return p, nil
	}
	p.Tiles = tiles(r)
	p.Ladder = ladderOf(r)
	p.Falls = fallsFigureOf(r)
	p.Columns = columnsOf(r)
	p.Rows = configRows(r)
	p.Errors = errorRows(r)
	p.Latencies = latencyFigureOf(r)
	p.FaultRows = faultRows(r)
	p.Exemplars = exemplarGroups(r)
	p.Courses = courseTables(r)
	p.MetricRows = metricRows(r)
	return p, nil
}

// tiles shows the arithmetic on paper and what the configs made of it: all of a few,
// or the worst and the best of many.
func tiles(r *Report) []tile {
	var out []tile
	if a := r.Arithmetic; a != nil {
		out = append(out, tile{"on paper", percent(a.Naive), fmt.Sprintf("%s at %s each", plural(a.Calls, "call"), percent(a.PerCall)), "paper"})
	}
	best, worst := 0, 0
	for i := range r.Configs {
		v := r.Configs[i].reliability()
		if v.Value > r.Configs[best].reliability().Value {
			best = i
		}
		if v.Value < r.Configs[worst].reliability().Value {
			worst = i
		}
	}
	for i := range r.Configs {
		if len(r.Configs) > 4 && i != best && i != worst {
			continue
		}
		c := &r.Configs[i]
		v := c.reliability()
		note := "no interval"
		if v.HasInterval() {
			note = interval(v)
		}
		kind := ""
		if i == best {
			kind = "best"
		}
		out = append(out, tile{c.Name, percent(v.Value), note, kind})
	}
	return out
}

func (r *Report) judgements() []Judgement {
	if r.SteadyState == nil {
		return r.Expectations
	}
	return append([]Judgement{*r.SteadyState}, r.Expectations...)
}

func judgementRows(r *Report) []judgementRow {
	kinds := map[string]string{green: "good", red: "bad", yellow: "doubt"}
	var out []judgementRow
	for i, j := range r.judgements() {
		control := i == 0 && r.SteadyState != nil
		mark := markOf(j, control)
		out = append(out, judgementRow{mark.mark, kinds[mark.color], label(r, i, j), evidence(j, control), j})
	}
	return out
}

// configColumns are the numbers of the table of configs.
var configColumns = []struct{ title, metric string }{
	{"answered", "answered_rate"}, {"p50", "latency.p50{op=agent_request}"}, {"p95", "latency.p95{op=agent_request}"},
	{"p99", "latency.p99{op=agent_request}"}, {"tries/call", "retry_amplification"}, {"on fallback", "fallback_rate"},
	{"breaker opened", "breaker_transitions{to=open}"}, {"good/s", "goodput"}, {"wasted tokens", "wasted_tokens"},
	{"cost", "cost"}, {"per success", "cost_per_success"},
}

// ConfigHeads are the heads of the table of configs.
func (p *page) ConfigHeads() []string {
	var heads []string
	for _, c := range configColumns {
		if p.priced(c.metric) {
			heads = append(heads, c.title)
		}
	}
	return heads
}

func configRows(r *Report) []configRow {
	var out []configRow
	for i := range r.Configs {
		c := &r.Configs[i]
		row := configRow{Name: c.Name, Bar: c.outcomeBar(), Failures: c.failures()}
		for _, outcome := range outcomeNames {
			if v := c.Metric("outcome_rate{outcome=" + outcome + "}"); v.Value > 0 {
				row.Outcomes = append(row.Outcomes, outcome+"\u00a0"+strings.ReplaceAll(amount(v.Value, v.Unit), " ", "\u00a0"))
			}
		}
		for _, col := range configColumns {
			if r.priced(col.metric) {
				row.Cells = append(row.Cells, c.show(col.metric))
			}
		}
		out = append(out, row)
	}
	return out
}

// errorRows lists the error classes of attempts, the commonest first.
func errorRows(r *Report) []errorRow {
	var out []errorRow
	const head = "error_rate{type="
	top := 0.0
	for _, name := range r.metricOrder() {
		class, ok := strings.CutPrefix(name, head)
		if !ok {
			continue
		}
		row := errorRow{Class: strings.TrimSuffix(class, "}")}
		for i := range r.Configs {
			top = max(top, orZero(r.Configs[i].Metric(name).Value))
		}
		out = append(out, row)
	}
	for i := range out {
		for j := range r.Configs {
			v := r.Configs[j].Metric(head + out[i].Class + "}")
			cell := errorCell{Text: "–"}
			if v.Known() && top > 0 {
				cell = errorCell{amount(v.Value, v.Unit), across(v.Value / top)}
			}
			out[i].Cells = append(out[i].Cells, cell)
		}
	}
	return out
}

func orZero(x float64) float64 {
	if known(x) {
		return x
	}
	return 0
}

func faultRows(r *Report) []faultRow {
	var out []faultRow
	for _, w := range r.Windows {
		row := faultRow{Window: w}
		for i := range r.Configs {
			text := r.fired(w.Name, r.Configs[i].Name)
			row.Cells = append(row.Cells, faultCell{text, text == "0"})
		}
		out = append(out, row)
	}
	return out
}

func metricRows(r *Report) []metricRow {
	var out []metricRow
	for _, name := range r.metricOrder() {
		row := metricRow{Name: name}
		for i := range r.Configs {
			row.Cells = append(row.Cells, withInterval(r.Configs[i].Metric(name)))
		}
		out = append(out, row)
	}
	return out
}
