package resilience

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// TestCallsAreTold: every call is told of once at its start and once at its end, with
// the attempts it took, who served it and whether a fallback was asked.
func TestCallsAreTold(t *testing.T) {
	onTimeout := func(context.Context, json.RawMessage, error) (json.RawMessage, error) {
		return json.RawMessage(`"late"`), nil
	}
	tool := func(err error, wait time.Duration) ToolSpec {
		return ToolSpec{Name: "t", Timeout: "1s", Implementations: []Implementation{{Name: "a",
			Call: func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
				return nil, sleepThen(ctx, wait, err)
			}}}}
	}
	hanging := tool(nil, time.Minute)
	hanging.OnTimeout, hanging.Idempotent = onTimeout, true
	run := func(spec ToolSpec) func(context.Context, *Stack) {
		return func(ctx context.Context, s *Stack) { _, _ = s.Tool(ctx, spec, nil) }
	}
	complete := func(ctx context.Context, s *Stack) { _, _ = s.Complete(ctx, primary, Request{}) }
	for name, c := range map[string]struct {
		model models
		call  func(context.Context, *Stack)
		want  string
	}{
		"served":            {models{}, complete, "p/big 7.5.1 fallback=false class="},
		"served elsewhere":  {models{"p/big": always(ClassServer)}, complete, "p/small 7.5.3 fallback=true class="},
		"failed everywhere": {models{"p/big": always(ClassAuth), "p/small": always(ClassServer)}, complete, "p/big 7.5.3 fallback=true class=auth"},
		"hopeless":          {models{"p/big": always(ClassRequest)}, complete, "p/big 7.5.1 fallback=false class=bad_request"},
		"tool":              {nil, run(tool(nil, 0)), "t/a 7.5.1 fallback=false class="},
		"answered late":     {nil, run(hanging), "t/a 7.5.2 fallback=true class="},
		"panicked": {nil, func(ctx context.Context, s *Stack) {
			defer func() { _ = recover() }()
			spec := tool(nil, 0)
			spec.Implementations[0].Call = func(context.Context, json.RawMessage) (json.RawMessage, error) { panic("bug") }
			_, _ = s.Tool(ctx, spec, nil)
		}, "t/a 7.5.1 fallback=false class=other"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type mark struct{}
				var starts, ends []Event
				s := newStack(t, Config{Retry: &Retry{MaxAttempts: 2}, Fallback: []string{"p/small"}, Timeouts: &Timeouts{}}, c.model,
					func(e Event) {
						switch e.Kind {
						case CallStart:
							starts = append(starts, e)
						case CallDone:
							ends = append(ends, e)
						}
					})
				ctx := seed.WithKey(context.WithValue(t.Context(), mark{}, "trace"), seed.Key{Request: 7, Call: 5})
				c.call(ctx, s)
				if len(starts) != 1 || starts[0].Context.Value(mark{}) != "trace" {
					t.Fatalf("starts: %+v", starts)
				}
				var got []string
				for _, e := range ends {
					got = append(got, fmt.Sprintf("%s %v fallback=%v class=%s", e.Target, e.Key, e.Fallback, e.Class))
				}
				if !slices.Equal(got, []string{c.want}) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestBudgetsAreTold: the balance of each target that was used.
func TestBudgetsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, Config{Retry: &Retry{MaxAttempts: 3, BudgetReserve: 5}}, models{"p/big": always(ClassServer)}, nil)
		if n := s.Budgets(); len(n) != 0 {
			t.Errorf("before any call: %v", n)
		}
		_, _ = s.Complete(t.Context(), primary, Request{})
		if n := s.Budgets(); len(n) != 1 || n["p/big"] != 3 {
			t.Errorf("after two retries: %v, want 5 − 2", n)
		}
	})
}
