package resilience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func breakerConfig(mode string) Breaker {
	b := Breaker{Mode: mode}
	b.SetDefaults()
	return b
}

// bench drives a circuit in a bubble and notes its transitions.
type bench struct {
	*Circuit
	t     *testing.T
	start time.Time
	moves []string
}

func newBench(t *testing.T, cfg Breaker) *bench {
	b := &bench{t: t, start: time.Now()}
	b.Circuit = NewCircuit("a/b", "llm", cfg, 1, func(e Event) {
		b.moves = append(b.moves, fmt.Sprintf("%v→%v", e.From, e.To))
		_ = b.State() // a callback may look: no lock is held
	})
	return b
}

func (b *bench) do(errs ...error) (last error) {
	for _, err := range errs {
		last = b.Do(b.t.Context(), func(context.Context) error { return err })
	}
	return last
}

// open makes the breaker open and sleeps until it may be probed.
func (b *bench) open() {
	b.t.Helper()
	for range 5 {
		b.do(fail(ClassServer))
	}
	b.pass()
}

func (b *bench) pass() {
	b.t.Helper()
	e := AsError(b.t.Context(), b.do(nil))
	if e.Class != ClassOpen || b.State() != Open {
		b.t.Fatalf("not open: %v, %v", b.State(), e)
	}
	time.Sleep(e.RetryAfter)
}

func (b *bench) want(s State) {
	b.t.Helper()
	if got := b.State(); got != s {
		b.t.Errorf("state %v, want %v", got, s)
	}
}

func TestBreakerTrips(t *testing.T) {
	f, ok, cancelled := fail(ClassServer), error(nil), fail(ClassCancelled)
	many := func(n int, errs ...error) (all []error) {
		for range n {
			all = append(all, errs...)
		}
		return all
	}
	for _, c := range []struct {
		name, mode string
		errs       []error
		want       State
	}{
		{"four in a row", "adaptive", many(4, f), Closed},
		{"five in a row", "adaptive", many(5, f), Open},
		{"five in a row with a success between", "adaptive", append(many(4, f), ok, f), Closed},
		{"a neutral one does not interrupt the row", "adaptive", append(many(4, f), cancelled, f), Open},
		{"five of ten: too few calls for a rate", "adaptive", many(5, f, ok), Closed},
		{"half of nineteen", "adaptive", append(many(9, ok, f), f), Closed},
		{"half of twenty", "adaptive", many(10, ok, f), Open},
		{"a flaky provider", "adaptive", many(20, ok, ok, ok, ok, f), Closed},
		{"consecutive ignores the rate", "consecutive", many(20, f, ok), Closed},
		{"absolute counts in the window", "absolute", many(5, f, ok, ok, ok), Open},
		{"caller cancellations", "adaptive", many(50, cancelled), Closed},
		{"rate limits", "adaptive", many(50, fail(ClassRateLimit)), Closed},
		{"bad requests", "adaptive", many(50, fail(ClassRequest)), Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, breakerConfig(c.mode))
				b.do(c.errs...)
				b.want(c.want)
			})
		})
	}
}

func TestFailuresOverAWeekDoNotTrip(t *testing.T) {
	for _, mode := range []string{"adaptive", "consecutive", "absolute"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, breakerConfig(mode))
			for range 5 {
				b.do(fail(ClassServer))
				time.Sleep(34 * time.Hour)
			}
			b.want(Closed)
		})
	}
}

func TestOpenTimeGrowsUpToItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		b.open()
		for _, want := range times(60, 120, 240, 300, 300) {
			b.do(fail(ClassServer)) // the probe
			e := AsError(t.Context(), b.do(nil))
			if e.RetryAfter < want || e.RetryAfter >= want+want/10 {
				t.Errorf("open for %v, want %v and up to a tenth", e.RetryAfter, want)
			}
			time.Sleep(e.RetryAfter)
		}
		b.do(nil, nil)
		b.want(Closed)
		start := time.Now()
		b.open()
		if d := time.Since(start); d < 30*time.Second || d >= 33*time.Second {
			t.Errorf("after a close it opens for %v, not anew for 30s", d)
		}
	})
}

func TestStateLeavesOpenWithoutTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		b.open()
		b.want(HalfOpen)
		if want := []string{"closed→open", "open→half-open"}; !slices.Equal(b.moves, want) {
			t.Errorf("transitions %v", b.moves)
		}
	})
}

func TestHalfOpenCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		b.open()
		b.do(nil)
		b.want(HalfOpen)
		b.do(fail(ClassCancelled)) // neither closes nor reopens
		b.want(HalfOpen)
		b.do(nil)
		b.want(Closed)
	})
}

// TestProbesAreCapped lets a hundred callers come at the instant of recovery.
func TestProbesAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		b.open()
		var mu sync.Mutex
		running, most, open := 0, 0, 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := b.Do(t.Context(), func(context.Context) error {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					running--
					mu.Unlock()
					return nil
				})
				if errors.Is(err, ErrOpen) {
					mu.Lock()
					open++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if most != 3 || open != 97 {
			t.Errorf("%d probes at once, %d rejected", most, open)
		}
		b.want(Closed)
	})
}

func TestStaleResultsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		var wg sync.WaitGroup
		for range 4 { // admitted before the trip, done after the recovery
			wg.Go(func() {
				_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(40 * time.Second); return nil })
			})
		}
		synctest.Wait()
		b.open()
		b.want(HalfOpen)
		wg.Wait()
		b.want(HalfOpen) // old successes neither close it nor free slots
	})
}

// TestStaleFailuresDoNotTrip: calls admitted before an outage fail after it is over.
func TestStaleFailuresDoNotTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(40 * time.Second); return fail(ClassTimeout) })
			})
		}
		synctest.Wait()
		b.open()
		b.do(nil, nil)
		b.want(Closed)
		wg.Wait()
		b.want(Closed)
	})
}

func TestPanicReleasesTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := breakerConfig("adaptive")
		cfg.HalfOpenMaxCalls = 1
		b := newBench(t, cfg)
		b.open()
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = b.Do(t.Context(), func(context.Context) error { panic("boom") })
		}()
		b.pass() // it counted as failure
		b.do(nil, nil)
		b.want(Closed)
	})
}

func TestLeaseFreesAnAbandonedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := breakerConfig("adaptive")
		cfg.HalfOpenMaxCalls, cfg.Lease = 1, 10*time.Second
		b := newBench(t, cfg)
		b.open()
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(time.Hour); return fail(ClassServer) })
		})
		synctest.Wait()
		if e := AsError(t.Context(), b.do(nil)); e.Class != ClassOpen || e.RetryAfter != 10*time.Second {
			t.Errorf("while the slot is taken: %v, retry after %v", e, e.RetryAfter)
		}
		time.Sleep(10 * time.Second)
		b.do(nil, nil)
		b.want(Closed)
		wg.Wait()
		b.want(Closed)
	})
}

// TestStreamSucceedsAtItsFirstContent: the success is counted, and the slot freed,
// while the stream still runs; a stall then adds a failure and frees nothing.
func TestStreamSucceedsAtItsFirstContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := breakerConfig("adaptive")
		cfg.HalfOpenMaxCalls = 1
		b := newBench(t, cfg)
		b.open()
		err := b.Do(WithProgress(t.Context()), func(ctx context.Context) error {
			p := ProgressFrom(ctx)
			p.Bytes()
			if b.Circuit.machine.successes != 0 {
				t.Error("a ping counted as success")
			}
			p.Content()
			p.Content()
			if b.Circuit.machine.successes != 1 || len(b.Circuit.machine.probes) != 0 {
				t.Error("first content is no success, or counted twice, or kept its slot")
			}
			if err := b.do(fail(ClassCancelled)); errors.Is(err, ErrOpen) {
				t.Error("the slot is still taken")
			}
			return fail(ClassStreamIdle)
		})
		if ClassOf(err) != ClassStreamIdle {
			t.Error(err)
		}
		b.want(Open)
	})
}

func TestStallsOfClosedBreakerAddFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, breakerConfig("adaptive"))
		for i := range 20 {
			if s := b.State(); s != Closed {
				t.Fatalf("%v after %d calls", s, i)
			}
			_ = b.Do(WithProgress(t.Context()), func(ctx context.Context) error {
				ProgressFrom(ctx).Content()
				return fail(ClassStreamIdle)
			})
		}
		b.want(Open) // by rate: each had a success at its first token, and all failed
	})
}

func TestManyCallers(t *testing.T) {
	c := NewCircuit("a/b", "llm", breakerConfig("adaptive"), 1, nil)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			for n := range 200 {
				_ = c.Do(t.Context(), func(context.Context) error {
					if (i+n)%3 == 0 {
						return fail(ClassRateLimit)
					}
					return nil
				})
				c.State()
			}
		})
	}
	wg.Wait()
	if s, n := c.State(), c.machine.window.started; s != Closed || n != 20000 {
		t.Errorf("%v after %d calls, want closed after 20000", s, n)
	}
}
