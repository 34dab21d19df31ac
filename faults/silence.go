package faults

import (
	"errors"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Delay sends the headers late.
type Delay struct {
	Delay time.Duration `yaml:"delay" json:"delay"`
	// Jitter is the largest deviation from Delay, uniformly distributed.
	Jitter time.Duration `yaml:"jitter,omitempty" json:"jitter,omitempty"`
}

// Validate reports delays that cannot be.
func (p Delay) Validate() error { return jittered("delay", p.Delay, p.Jitter) }

func (p Delay) rewrite(c *cast, s exchange.Script) exchange.Script {
	s.Wait += p.Delay + time.Duration((2*c.draw()-1)*float64(p.Jitter))
	c.fired()
	return s
}

func jittered(field string, delay, jitter time.Duration) error {
	var errs []error
	if delay <= 0 {
		errs = append(errs, errors.New(field+": must be above zero"))
	}
	if jitter < 0 || jitter > delay {
		errs = append(errs, errors.New("jitter: must lie between 0 and "+field))
	}
	return errors.Join(errs...)
}

// Hang never answers.
type Hang struct{}

// Validate accepts: there is nothing to set.
func (Hang) Validate() error { return nil }

func (Hang) reply(c *cast) (exchange.Script, bool) {
	c.fired()
	return exchange.Script{Silent: true, End: exchange.Hold}, true
}

// Stall falls silent in the middle of a reply.
type Stall struct {
	// After is how many content events come before the silence; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// Duration is how long the silence lasts; 0 is for ever.
	Duration time.Duration `yaml:"duration,omitempty" json:"duration,omitempty"`
}

// Validate reports negative numbers.
func (p Stall) Validate() error {
	return errors.Join(notNegative("after", p.After), notNegative("duration", p.Duration))
}

func (p Stall) rewrite(c *cast, s exchange.Script) exchange.Script {
	return at(p.After, s, func(step exchange.Step, yield func(exchange.Step) bool) bool {
		c.fired()
		if p.Duration == 0 {
			yield(exchange.Step{End: exchange.Hold})
			return false
		}
		step.Wait += p.Duration
		return yield(step)
	})
}

// at lets n content events pass and hands the step after them to strike, which
// yields what comes instead; the rest follows if strike returns true.
func at(n int, s exchange.Script, strike func(exchange.Step, func(exchange.Step) bool) bool) exchange.Script {
	steps := s.Steps
	if s.Silent || steps == nil {
		return s
	}
	s.Steps = func(yield func(exchange.Step) bool) {
		content, struck := 0, false
		for step := range steps {
			more := false
			if !struck && content >= n {
				struck = true
				more = strike(step, yield)
			} else {
				more = yield(step)
			}
			if !more {
				return
			}
			if step.Kind == exchange.Content {
				content++
			}
		}
	}
	return s
}
