package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
	"github.com/agentchaos/chaos/resilience/sdkclient"
)

// agent is the workload's agent under one config: it runs the steps of each request
// through the resilience stack and records what came of them. It is safe for
// concurrent use.
type agent struct {
	s         *Scenario
	stack     *resilience.Stack
	tools     map[string]resilience.ToolSpec
	transport *http.Transport
	rec       *reports.Recorder
	progress  *ConfigProgress
	t0        time.Time // end of the warm-up: records count from here
	panic     atomic.Pointer[error]
	watch     *watch
	// hear is a test's: it gets every event of the stack; nil for nobody.
	hear func(at time.Duration, e resilience.Event)
}

func newAgent(s *Scenario, c Config, b *bench, number uint64, t0 time.Time, rec *reports.Recorder, p *ConfigProgress) (*agent, error) {
	a := &agent{s: s, rec: rec, progress: p, t0: t0}
	var connect time.Duration
	if c.Timeouts != nil {
		connect = c.Timeouts.Connect
	}
	a.transport = b.transport(connect)
	var way http.RoundTripper = a.transport
	if b.direct {
		way = direct{b, way}
	}
	hc := &http.Client{Transport: seed.Transport(tokenHeader{way})}
	endpoints := map[string]resilience.Endpoint{}
	for name, p := range s.Providers {
		endpoints[name] = resilience.Endpoint{
			BaseURL: b.byTarget[name].URL() + dialect.Dialects[p.Dialect].Base, APIKey: "chaos", Dialect: p.Dialect, Keys: moreKeys(c.Keys),
		}
	}
	var err error
	var client resilience.ModelClient = &resilience.Client{HTTP: hc, Endpoints: endpoints}
	if c.Client == "sdk" {
		if client, err = sdkclient.New(hc, endpoints); err != nil {
			return nil, err
		}
	}
	a.tools = map[string]resilience.ToolSpec{}
	for name, t := range s.Tools {
		spec := resilience.ToolSpec{Name: name, Idempotent: t.Idempotent, Timeout: t.Timeout}
		for _, i := range t.Chain(name) {
			url := b.byTarget[name+"/"+i.Name].URL() + "/tools/" + name
			spec.Implementations = append(spec.Implementations,
				resilience.Implementation{Name: i.Name, Call: resilience.HTTPTool(hc, url)})
		}
		a.tools[name] = spec
	}
	a.stack, err = resilience.New(c.Config, resilience.Options{Seed: number, Client: client, Observe: a.observe})
	return a, err
}

// moreKeys are the API keys of a provider beyond the first; the mocks take any.
func moreKeys(n int) []string {
	var all []string
	for i := 2; i <= n; i++ {
		all = append(all, fmt.Sprintf("chaos-%d", i))
	}
	return all
}

// close ends the agent's idle connections.
func (a *agent) close() { a.transport.CloseIdleConnections() }

// panicked is the first panic of a request, with its stack; nil if there was none.
func (a *agent) panicked() error {
	if err := a.panic.Load(); err != nil {
		return *err
	}
	return nil
}

// request runs one agent request to its end. A panic ends only the request, so that
// the faults are lifted and the report written whatever happens; see panicked.
func (a *agent) request(ctx context.Context, index uint64, arr Arrival, sched time.Time) {
	defer func() {
		if p := recover(); p != nil {
			err := fmt.Errorf("agent request %d panicked: %v\n%s", index, p, debug.Stack())
			a.panic.CompareAndSwap(nil, &err)
		}
	}()
	start := time.Now()
	ctx = withOutputTokens(ctx, arr.OutputTokens)
	t := &task{a: a, index: index, warmup: sched.Before(a.t0), question: question(arr.InputTokens)}
	steps := make([]resilience.Step, len(a.s.Agent.Steps))
	for i, step := range a.s.Agent.Steps {
		steps[i] = t.step(uint64(i+1), step)
	}
	answer := a.stack.Answer(ctx, t.question, steps)
	end := time.Now()
	r := reports.Request{
		Index: index, Sched: sched.Sub(a.t0), Start: start.Sub(a.t0), End: end.Sub(a.t0),
		Level: answer.Level.String(), Outcome: t.outcome(answer), Warmup: t.warmup,
	}
	if answer.Err != nil {
		r.Class = string(class(ctx, answer.Err))
	}
	a.rec.Request(r)
	if !r.Warmup {
		a.watch.observe(r.Outcome.Good())
	}
	a.progress.latency.Record(end.Sub(sched))
	if r.Outcome <= reports.Fallback {
		a.progress.Good.Add(1)
	}
	a.progress.Done.Add(1)
}

// task is one agent request under way; its steps run one after the other.
type task struct {
	a        *agent
	index    uint64
	warmup   bool
	question string
	fallback bool
	results  []resilience.Message // what the tools brought, for the next model call
}

func (t *task) outcome(a resilience.Answer) reports.Outcome {
	switch {
	case a.Level == resilience.LevelOffline:
		return reports.Failed
	case a.Level < resilience.LevelFull:
		return reports.Degraded
	case t.fallback:
		return reports.Fallback
	}
	return reports.OK
}

func (t *task) step(n uint64, s Step) resilience.Step {
	return resilience.Step{
		Name: s.Name(), Op: s.Op(), Component: s.component(),
		Run: func(ctx context.Context) (resilience.Result, error) {
			ctx = seed.WithKey(ctx, seed.Key{Request: t.index, Call: n})
			start := time.Now()
			var res resilience.Result
			var err error
			prompt := 0
			if s.Tool != "" {
				res, err = t.tool(ctx, s)
			} else {
				q := t.chat(s)
				prompt = promptTokens(q)
				res, err = t.a.stack.Complete(ctx, s.Target(), q)
			}
			t.record(ctx, n, s, start, prompt, res, err)
			return res, err
		},
	}
}

func (t *task) tool(ctx context.Context, s Step) (resilience.Result, error) {
	arguments, err := json.Marshal(map[string]string{"query": t.question[:min(len(t.question), 80)]})
	if err != nil {
		return resilience.Result{}, fmt.Errorf("arguments of %s: %w", s.Tool, err)
	}
	res, err := t.a.stack.Tool(ctx, t.a.tools[s.Tool], arguments)
	if err == nil {
		t.results = append(t.results, resilience.Message{Role: "user", Content: s.Tool + ": " + string(res.Output)})
	}
	return res, err
}

func (t *task) chat(s Step) resilience.Request {
	messages := []resilience.Message{
		{Role: "system", Content: "You are a careful assistant. Step: " + s.LLM},
		{Role: "user", Content: t.question},
	}
	return resilience.Request{
		Model: s.Model, Stream: s.Stream, IncludeUsage: s.Stream,
		Messages: append(messages, t.results...),
	}
}

func (t *task) record(ctx context.Context, n uint64, s Step, start time.Time, prompt int, res resilience.Result, err error) {
	end := time.Now()
	c := reports.Call{
		Request: t.index, Step: n, Name: s.Name(), Op: s.Op(), Warmup: t.warmup,
		Start: start.Sub(t.a.t0), End: end.Sub(t.a.t0),
		Attempts: res.Attempts, Served: res.Served, Fallback: res.Fallback,
		Input: res.Reply.Usage.Input, Output: res.Reply.Usage.Output, Prompt: prompt,
	}
	if err != nil {
		c.Failed, c.Class = true, string(class(ctx, err))
	} else if res.Fallback {
		t.fallback = true
	}
	t.a.rec.Call(c)
}

// observe turns what the stack does into records.
func (a *agent) observe(e resilience.Event) {
	if a.hear != nil {
		a.hear(e.Start.Sub(a.t0), e)
	}
	switch e.Kind {
	case resilience.AttemptDone:
		a.rec.Attempt(reports.Attempt{
			Request: e.Key.Request, Step: e.Key.Call, N: e.Key.Attempt, Op: e.Op, Target: e.Target,
			Start: e.Start.Sub(a.t0), End: e.End.Sub(a.t0), Class: string(e.Class),
			TTFT: e.TTFT, MaxGap: e.MaxGap,
		})
	case resilience.Transition:
		switch {
		case e.From == resilience.Closed:
			a.progress.Breakers.Add(1)
		case e.To == resilience.Closed:
			a.progress.Breakers.Add(-1)
		}
		a.rec.Transition(reports.Transition{
			At: e.Start.Sub(a.t0), Target: e.Target, From: e.From.String(), To: e.To.String(), Reason: e.Reason,
		})
	}
}

// question is a user's question of about n tokens, four characters each; a short
// one if the workload does not say.
func question(n int) string {
	const words = "What changed since yesterday, and what should we do about it? "
	if n == 0 {
		return words
	}
	return strings.Repeat(words, 4*n/len(words)+1)[:max(4*n, 16)]
}

// promptTokens estimates the tokens of a request: four characters each, and three
// more for each message.
func promptTokens(q resilience.Request) int {
	n := 3
	for _, m := range q.Messages {
		n += 3 + (len(m.Content)+3)/4
	}
	return n
}

// component is what a step depends on, as the stack names it.
func (s Step) component() string {
	if s.Tool != "" {
		return s.Tool
	}
	return s.Target().String()
}
