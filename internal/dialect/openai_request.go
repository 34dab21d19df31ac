package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

func openAIParseRequest(r *exchange.Request) (Request, *Error) {
	route := Route{}
	if r.HTTP != nil {
		route = openAIRoute(r.HTTP.URL.Path)
		if strings.HasSuffix(r.HTTP.URL.Path, responsesPath) {
			return responsesParseRequest(r)
		}
	}
	doc, bad := object(r)
	if bad != nil {
		return Request{}, bad
	}
	p := openAIParser{obfuscate: true}
	doc.ForEach(func(key, value gjson.Result) bool {
		p.field(key.String(), value)
		return p.err == nil
	})
	if route.Azure {
		p.q.form = formAzure
	}
	if route.Model != "" {
		p.q.Model = route.Model
	}
	p.q.Obfuscate = p.obfuscate && p.q.Stream
	if p.err == nil {
		p.whole()
	}
	return p.q, p.err
}

// openAIParser reads the fields of a request for a chat completion.
type openAIParser struct {
	parser
	options   bool // stream_options was given
	obfuscate bool
}

// maxChoices bounds how many answers a request may ask for.
const maxChoices = 128

func (p *openAIParser) field(key string, v gjson.Result) {
	switch key {
	case "model":
		p.q.Model = p.text(key, v)
	case "messages":
		p.messages(v)
	case "stream":
		p.q.Stream = p.flag(key, v)
	case "stream_options":
		p.streamOptions(key, v)
	case "max_tokens", "max_completion_tokens":
		if n := p.count(key, v); n > 0 {
			p.q.MaxTokens = n
		}
	case "n":
		if p.q.Choices = p.count(key, v); p.q.Choices > maxChoices {
			p.fail(key, "n must be at most %d", maxChoices)
		}
	case "temperature":
		p.within(key, v, 2)
	case "top_p":
		p.within(key, v, 1)
	case "response_format":
		p.responseFormat(key, v)
	case "tools":
		p.tools(v)
	case "tool_choice":
		p.toolChoice(v)
	}
}

func (p *openAIParser) streamOptions(key string, v gjson.Result) {
	if p.options = p.objectOrNull(key, v); p.options {
		p.q.IncludeUsage = p.flag("stream_options.include_usage", v.Get("include_usage"))
		if hide := v.Get("include_obfuscation"); hide.Exists() {
			p.obfuscate = p.flag("stream_options.include_obfuscation", hide)
		}
	}
}

func (p *openAIParser) responseFormat(key string, v gjson.Result) {
	if !p.objectOrNull(key, v) {
		return
	}
	schema := v.Get("json_schema")
	if v.Get("type").Str == "json_schema" && schema.Get("name").Str == "" {
		p.fail(key, "response_format.json_schema needs a name")
	}
	p.format(key, v.Get("type"), schema.Get("schema"))
}

// format reads what the answer must look like.
func (p *parser) format(param string, kind, schema gjson.Result) {
	switch kind.Str {
	case "text":
	case "json_object":
		p.q.JSON = json.RawMessage("{}")
	case "json_schema":
		if !schema.IsObject() {
			p.fail(param, "%s needs a schema that is an object", param)
		}
		p.q.JSON = json.RawMessage(schema.Raw)
	default:
		p.fail(param, "the type of %s must be text, json_object or json_schema", param)
	}
}

// whole checks what no field tells alone.
func (p *openAIParser) whole() {
	switch q := &p.q; {
	case q.Model == "":
		p.fail("model", "missing required parameter: model")
	case len(q.Messages) == 0:
		p.fail("messages", "messages is missing or empty")
	case p.options && !q.Stream:
		p.fail("stream_options", "stream_options needs stream: true")
	case q.ToolChoice != "" && len(q.Tools) == 0:
		p.fail("tool_choice", "tool_choice needs tools")
	case q.ToolChoice != "" && !q.offers(q.ToolChoice):
		p.fail("tool_choice", "tool_choice names %q, which is not among tools", q.ToolChoice)
	}
}

func (p *openAIParser) messages(list gjson.Result) {
	if !list.IsArray() {
		p.fail("messages", "messages must be an array")
		return
	}
	p.q.Messages = nil
	list.ForEach(func(_, v gjson.Result) bool {
		p.message(v)
		return p.err == nil
	})
}

func (p *openAIParser) message(v gjson.Result) {
	m := Message{Role: v.Get("role").Str, ToolCallID: v.Get("tool_call_id").Str}
	content, calls := v.Get("content"), v.Get("tool_calls")
	var err error
	m.ToolCalls, err = openAIToolCalls(calls)
	text, ok := openAIContent(content)
	m.Content = text
	switch {
	case !v.IsObject():
		p.reject("", "must be an object")
	case !openAIRole(m.Role):
		p.reject(".role", "is not a role")
	case !ok:
		p.reject(".content", "must be a string or an array of parts that have a type and, if it is text, a text")
	case err != nil:
		p.reject(".tool_calls", "must be an array of function calls")
	case m.Role == "tool" && !p.asked(m.ToolCallID):
		p.reject(".tool_call_id", "names a call that no message before it made")
	case content.Type == gjson.Null && m.Role != "assistant":
		p.reject(".content", "is missing")
	case content.Type == gjson.Null && len(m.ToolCalls) == 0 && !v.Get("refusal").Exists() && !v.Get("function_call").Exists():
		p.reject("", "has neither content nor tool_calls")
	}
	p.q.Messages = append(p.q.Messages, m)
}

// reject fails at a field of the message that is being read.
func (p *openAIParser) reject(field, what string) {
	at := fmt.Sprintf("messages[%d]%s", len(p.q.Messages), field)
	p.fail(at, "%s %s", at, what)
}

func openAIRole(s string) bool {
	switch s {
	case "developer", "system", "user", "assistant", "tool", "function":
		return true
	}
	return false
}

// openAIContent reads a string, null, or a list of parts, of which it gives the text.
func openAIContent(v gjson.Result) (text string, ok bool) {
	if !v.IsArray() {
		return v.Str, v.Type == gjson.String || v.Type == gjson.Null
	}
	var all strings.Builder
	ok = true
	v.ForEach(func(_, part gjson.Result) bool {
		kind, words := part.Get("type"), part.Get("text")
		ok = part.IsObject() && kind.Type == gjson.String && (kind.Str != "text" || words.Type == gjson.String)
		all.WriteString(words.Str)
		return ok
	})
	return all.String(), ok
}

func (p *openAIParser) tools(list gjson.Result) {
	if list.Type == gjson.Null {
		return
	}
	p.q.Tools = nil
	p.each("tools", list, func(at string, v gjson.Result) {
		f := v.Get("function")
		if v.Get("type").Str != "function" {
			p.fail("tools", "%s is not of type function", at)
		}
		p.tool(at, f.Get("name"), f.Get("description"), f.Get("parameters"))
	})
}

func (p *openAIParser) toolChoice(v gjson.Result) {
	switch {
	case v.Type == gjson.Null:
	case v.Str == "auto", v.Str == "none", v.Str == "required":
		p.q.ToolChoice = v.Str
	case v.IsObject() && v.Get("type").Str == "function" && v.Get("function.name").Str != "":
		p.q.ToolChoice = v.Get("function.name").Str
	case v.IsObject() && v.Get("type").Str == "allowed_tools":
		p.q.ToolChoice = "auto"
	default:
		p.fail("tool_choice", "tool_choice must be none, auto, required or a function")
	}
}
