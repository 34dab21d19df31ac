package resilience

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func free(context.Context) error { return nil }

// TestRateIsKept: however many come at once, no minute sees more than the limit and
// one burst.
func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter("p", "llm", Limits{RPM: 60}, 1, nil)
		var mu sync.Mutex
		var at []time.Duration
		start := time.Now()
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				_ = l.Do(t.Context(), func(context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Since(start))
					return nil
				})
			})
		}
		wg.Wait()
		slices.Sort(at)
		for i := range at {
			n := 0
			for _, u := range at[i:] {
				if u < at[i]+time.Minute {
					n++
				}
			}
			if n > 60+6+1 {
				t.Fatalf("%d requests in the minute after %v", n, at[i])
			}
		}
		if last := at[len(at)-1]; last < 290*time.Second || last > 300*time.Second {
			t.Errorf("300 requests at 60 a minute took %v", last)
		}
	})
}

// TestEstimateIsReconciled: the wait of the second attempt is for what the first did
// use, not for what it was expected to use.
func TestEstimateIsReconciled(t *testing.T) {
	for _, c := range []struct {
		name  string
		first Op
		want  time.Duration // until the bucket holds another 100 tokens
	}{
		{"as estimated", free, 100 * time.Second},
		{"used less", func(ctx context.Context) error { ReportUsage(ctx, 40); return nil }, 40 * time.Second},
		{"used more", func(ctx context.Context) error { ReportUsage(ctx, 160); return nil }, 160 * time.Second},
		{"used nothing", func(ctx context.Context) error { ReportUsage(ctx, 0); return nil }, 0},
		{"never sent", func(context.Context) error { return &Error{Class: ClassConnect, Unsent: true} }, 0},
		{"breaker open", always(ClassOpen), 0},
		{"failed at the server", always(ClassServer), 100 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewLimiter("p", "llm", Limits{TPM: 60}, 1, nil) // one a second, at most 6
				l.rates.tokens.most, l.rates.tokens.level = 100, 100
				ctx := WithEstimate(t.Context(), 100)
				_ = l.Do(ctx, c.first)
				start := time.Now()
				if err := l.Do(ctx, free); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(start); d < c.want || d > c.want+min(c.want/10, time.Second) {
					t.Errorf("waited %v, want %v", d, c.want)
				}
			})
		})
	}
}

func TestLimiterHeedsTheProvider(t *testing.T) {
	for name, c := range map[string]struct {
		first Op
		want  time.Duration
	}{
		"OpenAI: nothing left": {func(ctx context.Context) error {
			h := http.Header{}
			h.Set("x-ratelimit-remaining-requests", "0")
			ReportHeaders(ctx, h)
			return nil
		}, time.Second},
		"Anthropic: nothing left": {func(ctx context.Context) error {
			h := http.Header{}
			h.Set("anthropic-ratelimit-requests-remaining", "0")
			ReportHeaders(ctx, h)
			return nil
		}, time.Second},
		"OpenAI: a lower limit": {func(ctx context.Context) error {
			h := http.Header{}
			h.Set("x-ratelimit-limit-requests", "6")
			h.Set("x-ratelimit-remaining-requests", "0")
			ReportHeaders(ctx, h)
			return nil
		}, 10 * time.Second},
		"plenty left": {func(ctx context.Context) error {
			h := http.Header{}
			h.Set("x-ratelimit-remaining-requests", "5000")
			ReportHeaders(ctx, h)
			return nil
		}, 0},
		// One second of refill follows the rest.
		"Retry-After": {func(context.Context) error { return limited(30 * time.Second) }, 31 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := NewLimiter("p", "llm", Limits{RPM: 60}, 1, nil)
			_ = l.Do(t.Context(), c.first)
			start := time.Now()
			_ = l.Do(t.Context(), free)
			if d := time.Since(start); d < c.want || d > c.want+min(c.want/10, time.Second) {
				t.Errorf("%s: waited %v, want %v", name, d, c.want)
			}
		})
	}
}

// TestRestReachesThoseWhoWait: whoever was told to wait a second before a 429 came
// waits for its Retry-After, too.
func TestRestReachesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter("p", "llm", Limits{RPM: 10}, 1, nil) // one burst of one, then every 6 s
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = l.Do(t.Context(), func(ctx context.Context) error { return sleepThen(ctx, time.Second, limited(time.Minute)) })
		})
		synctest.Wait()
		var at [2]time.Duration
		for i := range at {
			wg.Go(func() { _ = l.Do(t.Context(), func(context.Context) error { at[i] = time.Since(start); return nil }) })
		}
		wg.Wait()
		slices.Sort(at[:])
		if at[0] < 61*time.Second || at[1]-at[0] < 4*time.Second || at[1] > 80*time.Second {
			t.Errorf("went on at %v", at)
		}
	})
}

func sleepThen(ctx context.Context, d time.Duration, err error) error {
	if cut := sleep(ctx, d); cut != nil {
		return cut
	}
	return err
}

func TestLimiterRefusesAWaitThatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter("p", "llm", Limits{RPM: 10}, 1, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = l.Do(ctx, free)
		start, ran := time.Now(), false
		err := l.Do(ctx, func(context.Context) error { ran = true; return nil })
		if e := AsError(ctx, err); e.Class != ClassLimited || !e.Unsent || e.RetryAfter < 6*time.Second || ran || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if level := l.rates.requests.level; level < 0 {
			t.Errorf("the refused request was not given back: level %v", level)
		}
	})
}

func TestConcurrencyOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter("p", "llm", Limits{Concurrency: 3}, 1, nil)
		var mu sync.Mutex
		now, most := 0, 0
		start := time.Now()
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				_ = l.Do(t.Context(), func(ctx context.Context) error {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					now--
					mu.Unlock()
					return nil
				})
			})
		}
		wg.Wait()
		if most != 3 || time.Since(start) != 4*time.Second {
			t.Errorf("%d at a time, %v in all", most, time.Since(start))
		}
	})
}
