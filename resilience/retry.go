package resilience

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// Retrier repeats an operation while its failures may pass. Set the fields before
// the first use.
type Retrier struct {
	Config Retry  // with its defaults filled in
	Target string // names the target in events and keys its jitter
	Op     string // llm or tool, for events
	Seed   uint64
	// Retryable decides what is worth another attempt; nil means Error.Retryable.
	Retryable func(*Error) bool
	// Budget bounds the retries over all calls; nil does not. Share it between what
	// attempts the same target.
	Budget *Budget
	// Refuses tells for how long the breaker inside will refuse; no wait that would end
	// before then is begun. nil means that there is none.
	Refuses func() time.Duration
	Observe Observer

	unkeyed atomic.Uint64 // numbers the calls whose context has no key
}

// Do implements Policy. It never sleeps past the deadline of ctx: if the next wait
// would end later it stops at once, and the error contains ErrDeadline besides the
// failures. A budget that is spent refuses before the wait, too, with ErrBudget.
// After more than one attempt the error is a *ChainError.
func (r *Retrier) Do(ctx context.Context, op Op) error {
	var attempts []*Error
	key, prev := seed.Key{}, r.Config.BaseDelay
	r.Budget.Fresh()
	for n := 1; ; n++ {
		err := op(ctx)
		if err == nil {
			return nil
		}
		e := AsError(ctx, err)
		attempts = append(attempts, e)
		if n >= r.Config.MaxAttempts || !r.retryable(e) || ctx.Err() != nil {
			return joined(attempts, nil)
		}
		if n == 1 {
			key = r.key(ctx)
		}
		key.Attempt = uint64(n)
		draw := seed.New(r.Seed, "retry/"+r.Target, key)
		wait := r.Config.delay(n, prev, &draw)
		prev = wait
		if e.RetryAfter > 0 {
			if e.RetryAfter > r.Config.RetryAfterCap {
				return joined(attempts, nil)
			}
			wait = e.RetryAfter + uniform(&draw, min(e.RetryAfter/10, time.Second))
		}
		if deadline, ok := ctx.Deadline(); ok && wait >= time.Until(deadline) {
			return joined(attempts, ErrDeadline)
		}
		if r.Refuses != nil && r.Refuses() > wait {
			return joined(attempts, nil) // the wait would end in a refusal
		}
		if !r.Budget.Take() {
			r.Observe.emit(Event{Kind: BudgetSpent, Key: keyOf(ctx), Op: r.Op, Target: r.Target,
				Start: time.Now(), Class: e.Class})
			return joined(attempts, ErrBudget)
		}
		r.Observe.emit(Event{Kind: RetryWait, Key: keyOf(ctx), Op: r.Op, Target: r.Target,
			Start: time.Now(), Class: e.Class, Delay: wait})
		if err := sleep(ctx, wait); err != nil {
			r.Budget.Return()
			return joined(append(attempts, AsError(ctx, err)), nil)
		}
	}
}

func (r *Retrier) retryable(e *Error) bool {
	if r.Retryable != nil {
		return r.Retryable(e)
	}
	return e.Retryable()
}

func (r *Retrier) key(ctx context.Context) seed.Key {
	if k, ok := seed.KeyFrom(ctx); ok {
		return k
	}
	return seed.Key{Request: r.unkeyed.Add(1)}
}

// delay is the wait after the n-th failed attempt (from 1), prev the one before it.
// The cap comes before the jitter, so that it bounds the result:
//
//	d = min(MaxDelay, BaseDelay·ExponentialBase^(n−1))
//	none d · full U(0, d) · equal d/2 + U(0, d/2)
//	decorrelated min(MaxDelay, U(BaseDelay, 3·prev))
func (c Retry) delay(n int, prev time.Duration, s *seed.Stream) time.Duration {
	d := capped(float64(c.BaseDelay)*math.Pow(c.ExponentialBase, float64(n-1)), c.MaxDelay)
	switch c.Jitter {
	case "none":
		return d
	case "equal":
		return d/2 + uniform(s, d-d/2)
	case "decorrelated":
		low, high := float64(c.BaseDelay), 3*float64(prev)
		return capped(low+s.Float64()*max(0, high-low), c.MaxDelay)
	}
	return uniform(s, d)
}

// capped turns v nanoseconds into a duration of at most limit; infinite and
// overflowing values give limit.
func capped(v float64, limit time.Duration) time.Duration {
	if v < float64(limit) {
		return time.Duration(v)
	}
	return limit
}

// uniform draws from [0, d).
func uniform(s *seed.Stream, d time.Duration) time.Duration {
	return time.Duration(s.Float64() * float64(d))
}

// sleep waits for d, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
