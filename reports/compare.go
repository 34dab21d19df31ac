package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The verdicts of a MetricDifference.
const (
	Better     = "better"
	Worse      = "worse"
	Unresolved = "not resolved"
)

// significance is the p at or below which a difference, adjusted by Holm for how many
// are looked at, counts as one.
const significance = 0.05

// CompareOptions say how reports are compared.
type CompareOptions struct {
	// Labels name the reports, in their order; by default 1, 2 and so on.
	Labels []string
	// Baseline is the config that the others of the same report are compared with; by
	// default the first. It is used for one report only.
	Baseline string
	// Force compares also what was not made under the same conditions, with warnings.
	Force bool
}

// Comparison sets configs against each other: those of one report against its
// baseline, or those of later reports against the same config of the first.
type Comparison struct {
	SchemaVersion string   `json:"schemaVersion"`
	Warnings      []string `json:"warnings"`
	Sides         []Side   `json:"sides"`
	Pairs         []Pair   `json:"pairs"`
}

// Side is one config of one report.
type Side struct {
	Label   string           `json:"label"`
	Report  string           `json:"report"` // its label
	Config  string           `json:"config"`
	Seeds   int              `json:"seeds"`
	Metrics map[string]Value `json:"metrics"`
}

// Pair is two sides, by their places in Comparison.Sides.
type Pair struct {
	From        int                `json:"from"` // the baseline
	To          int                `json:"to"`
	Differences []MetricDifference `json:"differences"`
}

// MetricDifference is To less From of one metric.
type MetricDifference struct {
	Metric     string `json:"metric"`
	Better     string `json:"better"` // higher or lower
	Difference Value  `json:"difference"`
	// P is two-sided; Adjusted is P by Holm over all pairs, by the metric.
	P        float64 `json:"p"`
	Adjusted float64 `json:"adjusted"`
	Verdict  string  `json:"verdict"` // better, worse or not resolved
}

// comparedMetrics are what configs are compared by.
var comparedMetrics = []string{
	"effective_reliability", "answered_rate", "false_success_rate", "latency.p50{op=agent_request}",
	"latency.p95{op=agent_request}", "latency.p99{op=agent_request}", "retry_amplification", "wasted_tokens",
	"cost", "cost_per_success",
}

// ComparedMetrics lists the metrics of a Comparison.
func ComparedMetrics() []string { return slices.Clone(comparedMetrics) }

// Compare sets the configs of one report against each other, or several reports
// config by config. It refuses reports that were not made under the same conditions,
// unless forced to.
func Compare(o CompareOptions, reports ...*Report) (*Comparison, error) {
	if len(reports) == 0 {
		return nil, errors.New("compare: no report")
	}
	c := &Comparison{SchemaVersion: SchemaVersion, Warnings: []string{}, Sides: []Side{}, Pairs: []Pair{}}
	var err error
	if len(reports) == 1 {
		err = c.within(o, reports[0])
	} else {
		err = c.across(o, reports)
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	c.judge()
	return c, nil
}

func (c *Comparison) within(o CompareOptions, r *Report) error {
	baseline := 0
	if o.Baseline != "" {
		baseline = slices.IndexFunc(r.Configs, func(config ConfigReport) bool { return config.Name == o.Baseline })
	}
	if baseline < 0 || len(r.Configs) == 0 {
		var names []string
		for i := range r.Configs {
			names = append(names, r.Configs[i].Name)
		}
		return fmt.Errorf("no config %q%s", o.Baseline, suggest(o.Baseline, names))
	}
	if len(r.Configs) == 1 {
		return fmt.Errorf("report %s has one config only, nothing to compare it with", r.Name)
	}
	c.warn(quality(r, "")...)
	for i := range r.Configs {
		c.side(r.Configs[i].Name, "", &r.Configs[i])
	}
	for i := range r.Configs {
		if i != baseline {
			c.pair(baseline, i, &r.Configs[baseline], &r.Configs[i])
		}
	}
	return nil
}

func (c *Comparison) across(o CompareOptions, reports []*Report) error {
	label := func(i int) string {
		if i < len(o.Labels) {
			return o.Labels[i]
		}
		return fmt.Sprint(i + 1)
	}
	first := reports[0]
	var refused []string
	for i, r := range reports {
		c.warn(quality(r, label(i)+": ")...)
		if i > 0 {
			unlike, odd := conditions(first, r)
			for _, text := range unlike {
				refused = append(refused, label(i)+": "+text)
			}
			for _, text := range odd {
				c.warn(label(i) + ": " + text)
			}
		}
	}
	if len(refused) > 0 && !o.Force {
		return fmt.Errorf("the reports were not made under the same conditions: %s", strings.Join(refused, "; "))
	}
	c.warn(refused...)
	for i := range first.Configs {
		from := &first.Configs[i]
		base := -1
		for k, r := range reports[1:] {
			to := r.Config(from.Name)
			if to == nil {
				continue
			}
			if base < 0 {
				base = c.side(from.Name+" in "+label(0), label(0), from)
			}
			c.pair(base, c.side(to.Name+" in "+label(k+1), label(k+1), to), from, to)
		}
	}
	if len(c.Pairs) == 0 {
		return errors.New("the reports have no config in common")
	}
	return nil
}

func (c *Comparison) warn(texts ...string) { c.Warnings = append(c.Warnings, texts...) }

func (c *Comparison) side(label, report string, config *ConfigReport) int {
	s := Side{Label: label, Report: report, Config: config.Name, Seeds: len(config.Runs), Metrics: map[string]Value{}}
	for _, metric := range comparedMetrics {
		if v := config.Metric(metric); v.Known() {
			s.Metrics[metric] = v
		}
	}
	c.Sides = append(c.Sides, s)
	return len(c.Sides) - 1
}

func (c *Comparison) pair(from, to int, a, b *ConfigReport) {
	p := Pair{From: from, To: to, Differences: []MetricDifference{}}
	for _, metric := range comparedMetrics {
		m, err := ParseMetric(metric)
		if err != nil {
			continue
		}
		d := MetricDifference{Metric: metric, Better: m.Info().Better, Verdict: Unresolved}
		d.Difference, d.P = difference(armOf(a, metric), armOf(b, metric))
		if d.Difference.Known() {
			p.Differences = append(p.Differences, d)
		}
	}
	c.Pairs = append(c.Pairs, p)
}

// judge adjusts the p of each metric for the number of pairs and gives the verdicts.
func (c *Comparison) judge() {
	for _, metric := range comparedMetrics {
		var all []*MetricDifference
		var p []float64
		for i := range c.Pairs {
			for k := range c.Pairs[i].Differences {
				if d := &c.Pairs[i].Differences[k]; d.Metric == metric {
					all, p = append(all, d), append(p, d.P)
				}
			}
		}
		for i, adjusted := range Holm(p) {
			d := all[i]
			if v := &d.Difference; v.How == methodSignFlip && v.Value != 0 && math.Ldexp(2, -v.Seeds)*float64(len(p)) > significance {
				v.Note = fmt.Sprintf("%s cannot resolve a difference among %s", plural(v.Seeds, "seed"), plural(len(p), "pair"))
			}
			d.P, d.Adjusted = rounded(d.P), rounded(adjusted)
			d.Verdict = verdictOf(d.Difference, adjusted, d.Better)
		}
	}
}

// verdictOf wants both: a p that is small enough, and an interval without 0.
func verdictOf(v Value, p float64, better string) string {
	straddles := v.HasInterval() && v.Low <= 0 && v.High >= 0
	switch {
	case v.Value == 0 || p > significance || straddles || !v.HasInterval():
		return Unresolved
	case v.Value > 0 == (better == higher):
		return Better
	}
	return Worse
}

// Worse tells whether any pair is worse by one of these metrics; none means by the
// effective reliability.
func (c *Comparison) Worse(metrics ...string) bool {
	if len(metrics) == 0 {
		metrics = comparedMetrics[:1]
	}
	for _, p := range c.Pairs {
		for _, d := range p.Differences {
			if d.Verdict == Worse && slices.Contains(metrics, d.Metric) {
				return true
			}
		}
	}
	return false
}

// Encode writes the comparison as indented JSON. The same comparison gives the same
// bytes.
func (c *Comparison) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the comparison: %w", err)
	}
	return append(data, '\n'), nil
}
