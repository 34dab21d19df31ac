package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// emit takes a step of a script; it reports false when no more are wanted.
type emit = func(exchange.Step) bool

// pass hands every step to f, which emits what comes instead and tells whether to go
// on. The reply loses its length, as it may change.
func pass(s exchange.Script, f func(step exchange.Step, out emit) bool) exchange.Script {
	steps := s.Steps
	if s.Silent || steps == nil {
		return s
	}
	s = unsized(s)
	s.Steps = func(yield func(exchange.Step) bool) {
		for step := range steps {
			if !f(step, yield) {
				return
			}
		}
	}
	return s
}

// change lets f change every step; those for which it reports false are left out,
// without making the rest come earlier.
func change(s exchange.Script, f func(*exchange.Step) bool) exchange.Script {
	late := time.Duration(0)
	return pass(s, func(step exchange.Step, out emit) bool {
		step.Wait += late
		late = 0
		if !f(&step) && step.End == exchange.Close {
			late = step.Wait
			return true
		}
		return out(step)
	})
}

// insert emits more after n content events, once.
func insert(n int, c *cast, s exchange.Script, more ...exchange.Step) exchange.Script {
	return at(n, unsized(s), func(step exchange.Step, out func(exchange.Step) bool) bool {
		c.fired()
		for i, m := range more {
			if i == 0 { // in the place of the step that follows
				m.Wait += step.Wait
				step.Wait = 0
			}
			if !out(m) {
				return false
			}
		}
		return out(step)
	})
}

// unsized takes the length from a reply that may get another.
func unsized(s exchange.Script) exchange.Script {
	if s.Header.Get("Content-Length") != "" {
		s.Header = s.Header.Clone()
		s.Header.Del("Content-Length")
	}
	return s
}

// headed sets a field of a reply's header, which it may share with others.
func headed(s exchange.Script, name, value string) exchange.Script {
	s.Header = s.Header.Clone()
	if s.Header == nil {
		s.Header = map[string][]string{}
	}
	s.Header.Set(name, value)
	return s
}

// isStream tells whether a reply consists of server-sent events.
func isStream(s exchange.Script) bool {
	return !s.Silent && strings.HasPrefix(s.Header.Get("Content-Type"), "text/event-stream")
}

// The forms of replies: each dialect's own, and OpenAI's Responses.
const (
	formTool      = ""
	formChat      = "openai"
	formResponses = "responses"
	formAnthropic = "anthropic"
	formGemini    = "gemini"
)

// form is how the target replies to the request.
func (c *cast) form() string {
	if c.request != nil && c.request.HTTP != nil && c.target.Dialect == formChat &&
		strings.HasSuffix(c.request.HTTP.URL.Path, "/responses") {
		return formResponses
	}
	return c.target.Dialect
}

// streams tells whether the request asks for a stream.
func (c *cast) streams() bool { return c.request != nil && c.request.Stream }

// dialect is the target's, or that of tools.
func (c *cast) dialect() *dialect.Dialect {
	if d := dialect.Dialects[c.target.Dialect]; d != nil {
		return d
	}
	return &toolDialect
}

// payload is where the JSON lies in a body or an event: b[from:to], empty if there
// is none.
func payload(b []byte) (from, to int) {
	if i := bytes.Index(b, []byte("data:")); i == 0 || i > 0 && (b[i-1] == '\n' || b[i-1] == '\r') {
		from = i + len("data:")
		if from < len(b) && b[from] == ' ' {
			from++
		}
	}
	to = len(b)
	if from > 0 {
		if i := bytes.IndexAny(b[from:], "\r\n"); i >= 0 {
			to = from + i
		}
	}
	if from == to || b[from] != '{' {
		return 0, 0
	}
	return from, to
}

// value is what stands at a path of the payload of b.
func value(b []byte, path string) gjson.Result {
	from, to := payload(b)
	return gjson.GetBytes(b[from:to], path)
}

// set puts raw JSON in the place of what stands at a path of the payload; ok is
// false if that is nothing or null, or the same already.
func set(step *exchange.Step, path, raw string) (ok bool) {
	if v := value(step.Bytes, path); !v.Exists() || v.Type == gjson.Null {
		return false
	}
	return put(step, path, raw)
}

// put is set for places that may hold null.
func put(step *exchange.Step, path, raw string) (ok bool) {
	from, _ := payload(step.Bytes)
	v := value(step.Bytes, path)
	if !v.Exists() || v.Index == 0 || v.Raw == raw {
		return false
	}
	i := from + v.Index
	step.Bytes = slices.Concat(step.Bytes[:i], []byte(raw), step.Bytes[i+len(v.Raw):])
	return true
}

// remove takes a field with its key out of the payload; ok is false if it is not
// there, or not written without spaces.
func remove(step *exchange.Step, path string) (ok bool) {
	base, _ := payload(step.Bytes)
	v := value(step.Bytes, path)
	if !v.Exists() || v.Index == 0 {
		return false
	}
	key := `"` + path[strings.LastIndexByte(path, '.')+1:] + `":`
	from, to := base+v.Index-len(key), base+v.Index+len(v.Raw)
	if from < 1 || string(step.Bytes[from:from+len(key)]) != key {
		return false
	}
	if to < len(step.Bytes) && step.Bytes[to] == ',' {
		to++
	} else if step.Bytes[from-1] == ',' {
		from--
	}
	step.Bytes = slices.Concat(step.Bytes[:from], step.Bytes[to:])
	return true
}

// lead puts fields before all others of the payload.
func lead(step *exchange.Step, fields string) (ok bool) {
	from, to := payload(step.Bytes)
	if from == to {
		return false
	}
	step.Bytes = slices.Concat(step.Bytes[:from+1], []byte(fields), step.Bytes[from+1:])
	return true
}

// quote writes text as JSON.
func quote(text string) string {
	b, _ := json.Marshal(text) // of a string, never an error
	return string(b)
}

// oneOf reports a word that is not one of words; "" stands for the default.
func oneOf(field, word string, words ...string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("%s: must be one of %s", field, strings.Join(words, ", "))
}
