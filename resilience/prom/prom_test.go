package prom

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/agentchaos/chaos/resilience"
)

// models answers by target.
type models map[string]func(context.Context) error

func (m models) Complete(ctx context.Context, t resilience.Target, _ resilience.Request) (resilience.Reply, error) {
	if f := m[t.String()]; f != nil {
		return resilience.Reply{}, f(ctx)
	}
	time.Sleep(time.Second)
	return resilience.Reply{TTFT: 100 * time.Millisecond}, nil
}

func broken(context.Context) error { return &resilience.Error{Class: resilience.ClassServer} }

func watched(t *testing.T, m models) (*Observer, *resilience.Stack) {
	t.Helper()
	o := New()
	s, err := resilience.New(resilience.Config{
		Retry:    &resilience.Retry{MaxAttempts: 2, Jitter: "none"},
		Breaker:  &resilience.Breaker{FailureThreshold: 4, RecoveryTimeout: 10 * time.Second},
		Fallback: []string{"p/small"},
	}, resilience.Options{Client: m, Observe: o.Observe})
	if err != nil {
		t.Fatal(err)
	}
	o.Watch(s)
	return o, s
}

// TestMetrics: two calls whose primary is down and a third that skips it.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := watched(t, models{"p/big": broken})
		for range 3 {
			if _, err := s.Complete(t.Context(), resilience.Target{Provider: "p", Model: "big"}, resilience.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		const want = `
# HELP resilience_attempts_total Attempts that ended.
# TYPE resilience_attempts_total counter
resilience_attempts_total{op="llm",target="p/big"} 4
resilience_attempts_total{op="llm",target="p/small"} 3
# HELP resilience_breaker_state State of the breaker now: 0 closed, 1 half-open, 2 open.
# TYPE resilience_breaker_state gauge
resilience_breaker_state{target="p/big"} 2
resilience_breaker_state{target="p/small"} 0
# HELP resilience_breaker_transitions_total Breakers that changed their state.
# TYPE resilience_breaker_transitions_total counter
resilience_breaker_transitions_total{from="closed",reason="consecutive failures",target="p/big",to="open"} 1
# HELP resilience_budget_tokens Retries and hedges that the budget would allow now.
# TYPE resilience_budget_tokens gauge
resilience_budget_tokens{target="p/big"} 8.4
resilience_budget_tokens{target="p/small"} 10
# HELP resilience_calls_total Calls that ended: ok, failed, or refused without an attempt.
# TYPE resilience_calls_total counter
resilience_calls_total{op="llm",outcome="ok"} 3
# HELP resilience_errors_total Attempts that failed, by class.
# TYPE resilience_errors_total counter
resilience_errors_total{class="server_error",op="llm",target="p/big"} 4
# HELP resilience_fallback_activated_total Calls in which another target than the first was asked.
# TYPE resilience_fallback_activated_total counter
resilience_fallback_activated_total{op="llm",outcome="ok"} 3
# HELP resilience_retried_calls_total Calls that took more than one attempt.
# TYPE resilience_retried_calls_total counter
resilience_retried_calls_total{op="llm",outcome="ok"} 2
# HELP resilience_retries_total Retries, by the class of the failure before.
# TYPE resilience_retries_total counter
resilience_retries_total{op="llm",reason="server_error",target="p/big"} 2
# HELP resilience_skips_total Targets passed over without an attempt.
# TYPE resilience_skips_total counter
resilience_skips_total{op="llm",reason="breaker open",target="p/big"} 1
`
		names := []string{"attempts_total", "breaker_state", "breaker_transitions_total", "budget_tokens", "calls_total",
			"errors_total", "fallback_activated_total", "retried_calls_total", "retries_total", "skips_total"}
		for i := range names {
			names[i] = "resilience_" + names[i]
		}
		if err := testutil.CollectAndCompare(o, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		// Each breaker's state is that of now, although nobody called meanwhile.
		time.Sleep(time.Minute)
		const later = `
# HELP resilience_breaker_state State of the breaker now: 0 closed, 1 half-open, 2 open.
# TYPE resilience_breaker_state gauge
resilience_breaker_state{target="p/big"} 1
resilience_breaker_state{target="p/small"} 0
`
		if err := testutil.CollectAndCompare(o, strings.NewReader(later), "resilience_breaker_state"); err != nil {
			t.Error(err)
		}
	})
}

// TestLatenciesAreApart: what failed or was refused is not in the histogram of what
// succeeded.
func TestLatenciesAreApart(t *testing.T) {
	o := New()
	at := time.Unix(0, 0)
	event := func(kind resilience.EventKind, class resilience.Class, attempts uint64, took time.Duration) {
		e := resilience.Event{Kind: kind, Op: "llm", Target: "p/big", Class: class, Start: at, End: at.Add(took), TTFT: took / 2}
		e.Key.Attempt = attempts
		o.Observe(e)
	}
	event(resilience.AttemptDone, "", 1, time.Second)
	event(resilience.AttemptDone, resilience.ClassTimeout, 1, 45*time.Second)
	event(resilience.CallDone, "", 1, 2*time.Second)
	event(resilience.CallDone, resilience.ClassTimeout, 1, 46*time.Second)
	event(resilience.CallDone, resilience.ClassOpen, 0, 0)
	o.Observe(resilience.Event{Kind: resilience.QueueWait, Target: "models", Delay: 3 * time.Second})
	o.Observe(resilience.Event{Kind: resilience.LimitWait, Target: "p", Delay: 4 * time.Second})
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(o)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.Histogram == nil {
				continue
			}
			name := f.GetName()
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					name += " " + l.GetValue()
				}
			}
			if m.Histogram.GetSampleCount() != 1 {
				t.Errorf("%s: %d samples, want 1", name, m.Histogram.GetSampleCount())
			}
			got[name] = m.Histogram.GetSampleSum()
		}
	}
	for name, want := range map[string]float64{
		"attempt_duration_seconds ok": 1, "attempt_duration_seconds failed": 45,
		"call_duration_seconds ok": 2, "call_duration_seconds failed": 46, "call_duration_seconds refused": 0,
		"time_to_first_token_seconds ok": 0.5, "time_to_first_token_seconds failed": 22.5,
		"queue_wait_seconds": 3, "limiter_wait_seconds": 4,
	} {
		if v, ok := got["resilience_"+name]; !ok || v != want {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
}

// TestReasonsAreFew: the reasons of transitions carry no numbers as labels.
func TestReasonsAreFew(t *testing.T) {
	for reason, want := range map[string]string{
		"5 consecutive failures": "consecutive failures", "12 of 20 calls failed within 1m0s": "calls failed",
		"5 failures within 1m0s": "failures", "2 probes succeeded": "probes succeeded", "recovery timeout": "recovery timeout",
	} {
		if got := plain(reason); got != want {
			t.Errorf("%q: %q, want %q", reason, got, want)
		}
	}
}

// TestManyAtOnce: events and scrapes come from many goroutines.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := watched(t, models{"p/big": broken})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, _ = s.Complete(t.Context(), resilience.Target{Provider: "p", Model: "big"}, resilience.Request{})
				testutil.CollectAndCount(o)
			})
		}
		wg.Wait()
		if n := testutil.ToFloat64(o.calls.WithLabelValues("llm", "ok")); n != 50 {
			t.Errorf("%v calls, want 50", n)
		}
	})
}
