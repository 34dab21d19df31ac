package faults

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/agentchaos/chaos/internal/exchange"
)

// finishPaths are where a reply or an event says why the answer ended.
var finishPaths = map[string][]string{
	formChat:      {"choices.0.finish_reason"},
	formAnthropic: {"stop_reason", "delta.stop_reason"},
	formGemini:    {"candidates.0.finishReason"},
}

// finishWords are the dialects' words for why an answer ended.
var finishWords = map[string]map[string]string{
	formChat:      {"length": "length", "content_filter": "content_filter", "stop": "stop", "unknown": "unforeseen"},
	formResponses: {"length": "max_output_tokens", "content_filter": "content_filter"},
	formAnthropic: {"length": "max_tokens", "refusal": "refusal", "stop": "end_turn", "unknown": "unforeseen"},
	formGemini: {"length": "MAX_TOKENS", "content_filter": "SAFETY", "recitation": "RECITATION",
		"malformed_call": "MALFORMED_FUNCTION_CALL", "stop": "STOP", "unknown": "UNFORESEEN"},
}

// Finish ends an answer early and for another reason.
type Finish struct {
	// Reason is length (the default), content_filter, refusal, recitation,
	// malformed_call, stop, or unknown: one that nobody knows.
	Reason string `yaml:"reason,omitempty" json:"reason" jsonschema:"enum=length,enum=content_filter,enum=refusal,enum=recitation,enum=malformed_call,enum=stop,enum=unknown"`
	// After is how many content events of a stream are delivered; 5 by default.
	// Responses and unary replies keep what they have.
	After int `yaml:"after,omitempty" json:"after" jsonschema:"minimum=0"`
}

// Validate reports what cannot be.
func (p Finish) Validate() error {
	return errors.Join(notNegative("after", p.After), oneOf("reason", p.Reason,
		"length", "content_filter", "refusal", "recitation", "malformed_call", "stop", "unknown"))
}

func (p Finish) suits(t Target) error {
	if reason := cmp.Or(p.Reason, "length"); finishWords[t.Dialect][reason] == "" {
		return fmt.Errorf("reason: %s has no such reason as %s", t.Dialect, reason)
	}
	return nil
}

func (p Finish) rewrite(c *cast, s exchange.Script) exchange.Script {
	form := c.form()
	word := finishWords[form][cmp.Or(p.Reason, "length")]
	if word == "" {
		return s
	}
	if form == formResponses {
		return change(s, func(step *exchange.Step) bool { p.incomplete(c, step, word); return true })
	}
	thin := thinner{form: form, left: p.After}
	stream := isStream(s)
	return change(s, func(step *exchange.Step) bool {
		if stream && !thin.keep(step) {
			return false
		}
		if stream && form == formGemini && thin.left <= 0 && step.Kind == exchange.Terminal {
			set(step, "candidates.0.content", `{"role":"model"}`) // may hold a call
		}
		for _, path := range finishPaths[form] {
			if set(step, path, quote(word)) {
				c.fired()
			}
		}
		return true
	})
}

// incomplete makes a Response end as incomplete.
func (p Finish) incomplete(c *cast, step *exchange.Step, why string) {
	at := ""
	switch {
	case value(step.Bytes, "type").Str == "response.completed":
		step.Bytes = bytes.ReplaceAll(step.Bytes, []byte("response.completed"), []byte("response.incomplete"))
		at = "response."
	case value(step.Bytes, "object").Str != "response":
		return
	}
	set(step, at+"status", `"incomplete"`)
	put(step, at+"incomplete_details", `{"reason":`+quote(why)+`}`)
	c.fired()
}

// thinner leaves content events out once the given number has passed, with the
// events that would make no sense without them.
type thinner struct {
	form string
	left int
	open map[int64]bool // Anthropic's blocks that began
}

func (t *thinner) keep(step *exchange.Step) bool {
	kind := value(step.Bytes, "type").Str
	switch {
	case t.form == formAnthropic && kind == "content_block_stop":
		return t.open[value(step.Bytes, "index").Int()]
	case t.form == formAnthropic && kind == "content_block_start" && t.left > 0:
		if t.open == nil {
			t.open = map[int64]bool{}
		}
		t.open[value(step.Bytes, "index").Int()] = true
	case t.form == formAnthropic && kind == "content_block_start",
		t.form == formAnthropic && kind == "content_block_delta" && t.left == 0,
		t.form == formResponses && t.left == 0 && strings.Contains(kind, "_"):
		return step.Kind == exchange.Terminal || kind == "response.in_progress"
	}
	if step.Kind != exchange.Content {
		return true
	}
	t.left--
	return t.left >= 0
}

// EmptyCompletion answers as if all were well, with nothing.
type EmptyCompletion struct{}

// Validate accepts: there is nothing to set.
func (EmptyCompletion) Validate() error { return nil }

// empties are what stands in a reply in the place of an answer.
var empties = map[string][][2]string{
	formChat:      {{"choices.0.message.content", `""`}},
	formResponses: {{"output", "[]"}, {"response.output", "[]"}},
	formAnthropic: {{"content", "[]"}},
	formGemini:    {{"candidates.0.content", `{"role":"model"}`}},
}

func (EmptyCompletion) rewrite(c *cast, s exchange.Script) exchange.Script {
	form, stream := c.form(), isStream(s)
	thin := thinner{form: form}
	return change(s, func(step *exchange.Step) bool {
		if stream && !thin.keep(step) {
			c.fired()
			return false
		}
		for _, e := range empties[form] {
			if set(step, e[0], e[1]) {
				c.fired()
			}
		}
		remove(step, "choices.0.message.tool_calls")
		for _, path := range finishPaths[form] {
			set(step, path, quote(finishWords[form]["stop"]))
		}
		return true
	})
}

// Choiceless sends one of the chunks of OpenAI's on Azure that hold no choice, or a
// choice without a delta.
type Choiceless struct {
	// Where is first (how the prompt fared in the filters, the default), middle (how the
	// answer so far fared: a choice without a delta) or last (usage).
	Where string `yaml:"where,omitempty" json:"where" jsonschema:"enum=first,enum=middle,enum=last"`
}

// Validate reports an unknown place.
func (p Choiceless) Validate() error { return oneOf("where", p.Where, "first", "middle", "last") }

func (p Choiceless) rewrite(c *cast, s exchange.Script) exchange.Script {
	if !isStream(s) || c.form() != formChat {
		return s
	}
	const head = `data: {"id":"","object":"","created":0,"model":"",`
	const safe = `{"hate":{"filtered":false,"severity":"safe"}}`
	switch p.Where {
	case "middle":
		b := head + `"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"check_offset":0,"start_offset":0,"end_offset":1},"content_filter_results":` + safe + "}]}\n\n"
		return insert(1, c, s, exchange.Step{Bytes: []byte(b)})
	case "last":
		b := head + `"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}` + "\n\n"
		return pass(s, func(step exchange.Step, out emit) bool {
			if string(step.Bytes) == doneEvent {
				c.fired()
				if !out(exchange.Step{Kind: exchange.Trailer, Bytes: []byte(b)}) {
					return false
				}
			}
			return out(step)
		})
	}
	b := head + `"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":` + safe + "}]}\n\n"
	return insert(0, c, s, exchange.Step{Bytes: []byte(b)})
}

// UsageWrong takes the numbers of tokens out of a reply.
type UsageWrong struct {
	// How is missing (the default) or zero.
	How string `yaml:"how,omitempty" json:"how" jsonschema:"enum=missing,enum=zero"`
}

// Validate reports an unknown word.
func (p UsageWrong) Validate() error { return oneOf("how", p.How, "missing", "zero") }

// usages are where replies and events count tokens, and how none are counted.
var usages = map[string]struct {
	paths []string
	zero  string
}{
	formChat:      {[]string{"usage"}, `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`},
	formResponses: {[]string{"usage", "response.usage"}, `{"input_tokens":0,"output_tokens":0,"total_tokens":0}`},
	formAnthropic: {[]string{"usage", "message.usage"}, `{"input_tokens":0,"output_tokens":0}`},
	formGemini:    {[]string{"usageMetadata"}, `{"promptTokenCount":0,"candidatesTokenCount":0,"totalTokenCount":0}`},
}

func (p UsageWrong) rewrite(c *cast, s exchange.Script) exchange.Script {
	u, form := usages[c.form()], c.form()
	return change(s, func(step *exchange.Step) bool {
		for _, path := range u.paths {
			if !value(step.Bytes, path).IsObject() {
				continue
			}
			c.fired()
			switch {
			case p.How == "zero":
				set(step, path, u.zero)
			case form == formChat && value(step.Bytes, "choices.#").Int() == 0:
				return false
			default:
				remove(step, path)
			}
		}
		return true
	})
}

// WrongModel names another model than was asked for.
type WrongModel struct {
	// Model is its name; another-model by default.
	Model string `yaml:"model,omitempty" json:"model"`
}

// Validate reports a missing name.
func (p WrongModel) Validate() error {
	if p.Model == "" {
		return errors.New("model: must not be empty")
	}
	return nil
}

func (p WrongModel) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		for _, path := range [...]string{"model", "message.model", "response.model", "modelVersion"} {
			if set(step, path, quote(p.Model)) {
				c.fired()
			}
		}
		return true
	})
}

// NoRole leaves the role out of a stream's first chunk.
type NoRole struct{}

// Validate accepts: there is nothing to set.
func (NoRole) Validate() error { return nil }

func (NoRole) rewrite(c *cast, s exchange.Script) exchange.Script {
	return change(s, func(step *exchange.Step) bool {
		if remove(step, "choices.0.delta.role") {
			c.fired()
		}
		return true
	})
}
