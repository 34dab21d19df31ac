package resilience

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// Timeout bounds one attempt as a policy: an operation under [WithProgress] by the
// three streaming bounds, any other by Unary. Zero is no bound. What it cuts off
// fails with ClassTimeout, ClassFirstToken or ClassStreamIdle.
type Timeout struct {
	Unary       time.Duration
	FirstToken  time.Duration // from the start to the first content
	StreamIdle  time.Duration // between any two bytes
	ContentIdle time.Duration // between two pieces of content, although bytes come
	// Fallback, if there is one, ends an operation that was cut off, with the context
	// around it and why. What it returns is the outcome: nil is success.
	Fallback func(ctx context.Context, e *Error) error
}

// Do implements Policy.
func (t Timeout) Do(ctx context.Context, op Op) error {
	if t.Fallback == nil {
		return t.do(ctx, op)
	}
	err := t.do(ctx, op)
	if err == nil || ctx.Err() != nil {
		return err
	}
	switch e := AsError(ctx, err); e.Class {
	case ClassTimeout, ClassFirstToken, ClassStreamIdle:
		return t.Fallback(ctx, e)
	}
	return err
}

func (t Timeout) do(ctx context.Context, op Op) error {
	if p := ProgressFrom(ctx); p != nil {
		return watched(ctx, p, t, attemptResidue, expiredFirst, op)
	}
	if t.Unary <= 0 {
		return op(ctx)
	}
	return within(ctx, time.Now().Add(t.Unary+attemptResidue), expired, op)
}

// Every bound is a few nanoseconds late, each kind by its own amount: bounds and a
// reply that are due at one instant would end an attempt in an order that nobody
// decides, and in virtual time such instants are common. So a reply that comes just
// in time is in time, then the attempt's own bound counts, then its share of the
// time, then the request's. What several attempts add up to stays below the next.
const (
	attemptResidue time.Duration = 1
	shareResidue   time.Duration = 8
	totalResidue   time.Duration = 32
)

// Within runs an operation that brings a value within d. If it is cut off, fallback
// decides what comes instead, with the context around it; nil lets the timeout be the
// error. Any value counts that comes without an error, the zero value included.
func Within[T any](ctx context.Context, d time.Duration, op func(context.Context) (T, error),
	fallback func(context.Context, error) (T, error)) (T, error) {
	var value T
	t := Timeout{Unary: d, FirstToken: d}
	if fallback != nil {
		t.Fallback = func(ctx context.Context, e *Error) (err error) {
			value, err = fallback(ctx, e)
			return err
		}
	}
	err := t.Do(ctx, func(ctx context.Context) error {
		v, err := op(ctx)
		if err == nil {
			value = v
		}
		return err
	})
	return value, err
}

// The causes with which a bound ends a context.
var (
	expired      = &Error{Class: ClassTimeout, Message: "the attempt took too long"}
	expiredShare = &Error{Class: ClassTimeout, Message: "the time left is kept for the next target"}
	expiredFirst = &Error{Class: ClassFirstToken, Message: "no content in time"}
	expiredIdle  = &Error{Class: ClassStreamIdle, Message: "the stream went silent"}
	expiredEmpty = &Error{Class: ClassStreamIdle, Message: "bytes but no content came"}
)

// within runs op with a deadline and tells its failure by the deadline's cause.
func within(ctx context.Context, deadline time.Time, cause *Error, op Op) error {
	l := &lazy{parent: ctx, deadline: deadline, cause: cause}
	defer l.cancel()
	err := op(l)
	if err != nil && l.Err() != nil {
		return AsError(l, err)
	}
	return err
}

// watched runs a stream under the clocks of t, each late by residue; first is the
// cause when FirstToken is up.
func watched(ctx context.Context, outer *Progress, t Timeout, residue time.Duration, first *Error, op Op) error {
	if t.FirstToken <= 0 && t.StreamIdle <= 0 && t.ContentIdle <= 0 {
		return op(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{ctx: ctx, limits: t.late(residue), first: first, cancel: cancel, start: time.Now()}
	w.timer = time.AfterFunc(math.MaxInt64, w.check)
	defer w.timer.Stop()
	w.check()
	err := op(&Progress{Context: ctx, outer: outer, clocks: w})
	if err == nil || ctx.Err() == nil {
		return err
	}
	e := *AsError(ctx, err)
	e.Committed = e.Committed || w.lastContent.Load() > 0
	return &e
}

// late moves the bounds of a stream that are set.
func (t Timeout) late(by time.Duration) Timeout {
	for _, d := range [...]*time.Duration{&t.FirstToken, &t.StreamIdle, &t.ContentIdle} {
		if *d > 0 {
			*d += by
		}
	}
	return t
}

// watch cancels a stream whose next byte or content is overdue. Progress only notes
// the time; the one timer, when it fires, looks whether anything is really due and
// sleeps on if not.
type watch struct {
	ctx    context.Context
	limits Timeout
	first  *Error
	cancel context.CancelCauseFunc
	start  time.Time
	timer  *time.Timer
	// Nanoseconds since start of the last byte and content; 0 for none yet.
	lastBytes, lastContent atomic.Int64
}

func (w *watch) bytes()   { w.lastBytes.Store(w.now()) }
func (w *watch) content() { w.lastContent.Store(w.now()) }

func (w *watch) now() int64 { return max(1, int64(time.Since(w.start))) }

// firstDue is when the first content is due, if that is bounded.
func (w *watch) firstDue() (time.Time, bool) {
	return w.start.Add(w.limits.FirstToken), w.limits.FirstToken > 0
}

// check ends the stream if something is overdue, else sets the timer to what is due
// next.
func (w *watch) check() {
	if w.ctx.Err() != nil {
		return
	}
	now := int64(time.Since(w.start))
	next, cause := int64(math.MaxInt64), (*Error)(nil)
	due := func(since int64, limit time.Duration, c *Error) {
		if at := since + int64(limit); limit > 0 && at < next {
			next, cause = at, c
		}
	}
	content, bytes := w.lastContent.Load(), w.lastBytes.Load()
	if content == 0 {
		due(0, w.limits.FirstToken, w.first)
	} else {
		due(content, w.limits.ContentIdle, expiredEmpty)
	}
	if bytes > 0 {
		due(bytes, w.limits.StreamIdle, expiredIdle)
	}
	if next > now {
		w.timer.Reset(w.pause(next-now, content, bytes))
		return
	}
	w.cancel(cause)
}

// pause shortens the sleep while a clock has not begun to run: it may come to be due
// before what is due now.
func (w *watch) pause(d, content, bytes int64) time.Duration {
	if bytes == 0 && w.limits.StreamIdle > 0 {
		d = min(d, int64(w.limits.StreamIdle))
	}
	if content == 0 && w.limits.ContentIdle > 0 {
		d = min(d, int64(w.limits.ContentIdle))
	}
	return time.Duration(d)
}
