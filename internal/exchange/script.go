// Package exchange holds the one idea of the bench: a reply is a script.
//
// A mock model or tool answers a [Request] with a [Script]: timed steps that end
// in close, cut, reset or hold. Faults rewrite the script; [Play] performs it byte
// by byte and says what was really delivered. A parser never judges itself: the
// ground truth is what the player wrote.
package exchange

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// Kind says what a step's bytes mean to whoever reads the reply.
type Kind uint8

// The kinds of step.
const (
	Meta     Kind = iota // framing, role, usage: bytes that are neither content nor the end
	Content              // model or tool output
	Terminal             // the event that makes the reply complete (RESILIENCE: "terminal is")
	Trailer              // what may follow the terminal event: usage, [DONE]
	Ping                 // keep-alive: a comment or ping event
	Failure              // an error reported inside the reply
)

// String gives the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"meta", "content", "terminal", "trailer", "ping", "failure"}[k]
}

// Step is one timed part of a reply: after Wait, Bytes are written. Wait counts
// from the due time of the step before, not from when that was written, so that a
// late step does not delay those after it.
type Step struct {
	Wait  time.Duration
	Bytes []byte
	Kind  Kind
	// End other than Close ends the script right after this step, in that way
	// instead of the script's own.
	End End
}

// End says how a script ends once its steps are written.
type End uint8

// The ways to end.
const (
	Close End = iota // as HTTP wants it: the chunk terminator, or all of Content-Length
	Cut              // the connection is closed (FIN) without the terminator
	Reset            // the connection is reset (RST)
	Hold             // nothing more is sent; the connection stays open until the client leaves
)

// String gives the end's name in lower case.
func (e End) String() string { return [...]string{"close", "cut", "reset", "hold"}[e] }

// Script is one reply. The zero value is an immediate, empty 200.
type Script struct {
	Status int         // 0 means 200
	Header http.Header // may be nil; owned by the script
	// Start, if not nil, is called once before anything else. It may wait, until the
	// work on the reply begins: all other waits count from its return. It gives what
	// is added to Wait, and false if ctx ended first.
	Start func(ctx context.Context) (more time.Duration, ok bool)
	// Wait is the time before status and header are written.
	Wait time.Duration
	// Silent scripts send no status and no header: they hold, cut or reset at once
	// after Wait. Steps are ignored.
	Silent bool
	// Steps are pulled one by one while the script is performed; nil means no body.
	// They may be pulled at most once.
	Steps iter.Seq[Step]
	// Live steps come from a real upstream as they arrive: a step's Wait then counts
	// from its arrival.
	Live bool
	End  End
	// Done is called once with what was delivered, before Play returns; nil is allowed.
	Done func(Delivery)
}

// OnDone arranges for f to be called with what was delivered, after whatever was
// arranged before.
func (s Script) OnDone(f func(Delivery)) Script {
	before := s.Done
	s.Done = func(d Delivery) {
		if before != nil {
			before(d)
		}
		f(d)
	}
	return s
}

// Bytes is the script of a whole reply in one step.
func Bytes(status int, contentType string, body []byte, kinds ...Kind) Script {
	kind := Terminal
	if len(kinds) > 0 {
		kind = kinds[0]
	}
	return Script{
		Status: status,
		Header: http.Header{"Content-Type": {contentType}},
		Steps:  func(yield func(Step) bool) { yield(Step{Kind: kind, Bytes: body}) },
	}
}

// Request is one HTTP request, read whole so that faults can select on it.
type Request struct {
	HTTP *http.Request // its body is already read
	Body []byte
	// Model and Stream are what the dialect found in body or path; zero for tools.
	Model  string
	Stream bool
}

// Responder answers requests with scripts. Implementations are safe for
// concurrent use and do not block: waiting is the script's business.
type Responder interface {
	Respond(ctx context.Context, r *Request) Script
}

// ResponderFunc is a function that is a Responder.
type ResponderFunc func(ctx context.Context, r *Request) Script

// Respond calls f.
func (f ResponderFunc) Respond(ctx context.Context, r *Request) Script { return f(ctx, r) }
