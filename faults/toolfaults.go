package faults

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// ToolError lets a tool report an error.
type ToolError struct {
	// Status is the HTTP status; 500 by default, 200 for an error that looks like a
	// success.
	Status int `yaml:"status,omitempty" json:"status" jsonschema:"minimum=200,maximum=599"`
}

// Validate reports a status that no tool gives.
func (p ToolError) Validate() error {
	if p.Status != http.StatusOK && (p.Status < 400 || p.Status > 599) {
		return errors.New("status: must be 200 or lie in [400, 599]")
	}
	return nil
}

func (p ToolError) reply(c *cast) (exchange.Script, bool) {
	e := dialect.Error{Status: p.Status, Type: "tool_error", Message: "The tool failed inside."}
	s := c.refuse(e, nil)
	s.Steps = exchange.Bytes(0, "", toolDialect.RenderError(e), exchange.Failure).Steps
	return s, true
}

// ToolEmpty lets a tool succeed with an empty result.
type ToolEmpty struct{}

// Validate accepts: there is nothing to set.
func (ToolEmpty) Validate() error { return nil }

func (ToolEmpty) rewrite(c *cast, s exchange.Script) exchange.Script {
	return result(c, s, empty("{}"))
}

// ToolNull lets a tool succeed with null for a result.
type ToolNull struct{}

// Validate accepts: there is nothing to set.
func (ToolNull) Validate() error { return nil }

func (ToolNull) rewrite(c *cast, s exchange.Script) exchange.Script {
	return result(c, s, empty("null"))
}

func empty(raw string) func([]byte) string { return func([]byte) string { return raw } }

// result replaces the result in a tool's reply by what f makes of it; "" leaves it.
func result(c *cast, s exchange.Script, f func(old []byte) string) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		if v := value(step.Bytes, "result"); v.Exists() {
			if raw := f([]byte(v.Raw)); raw != "" && set(step, "result", raw) {
				c.fired()
			}
		}
		return true
	})
}

// ToolTimeout lets a tool never answer.
type ToolTimeout struct{}

// Validate accepts: there is nothing to set.
func (ToolTimeout) Validate() error { return nil }

func (ToolTimeout) reply(c *cast) (exchange.Script, bool) { return Hang{}.reply(c) }

// ToolCrash lets a tool die before it has done anything: the connection is closed.
type ToolCrash struct{}

// Validate accepts: there is nothing to set.
func (ToolCrash) Validate() error { return nil }

func (ToolCrash) reply(c *cast) (exchange.Script, bool) { return Cut{}.reply(c) }

// ToolSlow lets a tool take longer.
type ToolSlow struct {
	// Delay is how much longer; 30s by default.
	Delay time.Duration `yaml:"delay,omitempty" json:"delay"`
}

// Validate reports a delay that is not above zero.
func (p ToolSlow) Validate() error { return jittered("delay", p.Delay, 0) }

func (p ToolSlow) rewrite(c *cast, s exchange.Script) exchange.Script {
	c.fired()
	s.Wait += p.Delay
	return s
}

// ToolSchema gives a tool's result in another schema: inside an object with a
// version.
type ToolSchema struct{}

// Validate accepts: there is nothing to set.
func (ToolSchema) Validate() error { return nil }

func (ToolSchema) rewrite(c *cast, s exchange.Script) exchange.Script {
	return result(c, s, func(old []byte) string { return `{"version":2,"data":[` + string(old) + `]}` })
}

// ToolStale gives a result of long ago, which only its asOf tells.
type ToolStale struct {
	// Age is how long ago; 24h by default.
	Age time.Duration `yaml:"age,omitempty" json:"age"`
}

// Validate reports an age that is not above zero.
func (p ToolStale) Validate() error { return jittered("age", p.Age, 0) }

func (p ToolStale) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		at, err := time.Parse(time.RFC3339, value(step.Bytes, "result.asOf").Str)
		if err == nil && set(step, "result.asOf", quote(at.Add(-p.Age).Format(time.RFC3339))) {
			c.fired()
		}
		return true
	})
}

// ToolOversized gives a result that is far too long.
type ToolOversized struct {
	// Size is that of its text in bytes; 1 MiB by default.
	Size int `yaml:"size,omitempty" json:"size" jsonschema:"minimum=1,maximum=67108864"`
}

// Validate reports a size that cannot be.
func (p ToolOversized) Validate() error { return sized(p.Size) }

func (p ToolOversized) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		text := cmp.Or(value(step.Bytes, "result.text").Str, "x") + " "
		if set(step, "result.text", quote(strings.Repeat(text, p.Size/len(text)+1)[:p.Size])) {
			c.fired()
		}
		return true
	})
}

// ToolUnknownOutcome lets a tool do its work and die before it says so.
type ToolUnknownOutcome struct{}

// Validate accepts: there is nothing to set.
func (ToolUnknownOutcome) Validate() error { return nil }

func (ToolUnknownOutcome) rewrite(c *cast, s exchange.Script) exchange.Script {
	c.fired()
	s.Silent, s.End, s.Steps = true, exchange.Cut, nil
	return s
}
