package reports

import (
	"maps"
	"slices"
	"time"
)

// MetricInfo says what a metric is.
type MetricInfo struct {
	Name       string   `json:"name"`
	Unit       string   `json:"unit"`   // ratio, s, 1/s, count, tokens, attempts/call, USD
	Better     string   `json:"better"` // higher, lower, or "" where neither is
	Definition string   `json:"definition"`
	Labels     []string `json:"labels,omitempty"`
}

// labels are a metric's labels by name.
type labels = map[string]string

// definition is one line of the table of metrics.
type definition struct {
	MetricInfo
	required string // label that must be given
	of       func(v *view, l labels) sample
	each     func(v *view) []labels // the label sets that reports list; nil: only without labels
}

const (
	higher = "higher"
	lower  = "lower"
)

// metricTable has every metric there is. A new one is one line here.
var metricTable = []definition{
	{MetricInfo: MetricInfo{"effective_reliability", "ratio", higher, "agent requests that ended ok or fallback, of all; a false success counts as failed", nil},
		of: func(v *view, _ labels) sample { return share(v.good(), v.requests) }},
	{MetricInfo: MetricInfo{"answered_rate", "ratio", higher, "agent requests that did not fail, of all: ok, fallback or degraded", nil},
		of: func(v *view, _ labels) sample { return share(v.requests-v.outcomes[Failed], v.requests) }},
	{MetricInfo: MetricInfo{"false_success_rate", "ratio", lower, "agent requests whose answer the agent believed in and the wire says was broken, of all", nil},
		of: func(v *view, _ labels) sample { return share(v.falseSuccess, v.requests) }},
	{MetricInfo: MetricInfo{"outcome_rate", "ratio", "", "agent requests that ended so, of all", []string{"outcome"}},
		required: "outcome", of: outcomeRate, each: fixed("outcome", outcomeNames[:]...)},
	{MetricInfo: MetricInfo{"service_level_rate", "ratio", "", "agent requests answered at this service level, of all", []string{"level"}},
		required: "level", of: levelRate, each: fixed("level", "full", "degraded", "minimal", "offline")},
	{MetricInfo: MetricInfo{"fallback_rate", "ratio", lower, "calls served by another target than their first, of all calls", nil},
		of: func(v *view, _ labels) sample { return share(v.fallbackCalls, v.calls) }},
	{MetricInfo: MetricInfo{"retry_rate", "ratio", lower, "calls that tried one target more than once, of all calls", nil},
		of: func(v *view, _ labels) sample { return share(v.retried, v.calls) }},
	{MetricInfo: MetricInfo{"retry_success_rate", "ratio", higher, "calls that a retry rescued, of those that tried one target more than once", nil},
		of: func(v *view, _ labels) sample { return share(v.rescued, v.retried) }},
	{MetricInfo: MetricInfo{"retry_amplification", "attempts/call", lower, "attempts over calls", nil},
		of: func(v *view, _ labels) sample { return per(float64(v.attempts), v.calls) }},
	{MetricInfo: MetricInfo{"error_rate", "ratio", lower, "attempts that failed with this error class, of all attempts; of=call or of=request counts calls or agent requests instead", []string{"of", "type"}},
		of: errorRate, each: errorLabels},
	{MetricInfo: MetricInfo{"breaker_transitions", "count", "", "changes of a breaker's state, per run", []string{"target", "to"}},
		of: breakerTransitions, each: transitionLabels},
	{MetricInfo: MetricInfo{"breaker_open_time", "s", lower, "time that breakers were open (half-open not counted), per run", []string{"target"}},
		of: breakerOpenTime, each: func(v *view) []labels { return list("target", slices.Sorted(maps.Keys(v.openTime))) }},
	latencyMetric("latency.p50", 0.50),
	latencyMetric("latency.p95", 0.95),
	latencyMetric("latency.p99", 0.99),
	quantileMetric("ttft.p50", 0.50, ttftText, func(v *view) []time.Duration { return v.ttft }),
	quantileMetric("ttft.p95", 0.95, ttftText, func(v *view) []time.Duration { return v.ttft }),
	quantileMetric("ttft.p99", 0.99, ttftText, func(v *view) []time.Duration { return v.ttft }),
	quantileMetric("gap.p99", 0.99, "99th percentile over streamed attempts of the longest silence between two content events", func(v *view) []time.Duration { return v.gaps }),
	{MetricInfo: MetricInfo{"goodput", "1/s", higher, "agent requests that ended ok or fallback per second of the measured time", nil},
		of: goodput},
	{MetricInfo: MetricInfo{"time_to_recover", "s", lower, recoverText, []string{"fault"}},
		required: "fault", of: timeToRecover, each: func(v *view) []labels { return list("fault", faultsThatEnd(v)) }},
	{MetricInfo: MetricInfo{"tokens", "tokens", "", "tokens that replies reported, per run", []string{"kind"}},
		of: tokens, each: fixed("kind", "input", "output")},
	{MetricInfo: MetricInfo{"wasted_tokens", "tokens", lower, "output tokens that helped nobody, per run: those of calls whose agent request failed, and content events (one counts as one token) of failed attempts", nil},
		of: func(v *view, _ labels) sample { return number(float64(v.wasted), v.calls) }},
	{MetricInfo: MetricInfo{"cost", "USD", lower, "what an agent request cost, successful or not, in " + costText, nil},
		of: cost, each: whereThereArePrices},
	{MetricInfo: MetricInfo{"cost_per_success", "USD", lower, "what all agent requests cost over those that ended ok or fallback, in " + costText, nil},
		of: costPerSuccess, each: whereThereArePrices},
	quantileMetric("sender_lag.p99", 0.99, "99th percentile of how long after its scheduled arrival an agent request was started", func(v *view) []time.Duration { return v.lag }),
	{MetricInfo: MetricInfo{"injected", "count", "", "times a fault fired, per run, warm-up included", []string{"fault"}},
		of: injected, each: func(v *view) []labels { return list("fault", v.faultNames()) }},
}

const (
	ttftText    = "time from a call's start to its first content event, over streamed calls"
	recoverText = "time from the end of a fault's window until the good share of 20 agent requests arriving in a row is back at 95 % of what it was before the window"
)

// MetricNames lists every metric that ParseMetric knows, in the order of reports.
func MetricNames() []MetricInfo {
	infos := make([]MetricInfo, len(metricTable))
	for i := range metricTable {
		infos[i] = metricTable[i].MetricInfo
	}
	return infos
}

func latencyMetric(name string, q float64) definition {
	const text = "time to the end, of agent requests from the scheduled arrival, of calls from their start; op is agent_request (the default), llm, tool or a step's name"
	return definition{
		MetricInfo: MetricInfo{name, "s", lower, text, []string{"op", "outcome"}},
		of: func(v *view, l labels) sample {
			op := l["op"]
			if op == "" {
				op = opRequest
			}
			return quantile(v.latency[latencyKey{op, l["outcome"]}], q)
		},
		each: latencyLabels,
	}
}

func quantileMetric(name string, q float64, text string, values func(*view) []time.Duration) definition {
	return definition{
		MetricInfo: MetricInfo{name, "s", lower, text, nil},
		of:         func(v *view, _ labels) sample { return quantile(values(v), q) },
	}
}

// fixed lists a label's closed set of values.
func fixed(label string, values ...string) func(*view) []labels {
	return func(*view) []labels { return list(label, values) }
}

func list(label string, values []string) []labels {
	sets := make([]labels, len(values))
	for i, value := range values {
		sets[i] = labels{label: value}
	}
	return sets
}
