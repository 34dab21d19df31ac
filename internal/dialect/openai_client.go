package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// openAIPath is where chat completions live below a base URL that ends in /v1.
const openAIPath = "/chat/completions"

func openAIEncode(h http.Header, apiKey string, q Request) (string, []byte) {
	h["Content-Type"] = []string{"application/json"}
	h["Authorization"] = []string{"Bearer " + apiKey}
	b := make([]byte, 0, openAISize(q))
	b = gjson.AppendJSONString(append(b, `{"model":`...), q.Model)
	b = append(b, `,"messages":[`...)
	for i, m := range q.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOpenAIMessage(b, m)
	}
	b = appendOpenAITools(append(b, ']'), q)
	if q.MaxTokens > 0 {
		b = strconv.AppendInt(append(b, `,"max_completion_tokens":`...), int64(q.MaxTokens), 10)
	}
	if q.Stream {
		b = append(b, `,"stream":true`...)
	}
	if len(q.JSON) > 0 {
		b = append(b, `,"response_format":`...)
		b = appendOpenAIFormat(b, q.JSON)
	}
	if q.Choices > 1 {
		b = strconv.AppendInt(append(b, `,"n":`...), int64(q.Choices), 10)
	}
	switch {
	case !q.Stream:
	case q.IncludeUsage && q.Obfuscate:
		b = append(b, `,"stream_options":{"include_usage":true}`...)
	case q.IncludeUsage:
		b = append(b, `,"stream_options":{"include_usage":true,"include_obfuscation":false}`...)
	case !q.Obfuscate:
		b = append(b, `,"stream_options":{"include_obfuscation":false}`...)
	}
	return openAIPath, append(b, '}')
}

func appendOpenAIFormat(b []byte, schema json.RawMessage) []byte {
	if isEmptyObject(schema) {
		return append(b, `{"type":"json_object"}`...)
	}
	b = append(b, `{"type":"json_schema","json_schema":{"name":"answer","schema":`...)
	return append(append(b, schema...), `}}`...)
}

// isEmptyObject tells a demand for any object from one for a schema.
func isEmptyObject(schema json.RawMessage) bool {
	doc := gjson.ParseBytes(schema)
	return !doc.IsObject() || len(doc.Map()) == 0
}

// openAISize estimates the size of an encoded request from above for plain text.
func openAISize(q Request) int {
	n := 192 + len(q.Model)
	for _, m := range q.Messages {
		n += 64 + len(m.Content) + len(m.Content)/16 + 128*len(m.ToolCalls)
	}
	for _, t := range q.Tools {
		n += 96 + len(t.Name) + len(t.Description) + len(t.Parameters)
	}
	return n
}

func appendOpenAIMessage(b []byte, m Message) []byte {
	b = gjson.AppendJSONString(append(b, `{"role":`...), m.Role)
	if m.Content == "" && len(m.ToolCalls) > 0 {
		b = append(b, `,"content":null`...)
	} else {
		b = gjson.AppendJSONString(append(b, `,"content":`...), m.Content)
	}
	if m.ToolCallID != "" {
		b = gjson.AppendJSONString(append(b, `,"tool_call_id":`...), m.ToolCallID)
	}
	if len(m.ToolCalls) > 0 {
		b = append(b, `,"tool_calls":`...)
		b = appendOpenAIToolCalls(b, m.ToolCalls)
	}
	return append(b, '}')
}

func appendOpenAIToolCalls(b []byte, calls []ToolCall) []byte {
	for i, c := range calls {
		b = append(b, "[,"[min(i, 1)])
		b = gjson.AppendJSONString(append(b, `{"id":`...), c.ID)
		b = gjson.AppendJSONString(append(b, `,"type":"function","function":{"name":`...), c.Name)
		b = gjson.AppendJSONString(append(b, `,"arguments":`...), c.Arguments)
		b = append(b, `}}`...)
	}
	return append(b, ']')
}

func appendOpenAITools(b []byte, q Request) []byte {
	if len(q.Tools) == 0 {
		return b
	}
	b = append(b, `,"tools":`...)
	for i, t := range q.Tools {
		b = append(b, "[,"[min(i, 1)])
		b = gjson.AppendJSONString(append(b, `{"type":"function","function":{"name":`...), t.Name)
		if t.Description != "" {
			b = gjson.AppendJSONString(append(b, `,"description":`...), t.Description)
		}
		if len(t.Parameters) > 0 {
			b = append(append(b, `,"parameters":`...), t.Parameters...)
		}
		b = append(b, `}}`...)
	}
	b = append(b, ']')
	switch q.ToolChoice {
	case "":
		return b
	case "auto", "none", "required":
		return append(append(append(b, `,"tool_choice":"`...), q.ToolChoice...), '"')
	}
	b = append(b, `,"tool_choice":{"type":"function","function":{"name":`...)
	return append(gjson.AppendJSONString(b, q.ToolChoice), `}}`...)
}

// openAIObject parses one JSON object and finds an error that it reports.
func openAIObject(data []byte) (gjson.Result, error) {
	doc, err := replyObject(data)
	if err != nil {
		return doc, err
	}
	if e := doc.Get("error"); isError(e) {
		return doc, openAIErrorOf(http.StatusOK, e)
	}
	return doc, nil
}

// isError tells whether an error field reports one: null and false do not.
func isError(e gjson.Result) bool {
	return e.Exists() && e.Type != gjson.Null && e.Type != gjson.False
}

func openAIErrorOf(status int, e gjson.Result) *Error {
	if !e.IsObject() {
		return &Error{Status: status, Message: e.String()}
	}
	return &Error{
		Status:  status,
		Type:    e.Get("type").String(),
		Code:    e.Get("code").String(),
		Message: e.Get("message").String(),
		Param:   e.Get("param").String(),
	}
}

func openAIDecodeError(status int, body []byte) *Error {
	if validJSON(body) {
		if e := gjson.GetBytes(body, "error"); e.IsObject() || e.Type == gjson.String {
			return openAIErrorOf(status, e)
		}
	}
	return &Error{Status: status, Message: cutText(body, 200)}
}

func openAIDecode(body []byte) (Reply, error) {
	doc, err := openAIObject(body)
	if err != nil {
		return Reply{}, err
	}
	choice := doc.Get("choices.0")
	message := choice.Get("message")
	finish := choice.Get("finish_reason")
	switch {
	case !choice.IsObject():
		return Reply{}, errors.New("dialect: reply has no choice")
	case !message.IsObject():
		return Reply{}, errors.New("dialect: choice has no message")
	case finish.Type != gjson.String || finish.Str == "":
		return Reply{}, errors.New("dialect: choice has no finish_reason")
	}
	r := Reply{ID: doc.Get("id").String(), Model: doc.Get("model").String(), Finish: Finish(finish.Str)}
	r.Created = time.Unix(doc.Get("created").Int(), 0)
	r.Usage, _ = openAIUsage(doc.Get("usage"))
	if r.Text, err = openAIText(message.Get("content"), "content"); err != nil {
		return Reply{}, err
	}
	refusal, err := openAIText(message.Get("refusal"), "refusal")
	if err != nil {
		return Reply{}, err
	}
	if refusal != "" {
		r.Text, r.Finish = refusal, FinishContentFilter
	}
	r.ToolCalls, err = openAIToolCalls(message.Get("tool_calls"))
	return r, err
}

// openAIText reads a field that is a string, null or absent.
func openAIText(v gjson.Result, field string) (string, error) {
	if v.Type != gjson.String && v.Type != gjson.Null {
		return "", fmt.Errorf("dialect: %s is not a string", field)
	}
	return v.Str, nil
}

func openAIToolCalls(list gjson.Result) ([]ToolCall, error) {
	if list.Type == gjson.Null {
		return nil, nil
	}
	if !list.IsArray() {
		return nil, errors.New("dialect: tool_calls is not an array")
	}
	var calls []ToolCall
	for _, c := range list.Array() {
		name, arguments := c.Get("function.name"), c.Get("function.arguments")
		if name.Type != gjson.String || arguments.Type != gjson.String {
			return nil, errors.New("dialect: tool call has no name or no arguments")
		}
		calls = append(calls, ToolCall{ID: c.Get("id").String(), Name: name.Str, Arguments: arguments.Str})
	}
	return calls, nil
}

func openAIUsage(u gjson.Result) (usage Usage, ok bool) {
	if !u.IsObject() {
		return Usage{}, false
	}
	return Usage{Input: int(u.Get("prompt_tokens").Int()), Output: int(u.Get("completion_tokens").Int())}, true
}

func openAIDecodeEvent(name string, data []byte) (Event, error) {
	if name == Comment {
		return Event{Kind: exchange.Ping}, nil
	}
	if string(data) == "[DONE]" {
		return Event{Kind: exchange.Trailer}, nil
	}
	doc, err := replyObject(data)
	if err != nil {
		return Event{}, err
	}
	top := fields(doc, "error", "choices", "usage")
	if isError(top[0]) {
		e := openAIErrorOf(http.StatusOK, top[0])
		return Event{Kind: exchange.Failure, Err: e}, e
	}
	choices := top[1]
	if !choices.IsArray() {
		return Event{}, errors.New("dialect: chunk has no choices")
	}
	var ev Event
	if u, ok := openAIUsage(top[2]); ok {
		ev.Usage, ev.Kind = &u, exchange.Trailer
	}
	choices.ForEach(func(_, choice gjson.Result) bool {
		err = openAIChoice(&ev, choice)
		return false
	})
	return ev, err
}

// fields finds up to four fields of an object in one pass.
func fields(object gjson.Result, names ...string) (found [4]gjson.Result) {
	object.ForEach(func(key, value gjson.Result) bool {
		for i, name := range names {
			if key.Str == name && !found[i].Exists() {
				found[i] = value
			}
		}
		return true
	})
	return found
}

// openAIChoice adds what the first choice of a chunk says.
func openAIChoice(ev *Event, choice gjson.Result) (err error) {
	if !choice.IsObject() {
		return errors.New("dialect: choice has no delta")
	}
	parts := fields(choice, "index", "delta", "finish_reason")
	delta, finish := parts[1], parts[2]
	switch {
	case parts[0].Int() != 0:
		return nil
	case !delta.IsObject() && delta.Type != gjson.Null:
		return errors.New("dialect: choice has no delta")
	case finish.Type != gjson.String && finish.Type != gjson.Null:
		return errors.New("dialect: finish_reason is not a string")
	}
	ev.Kind = exchange.Meta
	said := fields(delta, "content", "refusal", "tool_calls")
	if ev.Text, err = openAIText(said[0], "content"); err != nil {
		return err
	}
	refusal, err := openAIText(said[1], "refusal")
	if err != nil {
		return err
	}
	if refusal != "" {
		ev.Text, ev.Finish = refusal, FinishContentFilter
	}
	if ev.Tools, err = openAIToolDeltas(said[2]); err != nil {
		return err
	}
	if ev.Text != "" || len(ev.Tools) > 0 {
		ev.Kind = exchange.Content
	}
	if finish.Str != "" {
		ev.Kind, ev.Finish = exchange.Terminal, Finish(finish.Str)
	}
	return nil
}

func openAIToolDeltas(list gjson.Result) ([]ToolDelta, error) {
	if list.Type == gjson.Null {
		return nil, nil
	}
	if !list.IsArray() {
		return nil, errors.New("dialect: tool_calls is not an array")
	}
	var deltas []ToolDelta
	for _, c := range list.Array() {
		index := c.Get("index")
		if index.Type != gjson.Number || index.Num < 0 {
			return nil, errors.New("dialect: tool call delta has no index")
		}
		deltas = append(deltas, ToolDelta{
			Index:     int(index.Int()),
			ID:        c.Get("id").String(),
			Name:      c.Get("function.name").String(),
			Arguments: c.Get("function.arguments").String(),
		})
	}
	return deltas, nil
}

// cutText gives at most n bytes of a body that nobody understands, as valid text.
func cutText(body []byte, n int) string {
	if len(body) > n {
		body = append(body[:n:n], "…"...)
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}
