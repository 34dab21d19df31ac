package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict says in one sentence what the runs came to, for a reader who knows nothing
// of the bench.
func (r *Report) Verdict() string {
	switch r.Status {
	case Interrupted:
		return "Interrupted: the numbers below are of the part that ran. " + r.achieved()
	case Errored:
		return "No verdict, the bench did not work as it must: " + r.firstReason()
	case Inconclusive:
		return "Inconclusive: " + r.firstReason()
	case Failing:
		return fmt.Sprintf("Failed: %d of %s did not hold. %s", len(r.violated()), plural(len(r.Expectations), "expectation"), r.achieved())
	}
	text := "Passed: " + r.achieved()
	if n := len(r.Expectations); n == 1 {
		text += " The expectation held."
	} else if n > 1 {
		text += fmt.Sprintf(" All %d expectations held.", n)
	}
	if n := r.unresolved(); n > 0 {
		text += fmt.Sprintf(" More runs are needed to settle %d of them.", n)
	}
	return text
}

func (r *Report) firstReason() string {
	if len(r.Reasons) == 0 {
		return "the reason is unknown."
	}
	text := r.Reasons[0]
	if more := len(r.Reasons) - 1; more > 0 {
		text += fmt.Sprintf(" (and %s more)", plural(more, "reason"))
	}
	return text + "."
}

// achieved compares the best config with the worst.
func (r *Report) achieved() string {
	var best, worst *ConfigReport
	for i := range r.Configs {
		c := &r.Configs[i]
		v := c.reliability()
		if !v.Known() {
			continue
		}
		if best == nil || v.Value > best.reliability().Value {
			best = c
		}
		if worst == nil || v.Value < worst.reliability().Value {
			worst = c
		}
	}
	if best == nil {
		return "No agent request was measured."
	}
	text := fmt.Sprintf("With config %s, %s of the agent requests got a full answer", best.Name, percent(best.reliability().Value))
	if worst.reliability().Value < best.reliability().Value {
		text += fmt.Sprintf("; with %s, %s", worst.Name, percent(worst.reliability().Value))
	}
	return text + "."
}

// measured tells whether any agent request was.
func (r *Report) measured() bool {
	for i := range r.Configs {
		if r.Configs[i].reliability().Known() {
			return true
		}
	}
	return false
}

func (c *ConfigReport) reliability() Value { return c.Metric("effective_reliability") }

// GomegaString is how a failed assertion on a report prints it: one paragraph.
func (r *Report) GomegaString() string {
	parts := []string{fmt.Sprintf("chaos report %q (%s)", r.Name, r.Status)}
	for i := range r.Configs {
		c := &r.Configs[i]
		v := c.reliability()
		parts = append(parts, fmt.Sprintf("%s: %s full answers of %s, fallback %s, failed %s, p95 %s",
			c.Name, withInterval(v), plural(v.N, "request"),
			c.show("outcome_rate{outcome=fallback}"), c.show("outcome_rate{outcome=failed}"), c.show("latency.p95{op=agent_request}")))
	}
	if len(r.Reasons) > 0 {
		parts = append(parts, "because "+strings.Join(r.Reasons, "; "))
	}
	return strings.Join(parts, "; ")
}

// show formats a metric, with ! behind a percentile of too few values.
func (c *ConfigReport) show(metric string) string {
	v := c.Metric(metric)
	text := amount(v.Value, v.Unit)
	if v.Known() && v.Note != "" {
		text += "!"
	}
	return text
}

// metricOrder lists the metrics of all configs: those of the table in its order, the
// label sets of each sorted.
func (r *Report) metricOrder() []string {
	names := map[string]bool{}
	for i := range r.Configs {
		for name := range r.Configs[i].Metrics {
			names[name] = true
		}
	}
	place := map[string]int{}
	for i, name := range metricNames() {
		place[name] = i
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		left, _, _ := strings.Cut(a, "{")
		right, _, _ := strings.Cut(b, "{")
		return cmp.Or(cmp.Compare(place[left], place[right]), cmp.Compare(a, b))
	})
}
