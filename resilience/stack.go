package resilience

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
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

	mu    sync.Mutex
	lines map[string]*line
}

// line is the part of the stack in front of one target.
type line struct {
	target  string
	op      string // llm or tool
	policy  Policy
	circuit *Circuit // nil if there is no breaker
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
	s := &Stack{cfg: cfg, options: o, lines: make(map[string]*line)}
	for _, name := range cfg.Fallback {
		t, _ := ParseTarget(name) // validated
		s.fallback = append(s.fallback, t)
	}
	return s, nil
}

// Begin starts an agent request: the context it returns ends with the total time of
// the request, by the cause ErrDeadline. Answer does it too.
func (s *Stack) Begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.Timeouts == nil {
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
	if q.Stream {
		ctx = WithProgress(ctx)
	}
	timeout := s.cfg.modelTimeout()
	bound := timeout.Unary
	if q.Stream {
		bound = timeout.FirstToken
	}
	lines := make([]*line, len(targets))
	for i, t := range targets {
		lines[i] = s.line(t.String(), func() *line { return s.newLine("llm", t.String(), timeout, bound, nil) })
	}
	var reply Reply
	result, err := s.call(ctx, "llm", lines, bound, func(ctx context.Context, i int) (err error) {
		reply, err = s.options.Client.Complete(ctx, targets[i], q)
		timed(ctx, reply)
		return err
	})
	if err == nil {
		result.Reply = reply
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
	lines := make([]*line, len(all))
	for i, im := range all {
		name := spec.Name + "/" + im.Name
		lines[i] = s.line(name, func() *line { return s.newLine("tool", name, Timeout{Unary: bound}, bound, &spec) })
	}
	var output json.RawMessage
	result, err := s.call(ctx, "tool", lines, bound, func(ctx context.Context, i int) (err error) {
		output, err = all[i].Call(ctx, arguments)
		return err
	})
	if err == nil {
		result.Output = output
	}
	return result, err
}

// newLine composes what is in front of one target, outermost first. spec is nil for
// a model; bound is the time of one attempt.
func (s *Stack) newLine(op, target string, timeout Timeout, bound time.Duration, spec *ToolSpec) *line {
	l := &line{target: target, op: op}
	var retry, once, breaker Policy
	if s.cfg.Retry != nil {
		r := &Retrier{Config: *s.cfg.Retry, Target: target, Op: op, Seed: s.options.Seed, Observe: s.options.Observe}
		if spec != nil {
			r.Retryable = spec.safe
		}
		retry = r
	}
	if spec != nil && !spec.Idempotent {
		once = unknowns{}
	}
	if s.cfg.Breaker != nil {
		cfg := *s.cfg.Breaker
		if cfg.Lease == 0 && bound > 0 {
			cfg.Lease = bound + 5*time.Second
		}
		l.circuit = NewCircuit(target, op, cfg, s.options.Seed, s.options.Observe)
		breaker = l.circuit
	}
	l.policy = Compose(retry, once, breaker, attempts{op, target, s.options.Observe}, timeout)
	return l
}

// call runs op over the lines of its targets.
func (s *Stack) call(ctx context.Context, op string, lines []*line, bound time.Duration,
	run func(context.Context, int) error) (Result, error) {
	c := s.newCall(ctx)
	names := make([]string, len(lines))
	for i, l := range lines {
		names[i] = l.target
	}
	chain := Chain{Targets: names, Op: op, Bound: bound, Observe: s.options.Observe}
	i, err := chain.Do(c, func(ctx context.Context, i int) error {
		return lines[i].policy.Do(ctx, func(ctx context.Context) error { return run(ctx, i) })
	})
	result := Result{Attempts: int(c.attempts.Load()), Fallback: i > 0}
	if err == nil {
		result.Served = names[i]
	}
	return result, err
}

// call is the context of one call; it counts the attempts made in it.
type call struct {
	context.Context
	key      seed.Key
	attempts atomic.Uint64
	reply    Reply // of the attempt that ended last; only its times
}

// timed notes the times of an attempt's stream for its event.
func timed(ctx context.Context, r Reply) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.reply = Reply{TTFT: r.TTFT, MaxGap: r.MaxGap}
	}
}

type callKey struct{}

func (s *Stack) newCall(ctx context.Context) *call {
	k, ok := seed.KeyFrom(ctx)
	if !ok {
		k = seed.Key{Request: s.unkeyed.Add(1)}
		ctx = seed.WithKey(ctx, k)
	}
	return &call{Context: ctx, key: k}
}

// Value implements context.Context.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// keyOf is the key to put into events: that of the call, with the attempt that was
// started last.
func keyOf(ctx context.Context) seed.Key {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		k := c.key
		k.Attempt = c.attempts.Load()
		return k
	}
	k, _ := seed.KeyFrom(ctx)
	return k
}

// attempts is the policy that numbers and reports every attempt of a call.
type attempts struct {
	op, target string
	observe    Observer
}

// Do implements Policy.
func (a attempts) Do(ctx context.Context, op Op) error {
	c, ok := ctx.Value(callKey{}).(*call)
	if ok {
		k := c.key
		k.Attempt = c.attempts.Add(1)
		ctx = seed.WithKey(ctx, k)
	}
	if a.observe == nil {
		return op(ctx)
	}
	start := time.Now()
	err := op(ctx)
	e := Event{Kind: AttemptDone, Op: a.op, Target: a.target, Start: start, End: time.Now()}
	e.Key, _ = seed.KeyFrom(ctx)
	if ok {
		e.TTFT, e.MaxGap = c.reply.TTFT, c.reply.MaxGap
	}
	if err != nil {
		e.Class = AsError(ctx, err).Class
	}
	a.observe(e)
	return err
}

// line returns the line of a target, made on first use.
func (s *Stack) line(target string, make func() *line) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[target]
	if l == nil {
		l = make()
		s.lines[target] = l
	}
	return l
}

// find returns the line of a target, nil if it was never used.
func (s *Stack) find(target string) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[target]
}

// Breakers gives the state of every breaker that was used, by target, as it is now.
func (s *Stack) Breakers() map[string]State {
	states := make(map[string]State)
	for _, l := range s.used() {
		if l.circuit != nil {
			states[l.target] = l.circuit.State()
		}
	}
	return states
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
	return c
}
