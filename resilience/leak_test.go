package resilience

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// TestNothingLeaks makes ten thousand calls at once through everything there is,
// against models and tools that answer, fail, hang and panic, and gives up on many at
// a random point. Afterwards no slot, permit, probe or goroutine may be taken.
func TestNothingLeaks(t *testing.T) {
	const calls = 10000
	before := runtime.NumGoroutine()
	client := whim{}
	s := newStack(t, Config{
		Retry:    &Retry{BaseDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond},
		Breaker:  &Breaker{RecoveryTimeout: 5 * time.Millisecond, OpenMax: 20 * time.Millisecond},
		Fallback: []string{"p/small", "q/other"}, Keys: 3,
		Timeouts: &Timeouts{LLMCall: 20 * time.Millisecond, FirstToken: 10 * time.Millisecond, StreamIdle: 10 * time.Millisecond,
			ToolExecution: 20 * time.Millisecond, TotalRequest: 2 * time.Second},
		Limits: &Limits{RPM: 10_000_000, TPM: 1 << 40, Concurrency: 200},
		Queue:  &Queue{Size: 5000, Concurrency: 500, Order: "priority"},
		Hedge:  &Hedge{After: "2ms", Max: 2},
		Stream: &Stream{OnBreak: "restart"},
	}, client, nil)
	read := ToolSpec{Name: "search", ReadOnly: true, Implementations: []Implementation{
		{"a", func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) { return nil, client.act(ctx) }},
		{"b", func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) { return nil, client.act(ctx) }}}}
	var wg sync.WaitGroup
	for n := range uint64(calls) {
		wg.Go(func() {
			defer func() { _ = recover() }() // what a model panics with comes through
			draw := seed.New(9, "leak", seed.Key{Request: n})
			ctx, cancel := s.Begin(WithPriority(seed.WithKey(context.Background(), seed.Key{Request: n, Call: 1}), int(n%3)))
			defer cancel()
			if draw.Float64() < 0.3 {
				timer := time.AfterFunc(uniform(&draw, 300*time.Millisecond), cancel)
				defer timer.Stop()
			}
			if n%4 == 0 {
				_, _ = s.Tool(ctx, read, nil)
				return
			}
			_, _ = s.Complete(ctx, primary, Request{Stream: n%2 == 1})
		})
	}
	wg.Wait()
	if g := &s.gate.gate; g.running != 0 || len(g.waiting) != 0 {
		t.Errorf("queue: %d running, %d waiting", g.running, len(g.waiting))
	}
	for provider, all := range s.limiters {
		for i, l := range all {
			if g := &l.slots.gate; g.running != 0 || len(g.waiting) != 0 {
				t.Errorf("key %d of %s: %d running, %d waiting", i, provider, g.running, len(g.waiting))
			}
		}
	}
	for _, l := range s.used() {
		if m := &l.circuit.machine; len(m.probes) != 0 {
			t.Errorf("%s: %d probes hold their slots", l.target, len(m.probes))
		}
	}
	for range 200 { // goroutines that just ended may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// whim does something else at each attempt.
type whim struct{}

func (w whim) Complete(ctx context.Context, t Target, _ Request) (Reply, error) {
	p := ProgressFrom(ctx)
	p.Bytes()
	if err := w.act(ctx); err != nil {
		return Reply{}, err
	}
	p.Content()
	return Reply{}, w.act(ctx)
}

func (whim) act(ctx context.Context) error {
	key, _ := seed.KeyFrom(ctx)
	draw := seed.New(3, "whim", key)
	switch u := draw.Float64(); {
	case u < 0.5:
		return sleep(ctx, uniform(&draw, 5*time.Millisecond))
	case u < 0.8:
		return fail([]Class{ClassServer, ClassReset, ClassRateLimit, ClassOverloaded, ClassRequest}[int(draw.Float64()*5)])
	case u < 0.98:
		return hang(ctx)
	}
	panic("a bug")
}
