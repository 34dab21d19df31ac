package sdkclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"google.golang.org/genai"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// gemini is genai, which does not retry unless asked to. It does not hand out the
// header of an error reply; the transport keeps it. To it, too, a stream that ends
// before a finishReason is a success.
type gemini struct{ client *genai.Client }

func newGemini(hc *http.Client, ep resilience.Endpoint) (sdk, error) {
	c, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: ep.APIKey, Backend: genai.BackendGeminiAPI, HTTPClient: hc,
		HTTPOptions: genai.HTTPOptions{BaseURL: ep.BaseURL},
	})
	return gemini{c}, err
}

// geminiParams makes the SDK's parameters from the wire form of the request.
func geminiParams(q resilience.Request) ([]*genai.Content, *genai.GenerateContentConfig, error) {
	_, body := dialect.Dialects["gemini"].Encode(make(http.Header), "", q)
	var wire struct {
		Contents         []*genai.Content
		GenerationConfig json.RawMessage
	}
	config := &genai.GenerateContentConfig{}
	err := errors.Join(json.Unmarshal(body, &wire), json.Unmarshal(body, config))
	if err == nil && wire.GenerationConfig != nil {
		err = json.Unmarshal(wire.GenerationConfig, config)
	}
	if err != nil {
		err = &resilience.Error{Class: resilience.ClassRequest, Unsent: true, Cause: err}
	}
	return wire.Contents, config, err
}

func (c gemini) whole(ctx context.Context, q resilience.Request) (resilience.Reply, error) {
	contents, config, err := geminiParams(q)
	if err != nil {
		return resilience.Reply{}, err
	}
	ctx, seen := withSeen(ctx)
	r, err := c.client.Models.GenerateContent(ctx, q.Model, contents, config)
	if err != nil {
		return resilience.Reply{}, geminiClass(err, seen)
	}
	s := reader{progress: resilience.ProgressFrom(ctx)}
	s.response(r)
	if !s.done {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassMalformed,
			Message: "the reply has no candidate with a finishReason"}
	}
	s.reply.TTFT, s.reply.MaxGap = 0, 0
	return s.end(nil)
}

func (c gemini) stream(ctx context.Context, q resilience.Request, s *reader) error {
	contents, config, err := geminiParams(q)
	if err != nil {
		return err
	}
	ctx, seen := withSeen(ctx)
	for r, err := range c.client.Models.GenerateContentStream(ctx, q.Model, contents, config) {
		if err != nil && !s.done {
			return geminiClass(err, seen)
		}
		if err == nil {
			s.response(r)
		}
	}
	return nil
}

// response takes a chunk, or a whole reply.
func (s *reader) response(r *genai.GenerateContentResponse) {
	s.reply.ID, s.reply.Model = r.ResponseID, r.ModelVersion
	if u := r.UsageMetadata; u != nil {
		s.reply.Usage = resilience.Usage{Input: int(u.PromptTokenCount), Output: int(u.CandidatesTokenCount + u.ThoughtsTokenCount)}
	}
	if len(r.Candidates) == 0 {
		if f := r.PromptFeedback; f != nil && f.BlockReason != "" {
			s.reply.Finish, s.done = dialect.FinishContentFilter, true
		}
		return
	}
	candidate := r.Candidates[0]
	if candidate.Content != nil {
		for _, part := range candidate.Content.Parts {
			s.part(part)
		}
	}
	if candidate.FinishReason != "" && !s.done {
		s.reply.Finish, s.done = geminiFinish(candidate.FinishReason, len(s.reply.ToolCalls) > 0), true
	}
}

func (s *reader) part(part *genai.Part) {
	call := part.FunctionCall
	if part.Text != "" || call != nil {
		s.content()
	}
	if !part.Thought {
		s.text.WriteString(part.Text)
	}
	if call == nil {
		return
	}
	arguments, err := json.Marshal(call.Args)
	if err != nil || call.Args == nil {
		arguments = []byte("{}")
	}
	s.reply.ToolCalls = append(s.reply.ToolCalls, resilience.ToolCall{ID: call.ID, Name: call.Name, Arguments: string(arguments)})
}

func geminiFinish(reason genai.FinishReason, called bool) resilience.Finish {
	switch reason {
	case genai.FinishReasonStop:
		if called {
			return dialect.FinishToolCalls
		}
		return dialect.FinishStop
	case genai.FinishReasonMaxTokens:
		return dialect.FinishLength
	case genai.FinishReasonSafety, genai.FinishReasonRecitation, genai.FinishReasonBlocklist,
		genai.FinishReasonProhibitedContent, genai.FinishReasonSPII:
		return dialect.FinishContentFilter
	}
	return resilience.Finish(reason)
}

func geminiClass(err error, seen *seen) error {
	e := genai.APIError{}
	switch {
	case !errors.As(err, &e):
		return transportClass(err)
	case seen.status < 300: // inside a stream
		return &resilience.Error{Class: resilience.ClassInBand, Message: e.Message}
	}
	return resilience.ClassifyStatus(seen.status, seen.header, e.Status, e.Message)
}
