package resilience

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// call is the context of one call; it counts the attempts made in it.
type call struct {
	context.Context
	key      seed.Key
	attempts atomic.Uint64
	fell     atomic.Bool // another target than the first was asked
}

type callKey struct{}

func (s *Stack) newCall(ctx context.Context) *call {
	k, ok := seed.KeyFrom(ctx)
	if !ok {
		k = seed.Key{Request: s.unkeyed.Add(1)}
		ctx = seed.WithKey(ctx, k)
	}
	return &call{Context: ctx, key: k}
}

// Value implements context.Context.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// keyOf is the key to put into events: that of the call, with the attempt that was
// started last.
func keyOf(ctx context.Context) seed.Key {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		k := c.key
		k.Attempt = c.attempts.Load()
		return k
	}
	k, _ := seed.KeyFrom(ctx)
	return k
}

// asks notes that target i of a call is asked.
func asks(ctx context.Context, i int) {
	if i == 0 {
		return
	}
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.fell.Store(true)
	}
}

// observed tells of the start of a call, and by the function it returns of its end.
func (s *Stack) observed(c *call, first part) func(Result, error) {
	e := Event{Kind: CallStart, Key: c.key, Op: first.op, Target: first.target, Start: time.Now(), Context: c}
	e.Key.Attempt = 0
	s.options.Observe(e)
	return func(r Result, err error) {
		e.Kind, e.Context, e.End = CallDone, nil, time.Now()
		e.Key.Attempt, e.Fallback = c.attempts.Load(), r.Fallback || c.fell.Load()
		if r.Served != "" {
			e.Target = r.Served
		}
		if err != nil {
			e.Class = AsError(c, err).Class
		}
		s.options.Observe(e)
	}
}

// attempts is the policy that numbers and reports every attempt of a call.
type attempts struct {
	op, target string
	observe    Observer
}

// attempting is the context of one attempt of a call.
type attempting struct {
	context.Context
	reply Reply // only its times and usage
}

type attemptingKey struct{}

// Value implements context.Context.
func (a *attempting) Value(key any) any {
	if key == (attemptingKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// timed notes the times of an attempt's stream, and what it used, for its event.
func timed(ctx context.Context, r Reply) {
	if a, ok := ctx.Value(attemptingKey{}).(*attempting); ok {
		a.reply.TTFT, a.reply.MaxGap, a.reply.Usage = r.TTFT, r.MaxGap, r.Usage
	}
}

// Do implements Policy.
func (a attempts) Do(ctx context.Context, op Op) error {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		k := c.key
		k.Attempt = c.attempts.Add(1)
		ctx = seed.WithKey(ctx, k)
	}
	if a.observe == nil {
		return op(ctx)
	}
	one := &attempting{Context: ctx}
	start := time.Now()
	err := op(one)
	e := Event{Kind: AttemptDone, Op: a.op, Target: a.target, Start: start, End: time.Now(),
		TTFT: one.reply.TTFT, MaxGap: one.reply.MaxGap, Usage: one.reply.Usage}
	e.Key, _ = seed.KeyFrom(ctx)
	if err != nil {
		e.Class = AsError(ctx, err).Class
	}
	a.observe(e)
	return err
}
