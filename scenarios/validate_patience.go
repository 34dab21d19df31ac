package scenarios

import (
	"slices"
	"time"

	"github.com/agentchaos/chaos/resilience"
)

// patience warns where an agent request's time is up before a single call of it has
// tried everything that its config allows.
func (c *checker) patience() {
	for _, cfg := range c.s.Configs {
		if cfg.Timeouts == nil || cfg.Timeouts.TotalRequest <= 0 {
			continue
		}
		var worst time.Duration
		var why string
		for _, s := range c.s.Agent.Steps {
			if d, text := c.longest(cfg, s); d > worst {
				worst, why = d, text
			}
		}
		if total := cfg.Timeouts.TotalRequest; worst > total {
			c.warn(join("configs", cfg.Name)+".timeouts.totalRequest", "%s is less than one call can take while its targets hang: %s", durationText(total), why)
		}
	}
}

// longest is how long one call can take when no target ever answers, and the sum
// that it comes from.
func (c *checker) longest(cfg Config, s Step) (time.Duration, string) {
	attempt, targets, attempts := cfg.Timeouts.LLMCall, 1, 1
	if s.Stream {
		attempt = cfg.Timeouts.FirstToken
	}
	tool, isTool := c.s.Tools[s.Tool]
	if isTool {
		attempt = toolTimeout(tool, cfg.Timeouts)
	}
	if cfg.Retry != nil && (!isTool || tool.Idempotent) {
		attempts = cfg.Retry.MaxAttempts
	}
	switch {
	case cfg.Fallback == nil:
	case isTool && tool.Idempotent:
		targets = len(tool.Chain(s.Tool))
	case !isTool:
		targets += len(cfg.Fallback)
		if slices.Contains(cfg.Fallback, s.Target().String()) {
			targets--
		}
	}
	all, sum := cfg.Patience(attempt, targets, attempts)
	return all, s.Name() + " has " + sum
}

func toolTimeout(t Tool, to *resilience.Timeouts) time.Duration {
	switch t.Timeout {
	case "", "toolExecution":
		return to.ToolExecution
	case "webSearch":
		return to.WebSearch
	case "databaseQuery":
		return to.DatabaseQuery
	}
	d, err := parseDuration(t.Timeout)
	if err != nil {
		return 0 // reported where the tool stands
	}
	return d
}
