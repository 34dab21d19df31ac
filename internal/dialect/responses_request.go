package dialect

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// responsesParser reads the fields of a request for OpenAI's Responses.
type responsesParser struct {
	parser
	instructions string
	obfuscate    bool
	earlier      bool // the conversation began in an earlier response
	raw          map[string]string
}

func responsesParseRequest(r *exchange.Request) (Request, *Error) {
	doc, bad := object(r)
	if bad != nil {
		return Request{}, bad
	}
	p := responsesParser{obfuscate: true, raw: make(map[string]string)}
	p.q.form, p.q.IncludeUsage = formResponses, true
	previous := doc.Get("previous_response_id")
	p.earlier = previous.Str != "" || doc.Get("conversation").Exists()
	doc.ForEach(func(key, value gjson.Result) bool {
		p.field(key.String(), value)
		return p.err == nil
	})
	if p.instructions != "" {
		p.q.Messages = append([]Message{{Role: "system", Content: p.instructions}}, p.q.Messages...)
	}
	p.q.Obfuscate = p.obfuscate && p.q.Stream
	switch q := &p.q; {
	case q.Model == "":
		p.fail("model", "missing required parameter: model")
	case len(q.Messages) == 0 && !p.earlier:
		p.fail("input", "input is missing or empty")
	}
	p.choosable("tool_choice")
	p.q.echo = p.echo()
	return p.q, p.err
}

func (p *responsesParser) field(key string, v gjson.Result) {
	switch key {
	case "model":
		p.q.Model = p.text(key, v)
	case "input":
		p.input(v)
	case "instructions":
		if v.Type != gjson.Null {
			p.instructions = p.text(key, v)
		}
	case "stream":
		p.q.Stream = p.flag(key, v)
	case "stream_options":
		if p.objectOrNull(key, v) {
			if hide := v.Get("include_obfuscation"); hide.Exists() {
				p.obfuscate = p.flag("stream_options.include_obfuscation", hide)
			}
		}
	case "max_output_tokens":
		p.q.MaxTokens = p.count(key, v)
	case "temperature":
		p.within(key, v, 2)
	case "top_p":
		p.within(key, v, 1)
	case "reasoning":
		p.q.Thinking = p.objectOrNull(key, v) && (v.Get("summary").Str != "" || v.Get("generate_summary").Str != "")
	case "text":
		if format := v.Get("format"); p.objectOrNull(key, v) && format.Exists() {
			p.format("text.format", format.Get("type"), format.Get("schema"))
		}
	case "tools":
		p.tools(v)
	case "tool_choice":
		p.toolChoice(v)
	case "metadata", "parallel_tool_calls", "previous_response_id", "store", "truncation", "user":
	default:
		return
	}
	if key != "model" && key != "input" && key != "stream" && key != "stream_options" {
		p.raw[key] = v.Raw
	}
}

// echoed are the fields of a request that the reply repeats, and what stands there
// if the request does not have them.
var echoed = [...]struct{ name, fallback string }{
	{"instructions", "null"}, {"max_output_tokens", "null"}, {"parallel_tool_calls", "true"},
	{"previous_response_id", "null"}, {"reasoning", `{"effort":null,"summary":null}`}, {"store", "true"},
	{"temperature", "1"}, {"text", `{"format":{"type":"text"}}`}, {"tool_choice", `"auto"`}, {"tools", "[]"},
	{"top_p", "1"}, {"truncation", `"disabled"`}, {"user", "null"}, {"metadata", "{}"},
}

func (p *responsesParser) echo() []byte {
	var b []byte
	for _, f := range echoed {
		raw := p.raw[f.name]
		if raw == "" || raw == "null" {
			raw = f.fallback
		}
		b = append(append(append(b, `,"`...), f.name...), `":`...)
		b = append(b, strings.NewReplacer("\n", "", "\r", "").Replace(raw)...) // an event's data is one line
	}
	return b
}

// input reads a text or a list of items.
func (p *responsesParser) input(v gjson.Result) {
	if v.Type == gjson.String {
		p.q.Messages = append(p.q.Messages, Message{Role: "user", Content: v.Str})
		return
	}
	p.each("input", v, p.item)
}

func (p *responsesParser) item(at string, v gjson.Result) {
	kind := v.Get("type").Str
	switch {
	case !v.IsObject():
		p.fail(at, "%s must be an object", at)
	case kind == "" && v.Get("role").Exists() || kind == "message":
		role := v.Get("role").Str
		text, ok := openAIContent(v.Get("content"))
		if !openAIRole(role) || !ok || v.Get("content").Type == gjson.Null {
			p.fail(at, "%s is not a message with a role and content", at)
		}
		p.q.Messages = append(p.q.Messages, Message{Role: role, Content: text})
	case kind == "function_call":
		id, name, arguments := v.Get("call_id"), v.Get("name"), v.Get("arguments")
		if id.Str == "" || name.Str == "" || arguments.Type != gjson.String {
			p.fail(at, "%s is not a function call with call_id, name and arguments", at)
		}
		p.call(ToolCall{id.Str, name.Str, arguments.Str})
	case kind == "function_call_output":
		id := v.Get("call_id").Str
		text, ok := openAIContent(v.Get("output"))
		if !ok || v.Get("output").Type == gjson.Null {
			p.fail(at+".output", "%s.output must be a string or parts", at)
		}
		if !p.earlier && !p.asked(id) {
			p.fail("input", "no tool call found for function call output with call_id %s", id)
		}
		p.q.Messages = append(p.q.Messages, Message{Role: "tool", ToolCallID: id, Content: text})
	case kind == "":
		p.fail(at+".type", "%s has no type", at)
	}
}

// call adds a call to the assistant's last words.
func (p *responsesParser) call(c ToolCall) {
	if n := len(p.q.Messages); n > 0 && p.q.Messages[n-1].Role == "assistant" {
		p.q.Messages[n-1].ToolCalls = append(p.q.Messages[n-1].ToolCalls, c)
		return
	}
	p.q.Messages = append(p.q.Messages, Message{Role: "assistant", ToolCalls: []ToolCall{c}})
}

// tools reads the functions; what the provider would run itself is accepted only.
func (p *responsesParser) tools(list gjson.Result) {
	if list.Type == gjson.Null {
		return
	}
	p.each("tools", list, func(at string, v gjson.Result) {
		switch v.Get("type").Str {
		case "":
			p.fail("tools", "%s has no type", at)
		case "function":
			p.tool(at, v.Get("name"), v.Get("description"), v.Get("parameters"))
		}
	})
}

func (p *responsesParser) toolChoice(v gjson.Result) {
	switch kind := v.Get("type").Str; {
	case v.Type == gjson.Null:
	case v.Str == "auto", v.Str == "none", v.Str == "required":
		p.q.ToolChoice = v.Str
	case kind == "function" && v.Get("name").Str != "":
		p.q.ToolChoice = v.Get("name").Str
	case kind == "allowed_tools", kind != "" && kind != "function":
		p.q.ToolChoice = "auto"
	default:
		p.fail("tool_choice", "tool_choice must be none, auto, required or a function")
	}
}
