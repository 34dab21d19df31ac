package resilience

import (
	"fmt"
	"strings"
	"time"
)

// Patience is how long one call can take while no target ever answers, and the sum
// that it comes from: "2 × (3 × 45s + 3s of waiting) = 4m36s". An attempt takes
// attempt, and each target gets so many.
func (c Config) Patience(attempt time.Duration, targets, attempts int) (time.Duration, string) {
	var waits time.Duration
	if c.Retry != nil {
		delay := float64(c.Retry.BaseDelay)
		for range attempts - 1 {
			waits += capped(delay, c.Retry.MaxDelay)
			delay *= c.Retry.ExponentialBase
		}
	}
	all := time.Duration(targets) * (time.Duration(attempts)*attempt + waits)
	return all, fmt.Sprintf("%d × (%d × %s + %s of waiting) = %s", targets, attempts,
		short(attempt), short(waits), short(all))
}

// Warnings names what a valid config promises but cannot keep, each with its path
// and the arithmetic: a total time that is up before a model call has tried
// everything. It expects the defaults filled in.
func (c Config) Warnings() []string {
	if c.Timeouts == nil {
		return nil
	}
	attempts := 1
	if c.Retry != nil {
		attempts = c.Retry.MaxAttempts
	}
	var all []string
	for _, call := range []struct {
		name    string
		attempt time.Duration
	}{{"unary", c.Timeouts.LLMCall}, {"streaming", c.Timeouts.FirstToken}} {
		worst, sum := c.Patience(call.attempt, 1+len(c.Fallback), attempts)
		if total := c.Timeouts.TotalRequest; worst > total {
			all = append(all, fmt.Sprintf("timeouts.totalRequest: %s is less than a %s model call can take while its targets hang: %s",
				short(total), call.name, sum))
		}
	}
	return all
}

// short writes a duration without units that are zero: 2m, not 2m0s.
func short(d time.Duration) string {
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
