package resilience

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAWritingToolIsNotFiredAgainAfterAGatewaysError: a 504 leaves open what became
// of the request behind it, a 503 says that it was not taken.
func TestAWritingToolIsNotFiredAgainAfterAGatewaysError(t *testing.T) {
	for status, want := range map[int]int{500: 1, 502: 1, 504: 1, 408: 1, 503: 2, 429: 2} {
		s, err := New(Config{Fallback: []string{}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		call := func(context.Context, json.RawMessage) (json.RawMessage, error) {
			calls++
			return nil, ClassifyStatus(status, http.Header{}, "", "")
		}
		_, err = s.Tool(t.Context(), ToolSpec{Name: "mail", Implementations: []Implementation{{"a", call}, {"b", call}}}, nil)
		if calls != want {
			t.Errorf("after a %d it ran %d times, want %d: %v", status, calls, want, err)
		}
		if want == 1 && ClassOf(err) != ClassToolUnknown {
			t.Errorf("after a %d the class is %s", status, ClassOf(err))
		}
	}
}

// TestNoSleepTowardsAnOpenBreaker: the attempt that opens the breaker ends the retries
// at this target, so that the next one runs at once.
func TestNoSleepTowardsAnOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := modelFunc(func(_ context.Context, target Target, _ Request) (Reply, error) {
			if target.Model == "a" {
				return Reply{}, &Error{Class: ClassServer, Status: 500}
			}
			return Reply{}, nil
		})
		s, err := New(Config{
			Retry:    &Retry{BaseDelay: 10 * time.Second, Jitter: "none"},
			Breaker:  &Breaker{Mode: "consecutive", FailureThreshold: 1, RecoveryTimeout: 30 * time.Second},
			Fallback: []string{"p/b"},
		}, Options{Client: client})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r, err := s.Complete(t.Context(), Target{"p", "a"}, Request{})
		if err != nil || r.Served != "p/b" || r.Attempts != 2 || time.Since(start) != 0 {
			t.Errorf("served by %q after %v and %d attempts, %v", r.Served, time.Since(start), r.Attempts, err)
		}
	})
}

// TestSkipsAreNoAttempts in the text of an error either.
func TestSkipsAreNoAttempts(t *testing.T) {
	err := joined([]*Error{{Class: ClassOpen, Cause: ErrOpen}, {Class: ClassServer, Message: "broken"}}, nil)
	if !strings.HasPrefix(err.Error(), "all 1 attempts failed") {
		t.Errorf("got %q", err)
	}
	err = joined([]*Error{{Class: ClassOpen, Cause: ErrOpen}, {Class: ClassOpen, Cause: ErrOpen}}, nil)
	if !strings.HasPrefix(err.Error(), "no target was tried") || !errors.Is(err, ErrOpen) {
		t.Errorf("got %q", err)
	}
}

type modelFunc func(context.Context, Target, Request) (Reply, error)

func (f modelFunc) Complete(ctx context.Context, t Target, q Request) (Reply, error) {
	return f(ctx, t, q)
}
