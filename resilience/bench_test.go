package resilience

import (
	"context"
	"testing"
	"time"
)

// benchmarkLine runs retry, breaker and timeout in a chain of two targets.
func benchmarkLine(b *testing.B, primary error) {
	retry := Retry{BaseDelay: 1, MaxDelay: 1}
	retry.SetDefaults()
	breaker := breakerConfig("adaptive")
	breaker.FailureThreshold = 1 << 40
	if ClassOf(primary) == ClassOpen {
		breaker.FailureThreshold, breaker.RecoveryTimeout = 1, 24*time.Hour
	}
	line := func(name string) Policy {
		return Compose(&Retrier{Config: retry, Target: name}, NewCircuit(name, "llm", breaker, 1, nil), Timeout{Unary: time.Minute})
	}
	lines := []Policy{line("a"), line("b")}
	chain := &Chain{Targets: []string{"a", "b"}}
	if ClassOf(primary) == ClassOpen {
		_ = lines[0].Do(b.Context(), func(context.Context) error { return fail(ClassServer) })
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := chain.Do(context.Background(), func(ctx context.Context, i int) error {
			return lines[i].Do(ctx, func(context.Context) error {
				if i == 0 {
					return primary
				}
				return nil
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSuccess(b *testing.B)              { benchmarkLine(b, nil) }
func BenchmarkFailuresThenFallback(b *testing.B) { benchmarkLine(b, fail(ClassServer)) }
func BenchmarkOpenThenFallback(b *testing.B)     { benchmarkLine(b, fail(ClassOpen)) }

func BenchmarkBreaker(b *testing.B) {
	c := NewCircuit("a", "llm", breakerConfig("adaptive"), 1, nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Do(context.Background(), func(context.Context) error { return nil })
	}
}

func BenchmarkStackComplete(b *testing.B) {
	s, err := New(Config{Retry: &Retry{}, Breaker: &Breaker{}, Timeouts: &Timeouts{}, Fallback: []string{"p/small"}},
		Options{Client: models{}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Complete(context.Background(), primary, Request{}); err != nil {
			b.Fatal(err)
		}
	}
}
