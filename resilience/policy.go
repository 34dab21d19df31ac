package resilience

import (
	"context"
	"sync"
	"sync/atomic"
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
	var all Policy = bare{}
	for i := len(policies) - 1; i >= 0; i-- {
		switch p := policies[i]; {
		case p == nil:
		case all == Policy(bare{}):
			all = p
		default:
			all = &nest{outer: p, inner: all}
		}
	}
	return all
}

// bare is no policy.
type bare struct{}

// Do implements Policy.
func (bare) Do(ctx context.Context, op Op) error { return op(ctx) }

// nest is one policy around another.
type nest struct {
	outer, inner Policy
	frames       sync.Pool // of *frame
}

// Do implements Policy.
func (n *nest) Do(ctx context.Context, op Op) error {
	f, _ := n.frames.Get().(*frame)
	if f == nil {
		f = &frame{inner: n.inner}
		f.next = f.run
	}
	f.op = op
	err := n.outer.Do(ctx, f.next)
	f.op = nil
	n.frames.Put(f) // not after a panic: the frame may be in use still
	return err
}

// frame is what a closure over inner and op would be, but used again.
type frame struct {
	inner Policy
	op    Op
	next  Op // run, bound once
}

func (f *frame) run(ctx context.Context) error { return f.inner.Do(ctx, f.op) }

// Run runs an operation that brings a value under a policy. The value is that of the
// attempt that decided; beside an error it is the zero value. What a [Hedger] runs
// twice keeps its values apart.
func Run[T any](ctx context.Context, p Policy, op func(context.Context) (T, error)) (T, error) {
	var value T
	err := p.Do(ctx, func(ctx context.Context) error {
		v, err := op(ctx)
		if err == nil {
			Deliver(ctx, func() { value = v })
		}
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return value, nil
}

// Progress tells the policies around a streaming operation how it advances: a
// breaker counts the first content as success, a timeout restarts its clocks. It is
// itself the context it travels in. One stream's methods are called by one
// goroutine; all of them accept a nil receiver, which is what [ProgressFrom] gives
// for an operation that is not a stream.
type Progress struct {
	context.Context
	outer   *Progress
	content atomic.Bool // whether content came; losers of a race may look
	clocks  *watch      // told of every byte and content; nil for none
	circuit *Circuit    // the breaker to tell of the first content
	ticket  ticket      // of circuit
	racer   *racer      // the hedged attempt that this is, which the first content decides
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
	if p.clocks != nil && !p.content.Load() {
		if f, bounded := p.clocks.firstDue(); bounded && (!ok || f.Before(d)) {
			return f, true
		}
	}
	return d, ok
}

// Bytes reports that something arrived, of whatever kind.
func (p *Progress) Bytes() {
	for ; p != nil; p = p.outer {
		if p.racer != nil && p.racer.lost() {
			return
		}
		if p.clocks != nil {
			p.clocks.bytes()
		}
	}
}

// Content reports that content arrived.
func (p *Progress) Content() {
	for ; p != nil; p = p.outer {
		if p.racer != nil && !p.racer.wins() {
			return // another attempt was faster; this one is being cancelled
		}
		if p.clocks != nil {
			p.clocks.content()
		}
		if !p.content.Load() {
			p.content.Store(true)
			if p.circuit != nil {
				p.circuit.record(p, p.ticket, success)
			}
		}
	}
}

// Started tells whether content has arrived.
func (p *Progress) Started() bool { return p != nil && p.content.Load() }
