package resilience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// HTTPTool returns a tool implementation that posts the arguments as JSON to url and
// takes the JSON of the reply, null included, for the result. It makes one attempt;
// its errors are of type *Error and say by Unsent whether the request may have
// reached the tool. A nil client means http.DefaultClient.
func HTTPTool(client *http.Client, url string) func(context.Context, json.RawMessage) (json.RawMessage, error) {
	if client == nil {
		client = http.DefaultClient
	}
	return func(ctx context.Context, arguments json.RawMessage) (json.RawMessage, error) {
		var sent atomic.Bool
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			// Part of a request may have left before it failed to be written whole.
			GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
		})
		r, err := http.NewRequestWithContext(traced, http.MethodPost, url, bytes.NewReader(arguments))
		if err != nil {
			return nil, &Error{Class: ClassRequest, Unsent: true, Cause: err}
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(r)
		if err != nil {
			return nil, &Error{Class: ClassConnect, Unsent: !sent.Load(), Message: "calling the tool", Cause: endedOr(ctx, err)}
		}
		defer resp.Body.Close()
		return readTool(ctx, resp)
	}
}

// readTool reads the reply of a tool.
func readTool(ctx context.Context, resp *http.Response) (json.RawMessage, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, ClassifyStatus(resp.StatusCode, resp.Header, "", string(body[:min(len(body), 200)]))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{Class: ClassTruncated, Message: "the tool's reply was cut", Cause: endedOr(ctx, err)}
	case err != nil:
		return nil, &Error{Class: ClassReset, Message: "reading the tool's reply", Cause: endedOr(ctx, err)}
	}
	if len(body) == 0 && resp.StatusCode == http.StatusNoContent {
		return json.RawMessage("null"), nil
	}
	if !json.Valid(body) {
		return nil, &Error{Class: ClassMalformed, Message: fmt.Sprintf("the tool's reply of type %q is not JSON",
			resp.Header.Get("Content-Type"))}
	}
	return body, nil
}

// endedOr gives the context's error if it has one, so that its cause decides the
// class, else err.
func endedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// uncertain are the failures in which a tool did not say what became of the request.
var uncertain = map[Class]bool{
	ClassConnect: true, ClassReset: true, ClassTruncated: true, ClassMalformed: true, ClassTimeout: true,
	ClassFirstToken: true, ClassStreamIdle: true, ClassDeadline: true, ClassCancelled: true, ClassServer: true,
}

// unknowns is the policy around a tool that must not run twice: a failure that
// leaves open whether it ran becomes ClassToolUnknown, which nothing repeats.
type unknowns struct{}

// Do implements Policy.
func (unknowns) Do(ctx context.Context, op Op) error {
	err := op(ctx)
	if err == nil {
		return nil
	}
	e := AsError(ctx, err)
	// A status is the tool's own word, except where a gateway or a crash speaks for it.
	answered := e.Status != 0 && (e.Class != ClassServer || e.Status == http.StatusServiceUnavailable)
	if e.Unsent || answered || !uncertain[e.Class] {
		return e
	}
	return &Error{Class: ClassToolUnknown, Target: e.Target, Message: "the tool may have run", Cause: e}
}

// safe tells whether a tool may be tried again after e: if it is idempotent, unless
// it reports a conflict, or if the request never reached it.
func (s ToolSpec) safe(e *Error) bool {
	return e.Unsent && e.Retryable() || (s.Idempotent || s.ReadOnly) && e.Class != ClassConflict && e.Retryable()
}
