package dialect

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tidwall/gjson"
)

const (
	// defaultMaxTokens is asked for when a request does not say: the API wants a limit.
	defaultMaxTokens = 4096
	// thinkingBudget is the least that the API takes.
	thinkingBudget = 1024
)

func anthropicEncode(h http.Header, apiKey string, q Request) (string, []byte) {
	h["Content-Type"] = []string{"application/json"}
	h["X-Api-Key"] = []string{apiKey}
	h["Anthropic-Version"] = []string{anthropicVersion}
	if q.MaxTokens == 0 {
		q.MaxTokens = defaultMaxTokens
	}
	b := make([]byte, 0, openAISize(q))
	b = gjson.AppendJSONString(append(b, `{"model":`...), q.Model)
	if system := systemOf(q.Messages); system != "" {
		b = gjson.AppendJSONString(append(b, `,"system":`...), system)
	}
	b = appendAnthropicMessages(append(b, `,"messages":[`...), q.Messages)
	b = appendAnthropicTools(append(b, ']'), q)
	if q.Thinking {
		q.MaxTokens = max(q.MaxTokens, thinkingBudget+1)
		b = strconv.AppendInt(append(b, `,"thinking":{"type":"enabled","budget_tokens":`...), thinkingBudget, 10)
		b = append(b, '}')
	}
	if len(q.JSON) > 0 && !isEmptyObject(q.JSON) {
		b = append(append(b, `,"output_config":{"format":{"type":"json_schema","schema":`...), q.JSON...)
		b = append(b, `}}`...)
	}
	b = strconv.AppendInt(append(b, `,"max_tokens":`...), int64(q.MaxTokens), 10)
	if q.Stream {
		b = append(b, `,"stream":true`...)
	}
	return messagesPath, append(b, '}')
}

// systemOf joins what the system says, which is no turn to some providers.
func systemOf(messages []Message) string {
	system := ""
	for _, m := range messages {
		if m.Role != "system" && m.Role != "developer" {
			continue
		}
		if system != "" {
			system += "\n\n"
		}
		system += m.Content
	}
	return system
}

// appendAnthropicMessages writes the turns; results of tools that follow each other
// become one turn of the user.
func appendAnthropicMessages(b []byte, messages []Message) []byte {
	first, results := true, false
	for _, m := range messages {
		switch m.Role {
		case "system", "developer":
			continue
		case "tool":
			if results {
				b = append(b[:len(b)-2], ',') // reopen the turn
			} else {
				b = append(comma(b, &first), `{"role":"user","content":[`...)
			}
			b = gjson.AppendJSONString(append(b, `{"type":"tool_result","tool_use_id":`...), m.ToolCallID)
			b = append(gjson.AppendJSONString(append(b, `,"content":`...), m.Content), `}]}`...)
			results = true
			continue
		}
		results = false
		b = appendAnthropicTurn(comma(b, &first), m)
	}
	return b
}

func comma(b []byte, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return b
}

func appendAnthropicTurn(b []byte, m Message) []byte {
	b = gjson.AppendJSONString(append(b, `{"role":`...), m.Role)
	if len(m.ToolCalls) == 0 {
		return append(gjson.AppendJSONString(append(b, `,"content":`...), m.Content), '}')
	}
	b = append(b, `,"content":[`...)
	first := true
	if m.Content != "" {
		b = append(gjson.AppendJSONString(append(comma(b, &first), `{"type":"text","text":`...), m.Content), '}')
	}
	for _, c := range m.ToolCalls {
		input := c.Arguments
		if !gjson.Valid(input) || !gjson.Parse(input).IsObject() {
			input = "{}"
		}
		b = append(appendAnthropicUse(comma(b, &first), Request{}, c, input), '}')
	}
	return append(b, `]}`...)
}

func appendAnthropicTools(b []byte, q Request) []byte {
	if len(q.Tools) == 0 {
		return b
	}
	b = append(b, `,"tools":`...)
	for i, t := range q.Tools {
		b = append(b, "[,"[min(i, 1)])
		b = gjson.AppendJSONString(append(b, `{"name":`...), t.Name)
		if t.Description != "" {
			b = gjson.AppendJSONString(append(b, `,"description":`...), t.Description)
		}
		schema := t.Parameters
		if len(schema) == 0 {
			schema = []byte(`{"type":"object"}`)
		}
		b = append(append(append(b, `,"input_schema":`...), schema...), '}')
	}
	b = append(b, ']')
	switch q.ToolChoice {
	case "":
		return b
	case "auto", "none":
		return append(append(append(b, `,"tool_choice":{"type":"`...), q.ToolChoice...), `"}`...)
	case "required":
		return append(b, `,"tool_choice":{"type":"any"}`...)
	}
	b = gjson.AppendJSONString(append(b, `,"tool_choice":{"type":"tool","name":`...), q.ToolChoice)
	return append(b, '}')
}

// replyObject parses one JSON object of a reply.
func replyObject(data []byte) (gjson.Result, error) {
	if !validJSON(data) {
		return gjson.Result{}, errors.New("dialect: reply is not valid JSON")
	}
	doc := gjson.ParseBytes(data)
	if !doc.IsObject() {
		return doc, errors.New("dialect: reply is not a JSON object")
	}
	return doc, nil
}

func anthropicErrorOf(status int, doc gjson.Result) *Error {
	e := doc.Get("error")
	if !e.IsObject() {
		return &Error{Status: status, Message: e.String()}
	}
	return &Error{
		Status: status, Type: e.Get("type").String(), Message: e.Get("message").String(),
		Code: e.Get("details.error_code").String(), RequestID: doc.Get("request_id").String(),
	}
}

func anthropicDecodeError(status int, body []byte) *Error {
	if validJSON(body) {
		doc := gjson.ParseBytes(body)
		if e := doc.Get("error"); e.IsObject() || e.Type == gjson.String {
			return anthropicErrorOf(status, doc)
		}
		if t := doc.Get("type"); t.Str != "" && doc.Get("message").Type == gjson.String { // without its wrapper
			return &Error{Status: status, Type: t.Str, Message: doc.Get("message").Str}
		}
	}
	return &Error{Status: status, Message: cutText(body, 200)}
}

func anthropicDecode(body []byte) (Reply, error) {
	doc, err := replyObject(body)
	if err != nil {
		return Reply{}, err
	}
	content, stop := doc.Get("content"), doc.Get("stop_reason")
	switch {
	case isError(doc.Get("error")):
		return Reply{}, anthropicErrorOf(http.StatusOK, doc)
	case !content.IsArray():
		return Reply{}, errors.New("dialect: reply has no content")
	case stop.Type != gjson.String || stop.Str == "":
		return Reply{}, errors.New("dialect: reply has no stop_reason")
	}
	r := Reply{ID: doc.Get("id").String(), Model: doc.Get("model").String(), Finish: anthropicFinish(stop.Str)}
	if u := anthropicUsage(doc.Get("usage")); u != nil {
		r.Usage = *u
	}
	content.ForEach(func(_, block gjson.Result) bool {
		err = r.takeBlock(block)
		return err == nil
	})
	return r, err
}

func (r *Reply) takeBlock(block gjson.Result) error {
	switch kind := block.Get("type"); kind.Str {
	case "":
		return errors.New("dialect: content block has no type")
	case "text":
		text := block.Get("text")
		if text.Type != gjson.String {
			return errors.New("dialect: text block has no text")
		}
		r.Text += text.Str
	case "thinking":
		r.Thinking += block.Get("thinking").Str
	case "tool_use":
		name, input := block.Get("name"), block.Get("input")
		if name.Type != gjson.String || !input.IsObject() {
			return errors.New("dialect: tool use has no name or no input")
		}
		r.ToolCalls = append(r.ToolCalls, ToolCall{block.Get("id").String(), name.Str, input.Raw})
	}
	return nil
}

func anthropicUsage(u gjson.Result) *Usage {
	if !u.IsObject() {
		return nil
	}
	return &Usage{Input: int(u.Get("input_tokens").Int()), Output: int(u.Get("output_tokens").Int())}
}
