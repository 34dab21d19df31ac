package mockllm

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// A bucket takes exactly what its burst and its refill allow, to the unit.
func TestBucketIsExact(t *testing.T) {
	for _, perMinute := range []int{1, 7, 60, 7001, 2_000_000, maxPerMinute} {
		b := bucket{perMinute: perMinute, burst: time.Minute}
		now, taken := epoch, 0
		draw := seed.New(1, "bucket", seed.Key{Request: uint64(perMinute)})
		for range 2000 {
			n := 1 + draw.IntN(1+perMinute/10)
			wait, ever := b.wait(now, n)
			if !ever {
				t.Fatalf("%d a minute never takes %d", perMinute, n)
			}
			if wait > 0 {
				if early, _ := b.wait(now.Add(wait-1), n); early == 0 {
					t.Fatalf("%d a minute: %v are more than %d have to wait", perMinute, wait, n)
				}
				now = now.Add(wait)
			}
			b.take(now, n)
			taken += n
			bound := float64(perMinute) * (1 + now.Sub(epoch).Minutes())
			if float64(taken) > bound*(1+1e-12) {
				t.Fatalf("%d a minute: took %d in %v", perMinute, taken, now.Sub(epoch))
			}
			if wait > 0 && float64(taken) < bound-1-2000*float64(perMinute)/float64(time.Minute) {
				t.Fatalf("%d a minute: took only %d of %.0f in %v", perMinute, taken, bound, now.Sub(epoch))
			}
		}
	}
}

func TestBucketState(t *testing.T) {
	b := bucket{perMinute: 600, burst: 10 * time.Second}
	if got, want := b.state(epoch), (dialect.Limit{Limit: 600, Remaining: 100}); got != want {
		t.Errorf("untouched: %+v, want %+v", got, want)
	}
	b.take(epoch, 30)
	if got, want := b.state(epoch), (dialect.Limit{Limit: 600, Remaining: 70, Reset: 3 * time.Second}); got != want {
		t.Errorf("after 30: %+v, want %+v", got, want)
	}
	b.correct(epoch, 30, 150)
	if got, want := b.state(epoch), (dialect.Limit{Limit: 600, Remaining: 0, Reset: 15 * time.Second}); got != want {
		t.Errorf("in debt: %+v, want %+v", got, want)
	}
	b.correct(epoch, 150, 0)
	if got, want := b.state(epoch), (dialect.Limit{Limit: 600, Remaining: 100}); got != want {
		t.Errorf("given back: %+v, want %+v", got, want)
	}
	b.correct(epoch.Add(time.Hour), 1000, 0)
	if got := b.state(epoch.Add(time.Hour)); got.Remaining != 100 {
		t.Errorf("given back when full: %+v", got)
	}
	if wait, ever := b.wait(epoch, 101); ever {
		t.Errorf("more than the bucket holds: %v", wait)
	}
	if wait, ever := (&bucket{}).wait(epoch, math.MaxInt); wait != 0 || !ever {
		t.Errorf("no limit: %v, %v", wait, ever)
	}
}

func call(n int) seed.Key { return seed.Key{Request: uint64(n), Call: 1, Attempt: 1} }

func limited(config RateLimit) *account {
	config.SetDefaults()
	if err := config.Validate(); err != nil {
		panic(err)
	}
	return newAccount(config)
}

// The longest-lasting limit is the one that is reported, in its own unit.
func TestVerdict(t *testing.T) {
	second := 10 * time.Second
	for _, c := range []struct {
		name   string
		config RateLimit
		before int // requests of 100 and 100 tokens at once
		want   verdict
	}{
		{"admitted", RateLimit{RPM: 60, TPM: 60_000}, 5, verdict{}},
		{"rpm", RateLimit{RPM: 60, Burst: second}, 10, verdict{reason: overRPM, limit: 60, used: 60, requested: 1, wait: time.Second, retryAfter: time.Second}},
		{"tpm", RateLimit{RPM: 60, TPM: 6000}, 29, verdict{reason: overTPM, limit: 6000, used: 5800, requested: 300, wait: time.Second, retryAfter: time.Second}},
		{"input", RateLimit{InputTPM: 6000, OutputTPM: 6000}, 59, verdict{reason: overOutput, limit: 6000, used: 5900, requested: 200, wait: time.Second, retryAfter: time.Second}},
		{"too large", RateLimit{RPM: 60, TPM: 200}, 0, verdict{reason: overTPM, limit: 200, requested: 300}},
		{"concurrent", RateLimit{Concurrent: 3}, 3, verdict{reason: overBusy, limit: 3, used: 3, requested: 1, retryAfter: time.Second}},
		{"ramp", RateLimit{Ramp: &Ramp{}}, 10, verdict{reason: tooFast, limit: 10, used: 10, requested: 1, wait: second, retryAfter: second}},
		{"quota", RateLimit{RPM: 1000, Quota: 1000}, 5, verdict{reason: quotaUsedUp, limit: 1000, used: 1000}},
	} {
		a := limited(c.config)
		for i := range c.before {
			if v := a.admit(epoch, call(i), dialect.Usage{Input: 100, Output: 100}); v.reason != admitted {
				t.Fatalf("%s: request %d got %+v", c.name, i, v)
			}
		}
		if got := a.admit(epoch, call(1000), dialect.Usage{Input: 100, Output: 200}); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// What a request really used replaces its estimate, in buckets and quota alike.
func TestSettle(t *testing.T) {
	a := limited(RateLimit{TPM: 6000, InputTPM: 6000, OutputTPM: 6000, Concurrent: 1, Quota: 1000})
	estimate := dialect.Usage{Input: 100, Output: 900}
	if v := a.admit(epoch, call(1), estimate); v.reason != admitted {
		t.Fatalf("%+v", v)
	}
	if v := a.admit(epoch, call(2), estimate); v.reason != quotaUsedUp || v.retryAfter != 0 {
		t.Errorf("estimated to the end of the quota: %+v", v)
	}
	a.settle(epoch, estimate, dialect.Usage{Input: 120, Output: 30})
	s := a.state(epoch)
	if s.Tokens.Remaining != 5850 || s.Input.Remaining != 5880 || s.Output.Remaining != 5970 || a.used != 150 || a.busy != 0 {
		t.Errorf("%+v, used %d, busy %d", s, a.used, a.busy)
	}
}

// A call that comes again before its Retry-After is up is turned away, even if there
// is room by then, and that is counted; other calls of the key are not its concern.
func TestEarlyRetry(t *testing.T) {
	a := limited(RateLimit{RPM: 60, Burst: time.Second})
	ok := func(at time.Duration, n int) verdict { return a.admit(epoch.Add(at), call(n), dialect.Usage{}) }
	ok(0, 1)
	if v := ok(100*time.Millisecond, 2); v.reason != overRPM || v.retryAfter != time.Second || v.early {
		t.Fatalf("%+v", v)
	}
	if v := ok(1050*time.Millisecond, 2); v.reason != overRPM || v.retryAfter != time.Second || !v.early || v.wait != 0 {
		t.Errorf("50 ms early: %+v", v)
	}
	if v := ok(1060*time.Millisecond, 3); v.reason != admitted {
		t.Errorf("another call: %+v", v)
	}
	if v := ok(2050*time.Millisecond, 2); v.reason != overRPM || v.early {
		t.Errorf("in time, but another was there before: %+v", v)
	}
	if v := ok(3050*time.Millisecond, 2); v.reason != admitted {
		t.Errorf("in time: %+v", v)
	}
	if a.early != 1 || len(a.promised) != 0 {
		t.Errorf("early %d, promised %v", a.early, a.promised)
	}
}

// Traffic may grow by the factor from window to window.
func TestRamp(t *testing.T) {
	a := limited(RateLimit{Ramp: &Ramp{Factor: 2, Window: time.Second, Free: 5}})
	for window, want := range []int{5, 10, 20, 40} {
		got := 0
		for i := range 100 {
			at := epoch.Add(time.Duration(window)*time.Second + time.Duration(i)*10*time.Millisecond)
			v := a.admit(at, call(window*100+i), dialect.Usage{})
			if v.reason == admitted {
				got++
				continue
			}
			if again := epoch.Add(time.Duration(window+1) * time.Second); v.reason != tooFast || !at.Add(v.wait).Equal(again) {
				t.Fatalf("%v: %+v", at.Sub(epoch), v)
			}
		}
		if got != want {
			t.Errorf("window %d took %d, want %d", window, got, want)
		}
	}
	if v := a.admit(epoch.Add(time.Hour), call(1), dialect.Usage{}); v.reason != admitted || a.ramp.before != 0 {
		t.Errorf("after a pause: %+v, %+v", v, a.ramp)
	}
}

// Keys have limits of their own and are kept as hashes.
func TestKeysApart(t *testing.T) {
	config := RateLimit{RPM: 1}
	config.SetDefaults()
	l := newLimits(config)
	for _, key := range []string{"a", "b"} {
		if v, _ := l.admit(epoch, hashKey(key), call(1), dialect.Usage{}); v.reason != admitted {
			t.Errorf("%s: %+v", key, v)
		}
		for i := range 3 {
			l.admit(epoch.Add(time.Second), hashKey(key), call(2), dialect.Usage{})
			if key == "a" && i == 1 {
				break
			}
		}
	}
	want := map[string]int{"ca978112": 1, "3e23e816": 2} // what sha256sum says of a and b
	if got := l.early(); !maps.Equal(got, want) {
		t.Errorf("early %v, want %v", got, want)
	}
}

func TestRateLimitValidate(t *testing.T) {
	for path, l := range map[string]RateLimit{
		"rpm: ":        {RPM: -1},
		"tpm: ":        {TPM: maxPerMinute + 1},
		"inputTPM: ":   {InputTPM: -1},
		"outputTPM: ":  {OutputTPM: -1},
		"concurrent: ": {Concurrent: -1},
		"quota: ":      {Quota: -1},
		"burst: ":      {RPM: 1, Burst: time.Second},
		"ramp: ":       {Ramp: &Ramp{Factor: 0.5}},
	} {
		l.SetDefaults()
		if err := l.Validate(); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s%v", path, err)
		}
	}
}
