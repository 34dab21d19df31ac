package exchange

import (
	"cmp"
	"context"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"syscall"
	"time"
)

// RoundTrip implements http.RoundTripper: it answers r without a connection. The
// script is performed by whoever reads the body, in its own goroutine, at the
// instants and with the [Delivery] that a connection in memory would give to a client
// that reads all the time. Of a client's trace it calls GotConn only. It is for
// virtual time, where it saves most of the cost of HTTP, and not for scripts that are
// live; a test holds it to the connection's records.
func (h Handler) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if t := httptrace.ContextClientTrace(ctx); t != nil && t.GotConn != nil {
		t.GotConn(httptrace.GotConnInfo{})
	}
	s := h.respond(nil, r)
	b := &body{ctx: ctx, script: s, delivery: begin(s)}
	if !b.start(ctx, &b.script) || b.script.Wait > 0 && b.ahead(b.script.Wait) && !b.sleep(ctx) {
		b.close(true)
		return nil, context.Cause(ctx)
	}
	if s.Silent {
		err := b.end()
		if err == io.ErrUnexpectedEOF {
			err = io.EOF // there is nothing that would be incomplete
		}
		return nil, err
	}
	b.d.Status = cmp.Or(s.Status, http.StatusOK)
	header := s.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if s.Steps != nil {
		b.next, b.stop = iter.Pull(s.Steps)
	}
	return &http.Response{
		Status: strconv.Itoa(b.d.Status) + " " + http.StatusText(b.d.Status), StatusCode: b.d.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: b, ContentLength: -1, Request: r,
	}, nil
}

// body performs a script while it is read.
type body struct {
	ctx    context.Context
	script Script
	next   func() (Step, bool) // nil: no steps
	stop   func()
	buf    []byte // buf[off:] is due and not read yet
	off    int
	held   Step // pulled, and not due yet, if early
	early  bool
	over   bool // no more steps
	closed bool
	err    error // what every Read gives once buf is read
	delivery
}

// Read gives what is due, and waits if nothing is.
func (b *body) Read(p []byte) (int, error) {
	for b.off == len(b.buf) {
		switch {
		case b.err != nil:
			return 0, b.err
		case b.over:
			b.err = b.end()
		case b.early && !b.sleep(b.ctx):
			b.err = context.Cause(b.ctx)
			b.close(true)
		default:
			b.take()
		}
	}
	n := copy(p, b.buf[b.off:])
	b.off += n
	return n, nil
}

// take takes the step that was waited for, or else the next, with all that are due
// with it.
func (b *body) take() {
	b.buf, b.off = b.buf[:0], 0
	step, ok := b.held, b.early
	if b.early = false; !ok {
		step, ok = b.pull()
	}
	for ; ok && !b.early; step, ok = b.pull() {
		b.d.Bytes += int64(len(step.Bytes))
		b.count(step.Kind)
		b.buf = append(b.buf, step.Bytes...)
		if step.End != Close {
			b.d.End, ok = step.End, false
			break
		}
	}
	b.over = !ok
}

// pull gets the next step; early tells that it is to be waited for.
func (b *body) pull() (step Step, ok bool) {
	if b.next == nil {
		return Step{}, false
	}
	step, ok = b.next()
	if b.early = ok && step.Wait > 0 && b.ahead(step.Wait); b.early {
		b.held = step
	}
	return step, ok
}

// end ends the reply in the script's way; the error is what a client would see.
func (b *body) end() error {
	switch b.d.End {
	case Cut:
		b.close(false)
		return io.ErrUnexpectedEOF
	case Reset:
		b.close(false)
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case Hold:
		<-b.ctx.Done()
		b.close(true)
		return context.Cause(b.ctx)
	}
	b.close(b.ctx.Err() != nil)
	return io.EOF
}

func (b *body) close(gone bool) {
	if b.closed {
		return
	}
	b.closed = true
	if b.stop != nil {
		b.stop()
	}
	b.finish(b.script, gone)
}

// Close ends the reply. What is due was sent, also if it was not read; a client that
// closes before the script's end has left.
func (b *body) Close() error {
	for !b.closed && !b.over && (!b.early || time.Until(b.due) <= 0) {
		b.take()
	}
	b.close(!b.over || b.d.End == Hold)
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	b.buf, b.off = nil, 0
	return nil
}
