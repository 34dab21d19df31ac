package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// MaxBody is the size in bytes up to which a request's body is read; a larger one
// is answered with 413.
const MaxBody = 32 << 20

// presize is the size in bytes up to which a body's announced length is believed.
const presize = 1 << 20

// Handler serves a Responder over HTTP: it reads the request whole, asks for the
// script and plays it. It is safe for concurrent use.
type Handler struct {
	Responder Responder
	// Inspect fills Model and Stream of a request; nil leaves them zero.
	Inspect func(*Request)
	// TooLarge answers a request whose body is above MaxBody; nil does it in plain text.
	TooLarge func(*http.Request) Script
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Play(r.Context(), w, h.respond(w, r))
}

// read gives the body of a request, all of it. Of a length that is announced nothing
// more is read; 0 means unknown in a request without a connection.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if n := r.ContentLength; 0 < n && n <= presize {
		body := make([]byte, n)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
}

// respond reads the request and gets its script, which is an error's if the request
// can't be read; w is nil without a connection.
func (h Handler) respond(w http.ResponseWriter, r *http.Request) Script {
	req := &Request{HTTP: r}
	if r.Body != nil {
		body, err := read(w, r)
		if err != nil {
			status := http.StatusBadRequest
			if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
				status = http.StatusRequestEntityTooLarge
			}
			if status == http.StatusRequestEntityTooLarge && h.TooLarge != nil {
				return h.TooLarge(r)
			}
			return Bytes(status, "text/plain; charset=utf-8", fmt.Appendf(nil, "reading the request: %v\n", err), Failure)
		}
		req.Body = body
	}
	if h.Inspect != nil {
		h.Inspect(req)
	}
	return h.Responder.Respond(r.Context(), req)
}

// Play performs s on w and returns what was delivered. It ends early when ctx
// does, which net/http arranges when the client leaves. Steps due at once, and
// those that are late, are written together; the writer is flushed before every
// wait, after every live step and at the end. A script that ends in [Cut] or [Reset],
// or whose client left, does not return: it panics with http.ErrAbortHandler after
// Done was called, which is how net/http closes a connection without finishing the
// reply.
func Play(ctx context.Context, w http.ResponseWriter, s Script) Delivery {
	p := player{w: w, script: s, delivery: begin(s)}
	gone := p.perform(ctx)
	p.finish(s, gone)
	if !gone && p.d.End == Reset {
		p.reset()
	}
	if gone || p.d.End != Close || s.Silent {
		// Also when the client is gone: net/http must not send a terminator that
		// the script did not come to.
		panic(http.ErrAbortHandler)
	}
	return p.d
}

type player struct {
	w      http.ResponseWriter
	script Script
	begun  bool // the header was written
	delivery
}

// perform reports whether the client left before the end.
func (p *player) perform(ctx context.Context) (gone bool) {
	if !p.start(ctx, &p.script) || !p.wait(ctx, p.script.Wait) {
		return true
	}
	if p.script.Silent {
		return p.script.End == Hold && p.hold(ctx)
	}
	p.header()
	if p.script.Steps != nil {
		for step := range p.script.Steps {
			if p.script.Live {
				p.due = time.Now()
			}
			if !p.wait(ctx, step.Wait) || !p.write(step) {
				return true
			}
			if p.script.Live && p.flush() != nil {
				return true
			}
			if step.End != Close {
				p.d.End = step.End
				break
			}
		}
	}
	if ctx.Err() != nil {
		return true
	}
	if p.d.End == Close {
		return false // net/http flushes together with the terminator
	}
	if p.flush() != nil {
		return true
	}
	return p.d.End == Hold && p.hold(ctx)
}

func (p *player) header() {
	h := p.w.Header()
	for k, v := range p.script.Header {
		h[k] = v
	}
	p.d.Status = cmp.Or(p.script.Status, http.StatusOK)
	p.w.WriteHeader(p.d.Status)
	p.begun = true
}

func (p *player) write(s Step) bool {
	if len(s.Bytes) > 0 {
		n, err := p.w.Write(s.Bytes)
		p.d.Bytes += int64(n)
		if err != nil {
			return false
		}
	}
	p.count(s.Kind)
	return true
}

func (p *player) flush() error {
	if err := http.NewResponseController(p.w).Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// wait sleeps until d after the step before was due, having flushed what was
// written. It reports false when the client is gone.
func (p *player) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	if !p.ahead(d) {
		return ctx.Err() == nil
	}
	if p.begun && p.flush() != nil {
		return false
	}
	return p.sleep(ctx)
}

// hold keeps the connection open until the client leaves.
func (p *player) hold(ctx context.Context) bool {
	<-ctx.Done()
	return true
}

// reset takes the connection from net/http and makes its close an RST.
func (p *player) reset() {
	conn, _, err := http.NewResponseController(p.w).Hijack()
	if err != nil {
		return // HTTP/2: the panic that follows resets the stream
	}
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
