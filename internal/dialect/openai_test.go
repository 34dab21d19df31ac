package dialect

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// request is one with everything that both ends understand.
func request() Request {
	return Request{
		Model: `gpt-"4o" é`,
		Messages: []Message{
			{Role: "system", Content: "be\nbrief \x00 <b>"},
			{Role: "user", Content: "hi 🙂 \u2028"},
			{Role: "assistant", ToolCalls: []ToolCall{{"c1", "f", `{"a":"b"}`}, {"c2", "g", "{}"}}},
			{Role: "tool", ToolCallID: "c1", Content: "found"},
			{Role: "tool", ToolCallID: "c2", Content: ""},
		},
		Tools:      []Tool{{"f", "finds", json.RawMessage(`{"type":"object"}`)}, {Name: "g"}},
		ToolChoice: "f", MaxTokens: 9, Stream: true, IncludeUsage: true,
	}
}

func reply() Reply {
	return Reply{
		ID: "chatcmpl-1", Model: `gpt-"4o" é`, Created: time.Unix(1700000000, 0),
		Text:      "It says \"no\"\n🙂.",
		ToolCalls: []ToolCall{{"c1", "f", `{"a":"bé🙂cdef"}`}, {"c2", "g", "{}"}},
		Finish:    FinishToolCalls, Usage: Usage{12, 34},
	}
}

func TestParseReadsWhatEncodeWrote(t *testing.T) {
	for _, choice := range []string{"", "auto", "none", "required", "f"} {
		for _, stream := range []bool{true, false} {
			q := request()
			q.ToolChoice, q.Stream, q.IncludeUsage = choice, stream, stream
			_, body := openAI.Encode(http.Header{}, "key", q)
			r := &exchange.Request{HTTP: httptest.NewRequest("POST", "/", nil), Body: body}
			if got, err := openAI.ParseRequest(r); err != nil || !reflect.DeepEqual(got, q) {
				t.Errorf("%q: got %+v, %v, want %+v", choice, got, err, q)
			}
			if openAI.Inspect(r); r.Model != q.Model || r.Stream != stream {
				t.Errorf("inspected as %q, %v", r.Model, r.Stream)
			}
		}
	}
}

func TestInspectOfNonsense(t *testing.T) {
	for _, body := range []string{"", "x", "[]", `{"model":4,"stream":"yes"}`, `{"model":null}`} {
		r := &exchange.Request{Body: []byte(body)}
		if openAI.Inspect(r); r.Model != "" || r.Stream {
			t.Errorf("%s: %q, %v", body, r.Model, r.Stream)
		}
	}
}

func TestDecodeReadsWhatRenderReplyWrote(t *testing.T) {
	text := reply()
	text.ToolCalls, text.Finish = nil, FinishStop
	calls := reply()
	calls.Text = ""
	for _, want := range []Reply{text, calls, reply()} {
		body := openAI.RenderReply(Request{}, want)
		if got, err := openAI.Decode(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil || all["object"] != "chat.completion" {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// A stream, read back event by event, is the reply; each step is one event whose
// kind a reader finds again.
func TestDecodeEventReadsWhatRenderStreamWrote(t *testing.T) {
	want := reply()
	pieces := strings.SplitAfter(want.Text, " ")
	for _, usage := range []bool{true, false} {
		q := request()
		q.IncludeUsage = usage
		got := Reply{ToolCalls: make([]ToolCall, 2)}
		var kinds []exchange.Kind
		for _, step := range openAI.RenderStream(q, want, pieces) {
			if cap(step.Bytes) != len(step.Bytes) {
				t.Error("appending to a step would overwrite the next")
			}
			events, ev := 0, Event{}
			for s := NewScanner(bytes.NewReader(step.Bytes)); ; events++ {
				name, data, err := s.Next()
				if err == io.EOF {
					break
				}
				if ev, err = openAI.DecodeEvent(name, data); err != nil {
					t.Fatalf("%s: %v", data, err)
				}
				if hasUsage := bytes.Contains(data, []byte(`"usage":`)); hasUsage != (usage && string(data) != "[DONE]") {
					t.Errorf("usage asked %v: %s", usage, data)
				}
			}
			if events != 1 || ev.Kind != step.Kind || step.Wait != 0 {
				t.Errorf("step %+v holds %d events, kind %v", step, events, ev.Kind)
			}
			kinds = append(kinds, ev.Kind)
			got.Text += ev.Text
			for _, d := range ev.Tools {
				c := &got.ToolCalls[d.Index]
				c.ID, c.Name, c.Arguments = c.ID+d.ID, c.Name+d.Name, c.Arguments+d.Arguments
			}
			if ev.Finish != "" {
				got.Finish = ev.Finish
			}
			if ev.Usage != nil {
				got.Usage = *ev.Usage
			}
		}
		expect := Reply{Text: want.Text, ToolCalls: want.ToolCalls, Finish: want.Finish}
		end := []exchange.Kind{exchange.Terminal, exchange.Trailer}
		if usage {
			expect.Usage = want.Usage
			end = append(end, exchange.Trailer)
		}
		if !reflect.DeepEqual(got, expect) {
			t.Errorf("got %+v, want %+v", got, expect)
		}
		if kinds[0] != exchange.Meta || kinds[1] != exchange.Content || !reflect.DeepEqual(kinds[len(kinds)-len(end):], end) {
			t.Errorf("kinds %v", kinds)
		}
	}
}

func TestErrorsRoundTrip(t *testing.T) {
	for _, want := range []Error{
		{Status: 429, Type: "requests", Code: "rate_limit_exceeded", Message: "slow \"down\"\n", Param: "p"},
		{Status: 500, Type: "server_error", Message: "x"},
	} {
		if got := openAI.DecodeError(want.Status, openAI.RenderError(want)); *got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		_, data, err := NewScanner(bytes.NewReader(openAI.RenderEvent(want))).Next()
		if err != nil {
			t.Fatal(err)
		}
		want.Status = 200
		if ev, err := openAI.DecodeEvent("", data); *ev.Err != want || err != ev.Err || err.Error() != want.Message {
			t.Errorf("got %+v, %v, want %+v", ev, err, want)
		}
	}
	if got := string(openAI.RenderError(Error{Status: 500, Message: "x"})); got != `{"error":{"message":"x","type":null,"param":null,"code":null}}` {
		t.Error(got)
	}
}

func TestHeader(t *testing.T) {
	h := http.Header{}
	openAI.Header(h, "req_1", Limits{Requests: Limit{60, 59, 1500 * time.Microsecond}, Tokens: Limit{100000, 0, 6 * time.Minute}})
	want := http.Header{}
	for k, v := range map[string]string{
		"x-request-id":                   "req_1",
		"x-ratelimit-limit-requests":     "60",
		"x-ratelimit-remaining-requests": "59",
		"x-ratelimit-reset-requests":     "2ms",
		"x-ratelimit-limit-tokens":       "100000",
		"x-ratelimit-remaining-tokens":   "0",
		"x-ratelimit-reset-tokens":       "6m0s",
	} {
		want.Set(k, v)
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("got %v, want %v", h, want)
	}
	h = http.Header{}
	if openAI.Header(h, "req_1", Limits{}); len(h) != 1 {
		t.Errorf("without limits: %v", h)
	}
}

// JSON nested without end is malformed, not a crash.
func TestDeepNesting(t *testing.T) {
	for _, deep := range []string{
		strings.Repeat("[", 1<<20),
		strings.Repeat(`{"a":`, 1<<20),
		`{"choices":` + strings.Repeat("[", 50000) + strings.Repeat("]", 50000) + `}`,
	} {
		_, err := openAI.Decode([]byte(deep))
		_, errEvent := openAI.DecodeEvent("", []byte(deep))
		_, bad := openAI.ParseRequest(&exchange.Request{Body: []byte(deep)})
		if err == nil || errEvent == nil || bad == nil {
			t.Errorf("%.20s… passed: %v, %v, %v", deep, err, errEvent, bad)
		}
	}
	wide := []byte(`{"choices":[{"index":0,"delta":{"content":"` + strings.Repeat("[", 20000) + `"}}]}`)
	if ev, err := openAI.DecodeEvent("", wide); err != nil || len(ev.Text) != 20000 {
		t.Errorf("brackets in text: %v", err)
	}
}

// FuzzDecode: no bytes make a reader panic, and what is no JSON is an error.
func FuzzDecode(f *testing.F) {
	f.Add(openAI.RenderReply(Request{}, reply()))
	f.Add(openAI.RenderError(Error{Message: "x"}))
	for _, step := range openAI.RenderStream(request(), reply(), []string{"a"}) {
		f.Add(bytes.TrimSuffix(bytes.TrimPrefix(step.Bytes, []byte("data: ")), []byte("\n\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := openAI.Decode(data)
		_, errEvent := openAI.DecodeEvent("", data)
		_, bad := openAI.ParseRequest(&exchange.Request{Body: data})
		if openAI.DecodeError(500, data).Status != 500 {
			t.Error("status lost")
		}
		if !json.Valid(data) && (err == nil || bad == nil || errEvent == nil && string(data) != "[DONE]") {
			t.Errorf("%q was taken for JSON", data)
		}
	})
}

// FuzzScanner: however bytes are cut into reads, the events are the same, and their
// data is never longer than what was read.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfevent: a\r\ndata: b\r\rdata:c\n: d\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := scanAll(bytes.NewReader(in))
		single, errSingle := scanAll(oneByte{bytes.NewReader(in)})
		if !reflect.DeepEqual(whole, single) || err != errSingle {
			t.Errorf("%q: %q, %v; byte by byte %q, %v", in, whole, err, single, errSingle)
		}
		if n := len(strings.Join(whole, "")); n > 2*len(in) {
			t.Errorf("%q: %d bytes of events", in, n)
		}
	})
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

func BenchmarkDecodeEvent(b *testing.B) {
	data := bytes.TrimSpace(openAI.RenderStream(Request{}, Reply{ID: "chatcmpl-sfQVSHEBnjRwtuKyfGuM2PMX3bEP7", Model: "gpt-4o"}, []string{" token"})[1].Bytes[6:])
	b.ReportAllocs()
	for b.Loop() {
		if ev, err := openAI.DecodeEvent("", data); err != nil || ev.Text != " token" {
			b.Fatal(ev, err)
		}
	}
}

func BenchmarkRenderStream(b *testing.B) {
	pieces := strings.SplitAfter(strings.Repeat(" token", 60), "n")[:60]
	r := Reply{ID: "chatcmpl-sfQVSHEBnjRwtuKyfGuM2PMX3bEP7", Model: "gpt-4o", Finish: FinishStop}
	b.ReportAllocs()
	for b.Loop() {
		openAI.RenderStream(Request{}, r, pieces)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	_, body := openAI.Encode(http.Header{}, "key", request())
	r := &exchange.Request{Body: body}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openAI.ParseRequest(r); err != nil {
			b.Fatal(err)
		}
	}
}
