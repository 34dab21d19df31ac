package faults

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// inside is an error that a reply with status 200 holds, in the target's words.
func (c *cast) inside(name string) dialect.Error {
	switch overloaded := c.dialect().Refusals.Overloaded; {
	case name == "rate_limit":
		return dialect.Error{Status: 429, Type: "rate_limit_error", Code: "rate_limit_exceeded", Message: "Rate limit reached."}
	case name == "server_error":
		return dialect.Error{Status: 500, Type: "server_error", Message: "The server had an error while processing your request."}
	case overloaded.Status != 0:
		return overloaded
	}
	return dialect.Error{Status: 503, Type: "overloaded_error", Message: "Overloaded"}
}

func insideIs(name string) error {
	return oneOf("error", name, "overloaded", "rate_limit", "server_error")
}

// ErrorIn200 answers with an error's body and status 200.
type ErrorIn200 struct {
	// Error is overloaded (the default), rate_limit or server_error.
	Error string `yaml:"error,omitempty" json:"error" jsonschema:"enum=overloaded,enum=rate_limit,enum=server_error"`
}

// Validate reports an unknown error.
func (p ErrorIn200) Validate() error { return insideIs(p.Error) }

func (p ErrorIn200) reply(c *cast) (exchange.Script, bool) {
	s := c.refuse(c.inside(p.Error), nil)
	s.Status = http.StatusOK
	s = change(s, func(step *exchange.Step) bool { step.Kind = exchange.Failure; return true })
	return s, true
}

// HTML200 answers with a page of HTML and status 200, as captive portals do.
type HTML200 struct{}

// Validate accepts: there is nothing to set.
func (HTML200) Validate() error { return nil }

func (HTML200) reply(c *cast) (exchange.Script, bool) {
	c.fired()
	page := []byte("<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to use this network.</body></html>\n")
	return exchange.Bytes(http.StatusOK, "text/html; charset=UTF-8", page, exchange.Failure), true
}

// Empty200 answers with status 200 and nothing else.
type Empty200 struct{}

// Validate accepts: there is nothing to set.
func (Empty200) Validate() error { return nil }

func (Empty200) reply(c *cast) (exchange.Script, bool) {
	c.fired()
	kind := "application/json"
	if c.streams() {
		kind = "text/event-stream; charset=utf-8"
	}
	return exchange.Script{Status: http.StatusOK, Header: http.Header{"Content-Type": {kind}}}, true
}

// NoChoices takes the answer out of a reply and leaves its envelope.
type NoChoices struct {
	// Value is null (the default) or absent.
	Value string `yaml:"value,omitempty" json:"value" jsonschema:"enum=null,enum=absent"`
}

// Validate reports an unknown value.
func (p NoChoices) Validate() error { return oneOf("value", p.Value, "null", "absent") }

// answers are where a reply holds the answer; streams of Anthropic and Responses have
// no such place.
var answers = map[string]string{formChat: "choices", formResponses: "output", formAnthropic: "content", formGemini: "candidates"}

func (p NoChoices) rewrite(c *cast, s exchange.Script) exchange.Script {
	path := answers[c.form()]
	return change(s, func(step *exchange.Step) bool {
		done := false
		if p.Value == "absent" {
			done = remove(step, path)
		} else {
			done = set(step, path, "null")
		}
		if done {
			c.fired()
		}
		return true
	})
}

// JSONForStream answers a request for a stream with one whole JSON reply.
type JSONForStream struct{}

// Validate accepts: there is nothing to set.
func (JSONForStream) Validate() error { return nil }

func (JSONForStream) reply(c *cast) (exchange.Script, bool) {
	d := c.dialect()
	if !c.streams() || d.ParseRequest == nil {
		return exchange.Script{}, false
	}
	q, bad := d.ParseRequest(c.request)
	if bad != nil {
		return exchange.Script{}, false // the target says so
	}
	c.fired()
	q.Stream = false
	body := d.RenderReply(q, dialect.Reply{
		ID: d.ReplyPrefix(q) + strconv.FormatUint(uint64(c.draw()*(1<<53)), 16), Model: q.Model, Created: time.Now(),
		Text: "The answer comes whole.", Finish: dialect.FinishStop, Usage: dialect.Usage{Input: 10, Output: 5},
	})
	return exchange.Bytes(http.StatusOK, "application/json", body), true
}

// WrongContentType says that a stream is something else.
type WrongContentType struct {
	// ContentType is application/json by default.
	ContentType string `yaml:"contentType,omitempty" json:"contentType"`
}

// Validate reports a missing type.
func (p WrongContentType) Validate() error {
	if p.ContentType == "" {
		return errors.New("contentType: must not be empty")
	}
	return nil
}

func (p WrongContentType) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	c.fired()
	return headed(s, "Content-Type", p.ContentType)
}

// ErrorNull adds "error":null to every event and body, as some gateways do.
type ErrorNull struct{}

// Validate accepts: there is nothing to set.
func (ErrorNull) Validate() error { return nil }

func (ErrorNull) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		if !value(step.Bytes, "error").Exists() && lead(step, `"error":null,`) {
			c.fired()
		}
		return true
	})
}

// ErrorEvent breaks a stream off by an error that is an event of it.
type ErrorEvent struct {
	// After is how many content events are delivered before; 0, the default, makes the
	// error the first event.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
	// Error is overloaded (the default), rate_limit or server_error.
	Error string `yaml:"error,omitempty" json:"error" jsonschema:"enum=overloaded,enum=rate_limit,enum=server_error"`
	// Form is usual (the provider's own; of Responses response.failed), flat (of
	// Responses an event of type error) or frame (an exception as Bedrock's).
	Form string `yaml:"form,omitempty" json:"form" jsonschema:"enum=usual,enum=flat,enum=frame"`
	// Done sends OpenAI's [DONE] after the error.
	Done bool `yaml:"done,omitempty" json:"done,omitempty"`
	// RetryAfter is a Retry-After in the header of the 200; 0 sends none.
	RetryAfter time.Duration `yaml:"retryAfter,omitempty" json:"retryAfter,omitempty"`
}

// Validate reports what cannot be.
func (p ErrorEvent) Validate() error {
	return errors.Join(notNegative("after", p.After), insideIs(p.Error), oneOf("form", p.Form, "usual", "flat", "frame"),
		notNegative("retryAfter", p.RetryAfter))
}

func (p ErrorEvent) suits(t Target) error {
	switch {
	case p.Done && t.Dialect != formChat:
		return errors.New("done: only OpenAI's streams end in [DONE]")
	case p.Form == "flat" && t.Dialect != formChat:
		return errors.New("form: flat is one of OpenAI's Responses")
	case p.Form == "frame" && t.Dialect != formAnthropic:
		return errors.New("form: frame is one of Anthropic's models on Bedrock")
	}
	return nil
}

func (p ErrorEvent) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) {
		return s
	}
	if p.RetryAfter > 0 {
		s = headed(s, "Retry-After", strconv.FormatInt(wholeSeconds(p.RetryAfter), 10))
	}
	number, id, content := int64(0), "", 0
	return pass(s, func(step exchange.Step, out emit) bool {
		if content >= p.After {
			c.fired()
			step = exchange.Step{Wait: step.Wait, Kind: exchange.Failure, Bytes: p.event(c, id, number)}
			_ = out(step) && p.Done && out(exchange.Step{Kind: exchange.Trailer, Bytes: []byte(doneEvent)})
			return false
		}
		if step.Kind == exchange.Content {
			content++
		}
		if v := value(step.Bytes, "sequence_number"); v.Exists() {
			number = v.Int() + 1
		}
		if v := value(step.Bytes, "response.id"); v.Exists() {
			id = v.Str
		}
		return out(step)
	})
}

// doneEvent is what ends a stream of OpenAI's.
const doneEvent = "data: [DONE]\n\n"

// event is the error as an event; of Responses that of the id with the next number.
func (p ErrorEvent) event(c *cast, id string, number int64) []byte {
	e, d := c.inside(p.Error), c.dialect()
	switch {
	case p.Form == "frame":
		return []byte("event: exception\ndata: {\"internalServerException\":{\"message\":" + quote(e.Message) + "}}\n\n")
	case c.form() != formResponses:
		if c.form() != formGemini {
			e.Status = http.StatusOK
		}
		return d.RenderEvent(e)
	case p.Form == "flat":
		return []byte(`event: error` + "\n" + `data: {"type":"error","code":` + quote(e.Type) + `,"message":` + quote(e.Message) +
			`,"param":null,"sequence_number":` + strconv.FormatInt(number, 10) + "}\n\n")
	}
	q, bad := d.ParseRequest(c.request)
	if bad != nil {
		return d.RenderEvent(e)
	}
	if id == "" {
		id = "resp_0"
	}
	steps := d.RenderStream(q, dialect.Reply{ID: id, Model: c.model, Created: time.Now(), Err: &e}, nil)
	last := steps[len(steps)-1]
	set(&last, "sequence_number", strconv.FormatInt(number, 10))
	return last.Bytes
}
