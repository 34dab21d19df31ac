package mockllm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// loopback serves a handler on a real socket and gives a client that sends keys.
func loopback(t *testing.T, h http.Handler) (url string, client *http.Client) {
	t.Helper()
	s, err := Listen(t.Context(), network.Loopback{}, "127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	client = &http.Client{Transport: seed.Transport(&http.Transport{})}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL(), client
}

// sdk is OpenAI's official client, its retries off.
func sdk(t *testing.T, h http.Handler, more ...option.RequestOption) openai.Client {
	url, client := loopback(t, h)
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(url + "/v1"), option.WithAPIKey("key"),
		option.WithMaxRetries(0), option.WithHTTPClient(client)}, more...)...)
}

func keyed(t *testing.T) context.Context {
	return seed.WithKey(t.Context(), seed.Key{Request: 7, Call: 1, Attempt: 1})
}

func chatParams() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "gpt-4o",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is a circuit breaker?")},
	}
}

func toolParams() openai.ChatCompletionNewParams {
	q := chatParams()
	q.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "web_search",
		Parameters: shared.FunctionParameters{
			"type": "object", "required": []string{"query"},
			"properties": map[string]any{"query": map[string]any{"type": "string"}},
		},
	})}
	q.ToolChoice.OfAuto = param.NewOpt("required")
	return q
}

// A stream and a whole reply of one key say the same.
func TestSDK(t *testing.T) {
	c := sdk(t, instantly(t))
	whole, err := c.Chat.Completions.New(keyed(t), chatParams())
	if err != nil {
		t.Fatal(err)
	}
	text := whole.Choices[0].Message.Content
	if text == "" || whole.Choices[0].FinishReason != "stop" || whole.Usage.CompletionTokens != 3 {
		t.Errorf("whole reply: %s", whole.RawJSON())
	}

	q := chatParams()
	q.StreamOptions.IncludeUsage = openai.Bool(true)
	stream, all := c.Chat.Completions.NewStreaming(keyed(t), q), openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			t.Errorf("chunk does not fit: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if all.Choices[0].Message.Content != text || all.Choices[0].FinishReason != "stop" || all.ID != whole.ID ||
		all.Usage.CompletionTokens != whole.Usage.CompletionTokens || all.Usage.PromptTokens != whole.Usage.PromptTokens {
		t.Errorf("stream: %+v, whole: %s", all.ChatCompletion, whole.RawJSON())
	}
}

// The agent's loop: a demanded call, its result, then text.
func TestSDKTools(t *testing.T) {
	c := sdk(t, instantly(t))
	q := toolParams()
	reply, err := c.Chat.Completions.New(keyed(t), q)
	if err != nil {
		t.Fatal(err)
	}
	choice := reply.Choices[0]
	if choice.FinishReason != "tool_calls" || len(choice.Message.ToolCalls) != 1 {
		t.Fatalf("reply: %s", reply.RawJSON())
	}
	call := choice.Message.ToolCalls[0]
	var arguments struct{ Query string }
	if err := json.Unmarshal([]byte(call.Function.Arguments), &arguments); err != nil || arguments.Query == "" {
		t.Errorf("arguments %s: %v", call.Function.Arguments, err)
	}

	stream, all := c.Chat.Completions.NewStreaming(keyed(t), q), openai.ChatCompletionAccumulator{}
	finished := openai.FinishedChatCompletionToolCall{}
	for stream.Next() {
		all.AddChunk(stream.Current())
		if f, ok := all.JustFinishedToolCall(); ok {
			finished = f
		}
	}
	if stream.Err() != nil || finished.ID != call.ID || finished.Name != "web_search" || finished.Arguments != call.Function.Arguments {
		t.Errorf("streamed call %+v, whole %s, %v", finished, call.RawJSON(), stream.Err())
	}

	q.Messages = append(q.Messages, choice.Message.ToParam(), openai.ToolMessage("found it", call.ID))
	reply, err = c.Chat.Completions.New(keyed(t), q)
	if err != nil || reply.Choices[0].Message.Content == "" || reply.Choices[0].FinishReason != "stop" {
		t.Errorf("after the result: %v, %v", reply, err)
	}
}

func TestSDKErrors(t *testing.T) {
	c := sdk(t, instantly(t))
	q := chatParams()
	q.Model = "gpt-5"
	_, err := c.Chat.Completions.New(keyed(t), q)
	if e := (*openai.Error)(nil); !errors.As(err, &e) || e.StatusCode != 404 || e.Code != "model_not_found" || e.Param != "model" {
		t.Errorf("unknown model: %v", err)
	}
	_, err = c.Chat.Completions.New(keyed(t), chatParams(), option.WithHeaderDel("Authorization"))
	if e := (*openai.Error)(nil); !errors.As(err, &e) || e.StatusCode != 401 || e.Code != "invalid_api_key" {
		t.Errorf("no key: %v", err)
	}

	failing := sdk(t, provider(t, func(p *Provider) { p.ErrorRate = 1; p.Models["gpt-4o"] = Model{TTFT: seed.Constant(1)} }).Handler())
	seen := map[int]bool{}
	for n := range uint64(40) {
		_, err := failing.Chat.Completions.New(seed.WithKey(t.Context(), seed.Key{Request: n}), chatParams())
		e := (*openai.Error)(nil)
		if errors.As(err, &e) {
			seen[e.StatusCode] = true
		} else if err != nil && strings.Contains(err.Error(), "EOF") {
			seen[0] = true
		} else {
			t.Errorf("request %d: %v", n, err)
		}
	}
	if len(seen) != 3 || !seen[500] || !seen[503] || !seen[0] {
		t.Errorf("errors seen: %v", seen)
	}
}

func TestSDKModels(t *testing.T) {
	c := sdk(t, instantly(t))
	page, err := c.Models.List(t.Context())
	if err != nil || len(page.Data) != 2 || page.Data[0].ID != "gpt-4o" || page.Data[1].ID != "gpt-4o-mini" {
		t.Errorf("list: %+v, %v", page, err)
	}
	if m, err := c.Models.Get(t.Context(), "gpt-4o"); err != nil || m.ID != "gpt-4o" {
		t.Errorf("get: %+v, %v", m, err)
	}
}

func TestServerClosesWhatItStarted(t *testing.T) {
	entered, left := make(chan bool), make(chan bool, 1)
	s, err := Listen(t.Context(), network.Loopback{}, "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		time.Sleep(time.Millisecond) // Close must wait for this, too
		left <- true
	}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if res, err := http.Get(s.URL()); err == nil {
			t.Errorf("got %v from a closed server", res.Status)
		}
	})
	<-entered
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-left:
	default:
		t.Error("Close returned before the handler did")
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := http.Get(s.URL()); err == nil {
		t.Error("the server still answers")
	}
}

func TestListenOnABusyPort(t *testing.T) {
	s, err := Listen(t.Context(), network.Loopback{}, "127.0.0.1:0", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Listen(t.Context(), network.Loopback{}, strings.TrimPrefix(s.URL(), "http://"), http.NotFoundHandler()); err == nil {
		t.Error("a busy port was opened twice")
	}
}

func TestReachable(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80", "0.0.0.0:1": "127.0.0.1:1", "[::1]:5": "[::1]:5", "memory": "memory",
	} {
		if got := reachable(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
