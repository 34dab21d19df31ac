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

// attempts is the policy that numbers and reports every attempt of a call.
type attempts struct {
	op, target string
	observe    Observer
}

// attempting is the context of one attempt of a call.
type attempting struct {
	context.Context
	reply Reply // only its times
}

type attemptingKey struct{}

// Value implements context.Context.
func (a *attempting) Value(key any) any {
	if key == (attemptingKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// timed notes the times of an attempt's stream for its event.
func timed(ctx context.Context, r Reply) {
	if a, ok := ctx.Value(attemptingKey{}).(*attempting); ok {
		a.reply = Reply{TTFT: r.TTFT, MaxGap: r.MaxGap}
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
		TTFT: one.reply.TTFT, MaxGap: one.reply.MaxGap}
	e.Key, _ = seed.KeyFrom(ctx)
	if err != nil {
		e.Class = AsError(ctx, err).Class
	}
	a.observe(e)
	return err
}
