package scenariotest

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/agentchaos/chaos/reports"
)

// synthetic is a report of 100 agent requests of one call each: 90 ok, 4 by fallback
// and 6 failed with a timeout. They took 1 to 100 ms; 10 were retried; a breaker
// opened and closed.
func synthetic(t *testing.T, bound string) *reports.Report {
	t.Helper()
	run := &reports.Run{Config: "full", Seed: 1, Duration: 10 * time.Second, Fired: map[string]int{"down": 6}}
	for i := range uint64(100) {
		at := time.Duration(i) * 100 * time.Millisecond
		end := at + time.Duration(i+1)*time.Millisecond
		q := reports.Request{Index: i, Sched: at, Start: at, End: end, Level: "full"}
		c := reports.Call{Request: i, Step: 1, Name: "plan", Op: "llm", Start: at, End: end, Attempts: 1}
		a := reports.Attempt{Request: i, Step: 1, N: 1, Target: "openai/gpt-4o", Op: "llm", Start: at, End: end}
		switch {
		case i < 6:
			q.Outcome, q.Level, q.Class = reports.Failed, "offline", "timeout"
			c.Failed, c.Class = true, "timeout"
			a.Class = "timeout"
		case i < 10:
			q.Outcome, c.Fallback = reports.Fallback, true
		case i < 20:
			run.Attempts = append(run.Attempts, a)
			run.Attempts[len(run.Attempts)-1].Class = "server_error"
			a.N, c.Attempts = 2, 2
		}
		run.Requests = append(run.Requests, q)
		run.Calls = append(run.Calls, c)
		run.Attempts = append(run.Attempts, a)
	}
	run.Transitions = []reports.Transition{
		{At: time.Second, Target: "openai/gpt-4o", From: "closed", To: "open"},
		{At: 2 * time.Second, Target: "openai/gpt-4o", From: "open", To: "half-open"},
		{At: 3 * time.Second, Target: "openai/gpt-4o", From: "half-open", To: "closed"},
	}
	is, err := reports.ParseBound(bound)
	if err != nil {
		t.Fatal(err)
	}
	return reports.Build(reports.Input{
		Name: "synthetic", Clock: "wall", Configs: []reports.ConfigInfo{{Name: "full"}, {Name: "idle"}},
		Faults:       []reports.FaultInfo{{Name: "down", Type: "down", Configs: []string{"full"}}},
		Expectations: []reports.Expectation{{Config: "full", Metric: reports.Metric{Name: "effective_reliability"}, Is: is}},
		Runs:         []*reports.Run{run, {Config: "idle", Seed: 1, Duration: 10 * time.Second}},
	})
}

func TestMatchers(t *testing.T) {
	full := synthetic(t, ">= 90%").Config("full")
	tests := []struct {
		name    string
		matcher func(any) types.GomegaMatcher
		holds   any
		fails   any
		says    string // in the message of the failure
	}{
		{"reliability", HaveEffectiveReliability, BeNumerically(">=", 0.94), BeNumerically(">=", 0.95), "effective reliability satisfying"},
		{"reliability as a value", HaveEffectiveReliability, 0.94, 1, "<float64>: 0.94"},
		{"lower bound", HaveReliabilityLowerBound, BeNumerically("<", 0.90), BeNumerically(">", 0.90), "a lower bound of effective reliability"},
		{"fallback", HaveFallbackRate, 0.04, BeZero(), "fallback rate"},
		{"retry", HaveRetryRate, 0.10, 0.2, "retry rate"},
		{"latency", latencyOf("agent_request", 0.5), BeNumerically("~", 50*time.Millisecond, time.Millisecond), BeNumerically("<", 40*time.Millisecond), "p50 latency of agent_request"},
		{"latency of a step", latencyOf("plan", 0.99), BeNumerically(">=", 98*time.Millisecond), time.Second, "p99 latency of plan"},
		{"transitions", transitionsTo("open"), 1, 0, "breaker transitions to open"},
		{"transitions again", transitionsTo("half-open"), BeNumerically(">", 0), BeZero(), "breaker transitions to half-open"},
		{"errors", errorsOf("timeout"), BeNumerically("~", 6.0/110, 1e-6), 0, "error rate of type timeout"},
		{"errors that were none", errorsOf("malformed"), 0, 1, "error rate of type malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(full).To(tt.matcher(tt.holds))
			got := failureOf(func(g Gomega) { g.Expect(full).To(tt.matcher(tt.fails)) })
			if !strings.HasPrefix(got, "Expected config full\nto have ") || !strings.Contains(got, tt.says) {
				t.Errorf("message of the failure: %q", got)
			}
			got = failureOf(func(g Gomega) { g.Expect(full).NotTo(tt.matcher(tt.holds)) })
			if !strings.HasPrefix(got, "Expected config full\nnot to have ") {
				t.Errorf("message of the negated failure: %q", got)
			}
		})
	}
}

func latencyOf(op string, q float64) func(any) types.GomegaMatcher {
	return func(m any) types.GomegaMatcher { return HaveLatency(op, q, m) }
}

func transitionsTo(state string) func(any) types.GomegaMatcher {
	return func(m any) types.GomegaMatcher { return HaveBreakerTransitions(state, m) }
}

func errorsOf(class string) func(any) types.GomegaMatcher {
	return func(m any) types.GomegaMatcher { return HaveErrorRate(class, m) }
}

func TestMatchersThatCannotTell(t *testing.T) {
	report := synthetic(t, ">= 90%")
	tests := []struct {
		name    string
		actual  any
		matcher types.GomegaMatcher
		says    string
	}{
		{"no such config", report.Config("fall"), HaveRetryRate(0), "no such config"},
		{"a whole report", report, HaveRetryRate(0), "*reports.ConfigReport"},
		{"no requests", report.Config("idle"), HaveEffectiveReliability(1), "was not measured"},
		{"no attempts", report.Config("idle"), HaveErrorRate("timeout", 0), "was not measured"},
		{"no such op", report.Config("full"), HaveLatency("lunch", 0.5, time.Second), "no metric latency.p50{op=lunch}"},
		{"no report", (*reports.Report)(nil), PassExpectations(), "no report"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.matcher.Match(tt.actual); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want an error that says %q", err, tt.says)
			}
		})
	}
}

func TestPassExpectations(t *testing.T) {
	failed := synthetic(t, ">= 99%")
	failed.Configs = failed.Configs[:1]
	failed.Status = reports.Failing
	failed.Reasons = []string{"effective_reliability of full is 94 %, wanted >= 99%"}
	got := failureOf(func(g Gomega) { g.Expect(failed).To(PassExpectations()) })
	want := "Expected chaos report synthetic to pass, but it failed:\n    effective_reliability of full is 94 %, wanted >= 99%"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	passed := synthetic(t, ">= 90%")
	passed.Status, passed.Reasons = reports.Passed, nil
	NewWithT(t).Expect(passed).To(PassExpectations())
	inconclusive := synthetic(t, ">= 90%") // config idle measured nothing
	NewWithT(t).Expect(inconclusive).NotTo(PassExpectations())
}

// failureOf gives the message of a failing assertion; "" if it holds.
func failureOf(f func(Gomega)) string {
	var text string
	f(NewGomega(func(message string, _ ...int) { text = message }))
	return text
}
