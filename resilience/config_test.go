package resilience

import (
	"strings"
	"testing"
	"time"
)

func TestDefaultsOfPatternsThatArePresent(t *testing.T) {
	c := Config{Retry: &Retry{MaxAttempts: 7}, Breaker: &Breaker{}, Timeouts: &Timeouts{WebSearch: time.Minute}}
	c.SetDefaults()
	if *c.Retry != (Retry{7, time.Second, time.Minute, 2, "full", 2 * time.Minute, 0.2, 10}) {
		t.Errorf("%+v", *c.Retry)
	}
	if *c.Breaker != (Breaker{"adaptive", 5, 0.5, 20, time.Minute, 30 * time.Second, 2, 5 * time.Minute, 3, 2, 0}) {
		t.Errorf("%+v", *c.Breaker)
	}
	s := time.Second
	if *c.Timeouts != (Timeouts{45 * s, 15 * s, 60 * s, 5 * s, 120 * s, 10 * s, 15 * s, 60 * s, 5 * s}) {
		t.Errorf("%+v", *c.Timeouts)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c = Config{}
	c.SetDefaults()
	if c.Retry != nil || c.Breaker != nil || c.Timeouts != nil || c.Validate() != nil {
		t.Errorf("%+v", c)
	}
}

func TestNewLeavesTheCallersConfigAlone(t *testing.T) {
	c := Config{Retry: &Retry{}}
	if _, err := New(c, Options{}); err != nil || c.Retry.MaxAttempts != 0 {
		t.Error(c.Retry, err)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	c := Config{
		Retry:    &Retry{MaxAttempts: -1, Jitter: "some", MaxDelay: time.Millisecond, Budget: -1, BudgetReserve: -1},
		Breaker:  &Breaker{FailureRate: 1.5, OpenMax: time.Second, Mode: "x"},
		Fallback: []string{"gpt", "a/b", "a/b"},
		Timeouts: &Timeouts{FirstToken: -1},
		Client:   "curl",
		Stream:   &Stream{OnBreak: "weep"},
		Keys:     -1,
		Limits:   &Limits{RPM: -1, TPM: -1, Concurrency: -1},
		Queue:    &Queue{Size: -1, Concurrency: -1, Order: "lifo"},
		Hedge:    &Hedge{After: "soon", Max: -1},
		Order:    []string{"retry", "degrade", "retry", "sleep", "chain"},
	}
	_, err := New(c, Options{})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"retry.maxAttempts: must be at least 1", "retry.jitter: must be one of none, full, equal, decorrelated",
		"retry.maxDelay: must not be below baseDelay", "breaker.failureRate: must lie in (0, 1]",
		"breaker.openMax: must not be below recoveryTimeout", "breaker.mode: must be one of",
		"fallback[0]: must be provider/model", "fallback[2]: is named twice",
		"timeouts.firstToken: must be above zero", "client: must be one of strict, sdk",
		"retry.budget: must be above zero", "retry.budgetReserve: must not be negative",
		"stream.onBreak: must be one of fail, restart, continue", "keys: must not be negative",
		"limits.rpm: must not be negative", "limits.tpm: must not be negative", "limits.concurrency: must not be negative",
		"queue.size: must be at least 1", "queue.concurrency: must be at least 1", "queue.order: must be one of fifo, priority",
		"hedge.after: must be a duration above zero or a quantile from p1 to p99", "hedge.max: must be at least 1",
		"order[1]: wraps whole agent requests and must come before what wraps calls", "order[2]: is named twice",
		"order[3]: must be one of degrade,", `order: lacks "breaker", which the config has`, `order: lacks "queue"`,
		`order: lacks "hedge"`, `order: lacks "limits"`, `order: lacks "timeout"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 29 {
		t.Errorf("%d mistakes reported, 30 made:\n%v", n+1, err)
	}
}
