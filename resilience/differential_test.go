package resilience

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/sony/gobreaker/v2"
)

// These tests drive our breaker and retry and other libraries' with the same calls
// where the meanings coincide. Where they do not, and why ours is another:
//
//   - Open times here have up to a tenth of jitter, so that clients do not probe at
//     once, and grow with each re-opening; the tests keep clear of that tenth and set
//     the growth to 1.
//   - Consecutive failures count here only within the monitoring window; the tests
//     make it longer than they last.
//   - HalfOpenMaxCalls is how many probes may run at a time. In gobreaker it is how
//     many may begin, and how many have to succeed; in failsafe-go it follows from the
//     success threshold. The tests probe one by one.
//   - failsafe-go has no generations: results of calls that began before the breaker
//     opened count in half-open, where a stale success closes it (TestStaleResultsAreIgnored);
//     so it gets no overlapping calls. gobreaker drops them as we do.
//   - What is neutral here (a caller that gave up, 429) is a success to failsafe-go,
//     which can so close a breaker that nothing probed.
//   - A wait here starts jitter below the cap, and Retry-After is a lower bound; the
//     tests turn jitter off and send none.

func sequential() Breaker {
	cfg := Breaker{Mode: "consecutive", HalfOpenMaxCalls: 2, SuccessThreshold: 2, OpenFactor: 1, MonitoringWindow: 1000 * time.Hour}
	cfg.SetDefaults()
	return cfg
}

// pending is a call that was let in and has not ended.
type pending struct {
	ours   ticket
	theirs func(error)
}

func TestBreakerAgreesWithGobreaker(t *testing.T) {
	for s := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(s, 1))
			c := NewCircuit("a", "llm", sequential(), s, nil)
			g := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{MaxRequests: 2, Timeout: 30 * time.Second,
				ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= 5 }})
			var open []pending
			for step := range 3000 {
				if draw.IntN(20) == 0 {
					time.Sleep([]time.Duration{time.Second, 34 * time.Second}[draw.IntN(2)])
				}
				same := c.State().String() == g.State().String()
				if !same {
					t.Fatalf("seed %d, step %d: %v, gobreaker %v", s, step, c.State(), g.State())
				}
				if len(open) > 0 && draw.IntN(3) == 0 && c.State() != HalfOpen { // ends late, maybe too late
					end(t, c, open[0], draw)
					open = open[1:]
					continue
				}
				ticket, err := c.admit(t.Context())
				done, err2 := g.Allow()
				if (err == nil) != (err2 == nil) {
					t.Fatalf("seed %d, step %d: %v, gobreaker %v", s, step, err, err2)
				}
				if err != nil {
					continue
				}
				call := pending{ticket, done}
				if c.State() == Closed && draw.IntN(4) == 0 && len(open) < 10 {
					open = append(open, call)
				} else {
					end(t, c, call, draw)
				}
			}
		})
	}
}

// end ends a call in both, with a failure in half of all cases.
func end(t *testing.T, c *Circuit, p pending, draw *rand.Rand) {
	if draw.IntN(2) == 0 {
		c.record(t.Context(), p.ours, success)
		p.theirs(nil)
		return
	}
	c.record(t.Context(), p.ours, failure)
	p.theirs(errors.New("failed"))
}

func TestBreakerAgreesWithFailsafe(t *testing.T) {
	for s := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(s, 2))
			c := NewCircuit("a", "llm", sequential(), s, nil)
			f := circuitbreaker.NewBuilder[any]().WithFailureThreshold(5).WithSuccessThreshold(2).WithDelay(30 * time.Second).Build()
			executor := failsafe.With(f)
			for step := range 3000 {
				if draw.IntN(20) == 0 {
					time.Sleep([]time.Duration{time.Second, 34 * time.Second}[draw.IntN(2)])
				}
				var reply error
				if draw.IntN(2) == 0 {
					reply = fail(ClassServer)
				}
				err := c.Do(t.Context(), func(context.Context) error { return reply })
				err2 := executor.Run(func() error { return reply })
				if (ClassOf(err) == ClassOpen) != errors.Is(err2, circuitbreaker.ErrOpen) {
					t.Fatalf("seed %d, step %d: %v, failsafe-go %v", s, step, err, err2)
				}
				// failsafe-go turns half-open only when somebody calls.
				if now := c.State(); now != HalfOpen && now.String() != f.State().String() {
					t.Fatalf("seed %d, step %d: %v, failsafe-go %v", s, step, now, f.State())
				}
			}
		})
	}
}

func TestRetryAgreesWithFailsafe(t *testing.T) {
	for s := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(s, 3))
			var replies []error
			for range draw.IntN(8) {
				replies = append(replies, fail([]Class{ClassServer, ClassReset, ClassRequest}[draw.IntN(3)]))
			}
			most := 1 + draw.IntN(6)
			ours := script{replies: replies}
			err := (&Retrier{Config: steady(most)}).Do(t.Context(), ours.op)

			theirs := script{replies: replies}
			policy := retrypolicy.NewBuilder[any]().WithMaxAttempts(most).WithBackoffFactor(time.Second, 5*time.Second, 2).
				AbortIf(func(_ any, err error) bool { return err != nil && ClassOf(err) == ClassRequest }).Build()
			err2 := failsafe.With(policy).Run(func() error { return theirs.op(t.Context()) })
			if !slices.Equal(ours.at, theirs.at) || (err == nil) != (err2 == nil) {
				t.Errorf("seed %d: attempts at %v, failsafe-go %v; %v, %v", s, ours.at, theirs.at, err, err2)
			}
		})
	}
}
