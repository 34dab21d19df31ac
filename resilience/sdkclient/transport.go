package sdkclient

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/agentchaos/chaos/resilience"
)

// transport marks where an error arose, which the SDK does not tell, and reports
// every byte of a body to the stream's progress, pings included, which the SDK
// swallows. It also signs each attempt with the key that the stack picked for it, and
// tells the stack what the headers say of that key's limits.
type transport struct {
	next     http.RoundTripper
	endpoint resilience.Endpoint
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(t.sign(r))
	if err != nil {
		return nil, &failedSend{err}
	}
	if s, ok := r.Context().Value(seenKey{}).(*seen); ok {
		s.status, s.header = resp.StatusCode, resp.Header
	}
	resilience.ReportHeaders(r.Context(), resp.Header)
	p := resilience.ProgressFrom(r.Context())
	p.Bytes()
	resp.Body = body{resp.Body, p}
	return resp, nil
}

// sign puts another key than the first in the first one's place, whichever header
// that is in.
func (t transport) sign(r *http.Request) *http.Request {
	first, key := t.endpoint.APIKey, t.endpoint.Key(r.Context())
	if key == first || first == "" {
		return r
	}
	r = r.Clone(r.Context())
	for name, values := range r.Header {
		for i, v := range values {
			if v == first || v == "Bearer "+first {
				r.Header[name][i] = strings.Replace(v, first, key, 1)
			}
		}
	}
	return r
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
