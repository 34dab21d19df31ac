package reports

import (
	"math"
	"slices"
)

// The changes of an AblationRuns.
const (
	AblationNaive   = "naive"   // no pattern at all
	AblationAdded   = "added"   // one pattern, alone
	AblationRemoved = "removed" // all patterns of the config but one
	AblationFull    = "full"    // the config itself
)

// AblationInput is the runs of one config taken apart, all under the same seeds.
type AblationInput struct {
	Config string // that was taken apart
	Steps  []AblationRuns
}

// AblationRuns are the runs of one variant of the config, one a seed.
type AblationRuns struct {
	Pattern string // retry, breaker, …; "" for naive and full
	Change  string // naive, added, removed or full
	Runs    []*Run
}

// Ablation says what each pattern of a config buys, alone and in the company of the
// others.
type Ablation struct {
	Config string         `json:"config"`
	Steps  []AblationStep `json:"steps"` // naive first, full last
}

// AblationStep is one variant of the config. Gain is what its pattern buys, by metric
// and paired by seed: added less naive, or full less removed; empty for naive and full.
type AblationStep struct {
	Pattern string           `json:"pattern,omitempty"`
	Change  string           `json:"change"`
	Metrics map[string]Value `json:"metrics"`
	Gain    map[string]Value `json:"gain,omitempty"`
}

// ablationMetrics are what patterns buy, and what they are paid with.
var ablationMetrics = []string{
	"effective_reliability", "answered_rate", "false_success_rate", "latency.p50{op=agent_request}",
	"latency.p95{op=agent_request}", "retry_amplification", "fallback_rate", "wasted_tokens", "cost",
}

func ablation(in Input) *Ablation {
	if in.Ablation == nil {
		return nil
	}
	configs := make([]ConfigReport, len(in.Ablation.Steps))
	naive, full := -1, -1
	for i, step := range in.Ablation.Steps {
		var views []*view
		for _, run := range bySeed(step.Runs) {
			views = append(views, newView(run, in.Faults))
		}
		configs[i] = measured(views, ablationMetrics)
		switch step.Change {
		case AblationNaive:
			naive = i
		case AblationFull:
			full = i
		}
	}
	a := &Ablation{Config: in.Ablation.Config, Steps: []AblationStep{}}
	add := func(i int) {
		step := in.Ablation.Steps[i]
		out := AblationStep{Pattern: step.Pattern, Change: step.Change, Metrics: configs[i].Metrics}
		switch {
		case step.Change == AblationAdded && naive >= 0:
			out.Gain = gains(&configs[naive], &configs[i])
		case step.Change == AblationRemoved && full >= 0:
			out.Gain = gains(&configs[i], &configs[full])
		}
		a.Steps = append(a.Steps, out)
	}
	if naive >= 0 {
		add(naive)
	}
	for i := range in.Ablation.Steps {
		if i != naive && i != full {
			add(i)
		}
	}
	if full >= 0 {
		add(full)
	}
	return a
}

func gains(from, to *ConfigReport) map[string]Value {
	out := map[string]Value{}
	for _, metric := range ablationMetrics {
		if v, _ := difference(armOf(from, metric), armOf(to, metric)); v.Known() {
			out[metric] = v
		}
	}
	return out
}

// measured gives some metrics of the runs of one config.
func measured(views []*view, metrics []string) ConfigReport {
	c := ConfigReport{Metrics: map[string]Value{}}
	for _, v := range views {
		c.Runs = append(c.Runs, RunReport{Seed: v.run.Seed, Metrics: map[string]float64{}})
	}
	for _, text := range metrics {
		m, err := ParseMetric(text)
		if err != nil {
			continue
		}
		if each := m.definition().each; each != nil && !slices.ContainsFunc(views, func(v *view) bool { return each(v) != nil }) {
			continue // no run has it
		}
		samples := samplesOf(m, views)
		c.Metrics[text] = combine(m.Info(), samples)
		for i, s := range samples {
			if known(s.value) {
				c.Runs[i].Metrics[text] = s.value
			}
		}
	}
	return c
}

func (a *Ablation) step(change, pattern string) *AblationStep {
	for i := range a.Steps {
		if a.Steps[i].Change == change && (pattern == "" || a.Steps[i].Pattern == pattern) {
			return &a.Steps[i]
		}
	}
	return nil
}

// patterns lists the patterns in the order of the steps.
func (a *Ablation) patterns() []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range a.Steps {
		if s.Pattern != "" && !seen[s.Pattern] {
			seen[s.Pattern] = true
			out = append(out, s.Pattern)
		}
	}
	return out
}

// fall is one bar of the waterfall from nothing to the full config.
type fall struct {
	Name     string
	From, To float64
	Kind     string // paper, total, gain, loss or rest
	Gain     Value  // of gain and loss
}

// falls stacks what each pattern buys alone on what no pattern brings; the rest up to
// the full config is what they buy only together, or, below 0, buy twice.
func (r *Report) falls() []fall {
	a := r.Ablation
	const metric = "effective_reliability"
	naive, full := a.step(AblationNaive, ""), a.step(AblationFull, "")
	if naive == nil || full == nil || !naive.Metrics[metric].Known() || !full.Metrics[metric].Known() {
		return nil
	}
	var out []fall
	if r.Arithmetic != nil {
		out = append(out, fall{Name: "on paper", To: r.Arithmetic.Naive, Kind: "paper"})
	}
	level := rounded(naive.Metrics[metric].Value)
	out = append(out, fall{Name: "nothing", To: level, Kind: "total"})
	for _, pattern := range a.patterns() {
		step := a.step(AblationAdded, pattern)
		if step == nil || !step.Gain[metric].Known() {
			continue
		}
		gain := step.Gain[metric]
		f := fall{Name: "+ " + pattern, From: level, To: rounded(level + rounded(gain.Value)), Kind: "gain", Gain: gain}
		if gain.Value < 0 {
			f.Kind = "loss"
		}
		out, level = append(out, f), f.To
	}
	end := rounded(full.Metrics[metric].Value)
	if rest := end - level; math.Abs(rest) >= alike {
		name := "together"
		if rest < 0 {
			name = "counted twice"
		}
		out = append(out, fall{Name: name, From: level, To: end, Kind: "rest"})
	}
	return append(out, fall{Name: a.Config, To: end, Kind: "total"})
}
