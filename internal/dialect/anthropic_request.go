package dialect

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// anthropicParser reads the fields of a request for a message.
type anthropicParser struct {
	parser
	system string
	budget int // of thinking
}

func anthropicParseRequest(r *exchange.Request) (Request, *Error) {
	doc, bad := object(r)
	if bad != nil {
		return Request{}, bad
	}
	p := anthropicParser{}
	p.q.IncludeUsage = true
	if isNullable(r) {
		p.q.form = formNullable
	}
	doc.ForEach(func(key, value gjson.Result) bool {
		p.field(key.String(), value)
		return p.err == nil
	})
	counting := r.HTTP != nil && r.HTTP.URL.Path == countPath
	switch q := &p.q; {
	case q.Model == "":
		p.fail("model", "model: Field required")
	case q.MaxTokens == 0 && !counting:
		p.fail("max_tokens", "max_tokens: Field required")
	case len(q.Messages) == 0:
		p.fail("messages", "messages: at least one message is required")
	case p.budget >= q.MaxTokens && p.budget > 0 && !counting:
		p.fail("max_tokens", "max_tokens must be greater than thinking.budget_tokens")
	case q.Thinking && q.ToolChoice != "" && q.ToolChoice != "auto" && q.ToolChoice != "none":
		p.fail("thinking", "thinking may not be enabled when tool_choice forces tool use")
	}
	p.choosable("tool_choice")
	if p.system != "" {
		p.q.Messages = append([]Message{{Role: "system", Content: p.system}}, p.q.Messages...)
	}
	return p.q, p.err
}

func (p *anthropicParser) field(key string, v gjson.Result) {
	switch key {
	case "model":
		p.q.Model = p.text(key, v)
	case "max_tokens":
		p.q.MaxTokens = p.count(key, v)
	case "messages":
		p.each(key, v, p.message)
	case "system":
		var ok bool
		if p.system, ok = openAIContent(v); !ok {
			p.fail(key, "system must be a string or text blocks")
		}
	case "stream":
		p.q.Stream = p.flag(key, v)
	case "temperature", "top_p":
		p.within(key, v, 1)
	case "thinking":
		p.thinking(key, v)
	case "output_config", "output_format":
		p.output(key, v)
	case "tools":
		if v.Type == gjson.Null {
			return
		}
		p.each(key, v, func(at string, v gjson.Result) {
			if kind := v.Get("type").Str; kind != "" && kind != "custom" {
				return // the provider runs it itself
			}
			p.tool(at, v.Get("name"), v.Get("description"), v.Get("input_schema"))
		})
	case "tool_choice":
		p.toolChoice(key, v)
	}
}

func (p *anthropicParser) thinking(key string, v gjson.Result) {
	if !p.objectOrNull(key, v) {
		return
	}
	switch v.Get("type").Str {
	case "disabled":
	case "adaptive":
		p.q.Thinking = true
	case "enabled":
		p.q.Thinking = true
		if p.budget = p.count("thinking.budget_tokens", v.Get("budget_tokens")); p.budget < 1024 {
			p.fail(key, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
		}
	default:
		p.fail(key, "the type of thinking must be enabled, adaptive or disabled")
	}
}

func (p *anthropicParser) output(key string, v gjson.Result) {
	if key == "output_config" {
		v = v.Get("format")
	}
	if v.Exists() && p.objectOrNull(key, v) {
		if v.Get("type").Str != "json_schema" {
			p.fail(key, "the type of %s must be json_schema", key)
		}
		p.format(key, v.Get("type"), v.Get("schema"))
	}
}

func (p *anthropicParser) toolChoice(key string, v gjson.Result) {
	if !p.objectOrNull(key, v) {
		return
	}
	switch v.Get("type").Str {
	case "auto", "none":
		p.q.ToolChoice = v.Get("type").Str
	case "any":
		p.q.ToolChoice = "required"
	case "tool":
		if p.q.ToolChoice = v.Get("name").Str; p.q.ToolChoice == "" {
			p.fail(key, "tool_choice.name: Field required")
		}
	default:
		p.fail(key, "the type of tool_choice must be auto, any, tool or none")
	}
}

// message adds a turn. Results of tools come in a user's turn and become messages of
// their own, before what the user says.
func (p *anthropicParser) message(at string, v gjson.Result) {
	role, content := v.Get("role").Str, v.Get("content")
	switch {
	case !v.IsObject():
		p.fail(at, "%s must be an object", at)
	case role != "user" && role != "assistant":
		p.fail(at+".role", "%s.role must be user or assistant", at)
	case content.Type != gjson.String && !content.IsArray():
		p.fail(at+".content", "%s.content must be a string or blocks", at)
	}
	if p.err != nil {
		return
	}
	if content.Type == gjson.String {
		if content.Str == "" && role == "user" {
			p.fail(at+".content", "%s.content must not be empty", at)
		}
		p.q.Messages = append(p.q.Messages, Message{Role: role, Content: content.Str})
		return
	}
	m := Message{Role: role}
	said, before := false, len(p.q.Messages)
	var text strings.Builder
	p.each(at+".content", content, func(at string, block gjson.Result) {
		said = p.block(&m, &text, at, block) || said
	})
	if m.Content = text.String(); said || len(m.ToolCalls) > 0 || role == "assistant" {
		p.q.Messages = append(p.q.Messages, m)
	} else if len(p.q.Messages) == before {
		p.fail(at+".content", "%s.content must not be empty", at)
	}
}

// block reads a part of a turn and reports whether it says something.
func (p *anthropicParser) block(m *Message, text *strings.Builder, at string, v gjson.Result) bool {
	switch kind := v.Get("type"); kind.Str {
	case "":
		p.fail(at+".type", "%s.type: Field required", at)
	case "text":
		text.WriteString(p.parser.text(at+".text", v.Get("text")))
	case "tool_use":
		id, name, input := v.Get("id"), v.Get("name"), v.Get("input")
		if m.Role != "assistant" || id.Str == "" || name.Str == "" || !input.IsObject() {
			p.fail(at, "%s is not a tool use of an assistant with id, name and input", at)
		}
		m.ToolCalls = append(m.ToolCalls, ToolCall{id.Str, name.Str, string(compacted(input.Raw))})
		return false
	case "tool_result":
		id := v.Get("tool_use_id").Str
		result, ok := openAIContent(v.Get("content"))
		switch {
		case m.Role != "user" || !ok:
			p.fail(at, "%s is not a result in a user's turn with text or blocks", at)
		case !p.asked(id):
			p.fail(at, "%s: unexpected tool_use_id found in tool_result blocks: %s", at, id)
		}
		p.q.Messages = append(p.q.Messages, Message{Role: "tool", ToolCallID: id, Content: result})
		return false
	}
	return true
}

// compacted removes the white space between the tokens of valid JSON.
func compacted(raw string) json.RawMessage { return json.RawMessage(gjson.Get(raw, "@ugly").Raw) }
