package resilience

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowded is a server that answers within a second while at most capacity requests
// are under way. Beyond that it refuses, or, sharing, everybody waits for longer.
type crowded struct {
	capacity, running, served atomic.Int64
	sharing                   bool
}

func (s *crowded) answer(ctx context.Context) error {
	n := s.running.Add(1)
	defer s.running.Add(-1)
	took := time.Second
	switch over := n > s.capacity.Load(); {
	case over && s.sharing:
		took = time.Second * time.Duration(n) / time.Duration(s.capacity.Load())
	case over:
		return &Error{Class: ClassOverloaded}
	}
	err := sleep(ctx, took)
	if err == nil {
		s.served.Add(1)
	}
	return err
}

// TestAdaptiveSettlesNearCapacity: the limit finds the server's capacity from either
// side, follows it when it changes, and the server is kept busy meanwhile.
func TestAdaptiveSettlesNearCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      Adaptive
		sharing  bool
		low, top float64 // of the limit, as parts of the capacity, two more than top allowed
	}{
		"refusals":         {Adaptive{}, false, 0.85, 1},
		"from far above":   {Adaptive{Initial: 150}, false, 0.85, 1},
		"latency over 1.2": {Adaptive{Latency: 1200 * time.Millisecond}, true, 1, 1.25},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				s := &crowded{sharing: c.sharing}
				s.capacity.Store(40)
				c.cfg.SetDefaults()
				l := NewLimiter("p", "llm", Limits{Adaptive: &c.cfg}, 1, nil)
				var users sync.WaitGroup
				for i := range 200 {
					users.Go(func() {
						for ctx.Err() == nil {
							if l.Do(ctx, s.answer) != nil {
								_ = sleep(ctx, time.Second+time.Duration(i)*time.Millisecond)
							}
						}
					})
				}
				for _, capacity := range []int64{40, 15, 60} {
					s.capacity.Store(capacity)
					time.Sleep(2 * time.Minute) // a round a second
					before := s.served.Load()
					low, high := math.Inf(1), 0.0
					for range 60 {
						time.Sleep(time.Second)
						l.slots.mu.Lock()
						low, high = min(low, l.adaptive.limit), max(high, l.adaptive.limit)
						l.slots.mu.Unlock()
					}
					if low < c.low*float64(capacity) || high > c.top*float64(capacity)+2 {
						t.Errorf("capacity %d: the limit went from %v to %v", capacity, low, high)
					}
					if served := s.served.Load() - before; served < capacity*60*85/100 {
						t.Errorf("capacity %d: served %d in a minute", capacity, served)
					}
				}
				stop()
				users.Wait()
				if l.slots.gate.running != 0 || len(l.slots.gate.waiting) != 0 {
					t.Errorf("%d still running, %d waiting", l.slots.gate.running, len(l.slots.gate.waiting))
				}
			})
		})
	}
}

func TestAIMD(t *testing.T) {
	for _, c := range []struct {
		name    string
		running int
		class   Class
		began   time.Duration // of an attempt that ends at 10 s; the last cut was at 5 s
		want    float64
	}{
		{"success in use", 10, "", 9 * time.Second, 10.1},
		{"success, hardly in use", 4, "", 9 * time.Second, 10},
		{"too slow", 10, "", 6 * time.Second, 9},
		{"rate limit", 10, ClassRateLimit, 9 * time.Second, 9},
		{"overloaded", 10, ClassOverloaded, 9 * time.Second, 9},
		{"timeout", 10, ClassTimeout, 9 * time.Second, 9},
		{"overload that began before the last cut", 10, ClassOverloaded, 4 * time.Second, 10},
		{"success that began before the last cut", 10, "", 5 * time.Second, 10},
		{"a failure that says nothing", 10, ClassServer, 9 * time.Second, 10},
		{"cancelled", 10, ClassCancelled, 9 * time.Second, 10},
		{"breaker open", 10, ClassOpen, 9 * time.Second, 10},
	} {
		a := newAIMD(Adaptive{Initial: 10, Min: 1, Max: 20, Latency: 2 * time.Second})
		a.cut = 5 * time.Second
		a.record(c.began, 10*time.Second, c.running, c.class)
		if a.limit != c.want {
			t.Errorf("%s: limit %v, want %v", c.name, a.limit, c.want)
		}
	}
}

// TestAIMDStaysInBounds whatever it is told.
func TestAIMDStaysInBounds(t *testing.T) {
	a := newAIMD(Adaptive{Initial: 5, Min: 3, Max: 7})
	for _, class := range []Class{ClassOverloaded, ""} {
		for i := range 1000 {
			now := time.Duration(i) * time.Second
			if class == "" {
				now += 2000 * time.Second
			}
			if n := a.record(now, now, 9, class); n < 3 || n > 7 {
				t.Fatalf("limit %d", n)
			}
		}
		if want := map[Class]int{ClassOverloaded: 3, "": 7}[class]; int(a.limit) != want {
			t.Errorf("%q: ended at %v, want %d", class, a.limit, want)
		}
	}
}

func TestAdaptiveConfig(t *testing.T) {
	for _, c := range []struct {
		given, want Adaptive
	}{
		{Adaptive{}, Adaptive{Initial: 20, Min: 1, Max: 200}},
		{Adaptive{Max: 8}, Adaptive{Initial: 8, Min: 1, Max: 8}},
		{Adaptive{Min: 30}, Adaptive{Initial: 30, Min: 30, Max: 200}},
		{Adaptive{Initial: 500}, Adaptive{Initial: 500, Min: 1, Max: 500}},
	} {
		got := c.given
		if got.SetDefaults(); got != c.want {
			t.Errorf("%+v became %+v, want %+v", c.given, got, c.want)
		}
	}
	for want, l := range map[string]Limits{
		"":                                     {Adaptive: &Adaptive{}},
		"limits.adaptive: cannot stand":        {Concurrency: 3, Adaptive: &Adaptive{}},
		"limits.adaptive.min: must be":         {Adaptive: &Adaptive{Min: -1}},
		"limits.adaptive.initial: must not":    {Adaptive: &Adaptive{Initial: 2, Min: 3}},
		"limits.adaptive.max: must not":        {Adaptive: &Adaptive{Initial: 9, Max: 3}},
		"limits.adaptive.latency: must not be": {Adaptive: &Adaptive{Latency: -1}},
	} {
		_, err := New(Config{Limits: &l}, Options{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", l, err, want)
		}
	}
}
