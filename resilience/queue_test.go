package resilience

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// visit is a call that comes to a gate.
type visit struct {
	name     string
	at       float64 // seconds
	priority int
	within   float64 // seconds until its deadline; 0 for none
	hold     float64 // seconds that it runs
}

// visits runs them and gives who ran, in order, and the classes of the others.
func visits(t *testing.T, cfg Queue, all []visit) (ran []string, refused map[string]Class) {
	cfg.SetDefaults()
	g, refused := NewGate("g", "llm", cfg, nil), map[string]Class{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, v := range all {
		wg.Go(func() {
			time.Sleep(times(v.at)[0])
			ctx := WithPriority(t.Context(), v.priority)
			if v.within > 0 {
				c, cancel := context.WithTimeoutCause(ctx, times(v.within)[0], ErrDeadline)
				defer cancel()
				ctx = c
			}
			err := g.Do(ctx, func(ctx context.Context) error {
				mu.Lock()
				ran = append(ran, v.name)
				mu.Unlock()
				return sleep(ctx, times(v.hold)[0])
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused[v.name] = ClassOf(err)
			}
		})
	}
	wg.Wait()
	if g.gate.running != 0 || len(g.gate.waiting) != 0 {
		t.Errorf("%d running, %d waiting after all", g.gate.running, len(g.gate.waiting))
	}
	return ran, refused
}

func TestQueueOrder(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     Queue
		all     []visit
		ran     []string
		refused map[string]Class
	}{
		{"fifo", Queue{Concurrency: 1}, []visit{{"a", 0, 0, 0, 1}, {"b", 0.1, 0, 0, 1}, {"c", 0.2, 9, 0, 1}}, []string{"a", "b", "c"}, nil},
		{"priority", Queue{Concurrency: 1, Order: "priority"},
			[]visit{{"a", 0, 0, 0, 1}, {"b", 0.1, 0, 0, 1}, {"c", 0.2, 9, 0, 1}, {"d", 0.3, 9, 0, 1}}, []string{"a", "c", "d", "b"}, nil},
		{"ageing", Queue{Concurrency: 1, Order: "priority"}, // b has waited for 11 s when a ends, c for 1
			[]visit{{"a", 0, 0, 0, 12}, {"b", 1, 0, 0, 1}, {"c", 11, 1, 0, 1}}, []string{"a", "b", "c"}, nil},
		{"full", Queue{Concurrency: 1, Size: 1}, []visit{{"a", 0, 0, 0, 1}, {"b", 0.1, 0, 0, 1}, {"c", 0.2, 9, 0, 1}},
			[]string{"a", "b"}, map[string]Class{"c": ClassQueueFull}},
		{"full: the lowest is refused", Queue{Concurrency: 1, Size: 1, Order: "priority"},
			[]visit{{"a", 0, 0, 0, 1}, {"b", 0.1, 0, 0, 1}, {"c", 0.2, 9, 0, 1}}, []string{"a", "c"}, map[string]Class{"b": ClassQueueFull}},
		{"gives up waiting", Queue{Concurrency: 1}, []visit{{"a", 0, 0, 0, 5}, {"b", 0.1, 0, 1, 1}, {"c", 0.2, 0, 0, 1}},
			[]string{"a", "c"}, map[string]Class{"b": ClassDeadline}},
		// A call takes 8 s and the average begins with the first: 1 s. b has 0.4 s left.
		{"dropped with too little time", Queue{Concurrency: 1}, []visit{{"a", 0, 0, 0, 8}, {"b", 0.1, 0, 8.3, 1}, {"c", 0.2, 0, 0, 1}},
			[]string{"a", "c"}, map[string]Class{"b": ClassDeadline}},
		{"enough time", Queue{Concurrency: 1}, []visit{{"a", 0, 0, 0, 8}, {"b", 0.1, 0, 9.4, 0.5}}, []string{"a", "b"}, nil},
		{"several at a time", Queue{Concurrency: 2}, []visit{{"a", 0, 0, 0, 2}, {"b", 0.1, 0, 0, 1}, {"c", 0.2, 0, 0, 1}}, []string{"a", "b", "c"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran, refused := visits(t, c.cfg, c.all)
				if !slices.Equal(ran, c.ran) || len(refused) != len(c.refused) {
					t.Errorf("ran %v, want %v; refused %v", ran, c.ran, refused)
				}
				for name, class := range c.refused {
					if refused[name] != class {
						t.Errorf("%s: %q, want %q", name, refused[name], class)
					}
				}
			})
		})
	}
}

// TestQueueRecoversFromASlowTime: an average that grew in a slow time must not keep
// everybody out for good.
func TestQueueRecoversFromASlowTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate("g", "llm", Queue{Size: 10, Concurrency: 1, Order: "fifo"}, nil)
		g.gate.usual = time.Hour
		var served atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, ErrDeadline)
				defer cancel()
				err := g.Do(ctx, func(ctx context.Context) error { return sleep(ctx, 150*time.Millisecond) })
				if err == nil {
					served.Add(1)
				} else if c := ClassOf(err); c != ClassDeadline && c != ClassQueueFull || c == ClassDeadline && !errors.Is(err, ErrDeadline) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := served.Load(); n < 50 {
			t.Errorf("%d of 100 served", n)
		}
	})
}

func TestPanicLeavesTheGate(t *testing.T) {
	g := NewGate("g", "llm", Queue{Size: 1, Concurrency: 1, Order: "fifo"}, nil)
	func() {
		defer func() { _ = recover() }()
		_ = g.Do(t.Context(), func(context.Context) error { panic("tool") })
	}()
	if err := g.Do(t.Context(), free); err != nil || g.gate.running != 0 {
		t.Error(err, g.gate.running)
	}
}
