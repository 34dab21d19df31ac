package resilience

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// Options are what a stack needs besides its configuration.
type Options struct {
	// Seed keys every draw, together with the key in the context of a call.
	Seed uint64
	// Client makes the attempts at models; nil is allowed if none are called.
	Client ModelClient
	// Observe hears what the stack does; nil for nobody.
	Observe Observer
	// Canned is what it says when it cannot do better; the zero value has defaults.
	Canned Canned
}

// Stack is all patterns of one configuration, composed. It is safe for concurrent
// use; its breakers are shared by all calls.
type Stack struct {
	cfg      Config
	options  Options
	fallback []Target
	unkeyed  atomic.Uint64
	dwell    dwell

	whole, each []string // what is around the chain, and in front of each target
	gate        *Gate    // the queue of all model calls; nil if it is off or each target has one

	mu       sync.Mutex
	lines    map[string]*line    // by target
	calls    map[string]*line    // around the chain, by first target
	rings    map[string]*KeyRing // by provider
	limiters map[string]limiters // by provider
	forced   map[string]Force    // by target
}

// New returns a stack for cfg, whose defaults it fills in. The error joins all of
// Config.Validate.
func New(cfg Config, o Options) (*Stack, error) {
	cfg = cfg.clone()
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o.Canned.SetDefaults()
	s := &Stack{cfg: cfg, options: o, lines: make(map[string]*line), calls: make(map[string]*line),
		rings: make(map[string]*KeyRing), limiters: make(map[string]limiters), forced: make(map[string]Force)}
	s.whole, s.each = cfg.split()
	if cfg.Queue != nil && slices.Contains(s.whole, "queue") {
		s.gate = NewGate("models", "llm", *cfg.Queue, o.Observe)
	}
	for _, name := range cfg.Fallback {
		t, _ := ParseTarget(name) // validated
		s.fallback = append(s.fallback, t)
	}
	return s, nil
}

// Begin starts an agent request: the context it returns ends with the total time of
// the request, by the cause ErrDeadline. Answer does it too.
func (s *Stack) Begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.Timeouts == nil || !slices.Contains(s.cfg.Order, "deadline") {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.cfg.Timeouts.TotalRequest+totalResidue, ErrDeadline)
}

// Complete makes one model call: primary first, then the fallback models. A seed.Key
// in ctx keys its draws; the attempt in it counts over all targets. The Result is
// valid beside an error, too.
func (s *Stack) Complete(ctx context.Context, primary Target, q Request) (Result, error) {
	targets := []Target{primary}
	for _, t := range s.fallback {
		if t != primary {
			targets = append(targets, t)
		}
	}
	if s.cfg.Limits != nil {
		ctx = WithEstimate(ctx, estimate(q))
	}
	timeout := s.cfg.modelTimeout()
	bound := timeout.Unary
	if q.Stream {
		ctx, bound = WithProgress(ctx), timeout.FirstToken
	}
	parts := make([]part, len(targets))
	for i, t := range targets {
		parts[i] = part{op: "llm", target: t.String(), provider: t.Provider, timeout: timeout, bound: bound}
	}
	turn := turn{stack: s, request: q, targets: targets}
	result, err := s.call(ctx, parts, turn.falls, turn.attempt, nil)
	result.Broken = turn.broken
	if err == nil {
		result.Reply = turn.reply
		result.Reply.Text = turn.partial + turn.reply.Text
	}
	return result, err
}

// Tool makes one tool call: the first implementation, then, if fallbacks are
// configured, the others. Whatever an implementation returns without an error is
// the result, null included. The Result is valid beside an error, too.
func (s *Stack) Tool(ctx context.Context, spec ToolSpec, arguments json.RawMessage) (Result, error) {
	bound, err := s.cfg.Timeouts.Tool(spec.Timeout)
	if err != nil {
		return Result{}, &Error{Class: ClassRequest, Target: spec.Name, Unsent: true, Cause: err}
	}
	all := spec.Implementations
	if len(all) == 0 {
		return Result{}, &Error{Class: ClassRequest, Target: spec.Name, Unsent: true, Message: "the tool has no implementation"}
	}
	if s.cfg.Fallback == nil {
		all = all[:1]
	}
	parts := make([]part, len(all))
	for i, im := range all {
		parts[i] = part{op: "tool", target: spec.Name + "/" + im.Name, timeout: Timeout{Unary: bound}, bound: bound, spec: &spec}
	}
	var output json.RawMessage
	var late func(error) error
	if spec.OnTimeout != nil {
		late = func(err error) error {
			if e := (*Error)(nil); errors.As(err, &e) && e.Class == ClassTimeout && ctx.Err() == nil {
				output, err = spec.OnTimeout(ctx, arguments, err)
			}
			return err
		}
	}
	result, err := s.call(ctx, parts, (*Error).Falls, func(ctx context.Context, i int) error {
		asks(ctx, i)
		out, err := all[i].Call(ctx, arguments)
		if err == nil {
			Deliver(ctx, func() { output = out })
		}
		return err
	}, late)
	if err == nil {
		result.Output = output
	}
	return result, err
}

// call runs op over its targets, of which parts tells the lines. What fails goes
// through late, if there is one, which may know an answer.
func (s *Stack) call(ctx context.Context, parts []part, falls func(*Error) bool,
	op func(context.Context, int) error, late func(error) error) (result Result, err error) {
	c := s.newCall(ctx)
	first := parts[0]
	if s.options.Observe != nil {
		ended := s.observed(c, first)
		err = &Error{Class: ClassOther, Message: "panicked"} // unless it returns
		defer func() { ended(result, err) }()
	}
	chain := &Chain{Targets: make([]string, len(parts)), Lines: make([]Policy, len(parts)), Op: first.op,
		Bound: first.bound, Falls: falls, Observe: s.options.Observe}
	for i, p := range parts {
		chain.Targets[i], chain.Lines[i] = p.target, s.targetLine(p).policy
	}
	served := -1
	run := func(ctx context.Context) (err error) {
		served, err = chain.Do(ctx, op)
		return err
	}
	if around := s.callLine(first); around != nil {
		err = around.policy.Do(c, run)
	} else {
		err = run(c)
	}
	result.Attempts = int(c.attempts.Load())
	switch {
	case err == nil && served >= 0:
		result.Served, result.Fallback = chain.Targets[served], served > 0
	case err != nil && late != nil:
		err = late(err)
		result.Fallback = err == nil
	}
	return result, err
}

// modelTimeout are the bounds of one attempt at a model.
func (c Config) modelTimeout() Timeout {
	if c.Timeouts == nil {
		return Timeout{}
	}
	return Timeout{Unary: c.Timeouts.LLMCall, FirstToken: c.Timeouts.FirstToken,
		StreamIdle: c.Timeouts.StreamIdle, ContentIdle: c.Timeouts.ContentIdle}
}

// clone copies what SetDefaults writes to.
func (c Config) clone() Config {
	if c.Retry != nil {
		r := *c.Retry
		c.Retry = &r
	}
	if c.Breaker != nil {
		b := *c.Breaker
		c.Breaker = &b
	}
	if c.Timeouts != nil {
		t := *c.Timeouts
		c.Timeouts = &t
	}
	if c.Stream != nil {
		s := *c.Stream
		c.Stream = &s
	}
	if c.Limits != nil && c.Limits.Adaptive != nil {
		l, a := *c.Limits, *c.Limits.Adaptive
		l.Adaptive = &a
		c.Limits = &l
	}
	if c.Queue != nil {
		q := *c.Queue
		c.Queue = &q
	}
	if c.Hedge != nil {
		h := *c.Hedge
		c.Hedge = &h
	}
	return c
}
