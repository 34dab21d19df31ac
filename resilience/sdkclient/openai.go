package sdkclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// openAI is openai-go.
//
// Two things the SDK alone would not tell: a stream that ends cleanly before its
// finish_reason, and a 200 that is no event stream at all, are both the end of a
// successful stream to it. This client looks for the finish_reason and reports
// ClassTruncated. The SDK also leaves a stream at [DONE] without reading to its end,
// so that every stream costs a connection.
type openAI struct{ client openai.Client }

func newOpenAI(hc *http.Client, ep resilience.Endpoint) (sdk, error) {
	return openAI{openai.NewClient(option.WithBaseURL(ep.BaseURL), option.WithAPIKey(ep.APIKey),
		option.WithHTTPClient(hc), option.WithMaxRetries(0))}, nil
}

// openAIParams makes the SDK's parameters from the wire form of the request.
func openAIParams(q resilience.Request) (openai.ChatCompletionNewParams, error) {
	var params openai.ChatCompletionNewParams
	usage := q.Stream && q.IncludeUsage
	q.Stream = false // the SDK sets stream itself
	_, body := dialect.Dialects["openai"].Encode(make(http.Header), "", q)
	err := json.Unmarshal(body, &params)
	if usage {
		params.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	if err != nil {
		err = &resilience.Error{Class: resilience.ClassRequest, Unsent: true, Cause: err}
	}
	return params, err
}

func (c openAI) whole(ctx context.Context, q resilience.Request) (resilience.Reply, error) {
	params, err := openAIParams(q)
	if err != nil {
		return resilience.Reply{}, err
	}
	r, err := c.client.Chat.Completions.New(ctx, params)
	if err != nil {
		return resilience.Reply{}, openAIClass(err)
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

// stream reads a stream to what the SDK takes for its end.
func (c openAI) stream(ctx context.Context, q resilience.Request, s *reader) error {
	params, err := openAIParams(q)
	if err != nil {
		return err
	}
	events := c.client.Chat.Completions.NewStreaming(ctx, params)
	defer events.Close()
	for events.Next() {
		s.chunk(events.Current())
	}
	if err := events.Err(); err != nil && s.reply.Finish == "" {
		return openAIClass(err)
	}
	s.done = s.reply.Finish != ""
	return nil
}

func (s *reader) chunk(chunk openai.ChatCompletionChunk) {
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

func openAIClass(err error) error {
	var status *openai.Error
	if errors.As(err, &status) && status.StatusCode != 0 {
		h := http.Header{}
		if status.Response != nil {
			h = status.Response.Header
		}
		return resilience.ClassifyStatus(status.StatusCode, h, status.Type+" "+status.Code, status.Message)
	}
	if inBand := (*ssestream.StreamError)(nil); errors.As(err, &inBand) {
		return &resilience.Error{Class: resilience.ClassInBand, Message: inBand.Message}
	}
	return transportClass(err)
}
