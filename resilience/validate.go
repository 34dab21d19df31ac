package resilience

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate reports every impossible value, each with its path: "retry.maxAttempts:
// must be at least 1". It expects the defaults filled in.
func (c Config) Validate() error {
	var p problems
	if c.Retry != nil {
		c.Retry.validate(&p)
	}
	if c.Breaker != nil {
		c.Breaker.validate(&p)
	}
	if c.Timeouts != nil {
		c.Timeouts.validate(&p)
	}
	for i, name := range c.Fallback {
		_, err := ParseTarget(name)
		p.check(err == nil, fmt.Sprintf("fallback[%d]", i), "must be provider/model")
		p.check(!slices.Contains(c.Fallback[:i], name), fmt.Sprintf("fallback[%d]", i), "is named twice")
	}
	p.oneOf("client", c.Client, "strict", "sdk")
	if c.Stream != nil {
		p.oneOf("stream.onBreak", c.Stream.OnBreak, "fail", "restart", "continue")
	}
	p.check(c.Keys >= 0, "keys", "must not be negative")
	if c.Limits != nil {
		c.Limits.validate(&p)
	}
	if c.Queue != nil {
		c.Queue.validate(&p)
	}
	if c.Hedge != nil {
		_, _, err := c.Hedge.after()
		p.check(err == nil, "hedge.after", "must be a duration above zero or a quantile from p1 to p99")
		p.check(c.Hedge.Max >= 1, "hedge.max", "must be at least 1")
	}
	c.validateOrder(&p)
	return errors.Join(p...)
}

func (r Retry) validate(p *problems) {
	p.check(r.MaxAttempts >= 1, "retry.maxAttempts", "must be at least 1")
	p.positive("retry.baseDelay", r.BaseDelay)
	p.check(r.MaxDelay >= r.BaseDelay, "retry.maxDelay", "must not be below baseDelay")
	p.check(r.ExponentialBase >= 1, "retry.exponentialBase", "must be at least 1")
	p.oneOf("retry.jitter", r.Jitter, "none", "full", "equal", "decorrelated")
	p.positive("retry.retryAfterCap", r.RetryAfterCap)
	p.check(r.Budget > 0, "retry.budget", "must be above zero")
	p.check(r.BudgetReserve >= 0, "retry.budgetReserve", "must not be negative")
}

func (l Limits) validate(p *problems) {
	p.check(l.RPM >= 0, "limits.rpm", "must not be negative")
	p.check(l.TPM >= 0, "limits.tpm", "must not be negative")
	p.check(l.Concurrency >= 0, "limits.concurrency", "must not be negative")
	if l.Adaptive != nil {
		p.check(l.Concurrency == 0, "limits.adaptive", "cannot stand beside concurrency")
		l.Adaptive.validate(p)
	}
}

func (q Queue) validate(p *problems) {
	p.check(q.Size >= 1, "queue.size", "must be at least 1")
	p.check(q.Concurrency >= 1, "queue.concurrency", "must be at least 1")
	p.oneOf("queue.order", q.Order, "fifo", "priority")
}

func (b Breaker) validate(p *problems) {
	p.oneOf("breaker.mode", b.Mode, "adaptive", "consecutive", "absolute")
	p.check(b.FailureThreshold >= 1, "breaker.failureThreshold", "must be at least 1")
	p.check(b.FailureRate > 0 && b.FailureRate <= 1, "breaker.failureRate", "must lie in (0, 1]")
	p.check(b.MinimumCalls >= 1, "breaker.minimumCalls", "must be at least 1")
	p.positive("breaker.monitoringWindow", b.MonitoringWindow)
	p.positive("breaker.recoveryTimeout", b.RecoveryTimeout)
	p.check(b.OpenFactor >= 1, "breaker.openFactor", "must be at least 1")
	p.check(b.OpenMax >= b.RecoveryTimeout, "breaker.openMax", "must not be below recoveryTimeout")
	p.check(b.HalfOpenMaxCalls >= 1, "breaker.halfOpenMaxCalls", "must be at least 1")
	p.check(b.SuccessThreshold >= 1, "breaker.successThreshold", "must be at least 1")
	p.check(b.Lease >= 0, "breaker.lease", "must not be negative")
}

func (t Timeouts) validate(p *problems) {
	p.positive("timeouts.llmCall", t.LLMCall)
	p.positive("timeouts.toolExecution", t.ToolExecution)
	p.positive("timeouts.webSearch", t.WebSearch)
	p.positive("timeouts.databaseQuery", t.DatabaseQuery)
	p.positive("timeouts.totalRequest", t.TotalRequest)
	p.positive("timeouts.firstToken", t.FirstToken)
	p.positive("timeouts.streamIdle", t.StreamIdle)
	p.positive("timeouts.contentIdle", t.ContentIdle)
	p.positive("timeouts.connect", t.Connect)
}

// ParseTarget reads provider/model; the model may contain further slashes.
func ParseTarget(s string) (Target, error) {
	provider, model, ok := strings.Cut(s, "/")
	if !ok || provider == "" || model == "" {
		return Target{}, fmt.Errorf("resilience: target %q is not provider/model", s)
	}
	return Target{provider, model}, nil
}

// Tool gives the timeout of a tool by its class or duration, as ToolSpec.Timeout
// has it. A nil receiver gives 0, which is none.
func (t *Timeouts) Tool(class string) (time.Duration, error) {
	off := t == nil
	if off {
		t = new(Timeouts)
	}
	switch class {
	case "", "toolExecution":
		return t.ToolExecution, nil
	case "webSearch":
		return t.WebSearch, nil
	case "databaseQuery":
		return t.DatabaseQuery, nil
	}
	d, err := time.ParseDuration(class)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("resilience: tool timeout %q is neither toolExecution, webSearch, databaseQuery nor a duration", class)
	}
	if off {
		return 0, nil
	}
	return d, nil
}

// problems gathers what is wrong.
type problems []error

func (p *problems) check(ok bool, path, must string) {
	if !ok {
		*p = append(*p, fmt.Errorf("%s: %s", path, must))
	}
}

func (p *problems) positive(path string, d time.Duration) { p.check(d > 0, path, "must be above zero") }

func (p *problems) oneOf(path, got string, words ...string) {
	p.check(slices.Contains(words, got), path, "must be one of "+strings.Join(words, ", "))
}
