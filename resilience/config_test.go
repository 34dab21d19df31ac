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
		Retry:    &Retry{MaxAttempts: -1, Jitter: "some", MaxDelay: time.Millisecond},
		Breaker:  &Breaker{FailureRate: 1.5, OpenMax: time.Second, Mode: "x"},
		Fallback: []string{"gpt", "a/b", "a/b"},
		Timeouts: &Timeouts{FirstToken: -1},
		Client:   "curl",
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
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 9 {
		t.Errorf("%d mistakes reported, 10 made:\n%v", n+1, err)
	}
}
