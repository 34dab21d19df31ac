package reports

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Input is what a report is built from.
type Input struct {
	Meta              Meta
	Name, Description string
	Scenario          json.RawMessage `json:",omitempty"` // the scenario as it was run
	Clock             string          // wall or virtual
	Configs           []ConfigInfo    // in the order of the report
	Faults            []FaultInfo
	Expectations      []Expectation
	SteadyState       *SteadyState
	Runs              []*Run // of all configs and seeds, in any order
	// PerCall is the success probability of each call of an agent request without
	// faults; empty leaves the arithmetic out.
	PerCall []float64
	// Ablation is one config taken apart; nil if none was.
	Ablation *AblationInput
	// Err is why the harness failed; "" if it did not.
	Err string
}

// ConfigInfo is what the arithmetic must know of a config.
type ConfigInfo struct {
	Name string
	// MaxAttempts at one target, retries included; 0 counts as 1.
	MaxAttempts int
	// Timeouts is any text that is equal for configs with the same timeouts: attempts
	// fail alike only then, or where no timeout fires.
	Timeouts string
}

// FaultInfo is one fault of the scenario.
type FaultInfo struct {
	Name     string
	Optional bool     // may stay unfired
	Configs  []string // in which it can fire; none means all
	Type     string
	On       string        // what it hits, in words: provider openai
	At       time.Duration // from the end of the warm-up
	For      time.Duration // 0: to the end of the run
}

// covers tells whether the fault can fire in a config.
func (f FaultInfo) covers(config string) bool {
	return len(f.Configs) == 0 || slices.Contains(f.Configs, config)
}

// window gives the part of a run of this length in which the fault is active.
func (f FaultInfo) window(length time.Duration) (from, to time.Duration) {
	from, to = max(f.At, 0), length
	if f.For > 0 {
		to = min(to, f.At+f.For)
	}
	return min(from, length), max(to, 0)
}

// Expectation is a bound that a config's metric is to meet.
type Expectation struct {
	Config string
	Metric Metric
	Is     Bound
}

// SteadyState is the expectation of the fault-free control run, and that run.
type SteadyState struct {
	Expectation
	Runs []*Run
}

// Build computes the report. It reads the input only, which the report keeps for
// Report.Input, and the same input gives the same report.
func Build(in Input) *Report {
	meta := in.Meta
	r := &Report{
		SchemaVersion: SchemaVersion, Name: in.Name, Description: in.Description, Scenario: in.Scenario,
		Clock: in.Clock, Meta: &meta, Configs: []ConfigReport{}, Faults: []FaultCount{}, Windows: []Window{},
		Expectations: []Judgement{}, Alerts: []Alert{}, Definitions: map[string]MetricInfo{},
		input: &in,
	}
	for _, info := range MetricNames() {
		r.Definitions[info.Name] = info
	}
	views := viewsOf(in)
	for _, config := range in.Configs {
		r.Configs = append(r.Configs, reportConfig(config.Name, views[config.Name]))
		for _, v := range views[config.Name] {
			r.Faults = append(r.Faults, faultCounts(v)...)
			r.Alerts = append(r.Alerts, alerts(v.run)...)
		}
	}
	for _, e := range in.Expectations {
		r.Expectations = append(r.Expectations, judge(e, views[e.Config]))
	}
	if in.SteadyState != nil {
		control := make([]*view, 0, len(in.SteadyState.Runs))
		for _, run := range in.SteadyState.Runs {
			control = append(control, newView(run, nil))
		}
		j := judge(in.SteadyState.Expectation, control)
		r.SteadyState = &j
	}
	r.Windows = windows(in)
	r.Arithmetic = arithmetic(in, views)
	r.Ablation = ablation(in)
	r.Status, r.Reasons = status(in, r, views)
	return r
}

// viewsOf adds up the runs by config, sorted by seed.
func viewsOf(in Input) map[string][]*view {
	views := map[string][]*view{}
	for _, run := range bySeed(in.Runs) {
		views[run.Config] = append(views[run.Config], newView(run, in.Faults))
	}
	return views
}

func bySeed(runs []*Run) []*Run {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b *Run) int { return cmp.Compare(a.Seed, b.Seed) })
	return runs
}

func reportConfig(name string, views []*view) ConfigReport {
	c := ConfigReport{Name: name, Runs: []RunReport{}, Metrics: map[string]Value{}, Latency: distribution(views)}
	for _, v := range views {
		c.Runs = append(c.Runs, RunReport{
			Seed: v.run.Seed, Duration: rounded(v.run.Duration.Seconds()), Closed: v.run.Closed,
			Metrics: map[string]float64{}, Series: series(v.run), Exemplars: exemplars(v.run, len(views)),
		})
	}
	for _, m := range listed(views) {
		samples := samplesOf(m, views)
		c.Metrics[m.String()] = combine(m.Info(), samples)
		for i, s := range samples {
			if known(s.value) {
				c.Runs[i].Metrics[m.String()] = rounded(s.value)
			}
		}
	}
	return c
}

// listed gives the metrics worth listing: every label set that any run has.
func listed(views []*view) []Metric {
	var all []Metric
	seen := map[string]bool{}
	for i := range metricTable {
		d := &metricTable[i]
		for _, v := range views {
			sets := []labels{nil}
			if d.each != nil {
				sets = d.each(v)
			}
			for _, l := range sets {
				if m := (Metric{d.Name, l}); !seen[m.String()] {
					seen[m.String()] = true
					all = append(all, m)
				}
			}
		}
	}
	return all
}

func samplesOf(m Metric, views []*view) []sample {
	d := m.definition()
	samples := make([]sample, len(views))
	for i, v := range views {
		samples[i] = missing("no such metric")
		if d != nil {
			samples[i] = d.of(v, m.Labels)
		}
	}
	return samples
}

// Measure computes one metric of the runs of one config, one run a seed.
func Measure(m Metric, runs []*Run, faults []FaultInfo) Value {
	views := make([]*view, len(runs))
	for i, run := range runs {
		views[i] = newView(run, faults)
	}
	return combine(m.Info(), samplesOf(m, views))
}

// judge holds a bound against the point estimate, and tells by the interval whether
// that is resolved. A number without an interval by its nature, such as a count, is.
func judge(e Expectation, views []*view) Judgement {
	v := combine(e.Metric.Info(), samplesOf(e.Metric, views))
	j := Judgement{Config: e.Config, Metric: e.Metric.String(), Is: e.Is.String(), Observed: v, Verdict: Violated, Resolved: true}
	if e.Is.Holds(v.Value) {
		j.Verdict = Held
	}
	switch {
	case !v.Known():
		j.Resolved, j.Reason = false, "not measured: "+v.Note
		if len(views) == 0 {
			j.Reason = "not measured: the config did not run"
		}
	case e.refuted(views):
		j.Verdict, j.Reason = Violated, "refuted before the end, so the run was ended"
	case e.Is.Op == "==":
	case v.HasInterval() && (e.Is.Holds(v.Low) != e.Is.Holds(v.High)):
		j.Resolved, j.Reason = false, "the interval straddles the bound"
	case !v.HasInterval() && v.How == methodPercentile:
		j.Resolved, j.Reason = false, "n too small for an interval"
	}
	return j
}

// refuted tells whether one of the runs ended early because of this expectation.
func (e Expectation) refuted(views []*view) bool {
	return e.Metric.Name == "effective_reliability" && slices.ContainsFunc(views, func(v *view) bool { return v.run.Refuted == e.Is.String() })
}

func faultCounts(v *view) []FaultCount {
	var counts []FaultCount
	for _, f := range v.faults {
		if f.covers(v.run.Config) {
			counts = append(counts, FaultCount{f.Name, v.run.Config, v.run.Seed, v.run.Fired[f.Name], f.Optional})
		}
	}
	return counts
}

// windows gives the faults' windows as planned; an open end is that of the longest run.
func windows(in Input) []Window {
	var length time.Duration
	for _, run := range in.Runs {
		length = max(length, run.Duration)
	}
	out := []Window{}
	for _, f := range in.Faults {
		to := max(f.At, length)
		if f.For > 0 {
			to = f.At + f.For
		}
		out = append(out, Window{f.Name, f.Type, f.On, rounded(f.At.Seconds()), rounded(to.Seconds())})
	}
	return out
}
