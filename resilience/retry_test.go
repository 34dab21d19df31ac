package resilience

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// script answers with its errors in turn and notes when it was called.
type script struct {
	start   time.Time
	replies []error
	at      []time.Duration
}

func (s *script) op(context.Context) error {
	if len(s.at) == 0 {
		s.start = time.Now()
	}
	s.at = append(s.at, time.Since(s.start))
	if n := len(s.at); n <= len(s.replies) {
		return s.replies[n-1]
	}
	return nil
}

func fail(c Class) error                { return &Error{Class: c} }
func limited(after time.Duration) error { return &Error{Class: ClassRateLimit, RetryAfter: after} }
func steady(max int) Retry {
	return Retry{max, time.Second, 5 * time.Second, 2, "none", 2 * time.Minute, 0, 0}
}
func times(s ...float64) (d []time.Duration) {
	for _, v := range s {
		d = append(d, time.Duration(v*float64(time.Second)))
	}
	return d
}

func TestRetryTimes(t *testing.T) {
	no := false
	for _, c := range []struct {
		name    string
		replies []error
		max     int
		at      []time.Duration
		class   Class
	}{
		{"success", nil, 3, times(0), ""},
		{"exponential up to the cap", []error{fail(ClassServer), fail(ClassServer), fail(ClassServer), fail(ClassServer)}, 5, times(0, 1, 3, 7, 12), ""},
		{"gives up", []error{fail(ClassServer), fail(ClassTimeout)}, 2, times(0, 1), ClassServer},
		{"not a bad request", []error{fail(ClassRequest)}, 3, times(0), ClassRequest},
		{"not once committed", []error{&Error{Class: ClassTruncated, Committed: true}}, 3, times(0), ClassTruncated},
		{"not if told so", []error{&Error{Class: ClassServer, ShouldRetry: &no}}, 3, times(0), ClassServer},
		{"not an open breaker", []error{fail(ClassServer), fail(ClassOpen)}, 3, times(0, 1), ClassServer},
		{"not beyond the cap of Retry-After", []error{limited(3 * time.Minute)}, 3, times(0), ClassRateLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := script{replies: c.replies}
				r := Retrier{Config: steady(c.max), Target: "a/b"}
				err := r.Do(t.Context(), s.op)
				if !slices.Equal(s.at, c.at) || ClassOf(err) != c.class {
					t.Errorf("attempts at %v, error %v", s.at, err)
				}
			})
		})
	}
}

func TestRetryAfterIsALowerBound(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, time.Second, 4 * time.Second, 30 * time.Second, 2 * time.Minute} {
		for n := range 200 {
			synctest.Test(t, func(t *testing.T) {
				s := script{replies: []error{limited(after)}}
				r := Retrier{Config: steady(2), Target: "a/b", Seed: uint64(n)}
				if err := r.Do(t.Context(), s.op); err != nil {
					t.Fatal(err)
				}
				if wait := s.at[1]; wait < after || wait > after+min(after/10, time.Second) {
					t.Fatalf("waited %v where %v was asked", wait, after)
				}
			})
		}
	}
}

func TestRetryNeverSleepsPastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		s := script{replies: []error{fail(ClassServer), fail(ClassOverloaded), nil}}
		r := Retrier{Config: steady(5), Target: "a/b"}
		start := time.Now()
		err := r.Do(ctx, s.op)
		if took := time.Since(start); took != time.Second {
			t.Errorf("gave up after %v, not at once when the 2s wait did not fit", took)
		}
		if !errors.Is(err, ErrDeadline) || ClassOf(err) != ClassServer {
			t.Errorf("the deadline or the first cause is lost: %v", err)
		}
	})
}

func TestCancelDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		s := script{replies: []error{fail(ClassServer)}}
		r := Retrier{Config: steady(5), Target: "a/b"}
		start := time.Now()
		err := r.Do(ctx, s.op)
		if time.Since(start) != 300*time.Millisecond || !errors.Is(err, context.Canceled) || ClassOf(err) != ClassServer {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// TestJitterStaysUnderTheCap checks every kind of jitter: within [0, cap], equal in
// its upper half, and exponents that overflow do no harm.
func TestJitterStaysUnderTheCap(t *testing.T) {
	for _, kind := range []string{"none", "full", "equal", "decorrelated"} {
		c := Retry{BaseDelay: 100 * time.Millisecond, MaxDelay: 2 * time.Second, ExponentialBase: 3, Jitter: kind}
		prev, seen := c.BaseDelay, map[time.Duration]bool{}
		for n := 1; n < 5000; n++ {
			draw := seed.New(7, "jitter", seed.Key{Attempt: uint64(n)})
			d := c.delay(n, prev, &draw)
			full := capped(float64(c.BaseDelay)*math.Pow(3, float64(n-1)), c.MaxDelay)
			low, high := map[string]time.Duration{"none": full, "equal": full / 2, "decorrelated": c.BaseDelay}[kind], full
			if kind == "decorrelated" {
				high = min(c.MaxDelay, 3*prev)
			}
			if d < low || d > high {
				t.Fatalf("%s: wait %d is %v, outside [%v, %v]", kind, n, d, low, high)
			}
			prev, seen[d] = d, true
		}
		if kind != "none" && kind != "decorrelated" && len(seen) < 4000 {
			t.Errorf("%s: only %d different waits", kind, len(seen))
		}
	}
}

func TestJitterIsKeyedByTheRequest(t *testing.T) {
	run := func(t *testing.T, request uint64) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			s := script{replies: []error{fail(ClassServer), fail(ClassServer)}}
			c := steady(3)
			c.Jitter = "full"
			r := Retrier{Config: c, Target: "a/b", Seed: 1}
			_ = r.Do(seed.WithKey(t.Context(), seed.Key{Request: request, Call: 1}), s.op)
			at = s.at
		})
		return at
	}
	if a, b := run(t, 1), run(t, 1); !slices.Equal(a, b) {
		t.Errorf("one request waits differently: %v and %v", a, b)
	}
	if a, b := run(t, 1), run(t, 2); slices.Equal(a, b) {
		t.Errorf("two requests wait alike: %v", a)
	}
}

func FuzzRetryAttempts(f *testing.F) {
	f.Add(3, []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, most int, replies []byte) {
		most = 1 + (most&0x7fffffff)%10
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			r := Retrier{Config: steady(most), Target: "a/b"}
			classes := []Class{"", ClassServer, ClassRateLimit, ClassRequest, ClassOpen, ClassTimeout}
			err := r.Do(t.Context(), func(context.Context) error {
				calls++
				if calls > len(replies) {
					return nil
				}
				if c := classes[int(replies[calls-1])%len(classes)]; c != "" {
					return fail(c)
				}
				return nil
			})
			if calls < 1 || calls > most {
				t.Errorf("%d attempts, %d allowed: %v", calls, most, err)
			}
		})
	})
}
