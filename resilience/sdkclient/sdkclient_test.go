package sdkclient

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/resilience"
)

const (
	hi   = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}` + "\n\n"
	stop = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	use  = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}` + "\n\n"
	done = "data: [DONE]\n\n"
	full = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
	call = `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"weather","arguments":"{}"}}]},"finish_reason":null}]}` + "\n\n"
)

func request(stream bool) resilience.Request {
	return resilience.Request{Stream: stream, IncludeUsage: stream,
		Messages: []resilience.Message{{Role: "system", Content: "short"}, {Role: "user", Content: "?"},
			{Role: "assistant", ToolCalls: []resilience.ToolCall{{ID: "x", Name: "weather", Arguments: "{}"}}},
			{Role: "tool", Content: "rain", ToolCallID: "x"}},
		Tools: []resilience.Tool{{Name: "weather", Parameters: json.RawMessage(`{"type":"object"}`)}}}
}

func client(t *testing.T, h http.HandlerFunc) *Client {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := New(srv.Client(), map[string]resilience.Endpoint{"p": {BaseURL: srv.URL + "/v1", APIKey: "k", Dialect: "openai"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		stream                  bool
		want                    resilience.Class
	}{
		{"stream", "text/event-stream", hi + stop + use + done, 200, true, ""},
		{"tool call", "text/event-stream", call + strings.Replace(stop, "stop", "tool_calls", 1) + use + done, 200, true, ""},
		{"truncated stream", "text/event-stream", hi, 200, true, resilience.ClassTruncated},
		{"HTML for a stream", "text/html", "<html>", 200, true, resilience.ClassTruncated},
		{"malformed event", "text/event-stream", hi + "data: {\"choices\":[{\n\n", 200, true, resilience.ClassMalformed},
		{"error in a stream", "text/event-stream", hi + `data: {"error":{"message":"x"}}` + "\n\n", 200, true, resilience.ClassInBand},
		{"unary", "application/json", full, 200, false, ""},
		{"error in 200", "application/json", `{"error":{"message":"x"}}`, 200, false, resilience.ClassInBand},
		{"no choice", "application/json", `{"id":"c"}`, 200, false, resilience.ClassMalformed},
		{"HTML", "text/html", "<html>", 200, false, resilience.ClassMalformed},
		{"overloaded", "application/json", `{"error":{"message":"x","type":"overloaded_error"}}`, 529, false, resilience.ClassOverloaded},
		{"quota", "application/json", `{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}`, 429, true, resilience.ClassQuota},
		{"CDN", "text/html", "<html>", 502, true, resilience.ClassServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			sdk := client(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				var body struct {
					Model    string
					Stream   bool
					Messages []json.RawMessage
					Tools    []json.RawMessage
				}
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != "m" || body.Stream != c.stream ||
					len(body.Messages) != 4 || len(body.Tools) != 1 || r.URL.Path != "/v1/chat/completions" {
					t.Errorf("request %+v to %s: %v", body, r.URL.Path, err)
				}
				w.Header().Set("Content-Type", c.contentType)
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			reply, err := sdk.Complete(t.Context(), resilience.Target{Provider: "p", Model: "m"}, request(c.stream))
			if resilience.ClassOf(err) != c.want {
				t.Fatalf("class %q, want %q: %v", resilience.ClassOf(err), c.want, err)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("%d requests: the SDK retried", n)
			}
			if err == nil && (reply.Text != "Hi" && len(reply.ToolCalls) != 1 || reply.Usage != resilience.Usage{Input: 3, Output: 2}) {
				t.Errorf("%+v", reply)
			}
			if e := resilience.AsError(t.Context(), err); c.status != 200 && (e.Status != c.status || e.RetryAfter != 7*time.Second) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestStreamBounds: pings count as bytes although the SDK hides them.
func TestStreamBounds(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		limit resilience.Timeout
		want  resilience.Class
	}{
		"first token":  {"", resilience.Timeout{FirstToken: 200 * time.Millisecond}, resilience.ClassFirstToken},
		"pings":        {hi, resilience.Timeout{StreamIdle: 300 * time.Millisecond, ContentIdle: 900 * time.Millisecond}, resilience.ClassStreamIdle},
		"held at DONE": {hi + stop + done, resilience.Timeout{StreamIdle: 300 * time.Millisecond}, ""},
	} {
		sdk := client(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, c.body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, ": ping\n\n")
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		})
		start := time.Now()
		err := c.limit.Do(resilience.WithProgress(t.Context()), func(ctx context.Context) error {
			_, err := sdk.Complete(ctx, resilience.Target{Provider: "p", Model: "m"}, request(true))
			return err
		})
		if resilience.ClassOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if name == "pings" && time.Since(start) < 900*time.Millisecond {
			t.Errorf("pings did not count as bytes: cut after %v", time.Since(start))
		}
	}
}

type slowReply struct{ wait time.Duration }

func (s slowReply) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.wait)
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}},
		Body: io.NopCloser(strings.NewReader(hi + stop + done)), Request: r}, nil
}

// TestFirstTokenCountsFromTheRequest: headers often come no earlier than content.
func TestFirstTokenCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(&http.Client{Transport: slowReply{120 * time.Millisecond}},
			map[string]resilience.Endpoint{"p": {BaseURL: "http://localhost/v1", APIKey: "k", Dialect: "openai"}})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := c.Complete(t.Context(), resilience.Target{Provider: "p", Model: "m"}, request(true))
		if err != nil || reply.TTFT != 120*time.Millisecond {
			t.Errorf("first token after %v, %v", reply.TTFT, err)
		}
	})
}

func TestRefused(t *testing.T) {
	c, err := New(nil, map[string]resilience.Endpoint{"p": {BaseURL: "http://127.0.0.1:1/v1", Dialect: "openai"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []bool{true, false} {
		_, err = c.Complete(t.Context(), resilience.Target{Provider: "p", Model: "m"}, request(stream))
		if resilience.ClassOf(err) != resilience.ClassConnect {
			t.Error(err)
		}
	}
	if _, err := New(nil, map[string]resilience.Endpoint{"p": {Dialect: "latin"}}); err == nil {
		t.Error("an SDK for latin")
	}
}
