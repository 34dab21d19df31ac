package resilience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// Endpoint is where a provider is reached.
type Endpoint struct {
	// BaseURL is as the provider's SDK wants it: https://api.openai.com/v1,
	// https://api.anthropic.com, https://generativelanguage.googleapis.com.
	BaseURL string
	APIKey  string
	Dialect string // openai, anthropic or gemini
	// Keys are further API keys, which a KeyRing uses in turn with the first.
	Keys []string
}

// Key is the API key for an attempt under ctx: the one that the KeyRing around it
// picked, or the first.
func (e Endpoint) Key(ctx context.Context) string {
	if n := KeyIndex(ctx) % (1 + len(e.Keys)); n > 0 {
		return e.Keys[n-1]
	}
	return e.APIKey
}

// Client is the strict model client: it makes one attempt, believes no reply that
// is not complete and well formed, and says exactly what was wrong. It is safe for
// concurrent use if its fields are left alone.
type Client struct {
	HTTP      *http.Client // nil means http.DefaultClient
	Endpoints map[string]Endpoint
}

const (
	// maxReply is the size in bytes up to which a unary reply is read.
	maxReply = 32 << 20
	// maxErrorBody is the size in bytes up to which an error reply is read.
	maxErrorBody = 1 << 20
	// linger is how long a complete stream may stay open before it is closed from
	// here. Reading to the end lets the connection be used again.
	linger = 250 * time.Millisecond
)

// Complete implements ModelClient. A stream is read to its end but succeeds with its
// terminal event, whatever follows.
func (c *Client) Complete(ctx context.Context, t Target, q Request) (Reply, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := attempt{ctx: ctx, cancel: cancel, target: t, request: q, start: time.Now()}
	a.request.Model = t.Model
	err := a.run(c)
	if a.linger != nil {
		a.linger.Stop()
	}
	if err == nil {
		err = CheckReply(q, a.reply)
	}
	if err == nil {
		return a.reply, nil
	}
	e := *AsError(ctx, err)
	e.Target, e.Committed = t.String(), a.text.Len() > 0
	partial := Reply{TTFT: a.reply.TTFT, MaxGap: a.reply.MaxGap}
	partial.Text = a.text.String()
	return partial, &e
}

// CheckReply tells whether a complete reply can be used: it must not have been
// filtered, and its tool calls must name tools of the request and have JSON for
// arguments. The error is an *Error.
func CheckReply(q Request, r Reply) error {
	if r.Finish == dialect.FinishContentFilter {
		return &Error{Class: ClassFilter, Message: "the answer was refused or filtered"}
	}
	for _, call := range r.ToolCalls {
		if !slices.ContainsFunc(q.Tools, func(t Tool) bool { return t.Name == call.Name }) {
			return &Error{Class: ClassToolArguments, Message: fmt.Sprintf("tool %q was not offered", call.Name)}
		}
		if !json.Valid([]byte(call.Arguments)) {
			return &Error{Class: ClassToolArguments,
				Message: fmt.Sprintf("arguments of tool %q are not JSON", call.Name)}
		}
	}
	return nil
}

// attempt is one request and its reply.
type attempt struct {
	ctx     context.Context
	cancel  context.CancelFunc
	target  Target
	request Request
	dialect *dialect.Dialect
	start   time.Time

	reply   Reply
	text    strings.Builder
	calls   []toolParts
	refused bool
	done    bool        // the terminal event came
	last    time.Time   // when content last came
	linger  *time.Timer // runs once the terminal event came
}

// toolParts gathers the pieces of one tool call.
type toolParts struct {
	index     int
	call      ToolCall
	arguments strings.Builder
}

func (a *attempt) run(c *Client) error {
	ep, ok := c.Endpoints[a.target.Provider]
	if a.dialect = dialect.Dialects[ep.Dialect]; !ok || a.dialect == nil {
		return &Error{Class: ClassRequest, Unsent: true,
			Message: fmt.Sprintf("no endpoint with a known dialect for provider %q", a.target.Provider)}
	}
	h := make(http.Header)
	path, body := a.dialect.Encode(h, ep.Key(a.ctx), a.request)
	r, err := http.NewRequestWithContext(a.ctx, http.MethodPost, ep.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return &Error{Class: ClassRequest, Unsent: true, Cause: err}
	}
	r.Header = h
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return a.lost(ClassConnect, "sending the request", err)
	}
	defer resp.Body.Close()
	progress := ProgressFrom(a.ctx)
	progress.Bytes()
	ReportHeaders(a.ctx, resp.Header)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return a.refusedBy(resp)
	case a.request.Stream:
		return a.stream(resp, progress)
	}
	return a.unary(resp)
}

// refusedBy reads a reply whose status is an error.
func (a *attempt) refusedBy(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // the status alone is enough
	e := a.dialect.DecodeError(resp.StatusCode, body)
	classified := ClassifyStatus(resp.StatusCode, resp.Header, e.Type+" "+e.Code, e.Message)
	if classified.RetryAfter == 0 {
		classified.RetryAfter = e.RetryAfter // Gemini says it in the body
	}
	return classified
}

func (a *attempt) unary(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return a.lost(ClassReset, "reading the reply", err)
	}
	if err := wantType(resp, "application/json"); err != nil {
		return err
	}
	a.reply.Reply, err = a.dialect.Decode(body)
	return inReply(err)
}

// stream reads events to the end of the body. Once the terminal event is there,
// nothing that follows can spoil the reply, and it may take no longer than linger.
func (a *attempt) stream(resp *http.Response, progress *Progress) error {
	if err := wantType(resp, "text/event-stream"); err != nil {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		if e := (*dialect.Error)(nil); json.Valid(body) && errors.As(decodeOnly(a.dialect, body), &e) {
			return inReply(e)
		}
		return err
	}
	events := dialect.NewScanner(counted{resp.Body, progress})
	for {
		name, data, err := events.Next()
		switch {
		case err != nil && a.done && a.reply.Finish == "":
			return &Error{Class: ClassMalformed, Message: "the stream does not say why it ended"}
		case err != nil && a.done:
			a.finish()
			return nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return a.lost(ClassTruncated, "the stream ended without its terminal event", err)
		case errors.Is(err, dialect.ErrEventTooLong):
			return &Error{Class: ClassMalformed, Cause: err}
		case err != nil:
			return a.lost(ClassReset, "reading the stream", err)
		}
		ev, err := a.dialect.DecodeEvent(name, data)
		if err != nil && !a.done {
			return inReply(err)
		}
		if err == nil {
			a.take(ev, progress)
		}
	}
}

func decodeOnly(d *dialect.Dialect, body []byte) error {
	_, err := d.Decode(body)
	return err
}

// take adds one event to the reply.
func (a *attempt) take(ev dialect.Event, progress *Progress) {
	if u := ev.Usage; u != nil { // counts grow; a provider may give them one by one
		a.reply.Usage = Usage{Input: max(a.reply.Usage.Input, u.Input), Output: max(a.reply.Usage.Output, u.Output)}
	}
	if a.done {
		return
	}
	if ev.Kind == exchange.Content || ev.Text != "" || len(ev.Tools) > 0 {
		progress.Content()
		now := time.Now()
		if a.last.IsZero() {
			a.reply.TTFT = now.Sub(a.start)
		} else {
			a.reply.MaxGap = max(a.reply.MaxGap, now.Sub(a.last))
		}
		a.last = now
		a.text.WriteString(ev.Text)
		for _, d := range ev.Tools {
			a.tool(d)
		}
	}
	if ev.Finish != "" {
		a.refused = a.refused || ev.Finish == dialect.FinishContentFilter
		a.reply.Finish = ev.Finish
	}
	if ev.Kind == exchange.Terminal {
		a.done = true
		a.linger = time.AfterFunc(linger, a.cancel)
	}
}

func (a *attempt) tool(d dialect.ToolDelta) {
	i := slices.IndexFunc(a.calls, func(p toolParts) bool { return p.index == d.Index })
	if i < 0 || d.Index == dialect.WholeCall {
		i = len(a.calls)
		a.calls = append(a.calls, toolParts{index: d.Index})
	}
	part := &a.calls[i]
	part.call.ID += d.ID
	part.call.Name += d.Name
	part.arguments.WriteString(d.Arguments)
}

func (a *attempt) finish() {
	a.reply.Text, a.reply.Model = a.text.String(), a.target.Model
	if a.refused {
		a.reply.Finish = dialect.FinishContentFilter
	}
	for i := range a.calls {
		call := a.calls[i].call
		call.Arguments = a.calls[i].arguments.String()
		a.reply.ToolCalls = append(a.reply.ToolCalls, call)
	}
}

// lost is the error of a connection that failed, unless the context ended: then it
// is the context's.
func (a *attempt) lost(class Class, doing string, err error) error {
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	if class == ClassReset && errors.Is(err, io.ErrUnexpectedEOF) {
		class = ClassTruncated
	}
	return &Error{Class: class, Message: doing, Cause: err}
}

// inReply is the error of a reply that was read but says something else.
func inReply(err error) error {
	if err == nil {
		return nil
	}
	if e := (*dialect.Error)(nil); errors.As(err, &e) {
		return &Error{Class: ClassInBand, Message: e.Message}
	}
	return &Error{Class: ClassMalformed, Cause: err}
}

func wantType(resp *http.Response, want string) error {
	got := resp.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(got); err == nil && media == want {
		return nil
	}
	return &Error{Class: ClassMalformed, Message: fmt.Sprintf("content type is %q, not %s", got, want)}
}

// counted reports every read to progress.
type counted struct {
	r        io.Reader
	progress *Progress
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.progress.Bytes()
	}
	return n, err
}
