package scenariotest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"

	"github.com/agentchaos/chaos/reports"
)

// HaveEffectiveReliability matches a *reports.ConfigReport by the share of its agent
// requests that ended ok or fallback, a float64 in [0, 1].
func HaveEffectiveReliability(valueOrMatcher any) types.GomegaMatcher {
	return have("effective reliability", "effective_reliability", valueOrMatcher, point)
}

// HaveReliabilityLowerBound matches a *reports.ConfigReport by the lower end of the
// 95 % interval of its effective reliability, a float64 in [0, 1].
func HaveReliabilityLowerBound(valueOrMatcher any) types.GomegaMatcher {
	return have("a lower bound of effective reliability", "effective_reliability", valueOrMatcher, lowerEnd)
}

// HaveFallbackRate matches a *reports.ConfigReport by the share of its calls that
// another target than their first one served, a float64 in [0, 1].
func HaveFallbackRate(valueOrMatcher any) types.GomegaMatcher {
	return have("fallback rate", "fallback_rate", valueOrMatcher, point)
}

// HaveRetryRate matches a *reports.ConfigReport by the share of its calls that tried
// one target more than once, a float64 in [0, 1].
func HaveRetryRate(valueOrMatcher any) types.GomegaMatcher {
	return have("retry rate", "retry_rate", valueOrMatcher, point)
}

// HaveLatency matches a *reports.ConfigReport by a quantile of a latency, a
// time.Duration. The op is agent_request, llm, tool or a step's name; q is 0.5, 0.95
// or 0.99.
func HaveLatency(op string, q float64, valueOrMatcher any) types.GomegaMatcher {
	metric := fmt.Sprintf("latency.p%g{op=%s}", 100*q, op)
	return have(fmt.Sprintf("p%g latency of %s", 100*q, op), metric, valueOrMatcher, duration)
}

// HaveBreakerTransitions matches a *reports.ConfigReport by how often its breakers
// went to a state (closed, open or half-open), a float64: the mean over its seeds.
func HaveBreakerTransitions(to string, valueOrMatcher any) types.GomegaMatcher {
	metric := fmt.Sprintf("breaker_transitions{to=%s}", to)
	return have("breaker transitions to "+to, metric, valueOrMatcher, point)
}

// HaveErrorRate matches a *reports.ConfigReport by the share of its attempts that
// failed with an error class, such as timeout, a float64 in [0, 1]. It is 0 for a
// class that did not occur.
func HaveErrorRate(class string, valueOrMatcher any) types.GomegaMatcher {
	metric := fmt.Sprintf("error_rate{type=%s}", class)
	return have("error rate of type "+class, metric, valueOrMatcher, orZero)
}

// PassExpectations matches a *reports.Report whose status is passed: every
// expectation held, every fault fired, the sender kept up.
func PassExpectations() types.GomegaMatcher {
	return gcustom.MakeMatcher(func(r *reports.Report) (bool, error) {
		if r == nil {
			return false, errors.New("there is no report")
		}
		return r.Status == reports.Passed, nil
	}).WithTemplate("Expected chaos report {{.Actual.Name}} {{.To}} pass, but it {{.Actual.Status}}:" +
		"{{range .Actual.Reasons}}\n    {{.}}{{end}}")
}

// reading takes what a matcher looks at from a metric.
type reading func(c *reports.ConfigReport, metric string) (any, error)

func measured(c *reports.ConfigReport, metric string) (reports.Value, error) {
	v, ok := c.Metrics[metric]
	switch {
	case !ok:
		return v, fmt.Errorf("config %s has no metric %s; it has %s", c.Name, metric, strings.Join(slices.Sorted(maps.Keys(c.Metrics)), ", "))
	case !v.Known():
		return v, fmt.Errorf("%s of config %s was not measured: %s", metric, c.Name, v.Note)
	}
	return v, nil
}

func point(c *reports.ConfigReport, metric string) (any, error) {
	v, err := measured(c, metric)
	return v.Value, err
}

func lowerEnd(c *reports.ConfigReport, metric string) (any, error) {
	v, err := measured(c, metric)
	if err == nil && !v.HasInterval() {
		return nil, fmt.Errorf("%s of config %s has no interval", metric, c.Name)
	}
	return v.Low, err
}

func duration(c *reports.ConfigReport, metric string) (any, error) {
	v, err := measured(c, metric)
	return time.Duration(v.Value * float64(time.Second)).Round(time.Microsecond), err
}

func orZero(c *reports.ConfigReport, metric string) (any, error) {
	// Classes are listed only where they occur; attempts are counted in any case.
	if _, ok := c.Metrics[metric]; !ok {
		_, err := measured(c, "error_rate")
		return 0.0, err
	}
	return point(c, metric)
}

// have builds the matcher of one metric. The message of a failure names the metric
// and carries the inner matcher's own message.
func have(what, metric string, valueOrMatcher any, read reading) types.GomegaMatcher {
	inner := asMatcher(valueOrMatcher)
	text := &message{What: what, inner: inner}
	return gcustom.MakeMatcher(func(c *reports.ConfigReport) (bool, error) {
		if c == nil {
			return false, errors.New("the report has no such config")
		}
		var err error
		if text.actual, err = read(c, metric); err != nil {
			return false, err
		}
		return inner.Match(text.actual)
	}).WithTemplate("Expected config {{.Actual.Name}}\n{{.To}} have {{.Data.What}} satisfying:\n"+
		"{{if .Failure}}{{.Data.Positive}}{{else}}{{.Data.Negative}}{{end}}", text)
}

// message is what the template of a failure reads.
type message struct {
	What   string
	inner  types.GomegaMatcher
	actual any
}

// Positive is the inner matcher's message for a failed Expect(…).To.
func (m *message) Positive() string { return indent(m.inner.FailureMessage(m.actual)) }

// Negative is the inner matcher's message for a failed Expect(…).NotTo.
func (m *message) Negative() string { return indent(m.inner.NegatedFailureMessage(m.actual)) }

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

// asMatcher makes a matcher of a value: numbers, durations included, are compared
// numerically, so that 1 equals 1.0.
func asMatcher(valueOrMatcher any) types.GomegaMatcher {
	if m, ok := valueOrMatcher.(types.GomegaMatcher); ok {
		return m
	}
	if v := reflect.ValueOf(valueOrMatcher); v.IsValid() && (v.CanInt() || v.CanUint() || v.CanFloat()) {
		return gomega.BeNumerically("==", valueOrMatcher)
	}
	return gomega.Equal(valueOrMatcher)
}
