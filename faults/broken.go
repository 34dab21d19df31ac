package faults

import (
	"bytes"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Truncate ends a reply early, as if that were all.
type Truncate struct {
	// After is how many content events are delivered; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p Truncate) Validate() error { return notNegative("after", p.After) }

func (p Truncate) rewrite(c *cast, s exchange.Script) exchange.Script {
	s = at(p.After, s, func(exchange.Step, func(exchange.Step) bool) bool {
		c.fired()
		return false
	})
	if s.Header.Get("Content-Length") != "" {
		s.Header = s.Header.Clone()
		s.Header.Del("Content-Length") // a clean end needs chunks
	}
	return s
}

// Reset resets the connection.
type Reset struct {
	// After is how many content events are delivered; 0, the default, resets before
	// the headers.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// resetWait is how long before a reset the events before it are out: a reset throws
// away what its receiver has not read yet.
const resetWait = time.Millisecond

// Validate reports a negative number.
func (p Reset) Validate() error { return notNegative("after", p.After) }

func (p Reset) reply(c *cast) (exchange.Script, bool) {
	if p.After > 0 {
		return exchange.Script{}, false
	}
	c.fired()
	return exchange.Script{Silent: true, End: exchange.Reset}, true
}

func (p Reset) rewrite(c *cast, s exchange.Script) exchange.Script {
	if silent, ok := p.reply(c); ok {
		silent.Done = s.Done
		return silent
	}
	return at(p.After, s, func(_ exchange.Step, yield func(exchange.Step) bool) bool {
		c.fired()
		yield(exchange.Step{Wait: resetWait, End: exchange.Reset})
		return false
	})
}

// Malformed breaks the JSON of one event or body and keeps the framing intact.
type Malformed struct {
	// After is how many content events stay whole.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p Malformed) Validate() error { return notNegative("after", p.After) }

func (p Malformed) rewrite(c *cast, s exchange.Script) exchange.Script {
	steps := s.Steps
	if s.Silent || steps == nil {
		return s
	}
	s.Steps = func(yield func(exchange.Step) bool) {
		content, done := 0, false
		for step := range steps {
			isContent := step.Kind == exchange.Content
			if !done && content >= p.After && (isContent || step.Kind == exchange.Terminal) {
				if step.Bytes, done = corrupt(step.Bytes); done {
					c.fired()
				}
			}
			if isContent {
				content++
			}
			if !yield(step) {
				return
			}
		}
	}
	return s
}

// corrupt blanks the last closing bracket, which no JSON text survives; ok is
// false if there is none.
func corrupt(b []byte) (broken []byte, ok bool) {
	i := bytes.LastIndexAny(b, "}]")
	if i < 0 {
		return b, false
	}
	broken = bytes.Clone(b)
	broken[i] = ' '
	return broken, true
}
