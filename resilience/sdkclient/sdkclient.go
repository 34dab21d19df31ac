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

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// Client is a resilience.ModelClient over openai-go, anthropic-sdk-go and genai. It is
// safe for concurrent use. Where an SDK takes a stream that ends before its terminal
// event for a success, the client reports ClassTruncated.
type Client struct{ clients map[string]sdk }

// sdk is an official SDK with one endpoint. Both methods make one attempt, and what
// they return has a class. A stream's reply is what the reader gathered; the reader's
// done tells that it is complete.
type sdk interface {
	whole(ctx context.Context, q resilience.Request) (resilience.Reply, error)
	stream(ctx context.Context, q resilience.Request, s *reader) error
}

// sdks are the SDKs by dialect.
var sdks = map[string]func(*http.Client, resilience.Endpoint) (sdk, error){
	"openai": newOpenAI, "anthropic": newAnthropic, "gemini": newGemini,
}

// New returns a client for the endpoints. A nil httpClient means http.DefaultClient.
func New(httpClient *http.Client, endpoints map[string]resilience.Endpoint) (*Client, error) {
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	c := &Client{clients: make(map[string]sdk)}
	for name, ep := range endpoints {
		open := sdks[ep.Dialect]
		if open == nil {
			return nil, fmt.Errorf("sdkclient: no SDK for dialect %q of provider %q", ep.Dialect, name)
		}
		counting := *httpClient
		counting.Transport = transport{httpClient.Transport, ep}
		var err error
		if c.clients[name], err = open(&counting, ep); err != nil {
			return nil, fmt.Errorf("sdkclient: provider %q: %w", name, err)
		}
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
	q.Model = t.Model
	var reply resilience.Reply
	var err error
	if q.Stream {
		s := reader{start: time.Now(), progress: resilience.ProgressFrom(ctx)}
		err = client.stream(ctx, q, &s)
		reply, err = s.end(err)
	} else {
		reply, err = client.whole(ctx, q)
	}
	if err == nil {
		err = resilience.CheckReply(q, reply)
	} else if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		e := *resilience.AsError(ctx, err)
		e.Target, e.Committed = t.String(), reply.Text != "" && q.Stream
		return reply, &e // with what came of a stream, so that it can be continued
	}
	return reply, nil
}

// reader gathers what a stream brings.
type reader struct {
	reply    resilience.Reply
	text     strings.Builder
	refused  bool
	done     bool      // the terminal event came
	start    time.Time // before the request was sent
	last     time.Time // when content last came
	progress *resilience.Progress
}

// end gives the reply; beside an error it holds what came.
func (s *reader) end(err error) (resilience.Reply, error) {
	s.reply.Text = s.text.String()
	switch {
	case err != nil:
		return s.reply, err
	case !s.done:
		return s.reply, &resilience.Error{Class: resilience.ClassTruncated,
			Message: "the SDK's stream ended without its terminal event"}
	}
	if s.refused {
		s.reply.Finish = dialect.FinishContentFilter
	}
	return s.reply, nil
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

// transportClass gives an error that no provider reported its class.
func transportClass(err error) error {
	var syntax *json.SyntaxError
	var lost *lostBody
	switch {
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
