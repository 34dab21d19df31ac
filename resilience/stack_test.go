package resilience

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// models answers by target; a missing one succeeds at once.
type models map[string]func(ctx context.Context) error

func (m models) Complete(ctx context.Context, t Target, _ Request) (Reply, error) {
	var r Reply
	r.Text = t.Model
	if f := m[t.String()]; f != nil {
		return r, f(ctx)
	}
	return r, nil
}

func always(c Class) func(context.Context) error {
	return func(context.Context) error { return fail(c) }
}

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// trace keeps a stack's events as words.
type trace []string

func (t *trace) observe(e Event) {
	switch e.Kind {
	case AttemptDone:
		*t = append(*t, fmt.Sprintf("%v %s %s", e.Key, e.Target, e.Class))
	case RetryWait:
		*t = append(*t, fmt.Sprintf("%v %s wait %v", e.Key, e.Target, e.Delay))
	case TargetSkip:
		*t = append(*t, fmt.Sprintf("%v %s skip", e.Key, e.Target))
	case Transition:
		*t = append(*t, fmt.Sprintf("%v %s %v→%v", e.Key, e.Target, e.From, e.To))
	}
}

var primary = Target{"p", "big"}

func newStack(t *testing.T, cfg Config, m ModelClient, observe Observer) *Stack {
	t.Helper()
	s, err := New(cfg, Options{Seed: 1, Client: m, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStackTellsItsStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got trace
		s := newStack(t, Config{
			Retry:    &Retry{Jitter: "none"},
			Breaker:  &Breaker{FailureThreshold: 2},
			Fallback: []string{"p/small", "p/big"},
		}, models{"p/big": always(ClassServer)}, got.observe)
		ctx := seed.WithKey(t.Context(), seed.Key{Request: 7, Call: 5})
		r, err := s.Complete(ctx, primary, Request{})
		if err != nil || r.Served != "p/small" || !r.Fallback || r.Attempts != 3 || r.Reply.Text != "small" {
			t.Errorf("%+v, %v", r, err)
		}
		want := []string{
			"7.5.1 p/big server_error", "7.5.1 p/big wait 1s",
			"7.5.2 p/big server_error", "7.5.2 p/big closed→open",
			"7.5.3 p/small ",
		}
		if !slices.Equal([]string(got), want) {
			t.Errorf("events:\n%q\nwant:\n%q", got, want)
		}
		got = nil
		if r, err := s.Complete(ctx, primary, Request{}); err != nil || r.Attempts != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if want := []string{"7.5.0 p/big skip", "7.5.1 p/small "}; !slices.Equal([]string(got), want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if b := s.Breakers(); b["p/big"] != Open || b["p/small"] != Closed || len(b) != 2 {
			t.Errorf("breakers %v", b)
		}
	})
}

// TestFallbackRunsBehindAHangingPrimary: three attempts of 45s and their waits are
// more than 120s; the fallback must have its turn all the same.
func TestFallbackRunsBehindAHangingPrimary(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, Config{Retry: &Retry{}, Breaker: &Breaker{}, Timeouts: &Timeouts{}, Fallback: []string{"p/small"}},
				models{"p/big": hang}, nil)
			ctx, cancel := s.Begin(t.Context())
			defer cancel()
			r, err := s.Complete(ctx, primary, Request{Stream: streamed})
			if err != nil || r.Served != "p/small" {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestTotalDeadlineEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, Config{Retry: &Retry{}, Breaker: &Breaker{FailureThreshold: 1},
			Timeouts: &Timeouts{TotalRequest: 20 * time.Second}}, models{"p/big": hang}, nil)
		ctx, cancel := s.Begin(t.Context())
		defer cancel()
		start := time.Now()
		_, err := s.Complete(ctx, primary, Request{})
		if !errors.Is(err, ErrDeadline) || ClassOf(err) != ClassDeadline || since(start) != 20*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if b := s.Breakers(); b["p/big"] != Closed {
			t.Errorf("the caller's deadline counted as failure: %v", b)
		}
	})
}

func TestPatternsLeftOutAreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, Config{}, models{"p/big": always(ClassServer)}, nil)
		for range 20 {
			if r, err := s.Complete(t.Context(), primary, Request{}); r.Attempts != 1 || ClassOf(err) != ClassServer {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if len(s.Breakers()) != 0 {
			t.Error("a breaker")
		}
		if ctx, cancel := s.Begin(t.Context()); ctx.Err() == nil {
			if _, ok := ctx.Deadline(); ok {
				t.Error("a deadline")
			}
			cancel()
		}
	})
}

func TestRateLimitBeyondTheDeadlineFallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, Config{Retry: &Retry{}, Timeouts: &Timeouts{TotalRequest: 30 * time.Second}, Fallback: []string{"p/small"}},
			models{"p/big": func(context.Context) error { return limited(time.Minute) }}, nil)
		ctx, cancel := s.Begin(t.Context())
		defer cancel()
		start := time.Now()
		r, err := s.Complete(ctx, primary, Request{})
		if err != nil || !r.Fallback || time.Since(start) != 0 {
			t.Errorf("%+v after %v, %v", r, time.Since(start), err)
		}
	})
}

// impl is a tool implementation that counts its runs.
type impl struct {
	runs  int
	reply string
	err   error
}

func (i *impl) call(context.Context, json.RawMessage) (json.RawMessage, error) {
	i.runs++
	return json.RawMessage(i.reply), i.err
}

func TestTools(t *testing.T) {
	lost := &Error{Class: ClassReset}
	refused := &Error{Class: ClassConnect, Unsent: true}
	for _, c := range []struct {
		name       string
		idempotent bool
		first      impl
		runs, next int // runs of the first and of the second implementation
		want       Class
	}{
		{"a null result is a result", false, impl{reply: "null"}, 1, 0, ""},
		{"an empty result is a result", false, impl{}, 1, 0, ""},
		{"idempotent and down", true, impl{err: fail(ClassServer)}, 3, 1, ""},
		{"idempotent and lost", true, impl{err: lost}, 3, 1, ""},
		{"refused before it was sent", false, impl{err: refused}, 3, 1, ""},
		{"said no: known, so another may", false, impl{err: ClassifyStatus(503, nil, "", "")}, 1, 1, ""},
		{"a plain error: known", false, impl{err: errors.New("division by zero")}, 1, 1, ""},
		{"lost after it was sent", false, impl{err: lost}, 1, 0, ClassToolUnknown},
		{"timed out after it was sent", false, impl{err: context.DeadlineExceeded}, 1, 0, ClassToolUnknown},
		{"a conflict", true, impl{err: fail(ClassConflict)}, 1, 0, ClassConflict},
		{"a bad request", true, impl{err: fail(ClassRequest)}, 1, 0, ClassRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStack(t, Config{Retry: &Retry{}, Breaker: &Breaker{}, Fallback: []string{}}, nil, nil)
				second := impl{reply: "2"}
				r, err := s.Tool(t.Context(), ToolSpec{Name: "mail", Idempotent: c.idempotent, Implementations: []Implementation{
					{"a", c.first.call}, {"b", second.call}}}, nil)
				if c.first.runs != c.runs || second.runs != c.next || ClassOf(err) != c.want {
					t.Errorf("ran %d and %d times: %+v, %v", c.first.runs, second.runs, r, err)
				}
				if c.next == 1 && (r.Served != "mail/b" || string(r.Output) != "2" || !r.Fallback) {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

func TestToolsKeepToTheFirstWithoutFallback(t *testing.T) {
	s := newStack(t, Config{}, nil, nil)
	a, b := impl{err: fail(ClassServer)}, impl{}
	_, err := s.Tool(t.Context(), ToolSpec{Name: "x", Idempotent: true, Implementations: []Implementation{{"a", a.call}, {"b", b.call}}}, nil)
	if b.runs != 0 || ClassOf(err) != ClassServer {
		t.Error(b.runs, err)
	}
}

func TestToolTimeoutClasses(t *testing.T) {
	for class, want := range map[string]time.Duration{
		"": 15 * time.Second, "toolExecution": 15 * time.Second, "webSearch": 10 * time.Second,
		"databaseQuery": 5 * time.Second, "700ms": 700 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, Config{Timeouts: &Timeouts{}}, nil, nil)
			start := time.Now()
			_, err := s.Tool(t.Context(), ToolSpec{Name: "x", Idempotent: true, Timeout: class, Implementations: []Implementation{
				{"a", func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) { return nil, hang(ctx) }}}}, nil)
			if ClassOf(err) != ClassTimeout || since(start) != want {
				t.Errorf("%q: after %v, %v", class, time.Since(start), err)
			}
		})
	}
	s := newStack(t, Config{}, nil, nil)
	if _, err := s.Tool(t.Context(), ToolSpec{Name: "x", Timeout: "soon"}, nil); err == nil {
		t.Error("a timeout of no known class was accepted")
	}
}

// TestSameSeedSameWaits runs one request under two stacks.
func TestSameSeedSameWaits(t *testing.T) {
	run := func() (got trace) {
		synctest.Test(t, func(t *testing.T) {
			s := newStack(t, Config{Retry: &Retry{}, Fallback: []string{"p/small"}},
				models{"p/big": always(ClassServer), "p/small": always(ClassServer)}, got.observe)
			_, _ = s.Complete(seed.WithKey(t.Context(), seed.Key{Request: 3, Call: 1}), primary, Request{})
		})
		return got
	}
	if a, b := run(), run(); !slices.Equal(a, b) || len(a) != 10 {
		t.Errorf("%q\n%q", a, b)
	}
}
