package faults

import (
	"errors"
	"strconv"

	"github.com/agentchaos/chaos/internal/exchange"
)

// call is where an event or a reply holds parts of a tool call; "" for what it lacks.
type call struct {
	name, arguments string
	piece           bool // of the arguments, which follow in further events
}

// calls finds the parts of tool calls in a reply or an event.
func calls(form string, b []byte) (all []call) {
	list := func(path, name, arguments, field, want string, piece bool) {
		n := int(value(b, path+".#").Int())
		for i := range n {
			at := path + "." + strconv.Itoa(i)
			if v := value(b, at+"."+field); v.Exists() && (want == "" || v.Str == want) {
				all = append(all, call{at + "." + name, at + "." + arguments, piece})
			}
		}
	}
	kind := value(b, "type").Str
	switch form {
	case formChat:
		list("choices.0.delta.tool_calls", "function.name", "function.arguments", "function", "", true)
		list("choices.0.message.tool_calls", "function.name", "function.arguments", "function", "", false)
	case formGemini:
		list("candidates.0.content.parts", "functionCall.name", "functionCall.args", "functionCall", "", false)
	case formAnthropic:
		list("content", "name", "input", "type", "tool_use", false)
		if value(b, "content_block.type").Str == "tool_use" {
			all = append(all, call{name: "content_block.name"})
		}
		if value(b, "delta.type").Str == "input_json_delta" {
			all = append(all, call{arguments: "delta.partial_json", piece: true})
		}
	case formResponses:
		list("output", "name", "arguments", "type", "function_call", false)
		list("response.output", "name", "arguments", "type", "function_call", false)
		switch kind {
		case "response.function_call_arguments.delta":
			all = append(all, call{arguments: "delta", piece: true})
		case "response.function_call_arguments.done":
			all = append(all, call{name: "name", arguments: "arguments"})
		}
		if value(b, "item.type").Str == "function_call" {
			all = append(all, call{name: "item.name", arguments: "item.arguments"})
		}
	}
	return all
}

// ToolArguments breaks the arguments of every tool call that the model makes.
type ToolArguments struct {
	// How is invalid (no JSON, the default), truncated or wrong_types (JSON against the
	// tool's schema).
	How string `yaml:"how,omitempty" json:"how" jsonschema:"enum=invalid,enum=truncated,enum=wrong_types"`
}

// Validate reports an unknown word.
func (p ToolArguments) Validate() error {
	return oneOf("how", p.How, "invalid", "truncated", "wrong_types")
}

func (p ToolArguments) suits(t Target) error {
	if t.Dialect == formGemini && p.How != "wrong_types" {
		return errors.New("how: Gemini sends arguments as an object, which is JSON; use wrong_types")
	}
	return nil
}

func (p ToolArguments) rewrite(c *cast, s exchange.Script) exchange.Script {
	form, fresh := c.form(), true // fresh: the first piece of the arguments is to come
	return change(s, func(step *exchange.Step) bool {
		for _, call := range calls(form, step.Bytes) {
			if call.name != "" && value(step.Bytes, call.name).Str != "" {
				fresh = true
			}
			v := value(step.Bytes, call.arguments)
			switch {
			case call.arguments == "" || !v.Exists() || v.String() == "":
			case v.IsObject():
				if p.How == "wrong_types" && set(step, call.arguments, wrongTypes) {
					c.fired()
				}
			case call.piece && !fresh:
				if p.How == "truncated" || p.How == "wrong_types" {
					set(step, call.arguments, `""`)
				}
			default:
				set(step, call.arguments, quote(p.broken(v.Str)))
				fresh = !call.piece
				c.fired()
			}
		}
		return true
	})
}

// wrongTypes are arguments that no schema expects.
const wrongTypes = `{"unexpected":[1,null]}`

// broken is what is sent instead of arguments, or of their first piece.
func (p ToolArguments) broken(arguments string) string {
	switch p.How {
	case "truncated":
		return arguments[:min(3, len(arguments)-1)]
	case "wrong_types":
		return wrongTypes
	}
	return arguments[:1] + "," + arguments[1:]
}

// ToolName lets the model call a tool that nobody offered.
type ToolName struct {
	// Name is the tool's; no_such_tool by default.
	Name string `yaml:"tool,omitempty" json:"tool"`
}

// Validate reports a missing name.
func (p ToolName) Validate() error {
	if p.Name == "" {
		return errors.New("tool: must not be empty")
	}
	return nil
}

func (p ToolName) rewrite(c *cast, s exchange.Script) exchange.Script {
	form := c.form()
	return change(s, func(step *exchange.Step) bool {
		for _, call := range calls(form, step.Bytes) {
			if call.name != "" && set(step, call.name, quote(p.Name)) {
				c.fired()
			}
		}
		return true
	})
}

// ToolIndex takes the index from the pieces of tool calls, or makes it 0.
type ToolIndex struct {
	// How is missing (the default) or zero, which shows with two calls or more.
	How string `yaml:"how,omitempty" json:"how" jsonschema:"enum=missing,enum=zero"`
}

// Validate reports an unknown word.
func (p ToolIndex) Validate() error { return oneOf("how", p.How, "missing", "zero") }

func (p ToolIndex) rewrite(c *cast, s exchange.Script) exchange.Script {
	const pieces = "choices.0.delta.tool_calls."
	return change(s, func(step *exchange.Step) bool {
		for i := range int(value(step.Bytes, pieces+"#").Int()) {
			path := pieces + strconv.Itoa(i) + ".index"
			index := value(step.Bytes, path)
			switch {
			case p.How != "zero" && remove(step, path), p.How == "zero" && index.Int() > 0 && set(step, path, "0"):
				c.fired()
			}
		}
		return true
	})
}
