package mockllm

import (
	"math/bits"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
)

// bucket is a token bucket that is full after burst, at first and again when left
// alone. Its state is one instant, that at which it is full again, which makes it
// exact: n units cost the time in which n refill, rounded up to a nanosecond. The
// zero perMinute is no limit.
type bucket struct {
	perMinute int
	burst     time.Duration
	full      time.Time
}

// cost is the time in which n units refill.
func (b *bucket) cost(n int) time.Duration {
	if b.perMinute == 0 || n <= 0 {
		return 0
	}
	return time.Duration(scale(n, int(time.Minute), b.perMinute, true))
}

// debt is the time until the bucket is full.
func (b *bucket) debt(now time.Time) time.Duration { return max(0, b.full.Sub(now)) }

// wait is how long n units are still missing; ever is false if the bucket never
// holds that many.
func (b *bucket) wait(now time.Time, n int) (d time.Duration, ever bool) {
	cost := b.cost(n)
	return max(0, b.debt(now)+cost-b.burst), b.perMinute == 0 || cost <= b.burst
}

// take charges n units, which may leave the bucket owing some.
func (b *bucket) take(now time.Time, n int) {
	b.full = now.Add(b.debt(now) + b.cost(n))
}

// correct replaces a charge of estimate by one of n.
func (b *bucket) correct(now time.Time, estimate, n int) {
	if n > estimate {
		b.take(now, n-estimate)
		return
	}
	b.full = b.full.Add(-b.cost(estimate - n))
}

// state is what the provider's headers say of the bucket.
func (b *bucket) state(now time.Time) dialect.Limit {
	if b.perMinute == 0 {
		return dialect.Limit{}
	}
	debt := b.debt(now)
	return dialect.Limit{
		Limit:     b.perMinute,
		Remaining: scale(int(max(0, b.burst-debt)), b.perMinute, int(time.Minute), false),
		Reset:     debt,
	}
}

// scale is a·b/c in whole numbers, none of them negative, rounded down or up.
func scale(a, b, c int, up bool) int {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if up {
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(c-1), 0)
		hi += carry
	}
	n, _ := bits.Div64(hi, lo, uint64(c))
	return int(n)
}
