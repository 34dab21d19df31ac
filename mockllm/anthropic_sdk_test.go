package mockllm

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/agentchaos/chaos/internal/seed"
)

// speaking is a fast provider of a dialect, on a real loopback server, that answers
// with five tokens.
func speaking(t testing.TB, name string, change func(*Provider)) *ProviderServer {
	t.Helper()
	now := seed.Constant(time.Nanosecond)
	m := Model{TTFT: now, Gap: now, Tokens: seed.Count{P50: 5, P99: 5}, Context: 1000}
	p := Provider{Dialect: name, Models: map[string]Model{"m1": m, "m2": m}}
	if change != nil {
		change(&p)
	}
	p.SetDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	return NewProvider(name, p, 42)
}

func claude(t *testing.T, h http.Handler, more ...option.RequestOption) anthropic.Client {
	url, client := loopback(t, h)
	return anthropic.NewClient(append([]option.RequestOption{option.WithBaseURL(url), option.WithAPIKey("key"),
		option.WithMaxRetries(0), option.WithHTTPClient(client)}, more...)...)
}

func claudeParams() anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: "m1", MaxTokens: 2000,
		System:   []anthropic.TextBlockParam{{Text: "Be brief."}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("What is a circuit breaker?"))},
	}
}

func claudeTools() anthropic.MessageNewParams {
	q := claudeParams()
	q.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "web_search",
		InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"query": map[string]any{"type": "string"}}, Required: []string{"query"}}}}}
	q.ToolChoice = anthropic.ToolChoiceUnionParam{OfAny: &anthropic.ToolChoiceAnyParam{}}
	return q
}

// accumulate reads a stream into the message that it makes.
func accumulate(t *testing.T, c anthropic.Client, q anthropic.MessageNewParams, more ...option.RequestOption) (anthropic.Message, []string) {
	t.Helper()
	stream, all := c.Messages.NewStreaming(keyed(t), q, more...), anthropic.Message{}
	var kinds []string
	for stream.Next() {
		ev := stream.Current()
		if err := all.Accumulate(ev); err != nil {
			t.Fatalf("%s: %v", ev.RawJSON(), err)
		}
		if n := len(kinds); n == 0 || kinds[n-1] != ev.Type {
			kinds = append(kinds, ev.Type)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return all, kinds
}

// A stream and a whole message of one key say the same, in both versions of the API
// and with both ways to send the key.
func TestAnthropicSDK(t *testing.T) {
	h := speaking(t, "anthropic", nil).Handler()
	for name, more := range map[string][]option.RequestOption{
		"x-api-key": nil,
		"bearer":    {option.WithHeaderDel("X-Api-Key"), option.WithHeader("Authorization", "Bearer key")},
		"new":       {option.WithHeader("anthropic-version", "2026-10-21")},
	} {
		c := claude(t, h, more...)
		var res *http.Response
		whole, err := c.Messages.New(keyed(t), claudeParams(), option.WithResponseInto(&res))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(whole.Content) != 1 || whole.Content[0].Text == "" || whole.StopReason != "end_turn" || whole.Usage.OutputTokens != 5 || !strings.HasPrefix(whole.ID, "msg_") {
			t.Errorf("%s: %s", name, whole.RawJSON())
		}
		if newer := name == "new"; (whole.JSON.Container.Raw() == "null") != newer || (whole.Usage.JSON.Speed.Raw() == "null") != newer {
			t.Errorf("%s: nullable fields: %s", name, whole.RawJSON())
		}
		checkAnthropicHeader(t, res.Header)
		all, kinds := accumulate(t, c, claudeParams())
		if all.Content[0].Text != whole.Content[0].Text || all.StopReason != whole.StopReason || all.ID != whole.ID ||
			all.Usage.OutputTokens != whole.Usage.OutputTokens || all.Usage.InputTokens != whole.Usage.InputTokens {
			t.Errorf("%s: stream %+v, whole %s", name, all, whole.RawJSON())
		}
		want := []string{"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"}
		if !reflect.DeepEqual(kinds, want) {
			t.Errorf("%s: events %v", name, kinds)
		}
	}
}

func checkAnthropicHeader(t *testing.T, h http.Header) {
	t.Helper()
	n := 0
	for _, what := range []string{"requests", "tokens", "input-tokens", "output-tokens"} {
		for _, part := range []string{"limit", "remaining", "reset"} {
			if h.Get("anthropic-ratelimit-"+what+"-"+part) != "" {
				n++
			}
		}
		if _, err := time.Parse(time.RFC3339, h.Get("anthropic-ratelimit-"+what+"-reset")); err != nil {
			t.Error(err)
		}
	}
	if n != 12 || h.Get("request-id") == "" {
		t.Errorf("%d rate limit headers: %v", n, h)
	}
}

// The agent's loop, whole and streamed.
func TestAnthropicSDKTools(t *testing.T) {
	c := claude(t, speaking(t, "anthropic", nil).Handler())
	q := claudeTools()
	reply, err := c.Messages.New(keyed(t), q)
	if err != nil || len(reply.Content) != 1 || reply.StopReason != "tool_use" {
		t.Fatalf("%+v, %v", reply, err)
	}
	use := reply.Content[0].AsToolUse()
	var input struct{ Query string }
	if err := json.Unmarshal(use.Input, &input); err != nil || input.Query == "" || use.Name != "web_search" {
		t.Errorf("%s: %v", use.RawJSON(), err)
	}
	all, _ := accumulate(t, c, q)
	if got := all.Content[0].AsToolUse(); got.ID != use.ID || string(got.Input) != string(use.Input) || all.StopReason != "tool_use" {
		t.Errorf("streamed %s, whole %s", got.RawJSON(), use.RawJSON())
	}
	q.Messages = append(q.Messages, reply.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(use.ID, "found it", false)))
	reply, err = c.Messages.New(keyed(t), q)
	if err != nil || reply.Content[0].Text == "" || reply.StopReason != "end_turn" {
		t.Errorf("after the result: %+v, %v", reply, err)
	}
}

func TestAnthropicSDKThinking(t *testing.T) {
	c := claude(t, speaking(t, "anthropic", nil).Handler())
	q := claudeParams()
	q.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	reply, err := c.Messages.New(keyed(t), q)
	if err != nil || len(reply.Content) != 2 {
		t.Fatalf("%+v, %v", reply, err)
	}
	thought := reply.Content[0].AsThinking()
	all, _ := accumulate(t, c, q)
	if got := all.Content[0].AsThinking(); got.Thinking == "" || got.Signature == "" || got.Thinking != thought.Thinking ||
		got.Signature != thought.Signature || all.Content[1].Text != reply.Content[1].Text {
		t.Errorf("stream %+v, whole %s", all.Content, reply.RawJSON())
	}
}

func TestAnthropicSDKEndings(t *testing.T) {
	c := claude(t, speaking(t, "anthropic", nil).Handler())
	q := claudeParams()
	q.MaxTokens = 3
	if reply, err := c.Messages.New(keyed(t), q); err != nil || reply.StopReason != "max_tokens" || reply.Usage.OutputTokens != 3 {
		t.Errorf("%+v, %v", reply, err)
	}
	all, _ := accumulate(t, c, claudeParams(), option.WithHeader(Outcome, "refusal"))
	if all.StopReason != "refusal" || all.Content[0].Text == "" {
		t.Errorf("%+v", all)
	}
	q = claudeParams()
	q.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: map[string]any{"type": "object",
		"properties": map[string]any{"n": map[string]any{"type": "integer"}}, "required": []string{"n"}}}
	reply, err := c.Messages.New(keyed(t), q)
	var answer struct{ N int }
	if err != nil || json.Unmarshal([]byte(reply.Content[0].Text), &answer) != nil || answer.N == 0 {
		t.Errorf("%+v, %v", reply, err)
	}
	stream := c.Messages.NewStreaming(keyed(t), claudeParams(), option.WithHeader(Outcome, "failure"))
	events := 0
	for stream.Next() {
		events++
	}
	if e := (*anthropic.Error)(nil); !errors.As(stream.Err(), &e) || e.Type() != "api_error" || events < 3 {
		t.Errorf("%d events, then %v", events, stream.Err())
	}
}

func TestAnthropicSDKErrors(t *testing.T) {
	c := claude(t, speaking(t, "anthropic", nil).Handler())
	unknown, long := claudeParams(), claudeParams()
	unknown.Model = "nobody"
	long.System[0].Text = strings.Repeat("word ", 1000)
	for name, want := range map[string]struct {
		q      anthropic.MessageNewParams
		more   []option.RequestOption
		status int
		kind   string
	}{
		"unknown model": {unknown, nil, 404, "not_found_error"},
		"no key":        {claudeParams(), []option.RequestOption{option.WithHeaderDel("X-Api-Key")}, 401, "authentication_error"},
		"too long":      {long, nil, 400, "invalid_request_error"},
	} {
		_, err := c.Messages.New(keyed(t), want.q, want.more...)
		e := (*anthropic.Error)(nil)
		if !errors.As(err, &e) || e.StatusCode != want.status || string(e.Type()) != want.kind || e.RequestID == "" ||
			!strings.Contains(e.RawJSON(), `"request_id":"`+e.RequestID+`"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	failing := claude(t, speaking(t, "anthropic", func(p *Provider) { p.ErrorRate = 1 }).Handler())
	seen := map[int]bool{}
	for n := range uint64(40) {
		_, err := failing.Messages.New(seed.WithKey(t.Context(), seed.Key{Request: n}), claudeParams())
		if e := (*anthropic.Error)(nil); errors.As(err, &e) {
			seen[e.StatusCode] = true
		} else {
			seen[0] = err != nil
		}
	}
	if len(seen) != 3 || !seen[500] || !seen[529] || !seen[0] {
		t.Errorf("errors seen: %v", seen)
	}
}

func TestAnthropicSDKCountAndModels(t *testing.T) {
	c := claude(t, speaking(t, "anthropic", nil).Handler())
	q := claudeParams()
	count, err := c.Messages.CountTokens(keyed(t), anthropic.MessageCountTokensParams{Model: q.Model, Messages: q.Messages})
	if err != nil || count.InputTokens < 5 {
		t.Errorf("%+v, %v", count, err)
	}
	page, err := c.Models.List(keyed(t), anthropic.ModelListParams{})
	if err != nil || len(page.Data) != 2 || page.Data[0].ID != "m1" || page.LastID != "m2" || page.Data[0].CreatedAt.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
	if m, err := c.Models.Get(keyed(t), "m1", anthropic.ModelGetParams{}); err != nil || m.ID != "m1" || m.Type != "model" {
		t.Errorf("%+v, %v", m, err)
	}
}
