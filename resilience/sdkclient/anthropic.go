package sdkclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// claude is anthropic-sdk-go. To it, too, a stream that ends cleanly before
// message_stop is a success.
type claude struct{ client anthropic.Client }

func newAnthropic(hc *http.Client, ep resilience.Endpoint) (sdk, error) {
	return claude{anthropic.NewClient(option.WithBaseURL(ep.BaseURL), option.WithAPIKey(ep.APIKey),
		option.WithHTTPClient(hc), option.WithMaxRetries(0))}, nil
}

// defaultMaxTokens is asked for when a request does not say: the API wants a limit.
const defaultMaxTokens = 4096

func claudeParams(q resilience.Request) anthropic.MessageNewParams {
	params := anthropic.MessageNewParams{Model: anthropic.Model(q.Model), MaxTokens: int64(q.MaxTokens)}
	if q.MaxTokens == 0 {
		params.MaxTokens = defaultMaxTokens
	}
	results := false
	for _, m := range q.Messages {
		text := anthropic.NewTextBlock(m.Content)
		switch m.Role {
		case "system", "developer":
			params.System = append(params.System, *text.OfText)
			continue
		case "tool":
			result := anthropic.NewToolResultBlock(m.ToolCallID, m.Content, false)
			if last := len(params.Messages) - 1; results { // of calls made at once: one turn
				params.Messages[last].Content = append(params.Messages[last].Content, result)
			} else {
				params.Messages = append(params.Messages, anthropic.NewUserMessage(result))
			}
		case "assistant":
			var blocks []anthropic.ContentBlockParamUnion
			if m.Content != "" {
				blocks = append(blocks, text)
			}
			for _, c := range m.ToolCalls {
				blocks = append(blocks, anthropic.NewToolUseBlock(c.ID, json.RawMessage(c.Arguments), c.Name))
			}
			params.Messages = append(params.Messages, anthropic.NewAssistantMessage(blocks...))
		default:
			params.Messages = append(params.Messages, anthropic.NewUserMessage(text))
		}
		results = m.Role == "tool"
	}
	claudeTools(&params, q)
	return params
}

func claudeTools(params *anthropic.MessageNewParams, q resilience.Request) {
	for _, t := range q.Tools {
		tool := anthropic.ToolParam{Name: t.Name}
		if t.Description != "" {
			tool.Description = anthropic.String(t.Description)
		}
		var schema map[string]any
		if json.Unmarshal(t.Parameters, &schema) == nil {
			delete(schema, "type") // the SDK writes it
			tool.InputSchema.ExtraFields = schema
		}
		params.Tools = append(params.Tools, anthropic.ToolUnionParam{OfTool: &tool})
	}
	switch q.ToolChoice {
	case "":
	case "auto":
		params.ToolChoice.OfAuto = &anthropic.ToolChoiceAutoParam{}
	case "none":
		params.ToolChoice.OfNone = &anthropic.ToolChoiceNoneParam{}
	case "required":
		params.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{}
	default:
		params.ToolChoice.OfTool = &anthropic.ToolChoiceToolParam{Name: q.ToolChoice}
	}
}

func (c claude) whole(ctx context.Context, q resilience.Request) (resilience.Reply, error) {
	m, err := c.client.Messages.New(ctx, claudeParams(q))
	if err != nil {
		return resilience.Reply{}, claudeClass(err)
	}
	if m.Type == "error" || m.JSON.ExtraFields["error"].Raw() != "" {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassInBand, Message: m.RawJSON()}
	}
	if m.StopReason == "" {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassMalformed,
			Message: "the reply has no stop_reason"}
	}
	var reply resilience.Reply
	reply.ID, reply.Model, reply.Finish = m.ID, string(m.Model), claudeFinish(m.StopReason)
	reply.Usage = resilience.Usage{Input: int(m.Usage.InputTokens), Output: int(m.Usage.OutputTokens)}
	for _, block := range m.Content {
		reply.Text += block.Text
		if block.Type == "tool_use" {
			reply.ToolCalls = append(reply.ToolCalls,
				resilience.ToolCall{ID: block.ID, Name: block.Name, Arguments: string(block.Input)})
		}
	}
	return reply, nil
}

func (c claude) stream(ctx context.Context, q resilience.Request, s *reader) error {
	events := c.client.Messages.NewStreaming(ctx, claudeParams(q))
	defer events.Close()
	for events.Next() {
		s.message(events.Current())
	}
	for i, call := range s.reply.ToolCalls {
		if call.Arguments == "" { // no pieces: the empty input it began with
			s.reply.ToolCalls[i].Arguments = "{}"
		}
	}
	if err := events.Err(); err != nil && !s.done {
		return claudeClass(err)
	}
	return nil
}

// message takes one event of a message's stream. Blocks come one after the other.
func (s *reader) message(ev anthropic.MessageStreamEventUnion) {
	usage := &s.reply.Usage
	switch ev.Type {
	case "message_start":
		s.reply.ID, s.reply.Model = ev.Message.ID, string(ev.Message.Model)
		usage.Input, usage.Output = int(ev.Message.Usage.InputTokens), int(ev.Message.Usage.OutputTokens)
	case "content_block_start":
		if block := ev.ContentBlock; block.Type == "tool_use" {
			s.content()
			s.reply.ToolCalls = append(s.reply.ToolCalls, resilience.ToolCall{ID: block.ID, Name: block.Name})
		}
	case "content_block_delta":
		s.content()
		s.text.WriteString(ev.Delta.Text)
		if n := len(s.reply.ToolCalls); n > 0 {
			s.reply.ToolCalls[n-1].Arguments += ev.Delta.PartialJSON
		}
	case "message_delta":
		s.reply.Finish = claudeFinish(ev.Delta.StopReason)
		usage.Input, usage.Output = max(usage.Input, int(ev.Usage.InputTokens)), int(ev.Usage.OutputTokens)
	case "message_stop":
		s.done = s.reply.Finish != ""
	}
}

func claudeFinish(reason anthropic.StopReason) resilience.Finish {
	switch reason {
	case "end_turn", "stop_sequence":
		return dialect.FinishStop
	case "max_tokens", "model_context_window_exceeded":
		return dialect.FinishLength
	case "tool_use":
		return dialect.FinishToolCalls
	case "refusal":
		return dialect.FinishContentFilter
	}
	return resilience.Finish(reason)
}

func claudeClass(err error) error {
	status := (*anthropic.Error)(nil)
	if !errors.As(err, &status) || status.StatusCode == 0 {
		return transportClass(err)
	}
	if status.StatusCode < 300 { // inside a stream
		return &resilience.Error{Class: resilience.ClassInBand, Message: status.RawJSON()}
	}
	h := http.Header{}
	if status.Response != nil {
		h = status.Response.Header
	}
	e := dialect.Dialects["anthropic"].DecodeError(status.StatusCode, []byte(status.RawJSON()))
	return resilience.ClassifyStatus(status.StatusCode, h, e.Type+" "+e.Code, e.Message)
}
