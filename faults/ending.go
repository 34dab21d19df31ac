package faults

import (
	"errors"
	"strconv"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// NoFinish never says why the answer ended.
type NoFinish struct{}

// Validate accepts: there is nothing to set.
func (NoFinish) Validate() error { return nil }

func (NoFinish) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		for _, path := range finishPaths[c.form()] {
			if !set(step, path, "null") {
				continue
			}
			c.fired()
			if step.Kind == exchange.Terminal {
				step.Kind = exchange.Content // which is no more than what it brings
			}
		}
		return true
	})
}

// NoDone leaves out OpenAI's [DONE].
type NoDone struct{}

// Validate accepts: there is nothing to set.
func (NoDone) Validate() error { return nil }

func (NoDone) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		if string(step.Bytes) != doneEvent {
			return true
		}
		c.fired()
		return false
	})
}

// HalfEvent ends a stream cleanly in the middle of an event.
type HalfEvent struct {
	// After is how many content events are delivered whole; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p HalfEvent) Validate() error { return notNegative("after", p.After) }

func (p HalfEvent) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	return at(p.After, unsized(s), func(step exchange.Step, out func(exchange.Step) bool) bool {
		c.fired()
		out(exchange.Step{Wait: step.Wait, Bytes: step.Bytes[:len(step.Bytes)/2]})
		return false
	})
}

// NoFinalBlank leaves out the blank line after the last event.
type NoFinalBlank struct{}

// Validate accepts: there is nothing to set.
func (NoFinalBlank) Validate() error { return nil }

func (NoFinalBlank) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	steps := s.Steps
	s = unsized(s)
	s.Steps = func(yield func(exchange.Step) bool) {
		var last *exchange.Step // which has a blank line
		for step := range steps {
			if last != nil && !yield(*last) {
				return
			}
			last = &step
		}
		if last == nil {
			return
		}
		for n := len(last.Bytes); n > 1 && last.Bytes[n-1] == '\n'; n = len(last.Bytes) {
			last.Bytes = last.Bytes[:n-1]
			if last.Bytes[n-2] == '\r' {
				last.Bytes = last.Bytes[:n-2]
			}
			c.fired()
		}
		yield(*last)
	}
	return s
}

// Cut closes the connection in the middle of a reply, without the end that HTTP
// wants.
type Cut struct {
	// After is how many content events are delivered; 0, the default, cuts before the
	// headers.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p Cut) Validate() error { return notNegative("after", p.After) }

func (p Cut) reply(c *cast) (exchange.Script, bool) {
	if p.After > 0 {
		return exchange.Script{}, false
	}
	c.fired()
	return exchange.Script{Silent: true, End: exchange.Cut}, true
}

func (p Cut) rewrite(c *cast, s exchange.Script) exchange.Script {
	if silent, ok := p.reply(c); ok {
		silent.Done = s.Done
		return silent
	}
	return at(p.After, s, func(_ exchange.Step, out func(exchange.Step) bool) bool {
		c.fired()
		out(exchange.Step{End: exchange.Cut})
		return false
	})
}

// ContentLength cuts a body that has a length short of it.
type ContentLength struct{}

// Validate accepts: there is nothing to set.
func (ContentLength) Validate() error { return nil }

func (ContentLength) rewrite(c *cast, s exchange.Script) exchange.Script {
	if s.Silent || s.Steps == nil || s.Live || isStream(s) {
		return s
	}
	steps, body := s.Steps, exchange.Step{Kind: exchange.Meta, End: exchange.Cut}
	// The length must be known before the header is sent: bodies are pulled at once.
	for step := range steps {
		body.Wait += step.Wait
		body.Bytes = append(body.Bytes, step.Bytes...)
	}
	c.fired()
	s = headed(s, "Content-Length", strconv.Itoa(len(body.Bytes)))
	body.Bytes = body.Bytes[:len(body.Bytes)/2]
	s.Steps = func(yield func(exchange.Step) bool) { yield(body) }
	return s
}

// Linger leaves the connection open after the end of a stream.
type Linger struct {
	// Duration is for how long; 0, the default, is for ever.
	Duration time.Duration `yaml:"duration,omitempty" json:"duration,omitempty"`
}

// Validate reports a negative time.
func (p Linger) Validate() error { return notNegative("duration", p.Duration) }

func (p Linger) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) || s.Steps == nil {
		return s
	}
	steps := s.Steps
	s.Steps = func(yield func(exchange.Step) bool) {
		for step := range steps {
			if !yield(step) || step.End != exchange.Close {
				return
			}
		}
		c.fired()
		if p.Duration > 0 {
			yield(exchange.Step{Wait: p.Duration})
		} else {
			yield(exchange.Step{End: exchange.Hold})
		}
	}
	return s
}

// PingOnly keeps a stream alive without ever sending more content.
type PingOnly struct {
	// After is how many content events come before; 0 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// Every is the time between two pings; 15s by default.
	Every time.Duration `yaml:"every,omitempty" json:"every"`
}

// Validate reports what cannot be.
func (p PingOnly) Validate() error {
	var err error
	if p.Every < time.Millisecond {
		err = errors.New("every: must be at least 1ms")
	}
	return errors.Join(notNegative("after", p.After), err)
}

func (p PingOnly) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	ping := []byte(": keep-alive\n\n")
	if c.form() == formAnthropic {
		ping = []byte("event: ping\ndata: {\"type\":\"ping\"}\n\n")
	}
	content := 0
	return pass(s, func(step exchange.Step, out emit) bool {
		if content >= p.After && (step.Kind == exchange.Content || step.Kind == exchange.Terminal) {
			c.fired()
			for out(exchange.Step{Wait: p.Every, Kind: exchange.Ping, Bytes: ping}) {
			}
			return false
		}
		if step.Kind == exchange.Content {
			content++
		}
		return out(step)
	})
}
