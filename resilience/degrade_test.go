package resilience

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLevelIsMonotone tries every combination of two models and three tools and
// raises every component by one step: the level may never fall.
func TestLevelIsMonotone(t *testing.T) {
	health := func(n int) (h Health) {
		for i := range 5 {
			c := Condition(n % 3)
			n /= 3
			if i < 2 {
				h.Models = append(h.Models, c)
			} else {
				h.Tools = append(h.Tools, c)
			}
		}
		return h
	}
	seen := map[Level]int{}
	for n := range 243 {
		level := health(n).Level()
		seen[level]++
		for i, step := 0, 1; i < 5; i, step = i+1, step*3 {
			if n/step%3 == 2 {
				continue
			}
			if up := health(n + step).Level(); up < level {
				t.Errorf("%v is %v, but better at %d it is %v", health(n), level, i, up)
			}
		}
	}
	if len(seen) != 4 || seen[LevelOffline] != 1 {
		t.Errorf("levels seen: %v", seen)
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		models, tools []Condition
		want          Level
	}{
		{[]Condition{Up}, []Condition{Up, Up}, LevelFull},
		{[]Condition{Down, Up}, []Condition{Up}, LevelFull}, // a fallback model is a model
		{[]Condition{Up}, nil, LevelFull},
		{[]Condition{Up}, []Condition{Up, Down}, LevelDegraded},
		{[]Condition{Up}, []Condition{Down}, LevelDegraded}, // a healthy model is not offline
		{[]Condition{Limited}, []Condition{Up}, LevelDegraded},
		{[]Condition{Up}, []Condition{Limited}, LevelDegraded},
		{[]Condition{Down}, []Condition{Down, Limited}, LevelMinimal},
		{[]Condition{Down}, []Condition{Down}, LevelOffline},
		{nil, nil, LevelOffline},
	} {
		if got := (Health{c.models, c.tools}).Level(); got != c.want {
			t.Errorf("models %v, tools %v: %v, want %v", c.models, c.tools, got, c.want)
		}
	}
}

func TestLevelDwells(t *testing.T) {
	var d dwell
	start := time.Now()
	for _, c := range []struct {
		at      float64
		l, want Level
	}{
		{0, LevelFull, LevelFull}, {1, LevelMinimal, LevelMinimal}, {2, LevelFull, LevelMinimal},
		{5, LevelMinimal, LevelMinimal}, {6, LevelFull, LevelMinimal}, {8, LevelDegraded, LevelMinimal},
		{9.9, LevelFull, LevelMinimal}, {10, LevelFull, LevelDegraded}, {15, LevelFull, LevelFull},
		{16, LevelOffline, LevelOffline},
	} {
		if got := d.observe(start.Add(times(c.at)[0]), c.l); got != c.want {
			t.Errorf("at %vs: %v, want %v", c.at, got, c.want)
		}
	}
}

// steps is an agent request whose steps fail as told.
func steps(plan, search, database, answer error) []Step {
	run := func(text string, err error) func(context.Context) (Result, error) {
		return func(context.Context) (Result, error) {
			var r Result
			r.Reply.Text = text
			return r, err
		}
	}
	return []Step{
		{"plan", "llm", "p/big", run("a plan", plan)},
		{"web_search", "tool", "web_search", run("", search)},
		{"database", "tool", "database", run("", database)},
		{"answer", "llm", "p/big", run("42", answer)},
	}
}

func TestAnswer(t *testing.T) {
	down := fail(ClassServer)
	for _, c := range []struct {
		name    string
		degrade bool
		steps   []Step
		level   Level
		text    string
	}{
		{"all well", true, steps(nil, nil, nil, nil), LevelFull, "42"},
		{"a tool down", true, steps(nil, down, nil, nil), LevelDegraded, "partly\n\n42"},
		{"all tools down", true, steps(nil, down, down, nil), LevelDegraded, "partly\n\n42"},
		{"no plan", true, steps(down, nil, nil, nil), LevelMinimal, "9 to 5"},
		{"no answer", true, steps(nil, down, nil, down), LevelMinimal, "9 to 5"},
		{"nothing", true, steps(nil, down, down, down), LevelOffline, "sorry"},
		{"degradation off", false, steps(nil, down, nil, nil), LevelOffline, ""},
	} {
		s, err := New(Config{Degrade: c.degrade}, Options{Canned: Canned{Degraded: "partly", Offline: "sorry",
			Rules: []Rule{{[]string{"hours", "open"}, "9 to 5"}}}})
		if err != nil {
			t.Fatal(err)
		}
		a := s.Answer(t.Context(), "When are you OPEN?", c.steps)
		if a.Level != c.level || a.Text != c.text || (a.Err == nil) != (c.level == LevelFull) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func TestAnswerOfACallerWhoLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	all := steps(nil, fail(ClassCancelled), nil, nil)
	all[1].Run = func(context.Context) (Result, error) { cancel(); return Result{}, fail(ClassCancelled) }
	a := newStack(t, Config{Degrade: true}, nil, nil).Answer(ctx, "?", all)
	if a.Level != LevelOffline || a.Text != "" || ClassOf(a.Err) != ClassCancelled {
		t.Errorf("%+v", a)
	}
}

// TestOpenBreakersSkipTheSteps and let probes through once their time is up.
func TestOpenBreakersSkipTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := models{"p/big": always(ClassServer)}
		s := newStack(t, Config{Degrade: true, Breaker: &Breaker{FailureThreshold: 1, SuccessThreshold: 1}}, m, nil)
		ran := 0
		request := []Step{{"plan", "llm", "p/big", func(ctx context.Context) (Result, error) {
			ran++
			return s.Complete(ctx, primary, Request{})
		}}}
		for range 3 {
			if a := s.Answer(t.Context(), "?", request); a.Level != LevelOffline {
				t.Errorf("%+v", a)
			}
		}
		if a := s.Answer(t.Context(), "?", request); ran != 1 || !errors.Is(a.Err, ErrOpen) {
			t.Errorf("ran %d times, %+v", ran, a)
		}
		if l := s.Level(); l != LevelOffline {
			t.Errorf("level %v", l)
		}
		delete(m, "p/big")
		time.Sleep(40 * time.Second)
		if s.Breakers()["p/big"] != HalfOpen {
			t.Error("not half-open")
		}
		if a := s.Answer(t.Context(), "?", request); a.Level != LevelFull || ran != 2 {
			t.Errorf("the probe did not flow: %+v", a)
		}
		time.Sleep(dwellTime)
		if l := s.Level(); l != LevelFull {
			t.Errorf("level %v", l)
		}
	})
}

func TestRulesMatchWholeWords(t *testing.T) {
	c := Canned{Rules: []Rule{{[]string{"close"}, "at five"}}}
	c.SetDefaults()
	if got := c.Answer("When do you close?"); got != "at five" {
		t.Error(got)
	}
	if got := c.Answer("What is in the closet?"); got != c.Minimal || strings.Contains(got, "five") {
		t.Error(got)
	}
}
