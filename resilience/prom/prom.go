// Package prom shows what a resilience stack does as Prometheus metrics.
//
//	o := prom.New()
//	stack, err := resilience.New(config, resilience.Options{Observe: o.Observe, …})
//	o.Watch(stack)
//	prometheus.MustRegister(o)
//
// All names begin with resilience_ and times are in seconds. Latencies of successes,
// of failures and of calls that were refused without an attempt are kept apart by the
// label outcome. One Observer is for one stack; register those of several with
// prometheus.WrapRegistererWith and a label of your own.
package prom

import (
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/agentchaos/chaos/resilience"
)

// Observer counts the events of a stack, and is the collector of its metrics. It is
// safe for concurrent use; make it with New.
type Observer struct {
	stack atomic.Pointer[resilience.Stack]

	calls, callErrors, retried, fallbacks     *prometheus.CounterVec
	attempts, errors, retries, refusals       *prometheus.CounterVec
	skips, hedges, rests, broken, transitions *prometheus.CounterVec
	call, attempt, firstToken, queue, limiter *prometheus.HistogramVec
	all                                       []prometheus.Collector
	state, budget                             *prometheus.Desc
}

// New returns an observer that has heard nothing.
func New() *Observer {
	o := &Observer{
		state: prometheus.NewDesc("resilience_breaker_state",
			"State of the breaker now: 0 closed, 1 half-open, 2 open.", []string{"target"}, nil),
		budget: prometheus.NewDesc("resilience_budget_tokens",
			"Retries and hedges that the budget would allow now.", []string{"target"}, nil),
	}
	o.calls = o.counter("calls_total", "Calls that ended: ok, failed, or refused without an attempt.", "op", "outcome")
	o.callErrors = o.counter("call_errors_total", "Calls that failed, by the class of their first real cause.", "op", "class")
	o.retried = o.counter("retried_calls_total", "Calls that took more than one attempt.", "op", "outcome")
	o.fallbacks = o.counter("fallback_activated_total", "Calls in which another target than the first was asked.", "op", "outcome")
	o.attempts = o.counter("attempts_total", "Attempts that ended.", "op", "target")
	o.errors = o.counter("errors_total", "Attempts that failed, by class.", "op", "target", "class")
	o.retries = o.counter("retries_total", "Retries, by the class of the failure before.", "op", "target", "reason")
	o.refusals = o.counter("budget_refusals_total", "Retries that the budget refused.", "op", "target")
	o.skips = o.counter("skips_total", "Targets passed over without an attempt.", "op", "target", "reason")
	o.hedges = o.counter("hedges_total", "Attempts started because another was late.", "op", "target")
	o.rests = o.counter("key_rests_total", "Keys taken out of use for a time.", "provider", "class")
	o.broken = o.counter("streams_broken_total", "Streams that broke after content and were restarted or continued.", "target", "action")
	o.transitions = o.counter("breaker_transitions_total", "Breakers that changed their state.", "target", "from", "to", "reason")
	o.call = o.histogram("call_duration_seconds", "Time of calls, all their attempts and waits included.", "op", "outcome")
	o.attempt = o.histogram("attempt_duration_seconds", "Time of attempts.", "op", "target", "outcome")
	o.firstToken = o.histogram("time_to_first_token_seconds", "Time of attempts until their first content.", "target", "outcome")
	o.queue = o.histogram("queue_wait_seconds", "Waits in the queue.", "target")
	o.limiter = o.histogram("limiter_wait_seconds", "Waits for a rate limit.", "target")
	return o
}

func (o *Observer) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "resilience_" + name, Help: help}, labels)
	o.all = append(o.all, c)
	return c
}

// histogram has the buckets that OpenTelemetry recommends for calls of models.
func (o *Observer) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "resilience_" + name, Help: help,
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 14)}, labels)
	o.all = append(o.all, h)
	return h
}

// Watch shows the breakers and budgets of s, in place of those of an earlier stack.
func (o *Observer) Watch(s *resilience.Stack) { o.stack.Store(s) }

// Observe is a resilience.Observer.
func (o *Observer) Observe(e resilience.Event) {
	switch e.Kind {
	case resilience.CallDone:
		o.ended(e)
	case resilience.AttemptDone:
		o.attempted(e)
	case resilience.RetryWait:
		o.retries.WithLabelValues(e.Op, e.Target, string(e.Class)).Inc()
	case resilience.TargetSkip:
		o.skips.WithLabelValues(e.Op, e.Target, e.Reason).Inc()
	case resilience.Transition:
		o.transitions.WithLabelValues(e.Target, e.From.String(), e.To.String(), plain(e.Reason)).Inc()
	case resilience.BudgetSpent:
		o.refusals.WithLabelValues(e.Op, e.Target).Inc()
	case resilience.QueueWait:
		o.queue.WithLabelValues(e.Target).Observe(e.Delay.Seconds())
	case resilience.LimitWait:
		o.limiter.WithLabelValues(e.Target).Observe(e.Delay.Seconds())
	case resilience.HedgeStart:
		o.hedges.WithLabelValues(e.Op, e.Target).Inc()
	case resilience.KeyRest:
		o.rests.WithLabelValues(e.Target, string(e.Class)).Inc()
	case resilience.StreamBroken:
		o.broken.WithLabelValues(e.Target, e.Reason).Inc()
	}
}

func (o *Observer) ended(e resilience.Event) {
	outcome := outcomeOf(e)
	if outcome == "failed" && e.Key.Attempt == 0 {
		outcome = "refused"
	}
	o.calls.WithLabelValues(e.Op, outcome).Inc()
	o.call.WithLabelValues(e.Op, outcome).Observe(e.End.Sub(e.Start).Seconds())
	if e.Class != "" {
		o.callErrors.WithLabelValues(e.Op, string(e.Class)).Inc()
	}
	if e.Key.Attempt > 1 {
		o.retried.WithLabelValues(e.Op, outcome).Inc()
	}
	if e.Fallback {
		o.fallbacks.WithLabelValues(e.Op, outcome).Inc()
	}
}

func (o *Observer) attempted(e resilience.Event) {
	outcome := outcomeOf(e)
	o.attempts.WithLabelValues(e.Op, e.Target).Inc()
	o.attempt.WithLabelValues(e.Op, e.Target, outcome).Observe(e.End.Sub(e.Start).Seconds())
	if e.TTFT > 0 {
		o.firstToken.WithLabelValues(e.Target, outcome).Observe(e.TTFT.Seconds())
	}
	if e.Class != "" {
		o.errors.WithLabelValues(e.Op, e.Target, string(e.Class)).Inc()
	}
}

func outcomeOf(e resilience.Event) string {
	if e.Class == "" {
		return "ok"
	}
	return "failed"
}

// plain is the reason of a transition without its numbers, of which there are too
// many for a label: "5 of 20 calls failed within 1m0s" becomes "calls failed".
func plain(reason string) string {
	reason, _, _ = strings.Cut(reason, " within ")
	_, after, counted := strings.Cut(reason, " of ")
	if counted {
		reason = after
	}
	return strings.TrimLeft(reason, "0123456789 ")
}

// Describe implements prometheus.Collector.
func (o *Observer) Describe(ch chan<- *prometheus.Desc) {
	ch <- o.state
	ch <- o.budget
	for _, c := range o.all {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector. The states of the breakers are those of
// the moment it is called, whether or not anyone called their targets since they
// changed.
func (o *Observer) Collect(ch chan<- prometheus.Metric) {
	if s := o.stack.Load(); s != nil {
		for target, state := range s.Breakers() {
			ch <- prometheus.MustNewConstMetric(o.state, prometheus.GaugeValue, levels[state], target)
		}
		for target, tokens := range s.Budgets() {
			ch <- prometheus.MustNewConstMetric(o.budget, prometheus.GaugeValue, tokens, target)
		}
	}
	for _, c := range o.all {
		c.Collect(ch)
	}
}

var levels = map[resilience.State]float64{resilience.Closed: 0, resilience.HalfOpen: 1, resilience.Open: 2}
