package resilience

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Step is one call of an agent request.
type Step struct {
	Name string // plan, web_search
	Op   string // llm or tool
	// Component is what the step depends on: provider/model, or the tool's name.
	Component string
	// Run makes the call through the stack.
	Run func(ctx context.Context) (Result, error)
}

// Answer is how an agent request ended.
type Answer struct {
	Text  string
	Level Level // that this request was served at; LevelOffline if it failed
	// Err is the first real cause of a level below full, with the step's name.
	Err error
}

// Answer runs the steps of one agent request in order, within the total time. With
// degradation off the first failed step fails the request. With it on, a failed tool
// is left out and the answer is degraded; when no model answers, a rule-based answer
// is minimal service as long as a tool is usable, and the apology is offline. If
// the breakers of all models are open, no step is run. A caller that gave up always
// gets a failed request.
func (s *Stack) Answer(ctx context.Context, question string, steps []Step) Answer {
	total, cancel := s.Begin(ctx)
	defer cancel()
	tools := make(map[string]Condition)
	for _, step := range steps {
		if step.Op == "tool" {
			tools[step.Component] = s.toolCondition(step.Component)
		}
	}
	a := Answer{}
	model := Up
	if s.cfg.Degrade && s.modelsDown(steps) {
		model, a.Err = Down, &Error{Class: ClassOpen, Message: "no model is available", Cause: ErrOpen}
	}
	for _, step := range steps {
		if model == Down {
			break
		}
		result, err := step.Run(total)
		switch {
		case err == nil && step.Op == "tool":
			tools[step.Component] = Up
		case err == nil:
			a.Text = result.Reply.Text
		default:
			if a.Err == nil {
				a.Err = fmt.Errorf("%s: %w", step.Name, err)
			}
			if !s.cfg.Degrade || ctx.Err() != nil {
				return Answer{Err: a.Err}
			}
			if step.Op == "tool" {
				tools[step.Component] = Down
			} else {
				model = Down
			}
		}
	}
	return s.say(a, question, model, tools)
}

// say gives the answer that the components of one request allow.
func (s *Stack) say(a Answer, question string, model Condition, tools map[string]Condition) Answer {
	if a.Err == nil {
		a.Level = LevelFull
		return a
	}
	h := Health{Models: []Condition{model}}
	for _, c := range tools {
		h.Tools = append(h.Tools, c)
	}
	canned := s.options.Canned
	switch a.Level = h.Level(); a.Level {
	case LevelMinimal:
		a.Text = canned.Answer(question)
	case LevelOffline:
		a.Text = canned.Offline
	default:
		a.Level = LevelDegraded
		a.Text = canned.Degraded + "\n\n" + a.Text
	}
	return a
}

// Level is the service level by the breakers of everything used so far. It falls at
// once and rises with a delay, so that it does not flap.
func (s *Stack) Level() Level {
	var h Health
	tools := make(map[string]Condition)
	for _, l := range s.used() {
		if l.op == "tool" {
			tool, _, _ := strings.Cut(l.target, "/")
			tools[tool] = max(tools[tool], s.condition(l.target))
		} else {
			h.Models = append(h.Models, s.condition(l.target))
		}
	}
	for _, t := range s.fallback {
		h.Models = append(h.Models, s.condition(t.String()))
	}
	if len(h.Models) == 0 {
		h.Models = []Condition{Up}
	}
	for _, c := range tools {
		h.Tools = append(h.Tools, c)
	}
	return s.dwell.observe(time.Now(), h.Level())
}

// modelsDown tells whether some step needs a model and none would be tried: every
// breaker is open. A half-open one is not down, so that probes go on.
func (s *Stack) modelsDown(steps []Step) bool {
	for _, t := range s.fallback {
		if s.condition(t.String()) > Down {
			return false
		}
	}
	for _, step := range steps {
		if step.Op != "tool" && s.condition(step.Component) == Down {
			return true
		}
	}
	return false
}

// toolCondition is that of the best implementation used so far.
func (s *Stack) toolCondition(tool string) Condition {
	found, c := false, Down
	for _, l := range s.used() {
		if l.op == "tool" && strings.HasPrefix(l.target, tool+"/") {
			found, c = true, max(c, s.condition(l.target))
		}
	}
	if !found {
		return Up
	}
	return c
}
