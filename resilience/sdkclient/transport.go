package sdkclient

import (
	"context"
	"io"
	"net/http"

	"github.com/agentchaos/chaos/resilience"
)

// transport marks where an error arose, which the SDK does not tell, and reports
// every byte of a body to the stream's progress, pings included, which the SDK
// swallows.
type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, &failedSend{err}
	}
	if s, ok := r.Context().Value(seenKey{}).(*seen); ok {
		s.status, s.header = resp.StatusCode, resp.Header
	}
	p := resilience.ProgressFrom(r.Context())
	p.Bytes()
	resp.Body = body{resp.Body, p}
	return resp, nil
}

// seen is what the transport saw of a reply, for SDKs that do not tell. It is filled
// before the SDK returns.
type seen struct {
	status int
	header http.Header
}

type seenKey struct{}

func withSeen(ctx context.Context) (context.Context, *seen) {
	s := &seen{}
	return context.WithValue(ctx, seenKey{}, s), s
}

type body struct {
	io.ReadCloser
	progress *resilience.Progress
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.progress.Bytes()
	}
	if err != nil && err != io.EOF {
		err = &lostBody{err}
	}
	return n, err
}

// failedSend is an error before a reply came.
type failedSend struct{ err error }

func (e *failedSend) Error() string { return e.err.Error() }
func (e *failedSend) Unwrap() error { return e.err }

// lostBody is an error while a reply was read.
type lostBody struct{ err error }

func (e *lostBody) Error() string { return e.err.Error() }
func (e *lostBody) Unwrap() error { return e.err }
