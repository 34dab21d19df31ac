package faults

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Comments puts a comment before every event of a stream.
type Comments struct {
	// As is comment (the default), data (a comment that was taken for data) or id (with
	// an id and a blank line, which careless parsers take for an empty event).
	As string `yaml:"as,omitempty" json:"as" jsonschema:"enum=comment,enum=data,enum=id"`
}

// Validate reports an unknown form.
func (p Comments) Validate() error { return oneOf("as", p.As, "comment", "data", "id") }

func (p Comments) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	comment := ": PROCESSING\n\n"
	switch p.As {
	case "data":
		comment = "data: : PROCESSING\n\n"
	case "id":
		comment = "id: 1\n: PROCESSING\n\n"
	}
	return pass(s, func(step exchange.Step, out emit) bool {
		if len(step.Bytes) == 0 {
			return out(step)
		}
		c.fired()
		wait := step.Wait
		step.Wait = 0
		return out(exchange.Step{Wait: wait, Kind: exchange.Ping, Bytes: []byte(comment)}) && out(step)
	})
}

// Lines writes a stream in another of the forms that server-sent events allow.
type Lines struct {
	// Form is crlf (the default), cr, bom (a byte order mark first) or no_space (after
	// the colons).
	Form string `yaml:"form,omitempty" json:"form" jsonschema:"enum=crlf,enum=cr,enum=bom,enum=no_space"`
}

// Validate reports an unknown form.
func (p Lines) Validate() error { return oneOf("form", p.Form, "crlf", "cr", "bom", "no_space") }

func (p Lines) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	begun := false
	return change(s, func(step *exchange.Step) bool {
		before := step.Bytes
		switch p.Form {
		case "bom":
			if !begun && len(before) > 0 {
				begun = true
				step.Bytes = slices.Concat([]byte("\xef\xbb\xbf"), before)
			}
		case "no_space":
			for _, field := range [...]string{"data:", "event:"} {
				step.Bytes = bytes.ReplaceAll(step.Bytes, []byte(field+" "), []byte(field))
			}
		default:
			end := "\r\n"
			if p.Form == "cr" {
				end = "\r"
			}
			lines := bytes.ReplaceAll(before, []byte("\r\n"), []byte("\n"))
			step.Bytes = bytes.ReplaceAll(lines, []byte("\n"), []byte(end))
		}
		if !bytes.Equal(before, step.Bytes) {
			c.fired()
		}
		return true
	})
}

// Split sends every event in pieces, each in a chunk and a packet of its own.
type Split struct {
	// Size is that of the pieces in bytes; 1 by default, which also splits letters of
	// several bytes.
	Size int `yaml:"size,omitempty" json:"size" jsonschema:"minimum=1"`
	// Gap is the time between two pieces; 1ms by default.
	Gap time.Duration `yaml:"gap,omitempty" json:"gap"`
}

// Validate reports sizes and times that are not above zero.
func (p Split) Validate() error {
	var errs []error
	if p.Size < 1 {
		errs = append(errs, errors.New("size: must be at least 1"))
	}
	if p.Gap <= 0 {
		errs = append(errs, errors.New("gap: must be above zero"))
	}
	return errors.Join(errs...)
}

func (p Split) rewrite(c *cast, s exchange.Script) exchange.Script {
	return pass(s, func(step exchange.Step, out emit) bool {
		for len(step.Bytes) > p.Size {
			c.fired()
			if !out(exchange.Step{Wait: step.Wait, Bytes: step.Bytes[:p.Size:p.Size]}) {
				return false
			}
			step.Bytes, step.Wait = step.Bytes[p.Size:], p.Gap
		}
		return out(step)
	})
}

// Burst holds a stream back, as a proxy does that buffers, and sends what it has in
// one go.
type Burst struct {
	// Size is how many bytes are sent together; 0, the default, is all of them.
	Size int `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"minimum=0"`
}

// Validate reports a negative size.
func (p Burst) Validate() error { return notNegative("size", p.Size) }

func (p Burst) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) || s.Steps == nil {
		return s
	}
	steps := s.Steps
	s.Steps = func(yield func(exchange.Step) bool) {
		var held []exchange.Step
		wait, size := time.Duration(0), 0
		release := func() bool {
			for i, step := range held {
				step.Wait = 0
				if i == 0 {
					step.Wait = wait
				}
				if !yield(step) {
					return false
				}
			}
			held, wait, size = held[:0], 0, 0
			return true
		}
		for step := range steps {
			if len(held) > 0 {
				c.fired()
			}
			held = append(held, step)
			wait, size = wait+step.Wait, size+len(step.Bytes)
			if (p.Size > 0 && size >= p.Size || step.End != exchange.Close) && !release() {
				return
			}
		}
		release()
	}
	return s
}

// UnknownEvent sends an event of a type that nobody knows, after n content events.
type UnknownEvent struct {
	// After is how many content events come before; 0 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p UnknownEvent) Validate() error { return notNegative("after", p.After) }

func (p UnknownEvent) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	b := "event: news\ndata: {\"type\":\"news\",\"text\":\"nobody knows this type\"}\n\n"
	return insert(p.After, c, s, exchange.Step{Bytes: []byte(b)})
}

// NullEvent sends an event without anything in it, after n content events.
type NullEvent struct {
	// After is how many content events come before; 0 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// Data is null (the default) or empty.
	Data string `yaml:"data,omitempty" json:"data" jsonschema:"enum=null,enum=empty"`
}

// Validate reports what cannot be.
func (p NullEvent) Validate() error {
	return errors.Join(notNegative("after", p.After), oneOf("data", p.Data, "null", "empty"))
}

func (p NullEvent) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	b := "data: null\n\n"
	if p.Data == "empty" {
		b = "data:\n\n"
	}
	return insert(p.After, c, s, exchange.Step{Bytes: []byte(b)})
}

// BlankLines sends many blank lines between two events.
type BlankLines struct {
	// Count is how many; 400 by default.
	Count int `yaml:"count,omitempty" json:"count" jsonschema:"minimum=1,maximum=1000000"`
}

// Validate reports a count that cannot be.
func (p BlankLines) Validate() error {
	if p.Count < 1 || p.Count > 1_000_000 {
		return errors.New("count: must lie in [1, 1000000]")
	}
	return nil
}

func (p BlankLines) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	return insert(1, c, s, exchange.Step{Bytes: bytes.Repeat([]byte("\n"), p.Count)})
}

// HugeEvent makes an event long by a field that nobody needs.
type HugeEvent struct {
	// Size is how many bytes are added; 1 MiB by default.
	Size int `yaml:"size,omitempty" json:"size" jsonschema:"minimum=1,maximum=67108864"`
}

// Validate reports a size that cannot be.
func (p HugeEvent) Validate() error { return sized(p.Size) }

// sized reports a size that nobody would send.
func sized(n int) error {
	if n < 1 || n > 64<<20 {
		return errors.New("size: must lie in [1, 67108864]")
	}
	return nil
}

func (p HugeEvent) rewrite(c *cast, s exchange.Script) exchange.Script {
	done := false
	return change(s, func(step *exchange.Step) bool {
		if done || step.Kind != exchange.Content {
			return true
		}
		if done = lead(step, `"padding":"`+string(bytes.Repeat([]byte("x"), p.Size))+`",`); done {
			c.fired()
		}
		return true
	})
}

// HTMLMid ends a stream with a gateway's page.
type HTMLMid struct {
	// After is how many content events come before; 5 by default.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports a negative number.
func (p HTMLMid) Validate() error { return notNegative("after", p.After) }

func (p HTMLMid) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	return at(p.After, unsized(s), func(step exchange.Step, out func(exchange.Step) bool) bool {
		c.fired()
		out(exchange.Step{Wait: step.Wait, Kind: exchange.Failure, Bytes: gatewayPage(502)})
		return false
	})
}
