package resilience

import (
	"context"
	"time"
)

// Op is one operation, attempted as often as the policies around it say. It
// returns nil or what failed, an *Error if it knows the class.
type Op func(ctx context.Context) error

// Policy runs an operation under one pattern. Implementations are safe for
// concurrent use and hand op a context derived from ctx.
type Policy interface {
	Do(ctx context.Context, op Op) error
}

// Compose nests policies, the outermost first; a nil one is left out.
func Compose(policies ...Policy) Policy {
	var all composed
	for _, p := range policies {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

type composed []Policy

// Do implements Policy.
func (c composed) Do(ctx context.Context, op Op) error {
	switch len(c) {
	case 0:
		return op(ctx)
	case 1:
		return c[0].Do(ctx, op)
	}
	return c[0].Do(ctx, func(ctx context.Context) error { return c[1:].Do(ctx, op) })
}

// Progress tells the policies around a streaming operation how it advances: a
// breaker counts the first content as success, a timeout restarts its clocks. It is
// itself the context it travels in. One stream's methods are called by one
// goroutine; all of them accept a nil receiver, which is what [ProgressFrom] gives
// for an operation that is not a stream.
type Progress struct {
	context.Context
	outer   *Progress
	content bool     // whether content came
	clocks  *watch   // told of every byte and content; nil for none
	circuit *Circuit // the breaker to tell of the first content
	ticket  ticket   // of circuit
}

type progressKey struct{}

// WithProgress marks ctx as that of a stream: operations under it report through
// ProgressFrom, and timeouts apply their streaming bounds instead of the unary one.
func WithProgress(ctx context.Context) context.Context { return &Progress{Context: ctx} }

// ProgressFrom returns what a stream under ctx reports to; nil if ctx is not that of
// a stream.
func ProgressFrom(ctx context.Context) *Progress {
	p, _ := ctx.Value(progressKey{}).(*Progress)
	return p
}

// Value implements context.Context.
func (p *Progress) Value(key any) any {
	if key == (progressKey{}) {
		return p
	}
	return p.Context.Value(key)
}

// Deadline implements context.Context. Before the first content it may be earlier
// than after.
func (p *Progress) Deadline() (time.Time, bool) {
	d, ok := p.Context.Deadline()
	if p.clocks != nil && !p.content {
		if f, bounded := p.clocks.firstDue(); bounded && (!ok || f.Before(d)) {
			return f, true
		}
	}
	return d, ok
}

// Bytes reports that something arrived, of whatever kind.
func (p *Progress) Bytes() {
	for ; p != nil; p = p.outer {
		if p.clocks != nil {
			p.clocks.bytes()
		}
	}
}

// Content reports that content arrived.
func (p *Progress) Content() {
	for ; p != nil; p = p.outer {
		if p.clocks != nil {
			p.clocks.content()
		}
		if !p.content {
			p.content = true
			if p.circuit != nil {
				p.circuit.record(p, p.ticket, success)
			}
		}
	}
}

// Started tells whether content has arrived.
func (p *Progress) Started() bool { return p != nil && p.content }
