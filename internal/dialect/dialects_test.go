package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// A dialect's errors say after decoding what they said before, in its own words.
func TestEveryDialectsErrors(t *testing.T) {
	for name, c := range map[string]struct{ in, want Error }{
		"anthropic": {Error{Status: 429, Type: "requests", Code: "ramp_limit_exceeded", Message: "slow \"down\"", RequestID: "req_1"},
			Error{Status: 429, Type: "rate_limit_error", Code: "ramp_limit_exceeded", Message: "slow \"down\"", RequestID: "req_1"}},
		"gemini": {Error{Status: 429, Type: "requests", Code: "GenerateRequestsPerDay", Message: "slow", RetryAfter: 1500 * time.Millisecond},
			Error{Status: 429, Type: "RESOURCE_EXHAUSTED", Code: "GenerateRequestsPerDay", Message: "slow", RetryAfter: 1500 * time.Millisecond}},
	} {
		d := Dialects[name]
		if got := d.DecodeError(429, d.RenderError(c.in)); *got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, *got, c.want)
		}
		if got := d.DecodeError(502, []byte("<html>")); *got != (Error{Status: 502, Message: "<html>"}) {
			t.Errorf("%s: a page is %+v", name, got)
		}
		event, data, err := NewScanner(bytes.NewReader(d.RenderEvent(c.in))).Next()
		if err != nil {
			t.Fatal(err)
		}
		ev, err := d.DecodeEvent(event, data)
		if e := (*Error)(nil); ev.Kind != exchange.Failure || !errors.As(err, &e) || e != ev.Err || e.Message != c.in.Message || e.Status != 200 {
			t.Errorf("%s: in a stream %+v, %v", name, ev, err)
		}
	}
	for status, want := range map[int]string{400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
		404: "not_found_error", 413: "request_too_large", 418: "invalid_request_error", 429: "rate_limit_error", 500: "api_error", 503: "api_error",
		504: "timeout_error", 529: "overloaded_error"} {
		if got := anthropic.DecodeError(status, anthropic.RenderError(Error{Status: status, Type: "server_error"})); got.Type != want {
			t.Errorf("%d is %s, want %s", status, got.Type, want)
		}
	}
	for status, want := range map[int]string{400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
		500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"} {
		body := gemini.RenderError(Error{Status: status})
		var e struct{ Error struct{ Code int } }
		if got := gemini.DecodeError(status, body); got.Type != want || json.Unmarshal(body, &e) != nil || e.Error.Code != status {
			t.Errorf("%d is %s, want %s: %s", status, got.Type, want, body)
		}
	}
}

func TestAnthropicErrorWithoutItsWrapper(t *testing.T) {
	want := Error{Status: 413, Type: "request_too_large", Message: "big"}
	if got := anthropic.DecodeError(413, []byte(`{"type":"request_too_large","message":"big"}`)); *got != want {
		t.Errorf("%+v", got)
	}
}

func TestAnthropicHeader(t *testing.T) {
	h := http.Header{}
	anthropic.Header(h, "req_1", Limits{Requests: Limit{50, 49, 1200 * time.Millisecond}, Input: Limit{10, 0, 0}})
	reset, err := time.Parse(time.RFC3339, h.Get("anthropic-ratelimit-requests-reset"))
	if left := time.Until(reset); err != nil || left <= 0 || left > 3*time.Second {
		t.Errorf("reset %v, in %v: %v", reset, left, err)
	}
	if h.Get("request-id") != "req_1" || h.Get("anthropic-ratelimit-input-tokens-remaining") != "0" || h.Get("anthropic-ratelimit-tokens-limit") != "" || len(h) != 7 {
		t.Errorf("%v", h)
	}
}

func TestDecodeEventOfOtherDialects(t *testing.T) {
	const chunk = `{"candidates":[{"content":{"parts":[`
	for _, c := range []struct {
		d           *Dialect
		event, data string
		want        Event
		status      int
		err         string
	}{
		{&anthropic, "message_start", `{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}`, Event{Usage: &Usage{3, 1}}, 0, ""},
		{&anthropic, "ping", `{"type":"ping"}`, Event{Kind: exchange.Ping}, 0, ""},
		{&anthropic, "content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, Event{}, 0, ""},
		{&anthropic, "content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"i","name":"f","input":{}}}`, Event{Kind: exchange.Content, Tools: []ToolDelta{{1, "i", "f", ""}}}, 0, ""},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`, Event{Kind: exchange.Content, Text: "a"}, 0, ""},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{"}}`, Event{Kind: exchange.Content, Tools: []ToolDelta{{1, "", "", "{"}}}, 0, ""},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}`, Event{Kind: exchange.Content}, 0, ""},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"a"}}`, Event{}, 0, ""},
		{&anthropic, "message_delta", `{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":4}}`, Event{Finish: FinishLength, Usage: &Usage{0, 4}}, 0, ""},
		{&anthropic, "message_stop", `{"type":"message_stop"}`, Event{Kind: exchange.Terminal}, 0, ""},
		{&anthropic, "brand_new", `{"type":"brand_new"}`, Event{}, 0, ""},
		{&anthropic, Comment, `x`, Event{Kind: exchange.Ping}, 0, ""},
		{&anthropic, "error", `{"type":"error","error":{"type":"overloaded_error","message":"boom"}}`, Event{}, 200, ""},
		{&anthropic, "", `{"type":"message_stop"}`, Event{}, 0, "event line"},
		{&anthropic, "message_start", `{"type":"message_stop"}`, Event{}, 0, "of type"},
		{&anthropic, "message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`, Event{}, 0, "usage"},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}`, Event{}, 0, "index"},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":0}`, Event{}, 0, "delta"},
		{&anthropic, "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta"}}`, Event{}, 0, "text"},
		{&anthropic, "content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}`, Event{}, 0, "name"},
		{&anthropic, "message_stop", `{"type":`, Event{}, 0, "JSON"},
		{&gemini, "", chunk + `{"text":"a"},{"text":"b","thought":true},{"text":"c"}]},"index":0}],"usageMetadata":{"promptTokenCount":3}}`, Event{Kind: exchange.Content, Text: "ac"}, 0, ""},
		{&gemini, "", chunk + `{"text":"b","thought":true}]}}]}`, Event{Kind: exchange.Content}, 0, ""},
		{&gemini, "", chunk + `{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":2}}`,
			Event{Kind: exchange.Terminal, Finish: FinishToolCalls, Tools: []ToolDelta{{WholeCall, "", "f", "{}"}}, Usage: &Usage{3, 6}}, 0, ""},
		{&gemini, "", `{"candidates":[{"finishReason":"MAX_TOKENS"}]}`, Event{Kind: exchange.Terminal, Finish: FinishLength}, 0, ""},
		{&gemini, "", `{"candidates":[{"finishReason":"SAFETY"}]}`, Event{Kind: exchange.Terminal, Finish: FinishContentFilter}, 0, ""},
		{&gemini, "", `{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}`, Event{Kind: exchange.Terminal, Finish: "MALFORMED_FUNCTION_CALL"}, 0, ""},
		{&gemini, "", `{"promptFeedback":{"blockReason":"SAFETY"}}`, Event{Kind: exchange.Terminal, Finish: FinishContentFilter}, 0, ""},
		{&gemini, "", `{"usageMetadata":{"promptTokenCount":3}}`, Event{Usage: &Usage{3, 0}}, 0, ""},
		{&gemini, "", `{"error":{"code":503,"message":"boom","status":"UNAVAILABLE"}}`, Event{}, 200, ""},
		{&gemini, "", `{}`, Event{}, 0, "candidates"},
		{&gemini, "", `{"candidates":{}}`, Event{}, 0, "array"},
		{&gemini, "", `{"candidates":[4]}`, Event{}, 0, "object"},
		{&gemini, "", `{"candidates":[{"content":4}]}`, Event{}, 0, "parts"},
		{&gemini, "", chunk + `{"text":4}]}}]}`, Event{}, 0, "text"},
		{&gemini, "", chunk + `{"functionCall":{}}]}}]}`, Event{}, 0, "name"},
		{&gemini, "", `{"candidates":[{"finishReason":4}]}`, Event{}, 0, "finishReason"},
		{&gemini, "", `[DONE]`, Event{}, 0, "JSON"},
	} {
		got, err := c.d.DecodeEvent(c.event, []byte(c.data))
		checkDecode(t, err, c.status, c.err)
		if c.status != 0 && (got.Kind != exchange.Failure || got.Err == nil) || c.status == 0 && c.err == "" && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: got %+v, want %+v", c.event, c.data, got, c.want)
		}
	}
}

func TestDecodeOfOtherDialects(t *testing.T) {
	for _, c := range []struct {
		d         *Dialect
		body, err string
	}{
		{&anthropic, `{}`, "content"}, {&anthropic, `{"content":[]}`, "stop_reason"}, {&anthropic, `{"content":[{}],"stop_reason":"end_turn"}`, "type"},
		{&anthropic, `{"content":[{"type":"text"}],"stop_reason":"end_turn"}`, "text"}, {&anthropic, `{"content":[{"type":"tool_use"}],"stop_reason":"tool_use"}`, "tool use"},
		{&anthropic, `<html>`, "JSON"}, {&gemini, `{}`, "candidates"}, {&gemini, `{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}`, "finishReason"}, {&gemini, `[]`, "object"},
	} {
		_, err := c.d.Decode([]byte(c.body))
		checkDecode(t, err, 0, c.err)
	}
	for _, d := range Dialects {
		_, err := d.Decode(d.RenderError(Error{Status: 500, Message: "boom"}))
		checkDecode(t, err, 200, "")
	}
}

// Each step of every form of stream is one event (a part of the array for Gemini's),
// none can overwrite the next, and the kinds are what a reader finds.
func TestStreamsOfEveryForm(t *testing.T) {
	r := reply()
	r.Thinking, r.More = "I wonder 🙂 about it.", []Choice{{Text: "b c", Pieces: []string{"b", " c"}, Finish: FinishStop}}
	for _, c := range []struct {
		name string
		form form
	}{{"openai", formUsual}, {"openai", formAzure}, {"openai", formResponses}, {"anthropic", formUsual}, {"anthropic", formNullable}, {"gemini", formUsual}, {"gemini", formArray}} {
		for _, end := range []*Error{nil, {Status: 500, Message: "boom"}} {
			r.Err = end
			var all []byte
			ends := 0
			q := Request{Stream: true, IncludeUsage: true, Obfuscate: true, form: c.form}
			for _, step := range Dialects[c.name].RenderStream(q, r, strings.SplitAfter(r.Text, " ")) {
				if len(step.Bytes) != cap(step.Bytes) {
					t.Errorf("%s %d: appending to a step would overwrite the next", c.name, c.form)
				}
				all = append(all, step.Bytes...)
				if step.Kind == exchange.Terminal || step.Kind == exchange.Failure {
					ends++
				}
				if c.form != formArray {
					checkEvent(t, c.name, c.form, step)
				}
			}
			if ends != 1 || c.form == formArray && !json.Valid(all) {
				t.Errorf("%s %d: %d ends in %s", c.name, c.form, ends, all)
			}
		}
	}
}

func checkEvent(t *testing.T, name string, f form, step exchange.Step) {
	t.Helper()
	s := NewScanner(bytes.NewReader(step.Bytes))
	event, data, err := s.Next()
	if err != nil {
		t.Fatalf("%s: %v", step.Bytes, err)
	}
	if f == formResponses {
		var body struct{ Type string }
		if err := json.Unmarshal(data, &body); err != nil || body.Type != event || event == "" {
			t.Errorf("event %q: %s, %v", event, data, err)
		}
	} else if ev, err := Dialects[name].DecodeEvent(event, data); ev.Kind != step.Kind && !(bytes.Contains(data, []byte(`"index":1`)) && name == "openai") {
		t.Errorf("%s: written as %v, read as %v: %s, %v", name, step.Kind, ev.Kind, data, err)
	}
	if _, _, err := s.Next(); err != io.EOF {
		t.Errorf("%s: more than one event: %s", name, step.Bytes)
	}
}

// A longer stream takes no more allocations, in any form, and reading an event of
// text takes few.
func TestAllocationsPerEvent(t *testing.T) {
	long := strings.SplitAfter(strings.Repeat(" token", 400), "n")
	for _, d := range Dialects {
		for f := formUsual; f <= formArray; f++ {
			q, r := Request{Stream: true, Obfuscate: true, form: f}, Reply{ID: "id", Model: "m", Finish: FinishStop}
			few := testing.AllocsPerRun(10, func() { d.RenderStream(q, r, long[:50]) })
			many := testing.AllocsPerRun(10, func() { d.RenderStream(q, r, long[:400]) })
			if many > few+4 {
				t.Errorf("%s %d: %v allocations for 50 pieces, %v for 400", d.Name, f, few, many)
			}
		}
		var text exchange.Step
		for _, s := range d.RenderStream(Request{Stream: true}, Reply{ID: "id", Model: "m", Finish: FinishStop}, long[:3]) {
			if s.Kind == exchange.Content {
				text = s
			}
		}
		event, data, err := NewScanner(bytes.NewReader(text.Bytes)).Next()
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.Clone(data)
		if n := testing.AllocsPerRun(100, func() {
			if ev, err := d.DecodeEvent(event, data); err != nil || ev.Text == "" {
				t.Fatal(ev, err)
			}
		}); n > 3 {
			t.Errorf("%s: %v allocations to read an event", d.Name, n)
		}
	}
}

// FuzzDialectDecoders: no bytes make a reader of any dialect panic, and what is no
// JSON is an error.
func FuzzDialectDecoders(f *testing.F) {
	for name, d := range Dialects {
		f.Add(name, "", d.RenderReply(Request{}, reply()))
		for _, step := range d.RenderStream(Request{Stream: true}, reply(), []string{"a"}) {
			if event, data, err := NewScanner(bytes.NewReader(step.Bytes)).Next(); err == nil {
				f.Add(name, event, bytes.Clone(data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, name, event string, data []byte) {
		d := Dialects[name]
		if d == nil {
			t.Skip()
		}
		_, err := d.Decode(data)
		_, errEvent := d.DecodeEvent(event, data)
		if d.DecodeError(500, data).Status != 500 {
			t.Error("status lost")
		}
		if !json.Valid(data) && (err == nil || errEvent == nil && event != Comment && string(data) != "[DONE]") {
			t.Errorf("%q was taken for JSON", data)
		}
	})
}
