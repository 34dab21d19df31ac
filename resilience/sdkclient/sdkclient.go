// Package sdkclient calls models through the official Go SDK of their dialect, as
// users do, so that the SDK is what a scenario tests. The SDK's own retries are off:
// the stack retries in one layer.
package sdkclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// Client is a resilience.ModelClient over openai-go. It is safe for concurrent use.
//
// Two things the SDK alone would not tell: a stream that ends cleanly before its
// finish_reason, and a 200 that is no event stream at all, are both the end of a
// successful stream to it. This client looks for the finish_reason and reports
// ClassTruncated. The SDK also leaves a stream at [DONE] without reading to its end,
// so that every stream costs a connection.
type Client struct{ clients map[string]openai.Client }

// New returns a client for the endpoints, all of dialect openai. A nil httpClient
// means http.DefaultClient.
func New(httpClient *http.Client, endpoints map[string]resilience.Endpoint) (*Client, error) {
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	counting := *httpClient
	counting.Transport = transport{httpClient.Transport}
	c := &Client{clients: make(map[string]openai.Client)}
	for name, ep := range endpoints {
		if ep.Dialect != "openai" {
			return nil, fmt.Errorf("sdkclient: no SDK for dialect %q of provider %q", ep.Dialect, name)
		}
		c.clients[name] = openai.NewClient(option.WithBaseURL(ep.BaseURL), option.WithAPIKey(ep.APIKey),
			option.WithHTTPClient(&counting), option.WithMaxRetries(0))
	}
	return c, nil
}

// Complete implements resilience.ModelClient.
func (c *Client) Complete(ctx context.Context, t resilience.Target, q resilience.Request) (resilience.Reply, error) {
	client, ok := c.clients[t.Provider]
	if !ok {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassRequest, Target: t.String(),
			Unsent: true, Message: "no endpoint for the provider"}
	}
	params, err := paramsOf(t, q)
	if err != nil {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassRequest, Target: t.String(),
			Unsent: true, Cause: err}
	}
	var reply resilience.Reply
	if q.Stream {
		s := reader{start: time.Now(), progress: resilience.ProgressFrom(ctx)}
		reply, err = s.stream(ctx, client.Chat.Completions.NewStreaming(ctx, params))
	} else {
		reply, err = unary(ctx, client, params)
	}
	if err == nil {
		err = resilience.CheckReply(q, reply)
	}
	if err != nil {
		e := *resilience.AsError(ctx, err)
		e.Target, e.Committed = t.String(), reply.Text != "" && q.Stream
		return resilience.Reply{TTFT: reply.TTFT, MaxGap: reply.MaxGap}, &e
	}
	return reply, nil
}

// paramsOf makes the SDK's parameters from the wire form of the request.
func paramsOf(t resilience.Target, q resilience.Request) (openai.ChatCompletionNewParams, error) {
	var params openai.ChatCompletionNewParams
	usage := q.Stream && q.IncludeUsage
	q.Model, q.Stream = t.Model, false // the SDK sets stream itself
	_, body := dialect.Dialects["openai"].Encode(make(http.Header), "", q)
	err := json.Unmarshal(body, &params)
	if usage {
		params.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	return params, err
}

func unary(ctx context.Context, client openai.Client, params openai.ChatCompletionNewParams) (resilience.Reply, error) {
	r, err := client.Chat.Completions.New(ctx, params)
	if err != nil {
		return resilience.Reply{}, classify(ctx, err)
	}
	if raw := r.JSON.ExtraFields["error"].Raw(); raw != "" && raw != "null" {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassInBand, Message: raw}
	}
	if len(r.Choices) == 0 || r.Choices[0].FinishReason == "" {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassMalformed,
			Message: "the reply has no choice with a finish_reason"}
	}
	choice := r.Choices[0]
	var reply resilience.Reply
	reply.ID, reply.Model, reply.Created = r.ID, r.Model, time.Unix(r.Created, 0)
	reply.Text, reply.Finish = choice.Message.Content, resilience.Finish(choice.FinishReason)
	if choice.Message.Refusal != "" {
		reply.Text, reply.Finish = choice.Message.Refusal, dialect.FinishContentFilter
	}
	for _, call := range choice.Message.ToolCalls {
		reply.ToolCalls = append(reply.ToolCalls, resilience.ToolCall{ID: call.ID,
			Name: call.Function.Name, Arguments: call.Function.Arguments})
	}
	reply.Usage = usageOf(r.Usage)
	return reply, nil
}

func usageOf(u openai.CompletionUsage) resilience.Usage {
	return resilience.Usage{Input: int(u.PromptTokens), Output: int(u.CompletionTokens)}
}

// stream reads a stream to what the SDK takes for its end. Beside an error the reply
// holds what came.
func (s *reader) stream(ctx context.Context, events *ssestream.Stream[openai.ChatCompletionChunk]) (resilience.Reply, error) {
	defer events.Close()
	for events.Next() {
		s.take(events.Current())
	}
	s.reply.Text = s.text.String()
	switch err := events.Err(); {
	case err != nil && s.reply.Finish == "":
		return s.reply, classify(ctx, err)
	case s.reply.Finish == "":
		return s.reply, &resilience.Error{Class: resilience.ClassTruncated,
			Message: "the SDK's stream ended without a finish_reason"}
	}
	if s.refused {
		s.reply.Finish = dialect.FinishContentFilter
	}
	return s.reply, nil
}

// reader gathers a stream's chunks.
type reader struct {
	reply    resilience.Reply
	text     strings.Builder
	refused  bool
	start    time.Time // before the request was sent
	last     time.Time // when content last came
	progress *resilience.Progress
}

func (s *reader) take(chunk openai.ChatCompletionChunk) {
	if chunk.Usage.TotalTokens > 0 {
		s.reply.Usage = usageOf(chunk.Usage)
	}
	s.reply.ID, s.reply.Model, s.reply.Created = chunk.ID, chunk.Model, time.Unix(chunk.Created, 0)
	if len(chunk.Choices) == 0 || s.reply.Finish != "" {
		return
	}
	choice := chunk.Choices[0]
	delta := choice.Delta
	if delta.Content != "" || delta.Refusal != "" || len(delta.ToolCalls) > 0 {
		s.content()
	}
	s.text.WriteString(delta.Content)
	s.text.WriteString(delta.Refusal)
	s.refused = s.refused || delta.Refusal != ""
	for _, d := range delta.ToolCalls {
		s.tool(int(d.Index), d)
	}
	s.reply.Finish = resilience.Finish(choice.FinishReason)
}

func (s *reader) content() {
	s.progress.Content()
	now := time.Now()
	if s.last.IsZero() {
		s.reply.TTFT = now.Sub(s.start)
	} else {
		s.reply.MaxGap = max(s.reply.MaxGap, now.Sub(s.last))
	}
	s.last = now
}

func (s *reader) tool(i int, d openai.ChatCompletionChunkChoiceDeltaToolCall) {
	for len(s.reply.ToolCalls) <= i && i < 128 { // OpenAI's limit of tools in a request
		s.reply.ToolCalls = append(s.reply.ToolCalls, resilience.ToolCall{})
	}
	if i < 0 || i >= len(s.reply.ToolCalls) {
		return
	}
	call := &s.reply.ToolCalls[i]
	call.ID += d.ID
	call.Name += d.Function.Name
	call.Arguments += d.Function.Arguments
}

// classify gives an SDK error its class.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var status *openai.Error
	if errors.As(err, &status) && status.StatusCode != 0 {
		h := http.Header{}
		if status.Response != nil {
			h = status.Response.Header
		}
		return resilience.ClassifyStatus(status.StatusCode, h, status.Type+" "+status.Code, status.Message)
	}
	var inBand *ssestream.StreamError
	var syntax *json.SyntaxError
	var lost *lostBody
	switch {
	case errors.As(err, &inBand):
		return &resilience.Error{Class: resilience.ClassInBand, Message: inBand.Message}
	case errors.As(err, &lost) && errors.Is(err, io.ErrUnexpectedEOF):
		return &resilience.Error{Class: resilience.ClassTruncated, Cause: err}
	case errors.As(err, &lost):
		return &resilience.Error{Class: resilience.ClassReset, Cause: err}
	case errors.As(err, &syntax):
		return &resilience.Error{Class: resilience.ClassMalformed, Cause: err}
	case errors.As(err, new(*failedSend)):
		return &resilience.Error{Class: resilience.ClassConnect, Cause: err}
	}
	return &resilience.Error{Class: resilience.ClassMalformed, Cause: err}
}
