package resilience

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// These tests hold the findings that decided the design: each has a config that
// falls and one that stands.

// breakerOf is a breaker with its defaults and a mode.
func breakerOf(mode string) *Circuit {
	cfg := Breaker{Mode: mode}
	cfg.SetDefaults()
	return NewCircuit("p/m", "llm", cfg, 1, nil)
}

// TestAbsoluteCountRejectsAFlakyProvider: a provider that fails 1.5 % of its calls at
// 20 a second has five failures in any minute. Counted alone, they keep the breaker
// open most of the time; as consecutive failures or as a rate they mean nothing.
func TestAbsoluteCountRejectsAFlakyProvider(t *testing.T) {
	rejected := func(mode string) float64 {
		const calls = 20 * 60 * 20
		n := 0
		synctest.Test(t, func(t *testing.T) {
			c := breakerOf(mode)
			for i := range uint64(calls) {
				draw := seed.New(1, "flaky", seed.Key{Request: i})
				err := c.Do(t.Context(), func(context.Context) error {
					if draw.Float64() < 0.015 {
						return fail(ClassServer)
					}
					return nil
				})
				if ClassOf(err) == ClassOpen {
					n++
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		return float64(n) / calls
	}
	if r := rejected("absolute"); r < 0.5 {
		t.Errorf("an absolute count rejects only %.1f %%", 100*r)
	}
	for _, mode := range []string{"consecutive", "adaptive"} {
		if r := rejected(mode); r != 0 {
			t.Errorf("%s rejects %.1f %% of a healthy provider's calls", mode, 100*r)
		}
	}
}

// TestStreamsCountAtTheFirstToken: errors come at once and streams end after seconds,
// so a breaker that counts ends sees nothing but failures after each start.
func TestStreamsCountAtTheFirstToken(t *testing.T) {
	const rate, calls = 2000, 2000 * 40
	rejected := func(under func(context.Context) context.Context) float64 {
		var n atomic.Int64
		synctest.Test(t, func(t *testing.T) {
			c := breakerOf("adaptive")
			var wg sync.WaitGroup
			for i := range uint64(calls) {
				wg.Go(func() {
					err := c.Do(under(t.Context()), func(ctx context.Context) error {
						draw := seed.New(1, "stream", seed.Key{Request: i})
						if draw.Float64() < 0.005 {
							return fail(ClassServer)
						}
						time.Sleep(100*time.Millisecond + uniform(&draw, time.Millisecond))
						ProgressFrom(ctx).Content()
						time.Sleep(2900 * time.Millisecond)
						return nil
					})
					if ClassOf(err) == ClassOpen {
						n.Add(1)
					}
				})
				time.Sleep(time.Second / rate)
			}
			wg.Wait()
		})
		return float64(n.Load()) / calls
	}
	if r := rejected(func(ctx context.Context) context.Context { return ctx }); r < 0.5 {
		t.Errorf("counted at the end, only %.1f %% are rejected", 100*r)
	}
	if r := rejected(WithProgress); r != 0 {
		t.Errorf("counted at the first token, %.1f %% of a healthy provider's streams are rejected", 100*r)
	}
}

// server has workers and a queue that also works off what nobody waits for any more.
type server struct {
	mu   sync.Mutex
	free []time.Time // when each worker is free
	slow [2]time.Time
}

// serve is one request.
func (s *server) serve(ctx context.Context) error {
	s.mu.Lock()
	next := 0
	for i := range s.free {
		if s.free[i].Before(s.free[next]) {
			next = i
		}
	}
	start := time.Now()
	if s.free[next].After(start) {
		start = s.free[next]
	}
	work := time.Second
	if start.After(s.slow[0]) && start.Before(s.slow[1]) {
		work *= 5
	}
	end := start.Add(work)
	s.free[next] = end
	s.mu.Unlock()
	return sleep(ctx, time.Until(end))
}

// TestRetryStormNeverEnds: for two minutes a provider has a fifth of its capacity, at
// 60 % load. Three attempts with perfect jitter keep it overloaded for ever after;
// a budget or a breaker lets it recover.
func TestRetryStormNeverEnds(t *testing.T) {
	attempt := Timeout{Unary: 10 * time.Second}
	retry := func(b *Budget) *Retrier {
		cfg := Retry{}
		cfg.SetDefaults()
		return &Retrier{Config: cfg, Target: "p/m", Seed: 1, Budget: b}
	}
	for _, c := range []struct {
		name   string
		line   func() Policy
		stands bool
	}{
		{"no retry", func() Policy { return attempt }, true},
		{"retry", func() Policy { return Compose(retry(nil), attempt) }, false},
		{"retry with budget", func() Policy { return Compose(retry(NewBudget(0.1, 10)), attempt) }, true},
		{"retry and breaker", func() Policy { return Compose(retry(nil), breakerOf("adaptive"), attempt) }, true},
		{"retry with budget, and breaker", func() Policy { return Compose(retry(NewBudget(0.1, 10)), breakerOf("adaptive"), attempt) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if good := brownout(t, c.line()); (good > 0.95) != c.stands || !c.stands && good > 0.2 {
					t.Errorf("%.1f %% good in the sixth minute after", 100*good)
				}
			})
		})
	}
}

// brownout gives the share of calls that succeed in the sixth minute after two minutes
// of a fifth of the capacity.
func brownout(t *testing.T, line Policy) float64 {
	const load = 60
	begin := time.Now()
	s := &server{free: make([]time.Time, 100)}
	s.slow = [2]time.Time{begin.Add(30 * time.Second), begin.Add(150 * time.Second)}
	judged := begin.Add((150 + 300) * time.Second)
	var good, all atomic.Int64
	var wg sync.WaitGroup
	for i := uint64(0); time.Now().Before(judged.Add(time.Minute)); i++ {
		wg.Go(func() {
			counts := time.Now().After(judged)
			ctx := seed.WithKey(t.Context(), seed.Key{Request: i, Call: 1})
			err := line.Do(ctx, s.serve)
			if counts {
				all.Add(1)
				if err == nil {
					good.Add(1)
				}
			}
		})
		draw := seed.New(7, "arrival", seed.Key{Request: i})
		time.Sleep(time.Duration(-math.Log(1-draw.Float64()) / load * float64(time.Second)))
	}
	wg.Wait()
	return float64(good.Load()) / float64(all.Load())
}

// TestThreeAttemptsEatTheTotal: 3 × 45 s on a hanging primary are more than the 120 s
// of the request, so a fallback has its turn only if time is kept for it.
func TestThreeAttemptsEatTheTotal(t *testing.T) {
	for _, c := range []struct {
		name  string
		bound time.Duration
		asked []int
	}{
		{"nothing kept", -1, []int{0, 0, 0}},
		{"an attempt's time kept", 45 * time.Second, []int{0, 0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, ErrDeadline)
				defer cancel()
				line := Compose(&Retrier{Config: steady(3)}, Timeout{Unary: 45 * time.Second})
				var asked []int
				chain := &Chain{Targets: []string{"p/big", "p/small"}, Lines: []Policy{line, line}, Bound: c.bound}
				_, err := chain.Do(ctx, func(ctx context.Context, i int) error {
					asked = append(asked, i)
					if i == 0 {
						return hang(ctx)
					}
					return nil
				})
				if stands := c.bound > 0; !slices.Equal(asked, c.asked) || (err == nil) != stands {
					t.Errorf("asked %v: %v", asked, err)
				}
			})
		})
	}
}
