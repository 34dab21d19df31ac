package resilience

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// line is the part of the stack in front of one target, or around the whole chain.
type line struct {
	target  string
	op      string // llm or tool
	policy  Policy
	circuit *Circuit // nil if there is no breaker
	budget  *Budget  // of retries and hedges; nil if there is none
}

// part is what the policies of a line are made for.
type part struct {
	op, target string
	provider   string        // of a model
	timeout    Timeout       // of an attempt
	bound      time.Duration // of an attempt; 0 for none
	spec       *ToolSpec     // nil for a model
	inner      []Policy      // inside all others
}

// newLine composes what the words of an order name, outermost first.
func (s *Stack) newLine(words []string, p part) *line {
	l := &line{target: p.target, op: p.op}
	l.budget = s.cfg.budget()
	var all []Policy
	for _, word := range words {
		switch {
		case word == "retry" && s.cfg.Retry != nil:
			r := &Retrier{Config: *s.cfg.Retry, Target: p.target, Op: p.op, Seed: s.options.Seed, Budget: l.budget, Observe: s.options.Observe}
			r.Refuses = func() time.Duration {
				if l.circuit == nil {
					return 0
				}
				return l.circuit.Refuses()
			}
			if p.spec != nil {
				r.Retryable = p.spec.safe
			}
			all = append(all, r)
		case word == "hedge" && s.cfg.Hedge != nil && (p.spec == nil || p.spec.ReadOnly):
			h := &Hedger{Config: *s.cfg.Hedge, Target: p.target, Op: p.op, Budget: l.budget,
				Alone: s.cfg.Retry == nil, Observe: s.options.Observe}
			if p.spec == nil {
				all = append(all, streams{h})
			} else {
				all = append(all, h)
			}
		case word == "breaker" && s.cfg.Breaker != nil:
			l.circuit = s.newCircuit(p)
			all = append(all, l.circuit)
		case word == "timeout" && s.cfg.Timeouts != nil:
			all = append(all, p.timeout)
		case p.spec == nil:
			if policy := s.modelPolicy(word, p); policy != nil {
				all = append(all, policy)
			}
		}
	}
	l.policy = Compose(append(all, p.inner...)...)
	return l
}

func (s *Stack) newCircuit(p part) *Circuit {
	cfg := *s.cfg.Breaker
	if cfg.Lease == 0 && p.bound > 0 {
		cfg.Lease = p.bound + 5*time.Second
	}
	return NewCircuit(p.target, p.op, cfg, s.options.Seed, s.options.Observe)
}

// modelPolicy makes what stands around models only; nil if it is off. The lock is
// held.
func (s *Stack) modelPolicy(word string, p part) Policy {
	switch {
	case word == "queue" && s.gate != nil:
		return s.gate // of all calls
	case word == "queue" && s.cfg.Queue != nil:
		return NewGate(p.target, p.op, *s.cfg.Queue, s.options.Observe)
	case word == "keys" && s.cfg.Keys > 0:
		if s.rings[p.provider] == nil {
			s.rings[p.provider] = NewKeyRing(p.provider, s.cfg.Keys, s.options.Observe)
		}
		return s.rings[p.provider]
	case word == "limits" && s.cfg.Limits != nil:
		if s.limiters[p.provider] == nil {
			for n := range max(1, s.cfg.Keys) {
				name := p.provider
				if n > 0 {
					name = fmt.Sprintf("%s key %d", p.provider, n+1)
				}
				s.limiters[p.provider] = append(s.limiters[p.provider],
					NewLimiter(name, p.op, *s.cfg.Limits, s.options.Seed, s.options.Observe))
			}
		}
		return s.limiters[p.provider]
	}
	return nil
}

// limiters are those of a provider's keys; each attempt takes that of its own.
type limiters []*Limiter

// Do implements Policy.
func (l limiters) Do(ctx context.Context, op Op) error {
	return l[KeyIndex(ctx)%len(l)].Do(ctx, op)
}

// streams applies a policy to streams only.
type streams struct{ policy Policy }

// Do implements Policy.
func (s streams) Do(ctx context.Context, op Op) error {
	if ProgressFrom(ctx) == nil {
		return op(ctx)
	}
	return s.policy.Do(ctx, op)
}

// targetLine returns the line in front of a target, made on first use.
func (s *Stack) targetLine(p part) *line {
	return s.made(s.lines, p.target, func() *line {
		if p.spec != nil && !p.spec.Idempotent && !p.spec.ReadOnly {
			p.inner = append(p.inner, unknowns{})
		}
		p.inner = append(p.inner, attempts{p.op, p.target, s.options.Observe})
		return s.newLine(s.each, p)
	})
}

// callLine returns what is around the whole chain of a call whose first target is
// that of p; nil if nothing is.
func (s *Stack) callLine(p part) *line {
	if len(s.whole) == 0 {
		return nil
	}
	return s.made(s.calls, p.target, func() *line { return s.newLine(s.whole, p) })
}

// made returns the line of a target among all, made on first use.
func (s *Stack) made(all map[string]*line, target string, make func() *line) *line {
	s.mu.Lock()
	l := all[target]
	if l != nil {
		s.mu.Unlock()
		return l
	}
	l = make()
	all[target] = l
	f := s.forced[target]
	s.mu.Unlock()
	if l.circuit != nil && f != Auto {
		l.circuit.Force(f)
	}
	return l
}

// breaker is that of a target, or that around the calls which begin with it; nil if
// there is none yet.
func (s *Stack) breaker(target string) *Circuit {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range []map[string]*line{s.lines, s.calls} {
		if l := all[target]; l != nil && l.circuit != nil {
			return l.circuit
		}
	}
	return nil
}

// Breakers gives the state of every breaker that was used, by target, as it is now.
func (s *Stack) Breakers() map[string]State {
	states := make(map[string]State)
	for _, l := range s.used() {
		if c := s.breaker(l.target); c != nil {
			states[l.target] = c.State()
		}
	}
	return states
}

// Budgets gives how many retries and hedges the budget of every target that was used
// would allow now.
func (s *Stack) Budgets() map[string]float64 {
	left := make(map[string]float64)
	for _, l := range s.used() {
		if l.budget != nil {
			left[l.target] = l.budget.Tokens()
		}
	}
	return left
}

// Force holds the breaker of a target (provider/model, or tool/implementation) open
// or closed, whether or not it was used yet, until it is set to Auto again.
func (s *Stack) Force(target string, f Force) {
	s.mu.Lock()
	s.forced[target] = f
	s.mu.Unlock()
	if c := s.breaker(target); c != nil {
		c.Force(f)
	}
}

// condition is what a target's breaker says; Up without one, or if never used.
func (s *Stack) condition(target string) Condition {
	if c := s.breaker(target); c != nil {
		return conditionOf(c.State())
	}
	return Up
}

// used gives the lines made so far, sorted by target.
func (s *Stack) used() []*line {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*line, 0, len(s.lines))
	for _, l := range s.lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *line) int { return strings.Compare(a.target, b.target) })
	return all
}
