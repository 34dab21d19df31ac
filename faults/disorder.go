package faults

import (
	"errors"
	"strconv"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Duplicate sends a content event twice.
type Duplicate struct {
	// After is how many content events come before it; 0 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p Duplicate) Validate() error { return notNegative("after", p.After) }

func (p Duplicate) rewrite(c *cast, s exchange.Script) exchange.Script {
	return repeat(c, s, p.After, 1, false)
}

// Repetition repeats a content event many times, as a model does that runs away.
type Repetition struct {
	// After is how many content events come before it; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// Times is how often it is repeated; 200 by default.
	Times int `yaml:"times,omitempty" json:"times" jsonschema:"minimum=1,maximum=1000000"`
}

// Validate reports numbers that cannot be.
func (p Repetition) Validate() error {
	var err error
	if p.Times < 1 || p.Times > 1_000_000 {
		err = errors.New("times: must lie in [1, 1000000]")
	}
	return errors.Join(notNegative("after", p.After), err)
}

func (p Repetition) rewrite(c *cast, s exchange.Script) exchange.Script {
	return repeat(c, s, p.After, p.Times, true)
}

// repeat sends the content event after n others again, at once or at its own pace.
func repeat(c *cast, s exchange.Script, n, times int, paced bool) exchange.Script {
	if !isStream(s) {
		return s
	}
	content := 0
	return pass(s, func(step exchange.Step, out emit) bool {
		if step.Kind != exchange.Content {
			return out(step)
		}
		content++
		if content != n+1 {
			return out(step)
		}
		if !out(step) {
			return false
		}
		c.fired()
		if !paced {
			step.Wait = 0
		}
		for range times {
			if !out(step) {
				return false
			}
		}
		return true
	})
}

// Replay begins a stream again in its middle, as a gateway does that retries.
type Replay struct {
	// After is how many content events come before; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=1"`
}

// Validate reports a number below 1.
func (p Replay) Validate() error {
	if p.After < 1 {
		return errors.New("after: must be at least 1")
	}
	return nil
}

func (p Replay) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	var before []exchange.Step
	content := 0
	return pass(s, func(step exchange.Step, out emit) bool {
		if content < p.After {
			before = append(before, step)
			if step.Kind == exchange.Content {
				content++
			}
			return out(step)
		}
		if before != nil {
			c.fired()
			for _, again := range before {
				if !out(again) {
					return false
				}
			}
			before = nil
		}
		return out(step)
	})
}

// Disorder loses a content event, or lets the next overtake it.
type Disorder struct {
	// After is how many content events come before; 0 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// How is swap (the default) or skip.
	How string `yaml:"how,omitempty" json:"how" jsonschema:"enum=swap,enum=skip"`
}

// Validate reports what cannot be.
func (p Disorder) Validate() error {
	return errors.Join(notNegative("after", p.After), oneOf("how", p.How, "swap", "skip"))
}

func (p Disorder) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	content := 0
	var late *exchange.Step
	return pass(s, func(step exchange.Step, out emit) bool {
		if step.Kind == exchange.Content {
			content++
		}
		switch {
		case late != nil && step.Kind == exchange.Content:
			c.fired()
			first, second := step, *late
			first.Wait, second.Wait, late = late.Wait+step.Wait, 0, nil
			return out(first) && out(second)
		case late != nil: // nothing overtakes it
			held := *late
			late = nil
			return out(held) && out(step)
		case step.Kind != exchange.Content || content != p.After+1:
			return out(step)
		case p.How == "skip":
			c.fired()
			return out(exchange.Step{Wait: step.Wait})
		}
		late = &step
		return true
	})
}

// AfterDone sends content after the end of a stream.
type AfterDone struct{}

// Validate accepts: there is nothing to set.
func (AfterDone) Validate() error { return nil }

func (AfterDone) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) || s.Steps == nil {
		return s
	}
	steps := s.Steps
	s = unsized(s)
	s.Steps = func(yield func(exchange.Step) bool) {
		var first []byte
		for step := range steps {
			if first == nil && step.Kind == exchange.Content {
				first = step.Bytes
			}
			if !yield(step) || step.End != exchange.Close {
				return
			}
		}
		if first != nil {
			c.fired()
			yield(exchange.Step{Kind: exchange.Trailer, Bytes: first})
		}
	}
	return s
}

// BlockOrder breaks the order of Anthropic's events.
type BlockOrder struct {
	// How is no_start (message_start is missing, the default), two_starts, delta_first
	// (deltas of blocks that never began) or index_gap.
	How string `yaml:"how,omitempty" json:"how" jsonschema:"enum=no_start,enum=two_starts,enum=delta_first,enum=index_gap"`
}

// Validate reports an unknown word.
func (p BlockOrder) Validate() error {
	return oneOf("how", p.How, "no_start", "two_starts", "delta_first", "index_gap")
}

func (p BlockOrder) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	return pass(s, func(step exchange.Step, out emit) bool {
		kind := value(step.Bytes, "type").Str
		start := kind == "message_start"
		switch {
		case p.How == "index_gap":
			if i := value(step.Bytes, "index"); i.Exists() && set(&step, "index", strconv.FormatInt(i.Int()+2, 10)) {
				c.fired()
			}
		case p.How == "two_starts" && start:
			c.fired()
			again := step
			again.Wait = 0
			return out(step) && out(again)
		case p.How == "delta_first" && kind == "content_block_start", (p.How == "" || p.How == "no_start") && start:
			c.fired()
			return out(exchange.Step{Wait: step.Wait})
		}
		return out(step)
	})
}
