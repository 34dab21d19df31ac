package mockllm

import (
	"maps"
	"math"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// reason is why a request was turned away.
type reason uint8

const (
	admitted    reason = iota
	overRPM            // too many requests a minute
	overTPM            // too many tokens a minute
	overInput          // of prompts
	overOutput         // of answers
	overBusy           // too many requests at once
	tooFast            // traffic grew too fast
	quotaUsedUp        // for good
)

// verdict is what an account says to a request.
type verdict struct {
	reason reason
	// limit, used and requested are in the unit of the reason.
	limit, used, requested int
	// wait is how long the request has to wait if it is the only one; retryAfter is
	// the same in what a client is told: whole seconds, at least one; 0 where waiting
	// does not help.
	wait, retryAfter time.Duration
	// early tells that the request came before the Retry-After it had been given.
	early bool
}

// account is the state of one API key's limits.
type account struct {
	config   RateLimit
	requests bucket
	tokens   bucket
	input    bucket
	output   bucket
	busy     int
	used     int // tokens, of the quota
	ramp     ramp
	promised map[seed.Key]promise // by call
	early    int
}

// promise is a Retry-After under way.
type promise struct {
	up      time.Time
	verdict verdict
}

func newAccount(c RateLimit) *account {
	return &account{
		config:   c,
		requests: bucket{perMinute: c.RPM, burst: c.Burst},
		tokens:   bucket{perMinute: c.TPM, burst: c.Burst},
		input:    bucket{perMinute: c.InputTPM, burst: c.Burst},
		output:   bucket{perMinute: c.OutputTPM, burst: c.Burst},
		promised: map[seed.Key]promise{},
	}
}

// admit charges a request by estimate, or says why not. Attempts of one call share
// its key's Request and Call: one that comes before its Retry-After is up is turned
// away whatever the buckets hold.
func (a *account) admit(now time.Time, call seed.Key, estimate dialect.Usage) verdict {
	call.Attempt = 0
	v := a.judge(now, estimate)
	if p, ok := a.promised[call]; ok && now.Before(p.up) {
		a.early++
		if v.reason == admitted {
			v = p.verdict
			v.wait, v.retryAfter = 0, time.Second
		}
		v.early = true
	}
	if v.reason != admitted {
		a.promise(now, call, v)
		return v
	}
	delete(a.promised, call)
	a.requests.take(now, 1)
	a.tokens.take(now, estimate.Input+estimate.Output)
	a.input.take(now, estimate.Input)
	a.output.take(now, estimate.Output)
	a.used += estimate.Input + estimate.Output
	a.busy++
	a.ramp.count++
	return v
}

// judge finds the limit that a request meets: of several, the one that lasts longest.
func (a *account) judge(now time.Time, u dialect.Usage) verdict {
	a.ramp.roll(now, a.config.Ramp)
	if a.config.Quota > 0 && a.used >= a.config.Quota {
		return verdict{reason: quotaUsedUp, limit: a.config.Quota, used: a.used}
	}
	if limit := a.config.Concurrent; limit > 0 && a.busy >= limit {
		return verdict{reason: overBusy, limit: limit, used: a.busy, requested: 1, retryAfter: time.Second}
	}
	v := verdict{}
	if a.config.Ramp != nil {
		if limit := a.ramp.allowed(a.config.Ramp); a.ramp.count >= limit {
			wait := a.ramp.start.Add(a.config.Ramp.Window).Sub(now)
			v = verdict{reason: tooFast, limit: limit, used: a.ramp.count, requested: 1, wait: wait}
		}
	}
	for _, c := range [...]struct {
		reason reason
		bucket *bucket
		n      int
	}{{overRPM, &a.requests, 1}, {overTPM, &a.tokens, u.Input + u.Output}, {overInput, &a.input, u.Input}, {overOutput, &a.output, u.Output}} {
		wait, ever := c.bucket.wait(now, c.n)
		used := 0
		if wait > 0 || !ever {
			s := c.bucket.state(now)
			used = s.Limit - s.Remaining
		}
		if !ever {
			return verdict{reason: c.reason, limit: c.bucket.perMinute, used: used, requested: c.n}
		}
		if wait > v.wait {
			v = verdict{reason: c.reason, limit: c.bucket.perMinute, used: used, requested: c.n, wait: wait}
		}
	}
	if v.reason != admitted {
		v.retryAfter = wholeSeconds(v.wait)
	}
	return v
}

// maxPromised bounds how many calls an account remembers: beyond it those whose time
// is up are forgotten.
const maxPromised = 4096

func (a *account) promise(now time.Time, call seed.Key, v verdict) {
	if len(a.promised) >= maxPromised {
		maps.DeleteFunc(a.promised, func(_ seed.Key, p promise) bool { return !now.Before(p.up) })
	}
	if v.retryAfter > 0 && len(a.promised) < maxPromised {
		a.promised[call] = promise{now.Add(v.retryAfter), v}
	}
}

// settle replaces the estimate of an admitted request by what it really used.
func (a *account) settle(now time.Time, estimate, used dialect.Usage) {
	a.tokens.correct(now, estimate.Input+estimate.Output, used.Input+used.Output)
	a.input.correct(now, estimate.Input, used.Input)
	a.output.correct(now, estimate.Output, used.Output)
	a.used += used.Input + used.Output - estimate.Input - estimate.Output
	a.busy = max(0, a.busy-1)
}

// state is what headers say of every limit.
func (a *account) state(now time.Time) dialect.Limits {
	return dialect.Limits{
		Requests: a.requests.state(now), Tokens: a.tokens.state(now),
		Input: a.input.state(now), Output: a.output.state(now),
	}
}

// wholeSeconds rounds up to what Retry-After can say.
func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

// ramp counts the requests of the window under way and of the one before.
type ramp struct {
	start         time.Time
	count, before int
}

// roll moves on to the window in which now lies.
func (r *ramp) roll(now time.Time, c *Ramp) {
	if c == nil {
		return
	}
	switch passed := now.Sub(r.start); {
	case r.start.IsZero() || passed >= 2*c.Window:
		*r = ramp{start: now}
	case passed >= c.Window:
		*r = ramp{start: r.start.Add(c.Window), before: r.count}
	}
}

// allowed is how many requests the window takes.
func (r *ramp) allowed(c *Ramp) int {
	return max(c.Free, int(math.Ceil(c.Factor*float64(r.before))))
}
