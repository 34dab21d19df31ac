package resilience

import (
	"context"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// KeyRing gives each attempt one of a provider's API keys, in turn. A key that meets
// its rate limit rests until the Retry-After is over, a key that is refused or out of
// quota is dead. Make it with NewKeyRing.
//
//	429            the key rests, the error goes on: whoever retries waits and gets
//	               another key, as the limit may be the whole account's
//	401, 402, 403, the key is dead, and the next one is tried at once
//	quota
//	anything else  says nothing about the key
type KeyRing struct {
	provider string
	observe  Observer
	born     time.Time

	mu   sync.Mutex
	ring ring
}

// NewKeyRing returns a ring of n keys, numbered from 0. The provider's name stands in
// events and errors.
func NewKeyRing(provider string, n int, observe Observer) *KeyRing {
	return &KeyRing{provider: provider, observe: observe, born: time.Now(), ring: ring{keys: make([]key, n)}}
}

// KeyIndex is the number of the key that an attempt under ctx has to use; 0 if no
// ring gave it one.
func KeyIndex(ctx context.Context) int {
	n, _ := ctx.Value(keyIndexKey{}).(int)
	return n
}

type keyIndexKey struct{}

// Do implements Policy. While all keys rest it waits for the first, or fails at once
// with ClassLimited if the deadline of ctx is before that. With no key left alive it
// fails as the first of them to come back did; after ten minutes a dead key is tried
// again.
func (k *KeyRing) Do(ctx context.Context, op Op) error {
	for {
		n, err := k.pick(ctx)
		if err != nil {
			return err
		}
		err = op(context.WithValue(ctx, keyIndexKey{}, n))
		if err == nil {
			return nil
		}
		e := AsError(ctx, err)
		rest, died := time.Duration(0), e.Class == ClassAuth || e.Class == ClassQuota
		switch {
		case e.Unsent || e.Committed:
			return e
		case died:
			rest = death
		case e.Class == ClassRateLimit:
			rest = e.RetryAfter
		}
		if rest == 0 {
			return e
		}
		k.observe.emit(Event{Kind: KeyRest, Key: keyOf(ctx), Op: "llm", Target: k.provider,
			Start: time.Now(), Class: e.Class, Delay: rest})
		switch alive, ready := k.rest(n, rest, e, died); {
		case died && alive:
			continue
		case ready && !died:
			other := *e // another key need not wait as long as this one
			other.RetryAfter = 0
			return &other
		}
		return e
	}
}

// pick waits for a key.
func (k *KeyRing) pick(ctx context.Context) (int, error) {
	for {
		k.mu.Lock()
		n, wait := k.ring.pick(time.Since(k.born))
		cause := k.ring.keys[n].cause
		k.mu.Unlock()
		if wait <= 0 {
			return n, nil
		}
		if cause != nil {
			return 0, &Error{Class: cause.Class, Target: k.provider, Unsent: true, RetryAfter: wait,
				Message: "no key is alive", Cause: cause}
		}
		if d, ok := ctx.Deadline(); ok && wait >= time.Until(d) {
			return 0, &Error{Class: ClassLimited, Target: k.provider, Unsent: true, RetryAfter: wait,
				Message: "every key rests"}
		}
		draw := seed.New(0, "keys/"+k.provider, keyOf(ctx)) // lest all come at one instant
		if err := sleep(ctx, wait+uniform(&draw, min(wait/10, time.Second))); err != nil {
			return 0, AsError(ctx, err)
		}
	}
}

// rest takes key n out of use for a time and tells whether another one is alive, and
// whether one is ready now.
func (k *KeyRing) rest(n int, d time.Duration, e *Error, died bool) (alive, ready bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Since(k.born)
	own := &k.ring.keys[n]
	own.until = max(own.until, now+d)
	if died {
		own.cause = e
	}
	for _, other := range k.ring.keys {
		alive = alive || other.cause == nil || other.until <= now
		ready = ready || other.until <= now
	}
	return alive, ready
}

// death is how long a dead key is left alone.
const death = 10 * time.Minute

// ring is the state of a provider's keys: a value that is told the time, as the
// duration since the ring was made, and is guarded by its owner.
type ring struct {
	keys []key
	next int // whose turn it is
}

type key struct {
	until time.Duration // when its rest ends
	cause *Error        // why it is dead; nil if it lives
}

// pick gives the next key that is ready, or else the first to be, and how long to
// wait for it. A dead key is waited for only if all are dead.
func (r *ring) pick(now time.Duration) (int, time.Duration) {
	best := -1
	for i := range r.keys {
		n := (r.next + i) % len(r.keys)
		k := &r.keys[n]
		if k.until <= now {
			k.cause = nil
			r.next = n + 1
			return n, 0
		}
		if best < 0 || (k.cause == nil) != (r.keys[best].cause == nil) && k.cause == nil ||
			(k.cause == nil) == (r.keys[best].cause == nil) && k.until < r.keys[best].until {
			best = n
		}
	}
	return best, r.keys[best].until - now
}
