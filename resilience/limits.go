package resilience

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// Limiter keeps the attempts made with one key to the rate limits of the provider:
// requests and tokens a minute, and how many are under way. Attempts wait for their
// turn, in the order they came. Make it with NewLimiter.
//
// It is fed by what the provider says: a Retry-After makes all wait, rate-limit
// headers ([ReportHeaders]) lower what is left, and tokens estimated beforehand
// ([WithEstimate]) are corrected once the usage is known ([ReportUsage]).
type Limiter struct {
	target, op string
	seed       uint64
	observe    Observer
	born       time.Time
	slots      *Gate // nil: any number may be under way
	adaptive   *aimd // how many slots there are, guarded by their lock; nil: as many as given

	mu    sync.Mutex
	rates rates
}

// NewLimiter returns a limiter with full buckets. cfg has its defaults filled in; name and op (llm or tool) stand in
// events and errors; seed keys how those who waited for one instant are spread.
func NewLimiter(name, op string, cfg Limits, seed uint64, observe Observer) *Limiter {
	l := &Limiter{target: name, op: op, seed: seed, observe: observe, born: time.Now(),
		rates: rates{requests: newBucket(cfg.RPM), tokens: newBucket(cfg.TPM)}}
	concurrency := cfg.Concurrency
	if cfg.Adaptive != nil {
		l.adaptive, concurrency = newAIMD(*cfg.Adaptive), cfg.Adaptive.Initial
	}
	if concurrency > 0 {
		l.slots = NewGate(name, op, Queue{Size: math.MaxInt, Concurrency: concurrency, Order: "fifo"}, observe)
	}
	return l
}

// Do implements Policy. A wait that the deadline of ctx does not allow is refused at
// once with ClassLimited, which says in RetryAfter how long it would have been.
func (l *Limiter) Do(ctx context.Context, op Op) error {
	if l.slots == nil {
		return l.do(ctx, op)
	}
	return l.slots.Do(ctx, func(ctx context.Context) error { return l.do(ctx, op) })
}

func (l *Limiter) do(ctx context.Context, op Op) error {
	s := &spending{Context: ctx, limiter: l}
	s.estimate, _ = ctx.Value(estimateKey{}).(int)
	if err := l.reserve(s); err != nil {
		return err
	}
	if l.adaptive == nil {
		err := op(s)
		l.settle(s, err)
		return err
	}
	began := time.Now()
	err := op(s)
	l.settle(s, err)
	class := Class("")
	if err != nil {
		class = AsError(s, err).Class
	}
	l.slots.adapt(l.adaptive, began, class)
	return err
}

// reserve waits until the buckets allow one more attempt, and longer if the key has
// to rest meanwhile.
func (l *Limiter) reserve(s *spending) error {
	l.mu.Lock()
	wait, rests := l.rates.take(time.Since(l.born), s.estimate), l.rates.rests
	l.mu.Unlock()
	if wait > 0 {
		wait += l.spread(s, wait)
	}
	for wait > 0 {
		if d, ok := s.Deadline(); ok && wait >= time.Until(d) {
			l.refund(s.estimate)
			return &Error{Class: ClassLimited, Target: l.target, Unsent: true, RetryAfter: wait,
				Message: "the rate limit leaves no room in time"}
		}
		l.observe.emit(Event{Kind: LimitWait, Key: keyOf(s), Op: l.op, Target: l.target, Start: time.Now(), Delay: wait})
		if err := sleep(s, wait); err != nil {
			l.refund(s.estimate)
			return AsError(s, err)
		}
		l.mu.Lock()
		wait, rests = l.rates.rests-rests, l.rates.rests
		l.mu.Unlock()
	}
	return nil
}

// spread keeps those who wait for the same instant apart.
func (l *Limiter) spread(ctx context.Context, wait time.Duration) time.Duration {
	draw := seed.New(l.seed, "limits/"+l.target, keyOf(ctx))
	return uniform(&draw, min(wait/10, time.Second))
}

func (l *Limiter) refund(tokens int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates.give(time.Since(l.born), 1, tokens)
}

// settle corrects the reservation by what is known after the attempt.
func (l *Limiter) settle(s *spending, err error) {
	e := (*Error)(nil)
	if err != nil {
		e = AsError(s, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.born)
	switch {
	case e != nil && (e.Unsent || e.Class == ClassOpen):
		l.rates.give(now, 1, s.estimate)
	case s.reported:
		l.rates.give(now, 0, s.estimate-s.used)
	}
	if e != nil && e.Class == ClassRateLimit && e.RetryAfter > 0 {
		l.rates.rest(now, now+e.RetryAfter)
	}
}

// spending is the context of one attempt under a limiter.
type spending struct {
	context.Context
	limiter  *Limiter
	estimate int // tokens reserved
	used     int // tokens, if reported
	reported bool
}

type (
	spendingKey struct{}
	estimateKey struct{}
)

// Value implements context.Context.
func (s *spending) Value(key any) any {
	if key == (spendingKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// WithEstimate says how many tokens an operation under ctx will use at most, prompt
// and answer together. Limiters reserve that many.
func WithEstimate(ctx context.Context, tokens int) context.Context {
	return context.WithValue(ctx, estimateKey{}, tokens)
}

// ReportUsage tells the limiter around an operation how many tokens it did use. It
// is called by the operation itself, before it returns.
func ReportUsage(ctx context.Context, tokens int) {
	if s, ok := ctx.Value(spendingKey{}).(*spending); ok {
		s.used, s.reported = tokens, true
	}
}

// ReportHeaders tells the limiter around an operation what a reply's headers say of
// the key's rate limits: x-ratelimit-* as OpenAI writes them, anthropic-ratelimit-*.
func ReportHeaders(ctx context.Context, h http.Header) {
	s, ok := ctx.Value(spendingKey{}).(*spending)
	if !ok {
		return
	}
	l := s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.born)
	for _, prefix := range [...]string{"X-Ratelimit-%-Requests", "Anthropic-Ratelimit-Requests-%"} {
		l.rates.requests.heard(now, h, prefix)
	}
	for _, prefix := range [...]string{"X-Ratelimit-%-Tokens", "Anthropic-Ratelimit-Tokens-%"} {
		l.rates.tokens.heard(now, h, prefix)
	}
}

// rates are the buckets of one key: a value that is told the time, as the duration
// since the limiter was made, and is guarded by its owner.
type rates struct {
	requests, tokens bucket
	until            time.Duration // when the key's rest ends
	rests            time.Duration // how long it had to rest, ever
}

// take reserves one request and some tokens, and tells how long to wait for them.
func (r *rates) take(now time.Duration, tokens int) time.Duration {
	return max(r.until-now, r.requests.take(now, 1), r.tokens.take(now, float64(tokens)))
}

func (r *rates) give(now time.Duration, requests, tokens int) {
	r.requests.give(now, float64(requests))
	r.tokens.give(now, float64(tokens))
}

// rest makes all wait until then, or until later if that was said before. Meanwhile
// the requests' bucket does not fill, so that those who wait keep their distances.
func (r *rates) rest(now, until time.Duration) {
	if until <= r.until {
		return
	}
	r.rests += until - max(now, r.until)
	r.until = until
	r.requests.fill(now)
	r.requests.level = min(0, r.requests.level)
	r.requests.at = max(r.requests.at, until)
}

// bucket fills with rate units a second. What is taken beyond what it holds makes it
// negative, which is the wait of whoever comes next. The zero value has no limit.
type bucket struct {
	rate, most float64
	level      float64
	at         time.Duration // when level was right
}

// burst is how much may be spent at once, as a part of what a minute allows. Few
// providers let a whole minute's worth come in one second.
const burst = 0.1

func newBucket(perMinute int) bucket {
	most := max(1, burst*float64(perMinute))
	return bucket{rate: float64(perMinute) / 60, most: most, level: most}
}

func (b *bucket) fill(now time.Duration) {
	if now > b.at {
		b.level = min(b.most, b.level+b.rate*(now-b.at).Seconds())
		b.at = now
	}
}

// take takes n units. More than the bucket can ever hold waits until it is full.
func (b *bucket) take(now time.Duration, n float64) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.fill(now)
	wait := time.Duration(math.Ceil(max(0, min(n, b.most)-b.level) / b.rate * float64(time.Second)))
	b.level -= n
	return wait + max(0, b.at-now)
}

func (b *bucket) give(now time.Duration, n float64) {
	b.fill(now)
	b.level = min(b.most, b.level+n)
}

// heard takes a provider's word for what is left, and for a limit lower than ours.
func (b *bucket) heard(now time.Duration, h http.Header, name string) {
	if b.rate == 0 {
		return
	}
	b.fill(now)
	if n, ok := limitHeader(h, name, "Remaining"); ok {
		b.level = min(b.level, n)
	}
	if n, ok := limitHeader(h, name, "Limit"); ok && n >= 1 && n/60 < b.rate {
		b.rate, b.most = n/60, max(1, burst*n)
	}
}

func limitHeader(h http.Header, name, what string) (float64, bool) {
	n, err := strconv.ParseFloat(h.Get(strings.Replace(name, "%", what, 1)), 64)
	return n, err == nil && n >= 0
}
