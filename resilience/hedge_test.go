package resilience

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answer is how one attempt of a hedged operation ends.
type answer struct {
	after float64 // seconds
	err   error
}

// paced plays one answer for each attempt, in the order they start, and notes how
// they ended.
type paced struct {
	mu      sync.Mutex
	answers []answer
	ended   []Class // by attempt
}

func (p *paced) op(won *int) Op {
	return func(ctx context.Context) error {
		p.mu.Lock()
		n := len(p.ended)
		p.ended = append(p.ended, "running")
		a := p.answers[n]
		p.mu.Unlock()
		err := sleepThen(ctx, times(a.after)[0], a.err)
		p.mu.Lock()
		p.ended[n] = ""
		if err != nil {
			p.ended[n] = AsError(ctx, err).Class
		}
		p.mu.Unlock()
		Deliver(ctx, func() { *won = n })
		return err
	}
}

func TestHedge(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []answer
		max     int
		budget  *Budget
		took    float64
		won     int
		class   Class
		ended   []Class
	}{
		{"in time", []answer{{0.9, nil}}, 1, nil, 0.9, 0, "", []Class{""}},
		{"the second is faster", []answer{{9, nil}, {0.5, nil}}, 1, nil, 1.5, 1, "", []Class{ClassCancelled, ""}},
		{"the first is faster all the same", []answer{{1.2, nil}, {5, nil}}, 1, nil, 1.2, 0, "", []Class{"", ClassCancelled}},
		{"a failure in time is the retry's affair", []answer{{0.3, fail(ClassServer)}}, 1, nil, 0.3, -1, ClassServer, []Class{ClassServer}},
		{"one fails, the other is waited for", []answer{{1.2, fail(ClassServer)}, {2, nil}}, 1, nil, 3, 1, "", []Class{ClassServer, ""}},
		{"both fail", []answer{{1.2, fail(ClassServer)}, {2, fail(ClassReset)}}, 1, nil, 3, -1, ClassServer, []Class{ClassServer, ClassReset}},
		{"three", []answer{{9, nil}, {9, nil}, {0.5, nil}}, 2, nil, 2.5, 2, "", []Class{ClassCancelled, ClassCancelled, ""}},
		{"no budget", []answer{{9, nil}}, 1, NewBudget(0, 0), 9, 0, "", []Class{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := Hedger{Config: Hedge{After: "1s", Max: c.max}, Budget: c.budget}
				p, won, start := paced{answers: c.answers}, -1, time.Now()
				err := h.Do(t.Context(), p.op(&won))
				if took := time.Since(start).Round(time.Millisecond); took != times(c.took)[0] || ClassOf(err) != c.class {
					t.Errorf("after %v: %v", took, err)
				}
				if won != c.won || len(p.ended) != len(c.ended) {
					t.Errorf("attempt %d won, ended %q", won, p.ended)
				}
				for i := range c.ended {
					if p.ended[i] != c.ended[i] {
						t.Errorf("attempt %d ended %q, want %q", i, p.ended[i], c.ended[i])
					}
				}
			})
		})
	}
}

// TestStreamHedgeIsDecidedByTheFirstToken: the race is over with the first content,
// although the stream goes on for long, and the loser counts for nothing.
func TestStreamHedgeIsDecidedByTheFirstToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hedger{Config: Hedge{After: "1s", Max: 1}}
		c := NewCircuit("a", "llm", Breaker{Mode: "absolute", FailureThreshold: 1, MonitoringWindow: time.Minute,
			RecoveryTimeout: time.Minute, OpenFactor: 1, HalfOpenMaxCalls: 1, SuccessThreshold: 1}, 1, nil)
		line := Compose(h, c, Timeout{FirstToken: 10 * time.Second, StreamIdle: 5 * time.Second})
		var mu sync.Mutex
		n, cut := 0, time.Duration(0)
		start := time.Now()
		err := line.Do(WithProgress(t.Context()), func(ctx context.Context) error {
			mu.Lock()
			n++
			mine := n
			mu.Unlock()
			if mine == 1 {
				err := stream(4, 6)(ctx)
				cut = time.Since(start)
				return err
			}
			return stream(1, 4, 7)(ctx)
		})
		if err != nil || time.Since(start).Round(time.Millisecond) != 8*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if cut.Round(time.Millisecond) != 2*time.Second {
			t.Errorf("the loser was cut at %v, the first token came at 2s", cut)
		}
		if c.State() != Closed {
			t.Error("the loser counted as a failure")
		}
	})
}

func TestHedgeByQuantile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hedger{Config: Hedge{After: "p90", Max: 1}}
		for i := range enough {
			if _, ok := h.lateAfter(); ok {
				t.Fatalf("%d answers are enough for a quantile", i)
			}
			if err := h.Do(t.Context(), func(ctx context.Context) error { return sleep(ctx, time.Duration(i+1)*time.Second) }); err != nil {
				t.Fatal(err)
			}
		}
		if d, ok := h.lateAfter(); !ok || d != 19*time.Second {
			t.Errorf("late after %v, %v", d, ok)
		}
	})
}

func TestHedgePassesPanicsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if p := recover(); p != "tool" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = (&Hedger{Config: Hedge{After: "1s", Max: 1}}).Do(t.Context(), func(context.Context) error { panic("tool") })
	})
}

// TestRunKeepsHedgedValuesApart: the value is that of the attempt that won.
func TestRunKeepsHedgedValuesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hedger{Config: Hedge{After: "1s", Max: 1}}
		var mu sync.Mutex
		n := 0
		v, err := Run(t.Context(), h, func(ctx context.Context) (int, error) {
			mu.Lock()
			n++
			mine := n
			mu.Unlock()
			if mine == 1 {
				_ = sleep(ctx, time.Minute) // does not notice that it lost
				return 1, nil
			}
			return 2, sleep(ctx, time.Second)
		})
		if v != 2 || err != nil {
			t.Error(v, err)
		}
		if v, err := Run(t.Context(), Compose(), func(context.Context) (int, error) { return 7, fail(ClassServer) }); v != 0 || err == nil {
			t.Error(v, err)
		}
	})
}
