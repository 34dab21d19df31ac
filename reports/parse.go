package reports

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Metric names one number of a run: a metric of MetricNames with its labels. A label
// left out adds up over its values, except op, which means agent_request.
type Metric struct {
	Name   string
	Labels map[string]string
}

// String gives the form that ParseMetric reads, labels sorted.
func (m Metric) String() string {
	if len(m.Labels) == 0 {
		return m.Name
	}
	parts := make([]string, 0, len(m.Labels))
	for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, label+"="+m.Labels[label])
	}
	return m.Name + "{" + strings.Join(parts, ",") + "}"
}

// Info tells about the metric; the zero MetricInfo if there is none of that name.
func (m Metric) Info() MetricInfo {
	if d := m.definition(); d != nil {
		return d.MetricInfo
	}
	return MetricInfo{}
}

func (m Metric) definition() *definition {
	for i := range metricTable {
		if metricTable[i].Name == m.Name {
			return &metricTable[i]
		}
	}
	return nil
}

// labelValues are the values of the labels that have a closed set of them.
var labelValues = map[string][]string{
	"outcome": outcomeNames[:],
	"level":   {"full", "degraded", "minimal", "offline"},
	"to":      {stateClosed, stateOpen, stateHalfOpen},
	"kind":    {"input", "output"},
	"of":      {"attempt", "call", "request"},
}

// ParseMetric reads a metric such as latency.p95{op=agent_request}. Errors name the
// nearest metric, label or value.
func ParseMetric(text string) (Metric, error) {
	name, rest, braced := strings.Cut(strings.TrimSpace(text), "{")
	m := Metric{Name: strings.TrimSpace(name)}
	d := m.definition()
	if d == nil {
		return Metric{}, fmt.Errorf("unknown metric %q%s", m.Name, suggest(m.Name, metricNames()))
	}
	if braced {
		body, ok := strings.CutSuffix(strings.TrimSpace(rest), "}")
		if !ok {
			return Metric{}, fmt.Errorf("metric %q: missing the closing }", text)
		}
		var err error
		if m.Labels, err = parseLabels(d, body); err != nil {
			return Metric{}, fmt.Errorf("metric %s: %w", m.Name, err)
		}
	}
	if d.required != "" && m.Labels[d.required] == "" {
		return Metric{}, fmt.Errorf("metric %s: needs the label %s, as in %s{%s=%s}", m.Name, d.required, m.Name, d.required, exampleOf(d.required))
	}
	return m, nil
}

func parseLabels(d *definition, body string) (labels, error) {
	found := labels{}
	if strings.TrimSpace(body) == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(body, ",") {
		label, value, ok := strings.Cut(part, "=")
		label, value = strings.TrimSpace(label), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case !ok || value == "":
			return nil, fmt.Errorf("label %q: want name=value", strings.TrimSpace(part))
		case !slices.Contains(d.Labels, label):
			return nil, fmt.Errorf("unknown label %q%s", label, suggest(label, d.Labels))
		case found[label] != "":
			return nil, fmt.Errorf("label %s is given twice", label)
		}
		if allowed := labelValues[label]; allowed != nil && !slices.Contains(allowed, value) {
			return nil, fmt.Errorf("label %s: unknown value %q%s", label, value, suggest(value, allowed))
		}
		found[label] = value
	}
	return found, nil
}

func exampleOf(label string) string {
	if values := labelValues[label]; values != nil {
		return values[0]
	}
	return "NAME"
}

func metricNames() []string {
	names := make([]string, len(metricTable))
	for i := range metricTable {
		names[i] = metricTable[i].Name
	}
	return names
}

// Bound is a condition on a number, such as ">= 99%". Value is in the unit of the
// metric: ratios in [0, 1], times in seconds.
type Bound struct {
	Op    string // >=, <=, >, <, ==
	Value float64
	Unit  string // as written: %, ms, s, m, or ""
	Text  string // as written
}

// String gives the bound as it was written.
func (b Bound) String() string { return b.Text }

// bounds are the operators, the longer ones first so that >= is not read as >.
var bounds = []string{">=", "<=", "==", ">", "<"}

// unitParts is how many of a unit make one of a metric's unit.
var unitParts = map[string]float64{"": 1, "%": 100, "ms": 1000, "s": 1, "m": 1.0 / 60}

// ParseBound reads an operator and a number with an optional unit: >= 99%, < 12s,
// == 0.
func ParseBound(text string) (Bound, error) {
	b := Bound{Text: strings.TrimSpace(text)}
	for _, op := range bounds {
		if strings.HasPrefix(b.Text, op) {
			b.Op = op
			break
		}
	}
	if b.Op == "" {
		return Bound{}, fmt.Errorf("bound %q: want one of >=, <=, >, <, == first, as in \">= 99%%\"", text)
	}
	rest := strings.TrimSpace(b.Text[len(b.Op):])
	digits := strings.TrimRight(rest, "abcdefghijklmnopqrstuvwxyzµ% ")
	b.Unit = strings.TrimSpace(rest[len(digits):])
	parts, ok := unitParts[b.Unit]
	if !ok {
		return Bound{}, fmt.Errorf("bound %q: unknown unit %q, want %%, ms, s, m or none", text, b.Unit)
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !known(x) {
		return Bound{}, fmt.Errorf("bound %q: %q is not a number", text, strings.TrimSpace(digits))
	}
	b.Value = x / parts
	return b, nil
}

// Holds tells whether x meets the bound; NaN meets none. A difference below one in a
// thousand millions is none.
func (b Bound) Holds(x float64) bool {
	slack := 1e-9 * max(1, math.Abs(b.Value))
	switch {
	case !known(x):
		return false
	case b.Op == ">=":
		return x >= b.Value-slack
	case b.Op == "<=":
		return x <= b.Value+slack
	case b.Op == ">":
		return x > b.Value+slack
	case b.Op == "<":
		return x < b.Value-slack
	}
	return math.Abs(x-b.Value) <= slack
}

// CheckBound tells whether the bound's unit fits the metric: % only for ratios, and a
// time always with its unit.
func CheckBound(m Metric, b Bound) error {
	unit := m.Info().Unit
	isTime := b.Unit != "" && b.Unit != "%"
	switch {
	case unit == "s" && !isTime && b.Value != 0:
		return fmt.Errorf("bound %q: %s is a time, write it as 250ms, 12s or 2m", b.Text, m.Name)
	case unit == "ratio" && isTime, unit != "ratio" && unit != "s" && b.Unit != "":
		return fmt.Errorf("bound %q: %s is in %s, it cannot be compared with %s", b.Text, m.Name, unit, b.Unit)
	case unit == "ratio" && (b.Value < 0 || b.Value > 1):
		return fmt.Errorf("bound %q: %s is between 0%% and 100%%", b.Text, m.Name)
	}
	return nil
}
