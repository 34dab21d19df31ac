package scenarios

import (
	"fmt"

	"github.com/agentchaos/chaos/reports"
)

// perRequest are the shares that are counted over agent requests.
var perRequest = map[string]bool{
	"effective_reliability": true, "answered_rate": true, "false_success_rate": true, "outcome_rate": true, "service_level_rate": true,
}

// perCallMetrics are the shares that are counted over calls.
var perCallMetrics = map[string]bool{"fallback_rate": true, "retry_rate": true}

// quantiles are the metrics that are order statistics.
var quantiles = map[string]float64{
	"latency.p50": 0.50, "latency.p95": 0.95, "latency.p99": 0.99,
	"ttft.p50": 0.50, "ttft.p95": 0.95, "ttft.p99": 0.99, "gap.p99": 0.99, "sender_lag.p99": 0.99,
}

// decides says what the run can decide about an expectation.
func (e *explanation) decides(x reports.Expectation) string {
	n, of := e.requests*e.seeds, "agent requests"
	if perCallMetrics[x.Metric.Name] {
		n, of = n*len(e.s.Agent.Steps), "calls"
	}
	q, isQuantile := quantiles[x.Metric.Name]
	switch {
	case n == 0:
		return "How much it can decide depends on how many requests come."
	case isQuantile:
		return order(n, q)
	case !perRequest[x.Metric.Name] && !perCallMetrics[x.Metric.Name]:
		return "How much it can decide depends on what happens: there is no number of trials to begin with."
	case x.Is.Op == "==" || x.Is.Value <= 0 || x.Is.Value >= 1:
		return fmt.Sprintf("Over about %d %s; such a bound is judged by the number alone.", n, of)
	}
	return proportion(x.Is, n, of)
}

func order(n int, q float64) string {
	if low, high, ok := reports.PercentileRanks(n, q); ok {
		return fmt.Sprintf("Of about %d values, sorted, the interval goes from number %d to number %d.", n, low, high)
	}
	enough := n
	for ok := false; !ok; {
		enough++
		_, _, ok = reports.PercentileRanks(enough, q)
	}
	return fmt.Sprintf("About %d values are too few for an interval of this percentile; %d would do.", n, enough)
}

func proportion(b reports.Bound, n int, of string) string {
	low, high := reports.ClopperPearson(int(b.Value*float64(n)+0.5), n)
	below, above := reports.Decisive(b.Value, n)
	over, under := "held", "violated"
	if b.Op == "<=" || b.Op == "<" {
		over, under = under, over
	}
	text := fmt.Sprintf("About %d %s: a share at the bound has the interval %s to %s.", n, of, share(low), share(high))
	if above <= n {
		text += fmt.Sprintf(" Resolved as %s from %s on", over, share(float64(above)/float64(n)))
	} else {
		text += fmt.Sprintf(" Cannot be resolved as %s: that takes %s", over, sizes(b.Value, "none that miss"))
	}
	if below >= 0 {
		return text + fmt.Sprintf(", as %s up to %s.", under, share(float64(below)/float64(n)))
	}
	return text + fmt.Sprintf("; it cannot be as %s: that takes %s.", under, sizes(1-b.Value, "none"))
}

// sizes says how many trials put the interval above a share.
func sizes(share float64, none string) string {
	return fmt.Sprintf("%d with %s, %d with one, %d with five", reports.SampleSize(share, 0), none, reports.SampleSize(share, 1), reports.SampleSize(share, 5))
}
