package dialect

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// geminiParser reads the fields of a request to generate content. Google's APIs take
// field names in camelCase and in snake_case.
type geminiParser struct {
	parser
	system string
}

func geminiParseRequest(r *exchange.Request) (Request, *Error) {
	doc, bad := object(r)
	if bad != nil {
		return Request{}, bad
	}
	p := geminiParser{}
	p.q.IncludeUsage = true
	route, method := Route{}, ""
	if r.HTTP != nil {
		route, method = geminiRoute(r.HTTP.URL.Path)
		p.q.Stream = method == "streamGenerateContent"
		if p.q.Stream && r.HTTP.URL.Query().Get("alt") != "sse" {
			p.q.form = formArray
		}
	}
	if whole := doc.Get("generateContentRequest"); route.Endpoint == Count && whole.IsObject() {
		doc = whole
	}
	doc.ForEach(func(key, value gjson.Result) bool {
		p.field(key.String(), value)
		return p.err == nil
	})
	p.q.Model = route.Model
	if len(p.q.Messages) == 0 {
		p.fail("contents", "contents is not specified")
	}
	p.choosable("tool_config")
	if p.system != "" {
		p.q.Messages = append([]Message{{Role: "system", Content: p.system}}, p.q.Messages...)
	}
	return p.q, p.err
}

// either finds a field by its name in camelCase or in snake_case.
func either(v gjson.Result, camel, snake string) gjson.Result {
	if f := v.Get(camel); f.Exists() {
		return f
	}
	return v.Get(snake)
}

func (p *geminiParser) field(key string, v gjson.Result) {
	switch key {
	case "contents":
		if v.IsObject() {
			p.content("contents", v)
			return
		}
		p.each(key, v, p.content)
	case "systemInstruction", "system_instruction":
		m := Message{}
		if v.Type == gjson.String {
			p.system = v.Str
		} else if p.objectOrNull(key, v) {
			p.parts(&m, key, v.Get("parts"))
			p.system = m.Content
		}
	case "generationConfig", "generation_config":
		if p.objectOrNull(key, v) {
			p.config(v)
		}
	case "tools":
		if v.Type == gjson.Null {
			return
		}
		p.each(key, v, func(at string, v gjson.Result) {
			functions := either(v, "functionDeclarations", "function_declarations")
			if functions.Exists() {
				p.each(at+".functionDeclarations", functions, p.function)
			}
		})
	case "toolConfig", "tool_config":
		p.toolConfig(key, v)
	}
}

func (p *geminiParser) function(at string, v gjson.Result) {
	parameters := v.Get("parameters")
	if !parameters.Exists() {
		parameters = either(v, "parametersJsonSchema", "parameters_json_schema")
	}
	p.tool(at, v.Get("name"), v.Get("description"), parameters)
}

func (p *geminiParser) config(v gjson.Result) {
	p.q.MaxTokens = p.count("generation_config.max_output_tokens", either(v, "maxOutputTokens", "max_output_tokens"))
	p.within("generation_config.temperature", v.Get("temperature"), 2)
	p.within("generation_config.top_p", either(v, "topP", "top_p"), 1)
	if n := p.count("generation_config.candidate_count", either(v, "candidateCount", "candidate_count")); n > 1 {
		p.fail("", "Multiple candidates is not enabled for this model")
	}
	p.q.Thinking = p.flag("include_thoughts", either(either(v, "thinkingConfig", "thinking_config"), "includeThoughts", "include_thoughts"))
	schema := either(v, "responseSchema", "response_schema")
	if !schema.Exists() {
		schema = either(v, "responseJsonSchema", "response_json_schema")
	}
	kind := either(v, "responseMimeType", "response_mime_type")
	switch kind.Str {
	case "", "text/plain":
		if schema.IsObject() {
			p.fail("", "response_schema needs response_mime_type application/json")
		}
	case "application/json":
		p.q.JSON = json.RawMessage("{}")
		if p.objectOrNull("response_schema", schema) {
			p.q.JSON = json.RawMessage(schema.Raw)
		}
	default:
		p.fail("", "response_mime_type must be text/plain or application/json")
	}
}

func (p *geminiParser) toolConfig(key string, v gjson.Result) {
	if !p.objectOrNull(key, v) {
		return
	}
	config := either(v, "functionCallingConfig", "function_calling_config")
	names := either(config, "allowedFunctionNames", "allowed_function_names").Array()
	switch config.Get("mode").Str {
	case "", "MODE_UNSPECIFIED":
	case "AUTO", "VALIDATED":
		p.q.ToolChoice = "auto"
	case "NONE":
		p.q.ToolChoice = "none"
	case "ANY":
		p.q.ToolChoice = "required"
		if len(names) > 0 {
			p.q.ToolChoice = names[0].String()
		}
	default:
		p.fail(key, "the mode of function_calling_config is unknown")
	}
}

// content adds a turn; results of functions become messages of their own.
func (p *geminiParser) content(at string, v gjson.Result) {
	m := Message{Role: v.Get("role").Str}
	switch m.Role {
	case "", "user", "function":
		m.Role = "user"
	case "model":
		m.Role = "assistant"
	default:
		p.fail("", "Please use a valid role: user, model.")
	}
	before := len(p.q.Messages)
	said := p.parts(&m, at, v.Get("parts"))
	if said || len(m.ToolCalls) > 0 {
		p.q.Messages = append(p.q.Messages, m)
	} else if len(p.q.Messages) == before {
		p.fail("", "%s.parts: must include at least one part", at)
	}
}

// parts reads a turn's parts and reports whether they say something.
func (p *geminiParser) parts(m *Message, at string, parts gjson.Result) (said bool) {
	var text strings.Builder
	one := func(at string, v gjson.Result) { said = p.part(m, &text, at, v) || said }
	if parts.IsObject() {
		one(at+".parts", parts)
	} else {
		p.each(at+".parts", parts, one)
	}
	m.Content = text.String()
	return said
}

func (p *geminiParser) part(m *Message, text *strings.Builder, at string, v gjson.Result) bool {
	call := either(v, "functionCall", "function_call")
	result := either(v, "functionResponse", "function_response")
	switch {
	case v.Get("text").Exists():
		if words := p.text(at+".text", v.Get("text")); v.Get("thought").Type != gjson.True {
			text.WriteString(words)
		}
	case call.IsObject():
		arguments := "{}"
		if args := call.Get("args"); args.IsObject() {
			arguments = string(compacted(args.Raw))
		}
		m.ToolCalls = append(m.ToolCalls, ToolCall{geminiCallID(call), p.text(at+".functionCall.name", call.Get("name")), arguments})
		return false
	case result.IsObject():
		id, response := geminiCallID(result), result.Get("response")
		switch {
		case !response.IsObject():
			p.fail("", "%s.functionResponse.response must be an object", at)
		case !p.asked(id):
			p.fail("", "%s: function response parts must follow a function call of that name", at)
		}
		p.q.Messages = append(p.q.Messages, Message{Role: "tool", ToolCallID: id, Content: geminiResult(response)})
		return false
	case !v.IsObject() || len(v.Map()) == 0:
		p.fail("", "%s: required oneof field 'data' must have one initialized field", at)
	}
	return true
}

// geminiCallID names a call: by its id, which is optional, or by its function.
func geminiCallID(v gjson.Result) string {
	if id := v.Get("id").Str; id != "" {
		return id
	}
	return v.Get("name").Str
}

// geminiResult is the text of a function's result.
func geminiResult(response gjson.Result) string {
	if output := response.Get("output"); output.Type == gjson.String && len(response.Map()) == 1 {
		return output.Str
	}
	return string(compacted(response.Raw))
}
