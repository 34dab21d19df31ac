package reports

import (
	"math"
	"strings"
	"testing"
)

func TestParseMetric(t *testing.T) {
	for text, want := range map[string]string{
		"effective_reliability":                        "effective_reliability",
		"latency.p95{op=agent_request}":                "latency.p95{op=agent_request}",
		` latency.p95 { outcome = ok , op = "plan" } `: "latency.p95{op=plan,outcome=ok}",
		"breaker_transitions{to=half-open}":            "breaker_transitions{to=half-open}",
		"error_rate{of=request,type=deadline}":         "error_rate{of=request,type=deadline}",
		"latency.p50{}":                                "latency.p50",
	} {
		m, err := ParseMetric(text)
		if err != nil || m.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, m, err, want)
		}
	}
	for text, want := range map[string]string{
		"efective_reliability":         `unknown metric "efective_reliability", did you mean "effective_reliability"?`,
		"latency.p90":                  `did you mean "latency.p`,
		"Latency.P99":                  `did you mean "latency.p99"?`,
		"happiness":                    `unknown metric "happiness", see chaos list`,
		"latency.p95{op=x":             "missing the closing }",
		"latency.p95{ops=x}":           `unknown label "ops", did you mean "op"?`,
		"latency.p95{op}":              "want name=value",
		"latency.p95{op=a,op=b}":       "given twice",
		"goodput{op=a}":                `unknown label "op", there are none`,
		"outcome_rate":                 "needs the label outcome, as in outcome_rate{outcome=ok}",
		"outcome_rate{outcome=fialed}": `unknown value "fialed", did you mean "failed"?`,
		"tokens{kind=thinking}":        `unknown value "thinking", want input, output`,
		"time_to_recover":              "needs the label fault",
		"":                             "unknown metric",
	} {
		if _, err := ParseMetric(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestMetricNamesParse(t *testing.T) {
	for _, info := range MetricNames() {
		text := info.Name
		if d := (Metric{Name: info.Name}).definition(); d.required != "" {
			text += "{" + d.required + "=" + exampleOf(d.required) + "}"
		}
		if _, err := ParseMetric(text); err != nil {
			t.Error(err)
		}
		if info.Unit == "" || info.Definition == "" {
			t.Errorf("%s has no unit or definition", info.Name)
		}
	}
}

func TestParseBound(t *testing.T) {
	cases := []struct {
		text, op string
		value    float64
		yes, no  float64
	}{
		{">= 99%", ">=", 0.99, 0.99, 0.989999},
		{"<=35 %", "<=", 0.35, 0.35, 0.351},
		{"< 12s", "<", 12, 11.99, 12},
		{"> 250ms", ">", 0.25, 0.2501, 0.25},
		{"< 2m", "<", 120, 119, 120},
		{"== 0", "==", 0, 0, 1},
		{">= 0.999", ">=", 0.999, 0.999, 0.998},
		{"== 99.9%", "==", 0.999, 0.999, 0.9989},
	}
	for _, c := range cases {
		b, err := ParseBound(c.text)
		if err != nil || b.Op != c.op || math.Abs(b.Value-c.value) > 1e-12 {
			t.Errorf("%q: %+v, %v", c.text, b, err)
			continue
		}
		if !b.Holds(c.yes) || b.Holds(c.no) || b.Holds(missing("").value) {
			t.Errorf("%q must hold for %g, and not for %g or NaN", c.text, c.yes, c.no)
		}
	}
	for text, want := range map[string]string{
		"99%":      "want one of >=",
		"=> 3":     "want one of >=",
		">= x":     `unknown unit "x"`,
		">= ":      "is not a number",
		">= 3 h":   `unknown unit "h"`,
		"< NaN":    "is not a number",
		">= 1.2.3": "is not a number",
	} {
		if _, err := ParseBound(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCheckBound(t *testing.T) {
	cases := []struct {
		metric, bound string
		ok            bool
	}{
		{"effective_reliability", ">= 99%", true}, {"effective_reliability", ">= 0.99", true},
		{"effective_reliability", ">= 99", false}, {"effective_reliability", ">= 99ms", false},
		{"latency.p95", "< 12s", true}, {"latency.p95", "< 12", false}, {"latency.p95", "< 12%", false}, {"breaker_open_time", "== 0", true},
		{"breaker_transitions", ">= 1", true}, {"breaker_transitions", ">= 1s", false}, {"goodput", ">= 5", true}, {"goodput", ">= 5%", false},
	}
	for _, c := range cases {
		if err := CheckBound(mustMetric(t, c.metric), mustBound(t, c.bound)); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.metric, c.bound, err)
		}
	}
}
