package dialect

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

func TestOpenAIDecode(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       Reply
		status     int    // of an *Error
		err        string // part of any other error
	}{
		{name: "text", body: `{"id":"a","created":5,"model":"m","error":null,"choices":[{"message":{"role":"assistant","content":"hi \u00e9","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`,
			want: Reply{ID: "a", Model: "m", Created: time.Unix(5, 0), Text: "hi é", Finish: FinishStop, Usage: Usage{3, 4}}},
		{name: "tools", body: `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"2","type":"function","function":{"name":"g","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}]}`,
			want: Reply{Created: time.Unix(0, 0), ToolCalls: []ToolCall{{"1", "f", "{}"}, {"2", "g", `{"a":1}`}}, Finish: FinishToolCalls}},
		{name: "refusal", body: `{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}`,
			want: Reply{Created: time.Unix(0, 0), Text: "no", Finish: FinishContentFilter}},
		{name: "error in 200", body: `{"error":{"message":"boom","type":"server_error","param":null,"code":"c"}}`, status: 200},
		{name: "error text in 200", body: `{"error":"boom"}`, status: 200},
		{name: "error beside choices", body: `{"error":{"message":"boom"},"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`, status: 200},
		{name: "empty", body: ``, err: "JSON"},
		{name: "html", body: `<html>`, err: "JSON"},
		{name: "cut", body: `{"choices":[{"message":{"content":"x"`, err: "JSON"},
		{name: "two documents", body: `{} {}`, err: "JSON"},
		{name: "null", body: `null`, err: "object"},
		{name: "array", body: `[]`, err: "object"},
		{name: "no choices", body: `{}`, err: "no choice"},
		{name: "empty choices", body: `{"choices":[]}`, err: "no choice"},
		{name: "null choice", body: `{"choices":[null]}`, err: "no choice"},
		{name: "no message", body: `{"choices":[{"finish_reason":"stop"}]}`, err: "no message"},
		{name: "no finish", body: `{"choices":[{"message":{"content":"x"}}]}`, err: "finish_reason"},
		{name: "null finish", body: `{"choices":[{"message":{"content":"x"},"finish_reason":null}]}`, err: "finish_reason"},
		{name: "content number", body: `{"choices":[{"message":{"content":3},"finish_reason":"stop"}]}`, err: "content"},
		{name: "tool without name", body: `{"choices":[{"message":{"tool_calls":[{"id":"1"}]},"finish_reason":"tool_calls"}]}`, err: "tool call"},
		{name: "tools no array", body: `{"choices":[{"message":{"tool_calls":{}},"finish_reason":"tool_calls"}]}`, err: "tool_calls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := openAI.Decode([]byte(c.body))
			checkDecode(t, err, c.status, c.err)
			if c.status == 0 && c.err == "" && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func checkDecode(t *testing.T, err error, status int, text string) {
	t.Helper()
	e := (*Error)(nil)
	switch {
	case status != 0:
		if !errors.As(err, &e) || e.Status != status || e.Message != "boom" {
			t.Errorf("got %#v, want an *Error with status %d", err, status)
		}
	case text != "":
		if err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want a plain error with %q", err, text)
		}
	case err != nil:
		t.Error(err)
	}
}

func TestOpenAIDecodeEvent(t *testing.T) {
	for _, c := range []struct {
		name, event, data string
		want              Event
		status            int
		err               string
	}{
		{name: "role", data: `{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}`, want: Event{}},
		{name: "text", data: `{"error":null,"choices":[{"index":0,"delta":{"content":" a\n"},"logprobs":null,"finish_reason":null}],"usage":null}`,
			want: Event{Kind: exchange.Content, Text: " a\n"}},
		{name: "tool start", data: `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
			want: Event{Kind: exchange.Content, Tools: []ToolDelta{{1, "c", "f", ""}}}},
		{name: "tool more", data: `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}},{"index":1,"function":{"arguments":"}"}}]}}]}`,
			want: Event{Kind: exchange.Content, Tools: []ToolDelta{{0, "", "", `{"a"`}, {1, "", "", "}"}}}},
		{name: "finish", data: `{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}`, want: Event{Kind: exchange.Terminal, Finish: FinishLength}},
		{name: "finish without delta", data: `{"choices":[{"index":0,"finish_reason":"stop"}]}`, want: Event{Kind: exchange.Terminal, Finish: FinishStop}},
		{name: "finish with text", data: `{"choices":[{"index":0,"delta":{"content":"z"},"finish_reason":"stop"}]}`, want: Event{Kind: exchange.Terminal, Finish: FinishStop, Text: "z"}},
		{name: "unknown finish", data: `{"choices":[{"index":0,"delta":{},"finish_reason":"eos"}]}`, want: Event{Kind: exchange.Terminal, Finish: "eos"}},
		{name: "refusal", data: `{"choices":[{"index":0,"delta":{"refusal":"no"}}]}`, want: Event{Kind: exchange.Content, Text: "no", Finish: FinishContentFilter}},
		{name: "usage", data: `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, want: Event{Kind: exchange.Trailer, Usage: &Usage{3, 4}}},
		{name: "azure filter chunk", data: `{"choices":[],"prompt_filter_results":[]}`, want: Event{}},
		{name: "another choice", data: `{"choices":[{"index":1,"delta":{"content":"a"}}]}`, want: Event{}},
		{name: "done", data: `[DONE]`, want: Event{Kind: exchange.Trailer}},
		{name: "comment", event: Comment, data: `PROCESSING`, want: Event{Kind: exchange.Ping}},
		{name: "error", data: `{"error":{"message":"boom","type":"server_error","param":null,"code":null}}`, status: 200},
		{name: "error named", event: "error", data: `{"error":{"message":"boom"}}`, status: 200},
		{name: "cut", data: `{"choices":[{"index":0,"del`, err: "JSON"},
		{name: "null", data: `null`, err: "object"},
		{name: "empty", data: ``, err: "JSON"},
		{name: "no choices", data: `{"object":"x"}`, err: "choices"},
		{name: "choices object", data: `{"choices":{}}`, err: "choices"},
		{name: "null in choices", data: `{"choices":[null]}`, err: "delta"},
		{name: "delta text", data: `{"choices":[{"index":0,"delta":"a"}]}`, err: "delta"},
		{name: "content object", data: `{"choices":[{"index":0,"delta":{"content":{}}}]}`, err: "content"},
		{name: "finish number", data: `{"choices":[{"index":0,"delta":{},"finish_reason":1}]}`, err: "finish_reason"},
		{name: "tool without index", data: `{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"c"}]}}]}`, err: "index"},
		{name: "tools no array", data: `{"choices":[{"index":0,"delta":{"tool_calls":"f"}}]}`, err: "tool_calls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := openAI.DecodeEvent(c.event, []byte(c.data))
			checkDecode(t, err, c.status, c.err)
			if c.status != 0 && (got.Kind != exchange.Failure || got.Err == nil) {
				t.Errorf("got %+v, want a failure", got)
			}
			if c.status == 0 && c.err == "" && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestOpenAIDecodeError(t *testing.T) {
	for _, c := range []struct {
		body string
		want Error
	}{
		{`{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}`,
			Error{Status: 429, Type: "requests", Code: "rate_limit_exceeded", Message: "slow down"}},
		{`{"error":"slow down"}`, Error{Status: 429, Message: "slow down"}},
		{`<html>busy</html>`, Error{Status: 429, Message: "<html>busy</html>"}},
		{``, Error{Status: 429}},
		{`{"message":"x"}`, Error{Status: 429, Message: `{"message":"x"}`}},
		{strings.Repeat("é", 150), Error{Status: 429, Message: strings.Repeat("é", 100) + "…"}},
		{"x" + strings.Repeat("é", 150), Error{Status: 429, Message: "x" + strings.Repeat("é", 99) + "\uFFFD…"}},
	} {
		if got := openAI.DecodeError(429, []byte(c.body)); *got != c.want {
			t.Errorf("%.30s: got %+v, want %+v", c.body, *got, c.want)
		}
	}
}

func TestOpenAIEncode(t *testing.T) {
	q := Request{
		Model: `gpt-"4o"`,
		Messages: []Message{
			{Role: "system", Content: "be\nbrief"},
			{Role: "user", Content: "hi <you> \u2028"},
			{Role: "assistant", ToolCalls: []ToolCall{{"c1", "f", `{"a":"b"}`}, {"c2", "g", "{}"}}},
			{Role: "tool", ToolCallID: "c1", Content: "found"},
			{Role: "tool", ToolCallID: "c2", Content: ""},
		},
		Tools:      []Tool{{"f", "finds", json.RawMessage(`{"type":"object"}`)}, {Name: "g"}},
		ToolChoice: "f", MaxTokens: 9, Stream: true, IncludeUsage: true,
	}
	h := http.Header{}
	path, body := openAI.Encode(h, "key", q)
	want := `{"model":"gpt-\"4o\"","messages":[{"role":"system","content":"be\nbrief"},{"role":"user","content":"hi \u003cyou\u003e \u2028"},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":\"b\"}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},` +
		`{"role":"tool","content":"found","tool_call_id":"c1"},{"role":"tool","content":"","tool_call_id":"c2"}],` +
		`"tools":[{"type":"function","function":{"name":"f","description":"finds","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}],` +
		`"tool_choice":{"type":"function","function":{"name":"f"}},"max_completion_tokens":9,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`
	if path != "/chat/completions" || string(body) != want {
		t.Errorf("%s\n got %s\nwant %s", path, body, want)
	}
	if h.Get("Authorization") != "Bearer key" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	if !json.Valid(body) {
		t.Error("not JSON")
	}
}
