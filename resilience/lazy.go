package resilience

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// lazy is a context with a deadline and a cause that sets no timer before somebody
// waits for it: an operation that answers from memory then costs none. In every
// other way it is what context.WithDeadlineCause gives.
type lazy struct {
	parent   context.Context
	deadline time.Time
	cause    error

	over  atomic.Bool // cancelled
	mu    sync.Mutex  // makes inner once
	inner atomic.Pointer[inner]
}

// inner is the real context.
type inner struct {
	context.Context
	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (l *lazy) Deadline() (time.Time, bool) {
	if d, ok := l.parent.Deadline(); ok && d.Before(l.deadline) {
		return d, true
	}
	return l.deadline, true
}

// Done implements context.Context.
func (l *lazy) Done() <-chan struct{} { return l.real().Done() }

// Err implements context.Context.
func (l *lazy) Err() error {
	if l.inner.Load() == nil && !l.over.Load() && l.parent.Err() == nil && time.Now().Before(l.deadline) {
		return nil
	}
	return l.real().Err()
}

// Value implements context.Context. The real context answers once there is one,
// because context.Cause and children of this one look for it that way.
func (l *lazy) Value(key any) any {
	if in := l.inner.Load(); in != nil {
		return in.Value(key)
	}
	return l.parent.Value(key)
}

// real makes the real context.
func (l *lazy) real() *inner {
	if in := l.inner.Load(); in != nil {
		return in
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.inner.Load()
	if in == nil {
		in = new(inner)
		in.Context, in.cancel = context.WithDeadlineCause(l.parent, l.deadline, l.cause)
		if l.over.Load() {
			in.cancel()
		}
		l.inner.Store(in)
	}
	return in
}

// cancel ends the context.
func (l *lazy) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over.Store(true)
	if in := l.inner.Load(); in != nil {
		in.cancel()
	}
}
