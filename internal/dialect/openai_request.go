package dialect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

func openAIParseRequest(r *exchange.Request) (Request, *Error) {
	if !validJSON(r.Body) {
		return Request{}, openAIInvalid("", "the body of the request is not valid JSON")
	}
	doc := gjson.ParseBytes(r.Body)
	if !doc.IsObject() {
		return Request{}, openAIInvalid("", "the body of the request is not a JSON object")
	}
	p := openAIParser{}
	doc.ForEach(func(key, value gjson.Result) bool {
		p.field(key.String(), value)
		return p.err == nil
	})
	if p.err == nil {
		p.whole()
	}
	return p.q, p.err
}

func openAIInvalid(param, format string, args ...any) *Error {
	return &Error{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Message: fmt.Sprintf(format, args...),
		Param:   param,
	}
}

// openAIParser reads the fields of a request as they come. Unknown fields are
// accepted, as the API itself adds some every month.
type openAIParser struct {
	q       Request
	options bool // stream_options was given
	err     *Error
}

// fail keeps the first complaint.
func (p *openAIParser) fail(param, format string, args ...any) {
	if p.err == nil {
		p.err = openAIInvalid(param, format, args...)
	}
}

func (p *openAIParser) field(key string, v gjson.Result) {
	switch key {
	case "model":
		p.q.Model = p.text(key, v)
	case "messages":
		p.messages(v)
	case "stream":
		p.q.Stream = p.flag(key, v)
	case "stream_options":
		p.options = v.Type != gjson.Null
		if p.options && !v.IsObject() {
			p.fail(key, "%s must be an object", key)
			return
		}
		p.q.IncludeUsage = p.flag("stream_options.include_usage", v.Get("include_usage"))
	case "max_tokens", "max_completion_tokens":
		if n := p.count(key, v); n > 0 {
			p.q.MaxTokens = n
		}
	case "n":
		if n := p.count(key, v); n > 1 {
			p.fail(key, "this mock gives one choice; n must be 1")
		}
	case "temperature":
		p.within(key, v, 2)
	case "top_p":
		p.within(key, v, 1)
	case "tools":
		p.tools(v)
	case "tool_choice":
		p.toolChoice(v)
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

// offers tells whether a tool choice can be met.
func (q *Request) offers(choice string) bool {
	switch choice {
	case "auto", "none", "required":
		return true
	}
	for _, t := range q.Tools {
		if t.Name == choice {
			return true
		}
	}
	return false
}

func (p *openAIParser) text(param string, v gjson.Result) string {
	if v.Type != gjson.String {
		p.fail(param, "%s must be a string", param)
	}
	return v.Str
}

func (p *openAIParser) flag(param string, v gjson.Result) bool {
	if v.Type != gjson.Null && !v.IsBool() {
		p.fail(param, "%s must be a boolean", param)
	}
	return v.Type == gjson.True
}

// count reads a whole number of at least 1; null is 0.
func (p *openAIParser) count(param string, v gjson.Result) int {
	if v.Type == gjson.Null {
		return 0
	}
	if v.Type != gjson.Number || v.Num < 1 || v.Num > 1<<31 || v.Num != float64(int(v.Num)) {
		p.fail(param, "%s must be a whole number of at least 1", param)
		return 0
	}
	return int(v.Num)
}

func (p *openAIParser) within(param string, v gjson.Result, limit float64) {
	if v.Type != gjson.Null && (v.Type != gjson.Number || v.Num < 0 || v.Num > limit) {
		p.fail(param, "%s must be a number from 0 to %g", param, limit)
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

// asked tells whether an assistant's message made the tool call id.
func (p *openAIParser) asked(id string) bool {
	for _, m := range p.q.Messages {
		for _, c := range m.ToolCalls {
			if c.ID == id {
				return true
			}
		}
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
	if !list.IsArray() {
		p.fail("tools", "tools must be an array")
		return
	}
	p.q.Tools = nil
	list.ForEach(func(_, v gjson.Result) bool {
		f := v.Get("function")
		name, parameters := f.Get("name"), f.Get("parameters")
		if v.Get("type").Str != "function" || name.Type != gjson.String || name.Str == "" ||
			parameters.Type != gjson.Null && !parameters.IsObject() {
			p.fail("tools", "tools[%d] is not a function with a name and an object of parameters", len(p.q.Tools))
		}
		tool := Tool{Name: name.Str, Description: f.Get("description").Str}
		if parameters.IsObject() {
			tool.Parameters = json.RawMessage(parameters.Raw)
		}
		p.q.Tools = append(p.q.Tools, tool)
		return p.err == nil
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
