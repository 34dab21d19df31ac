package resilience_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/fallback"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/sony/gobreaker/v2"

	"github.com/agentchaos/chaos/resilience"
)

var peers = flag.Bool("peers", false, "measure the cost of a call beside other libraries")

// errServer is a failure that all libraries count and retry.
var errServer = &resilience.Error{Class: resilience.ClassServer}

// peer makes one call under retry, breaker, attempt timeout and fallback, without
// waits between the attempts; primary is what the first target answers.
type peer func(ctx context.Context, primary error) error

// ours composes them here. The breaker is open if it is told to be.
func ours(open bool) peer {
	retry := resilience.Retry{BaseDelay: 1, MaxDelay: 1} // full jitter below 1ns: no wait
	retry.SetDefaults()
	breaker := resilience.Breaker{FailureThreshold: math.MaxInt32}
	breaker.SetDefaults()
	circuit := resilience.NewCircuit("a", "llm", breaker, 1, nil)
	if open {
		circuit.Force(resilience.ForceOpen)
	}
	line := resilience.Compose(&resilience.Retrier{Config: retry, Target: "a"}, circuit, resilience.Timeout{Unary: time.Minute})
	chain := resilience.Chain{Targets: []string{"a", "b"}, Lines: []resilience.Policy{line, resilience.Compose()}}
	var primary error
	attempt := func(_ context.Context, i int) error {
		if i == 0 {
			return primary
		}
		return nil
	}
	return func(ctx context.Context, err error) error {
		primary = err
		_, err = chain.Do(ctx, attempt)
		return err
	}
}

// failsafeGo composes them in failsafe-go.
func failsafeGo(open bool) peer {
	breaker := circuitbreaker.NewBuilder[any]().WithFailureThreshold(1 << 20).WithDelay(24 * time.Hour).Build()
	if open {
		breaker.Open()
	}
	executor := failsafe.With(
		fallback.NewWithResult[any](nil),
		retrypolicy.NewBuilder[any]().WithMaxAttempts(3).AbortOnErrors(circuitbreaker.ErrOpen).Build(),
		breaker, timeout.New[any](time.Minute))
	return func(ctx context.Context, primary error) error {
		return executor.WithContext(ctx).RunWithExecution(func(failsafe.Execution[any]) error { return primary })
	}
}

// gobreakerBackoff nests them by hand, with gobreaker and backoff.
func gobreakerBackoff(open bool) peer {
	breaker := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{Timeout: 24 * time.Hour,
		ReadyToTrip: func(c gobreaker.Counts) bool { return open || c.ConsecutiveFailures > math.MaxInt32 }})
	if open {
		_, _ = breaker.Execute(func() (struct{}, error) { return struct{}{}, errServer })
	}
	return func(ctx context.Context, primary error) error {
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			v, err := breaker.Execute(func() (struct{}, error) {
				_, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				return struct{}{}, primary
			})
			if errors.Is(err, gobreaker.ErrOpenState) {
				err = backoff.Permanent(err)
			}
			return v, err
		}, backoff.WithMaxTries(3), backoff.WithBackOff(&backoff.ZeroBackOff{}))
		if err != nil {
			return nil // the fallback
		}
		return nil
	}
}

var calls = []struct {
	name    string
	open    bool
	primary error
}{
	{"success", false, nil},
	{"three failures, fallback", false, errServer},
	{"breaker open, fallback", true, nil},
}

// TestAllocations: a success costs no more than the context of its timeout.
func TestAllocations(t *testing.T) {
	call := ours(false)
	n := testing.AllocsPerRun(1000, func() {
		if err := call(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	})
	if n > 4 {
		t.Errorf("%v allocations for retry, breaker, timeout and fallback on success, at most 4", n)
	}
}

// TestPeers measures the libraries in turn, over and over, and takes the best of each,
// so that what else the machine does hits all alike. Run it with -peers.
func TestPeers(t *testing.T) {
	if !*peers {
		t.Skip("measures only with -peers")
	}
	libraries := []struct {
		name string
		make func(open bool) peer
	}{{"this", ours}, {"failsafe-go", failsafeGo}, {"gobreaker + backoff", gobreakerBackoff}}
	fmt.Printf("%-26s %-20s %10s %8s %8s %8s\n", "call", "library", "ns/op", "allocs", "B/op", "ratio")
	for _, c := range calls {
		best := make([]testing.BenchmarkResult, len(libraries))
		for round := range 9 {
			for i, l := range libraries {
				r := measured(l.make(c.open), c.primary)
				if round == 0 || r.NsPerOp() < best[i].NsPerOp() {
					best[i] = r
				}
			}
		}
		for i, l := range libraries {
			ratio := float64(best[i].NsPerOp()) / float64(best[0].NsPerOp())
			fmt.Printf("%-26s %-20s %10d %8d %8d %7.2fx\n", c.name, l.name, best[i].NsPerOp(), best[i].AllocsPerOp(), best[i].AllocedBytesPerOp(), ratio)
			if l.name == "failsafe-go" && ratio < 2 {
				t.Errorf("%s: failsafe-go takes %.2f times as long, at least 2 wanted", c.name, ratio)
			}
		}
	}
}

func measured(call peer, primary error) testing.BenchmarkResult {
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := call(context.Background(), primary); err != nil {
				b.Fatal(err)
			}
		}
	})
}
