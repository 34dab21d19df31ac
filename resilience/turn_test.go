package resilience

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// breaking streams some text and then breaks with class; "" ends well.
type breaking map[string]struct {
	text  string
	class Class
}

// talk is a client that keeps the requests by target.
type talk struct {
	breaking
	asked map[string]Request
}

func (c talk) Complete(ctx context.Context, t Target, q Request) (Reply, error) {
	c.asked[t.String()] = q
	b := c.breaking[t.String()]
	var r Reply
	r.Text = b.text
	if b.text != "" {
		ProgressFrom(ctx).Content()
	}
	if b.class != "" {
		return r, &Error{Class: b.class, Target: t.String(), Committed: b.text != ""}
	}
	return r, nil
}

func TestBrokenStreams(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		client     breaking
		tools      bool
		text       string
		broken     int
		class      Class
	}{
		{"fail", "fail", breaking{"p/big": {"Hello, ", ClassTruncated}, "p/small": {"world", ""}}, false, "", 0, ClassTruncated},
		{"restart", "restart", breaking{"p/big": {"Hello, ", ClassTruncated}, "p/small": {"Good day", ""}}, false, "Good day", 1, ""},
		{"continue", "continue", breaking{"p/big": {"Hello, ", ClassReset}, "p/small": {"world", ""}}, false, "Hello, world", 1, ""},
		{"continue twice", "continue", breaking{"p/big": {"Hello, ", ClassReset}, "p/small": {"wor", ClassStreamIdle}, "q/x": {"ld", ""}}, false, "Hello, world", 2, ""},
		{"a turn that may call tools restarts", "continue", breaking{"p/big": {"Hello, ", ClassReset}, "p/small": {"Good day", ""}}, true, "Good day", 1, ""},
		{"before content it is free", "fail", breaking{"p/big": {"", ClassTruncated}, "p/small": {"world", ""}}, false, "world", 0, ""},
		{"nobody else is asked about a filter", "restart", breaking{"p/big": {"Hel", ClassFilter}, "p/small": {"world", ""}}, false, "", 0, ClassFilter},
		{"no target is left", "restart", breaking{"p/big": {"a", ClassReset}, "p/small": {"b", ClassReset}, "q/x": {"c", ClassReset}}, false, "", 2, ClassReset},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reported []string
				client := talk{c.client, map[string]Request{}}
				s := newStack(t, Config{Retry: &Retry{}, Fallback: []string{"p/small", "q/x"}, Stream: &Stream{OnBreak: c.mode}},
					client, func(e Event) {
						if e.Kind == StreamBroken {
							reported = append(reported, e.Target+" "+e.Reason)
						}
					})
				q := Request{Stream: true, Messages: []Message{{Role: "user", Content: "greet"}}}
				if c.tools {
					q.Tools = []Tool{{Name: "x"}}
				}
				r, err := s.Complete(t.Context(), primary, q)
				if r.Reply.Text != c.text || r.Broken != c.broken || ClassOf(err) != c.class || len(reported) != c.broken {
					t.Errorf("%q, %d broken, reported %q, %v", r.Reply.Text, r.Broken, reported, err)
				}
				asked := client.asked["p/small"].Messages
				if c.name == "continue" && (len(asked) != 3 || asked[1].Content != "Hello, " || asked[1].Role != "assistant") {
					t.Errorf("asked to continue by %+v", asked)
				}
				if len(q.Messages) != 1 {
					t.Error("the caller's request was changed")
				}
			})
		})
	}
}

func TestToolFallbackFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack(t, Config{Timeouts: &Timeouts{}}, nil, nil)
		slow := ToolSpec{Name: "x", Idempotent: true, Timeout: "1s", Implementations: []Implementation{
			{"a", func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) { return nil, hang(ctx) }}}}
		slow.OnTimeout = func(_ context.Context, _ json.RawMessage, err error) (json.RawMessage, error) {
			if ClassOf(err) != ClassTimeout {
				t.Error(err)
			}
			return nil, nil // an empty result is a result
		}
		if r, err := s.Tool(t.Context(), slow, nil); err != nil || r.Output != nil || !r.Fallback || r.Attempts != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		failing := slow
		failing.Implementations = []Implementation{{"b", func(context.Context, json.RawMessage) (json.RawMessage, error) { return nil, fail(ClassServer) }}}
		if _, err := s.Tool(t.Context(), failing, nil); ClassOf(err) != ClassServer {
			t.Errorf("a failure in time went to the timeout's fallback: %v", err)
		}
	})
}

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) (string, error) { return "late", hang(ctx) }
		empty := func(context.Context, error) (string, error) { return "", nil }
		if v, err := Within(t.Context(), time.Second, slow, empty); v != "" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		if _, err := Within(t.Context(), time.Second, slow, nil); ClassOf(err) != ClassTimeout {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, cancel)
		if _, err := Within(ctx, time.Second, slow, empty); ClassOf(err) != ClassCancelled {
			t.Errorf("the caller gave up, and got: %v", err)
		}
	})
}

// TestOrders: what a config states is what it gets.
func TestOrders(t *testing.T) {
	for _, c := range []struct {
		name  string
		order []string
		tries map[string]int // attempts by target
		open  string         // whose breaker is open after one call
	}{
		{"the usual", nil, map[string]int{"p/big": 3, "p/small": 3}, ""},
		{"retry around the chain", []string{"retry", "chain", "breaker"}, map[string]int{"p/big": 3, "p/small": 3}, ""},
		{"breaker around the retry", []string{"chain", "breaker", "retry"}, map[string]int{"p/big": 3, "p/small": 3}, "p/big p/small"},
		{"breaker around the chain", []string{"breaker", "retry", "chain"}, map[string]int{"p/big": 3, "p/small": 3}, "p/big"},
		{"no chain", []string{"retry", "breaker"}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := map[string]int{}
				threshold := 4
				if strings.HasPrefix(c.name, "breaker") {
					threshold = 1
				}
				s, err := New(Config{Retry: &Retry{}, Breaker: &Breaker{FailureThreshold: threshold}, Fallback: []string{"p/small"}, Order: c.order},
					Options{Client: models{"p/big": always(ClassServer), "p/small": always(ClassServer)}, Observe: func(e Event) {
						if e.Kind == AttemptDone {
							tries[e.Target]++
						}
					}})
				if c.tries == nil {
					if err == nil || !strings.Contains(err.Error(), `order: lacks "chain", which the config has`) {
						t.Errorf("a fallback without a chain: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Complete(t.Context(), primary, Request{}); ClassOf(err) != ClassServer {
					t.Error(err)
				}
				var open []string
				for target, state := range s.Breakers() {
					if state == Open {
						open = append(open, target)
					}
				}
				slices.Sort(open)
				if strings.Join(open, " ") != c.open || tries["p/big"] != c.tries["p/big"] || tries["p/small"] != c.tries["p/small"] {
					t.Errorf("tried %v, open %q", tries, open)
				}
			})
		})
	}
}

func TestForcedBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got trace
		bad := true
		s := newStack(t, Config{Breaker: &Breaker{FailureThreshold: 1}, Fallback: []string{"p/small"}},
			models{"p/big": func(context.Context) error {
				if bad {
					return fail(ClassServer)
				}
				return nil
			}}, got.observe)
		served := func() string {
			r, _ := s.Complete(t.Context(), primary, Request{})
			return r.Served
		}
		s.Force("p/big", ForceClosed)
		for range 3 {
			served()
		}
		if s.Breakers()["p/big"] != Closed {
			t.Error("a breaker forced closed opened")
		}
		bad = false
		s.Force("p/big", ForceOpen)
		time.Sleep(24 * time.Hour)
		if served() != "p/small" || s.Breakers()["p/big"] != Open {
			t.Error("a breaker forced open let a call through")
		}
		s.Force("p/big", Auto)
		if s.Breakers()["p/big"] != HalfOpen || served() != "p/big" || served() != "p/big" || s.Breakers()["p/big"] != Closed {
			t.Errorf("after the force: %v", s.Breakers())
		}
		var moves []string
		for _, line := range got {
			if strings.Contains(line, "→") {
				moves = append(moves, line[strings.LastIndexByte(line, ' ')+1:])
			}
		}
		if want := []string{"closed→open", "open→half-open", "half-open→closed"}; !slices.Equal(moves, want) {
			t.Errorf("%q", moves)
		}
	})
}

func TestWarningsNameTheArithmetic(t *testing.T) {
	c := Config{Retry: &Retry{}, Timeouts: &Timeouts{}, Fallback: []string{"p/small"}}
	c.SetDefaults()
	want := "timeouts.totalRequest: 2m is less than a unary model call can take while its targets hang: 2 × (3 × 45s + 3s of waiting) = 4m36s"
	if got := c.Warnings(); !slices.Equal(got, []string{want}) {
		t.Errorf("%q", got)
	}
	c.Timeouts.LLMCall = 15 * time.Second
	if got := c.Warnings(); got != nil {
		t.Errorf("%q", got)
	}
}
