package reports

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

// subject is what the fixture's agent does about failures.
type subject struct {
	name     string
	attempts int
	fallback bool
	breaker  bool
}

var subjects = []subject{{"none", 1, false, false}, {"retry", 3, false, false}, {"full", 3, true, true}}

var fixtureSteps = []struct{ name, op, target string }{
	{"plan", "llm", "openai/gpt-4o"}, {"web_search", "tool", "web_search/tavily"}, {"database", "tool", "database/main"},
	{"calculator", "tool", "calculator/main"}, {"answer", "llm", "openai/gpt-4o"},
}

const (
	outageAt  = 6 * time.Second
	outageFor = 8 * time.Second
	fixtureN  = 200
	fixtureT  = 20 * time.Second
)

// simulate plays a provider outage: 10 agent requests a second for 20 s, five calls
// at 99 % each, the model down from 6 s to 14 s.
func simulate(s subject, seed uint64, requests int) *Run {
	r := rand.New(rand.NewPCG(seed, 7))
	rec := NewRecorder(requests)
	fired := map[string]int{}
	for i := range requests {
		sched := time.Duration(i) * fixtureT / time.Duration(requests)
		q := Request{Index: uint64(i), Sched: sched, Start: sched + 200*time.Microsecond, Level: "full"}
		now := q.Start
		for step := range fixtureSteps {
			now = simulateCall(rec, r, s, &q, uint64(step+1), now, fired)
			if q.Outcome == Failed {
				break
			}
		}
		q.End = now
		rec.Request(q)
	}
	if s.breaker {
		for _, t := range []Transition{
			{outageAt + 700*time.Millisecond, "openai/gpt-4o", "closed", "open", "failures"},
			{outageAt + 3*time.Second, "openai/gpt-4o", "open", "half-open", "recovery timeout"},
			{outageAt + 3*time.Second + 5*time.Millisecond, "openai/gpt-4o", "half-open", "open", "probe failed"},
			{outageAt + outageFor + time.Second, "openai/gpt-4o", "open", "half-open", "recovery timeout"},
			{outageAt + outageFor + 1500*time.Millisecond, "openai/gpt-4o", "half-open", "closed", "probes succeeded"},
		} {
			rec.Transition(t)
		}
	}
	run := rec.Finish()
	run.Config, run.Seed, run.Duration, run.Fired = s.name, seed, fixtureT, fired
	return run
}

func simulateCall(rec *Recorder, r *rand.Rand, s subject, q *Request, step uint64, now time.Duration, fired map[string]int) time.Duration {
	spec := fixtureSteps[step-1]
	c := Call{Request: q.Index, Step: step, Name: spec.name, Op: spec.op, Start: now, Input: 800}
	down := func(at time.Duration) bool { return spec.op == "llm" && at >= outageAt && at < outageAt+outageFor }
	for n := uint64(1); ; n++ {
		target, primary := spec.target, true
		open := s.breaker && down(now) && now > outageAt+700*time.Millisecond
		if s.fallback && (open || n > uint64(s.attempts)) {
			target, primary = "openai/gpt-4o-mini", false
		}
		a := Attempt{Request: q.Index, Step: step, N: n, Target: target, Op: spec.op, Start: now, Reached: true}
		took := 100*time.Millisecond + time.Duration(r.ExpFloat64()*float64(200*time.Millisecond))
		switch {
		case primary && down(now):
			a.Class, took = "connect", 2*time.Millisecond
			a.Faults = []string{"hard-down"}
			fired["hard-down"]++
		case r.Float64() < 0.01:
			a.Class = "server_error"
		case spec.op == "llm":
			a.TTFT, a.MaxGap, a.Content, a.Terminal = took/3, took/20, 60, true
		}
		now += took
		a.End = now
		rec.Attempt(a)
		c.Attempts++
		if a.Class == "" {
			c.Served, c.Fallback, c.TTFT, c.Output = target, !primary, a.TTFT, 60
			break
		}
		if !s.fallback && n >= uint64(s.attempts) || n >= uint64(s.attempts)+2 {
			c.Failed, c.Class = true, a.Class
			break
		}
		now += time.Duration(r.Float64() * float64(time.Second) * float64(uint64(1)<<(n-1)))
	}
	c.End = now
	rec.Call(c)
	if c.Fallback && q.Outcome == OK {
		q.Outcome = Fallback
	}
	if c.Failed {
		q.Outcome, q.Class, q.Level = Failed, c.Class, "offline"
	}
	return now
}

func mustMetric(t testing.TB, text string) Metric {
	t.Helper()
	m, err := ParseMetric(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustBound(t testing.TB, text string) Bound {
	t.Helper()
	b, err := ParseBound(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expectation(t testing.TB, config, metric, is string) Expectation {
	t.Helper()
	return Expectation{config, mustMetric(t, metric), mustBound(t, is)}
}

// fixture is the input of the golden files.
func fixture(t testing.TB, seeds ...uint64) Input {
	t.Helper()
	in := Input{
		Meta: Meta{Started: time.Unix(1700000000, 0).UTC(), Ended: time.Unix(1700000024, 0).UTC(), Host: "bench", System: "linux/amd64", CPUs: 2, Go: "go1.26", Version: "test"},
		Name: "provider-outage", Description: "The primary provider goes down for 8 s while five-call agent requests keep arriving.",
		Scenario: json.RawMessage(`{"name":"provider-outage","seed":42}`), Clock: "wall",
		Faults: []FaultInfo{{Name: "hard-down", Type: "down", On: "provider openai", At: outageAt, For: outageFor}},
		Expectations: []Expectation{
			expectation(t, "full", "effective_reliability", ">= 99%"),
			expectation(t, "full", "fallback_rate", "<= 35%"),
			expectation(t, "full", "latency.p95{op=agent_request}", "< 12s"),
			expectation(t, "none", "effective_reliability", "< 80%"),
		},
		PerCall: []float64{0.99, 0.99, 0.99, 0.99, 0.99},
	}
	for _, s := range subjects {
		in.Configs = append(in.Configs, ConfigInfo{s.name, s.attempts, ""})
		for _, seed := range seeds {
			in.Runs = append(in.Runs, simulate(s, seed, fixtureN))
		}
	}
	calm := simulate(subjects[0], 41, 100)
	calm.Requests = calm.Requests[:25] // before the outage
	in.SteadyState = &SteadyState{expectation(t, "none", "effective_reliability", ">= 80%"), []*Run{calm}}
	return in
}

// taken is the fixture with its full config taken apart, over ten seeds.
func taken(t testing.TB) Input {
	t.Helper()
	seeds := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	in := fixture(t, seeds...)
	in.Ablation = &AblationInput{Config: "full"}
	for _, step := range []struct {
		change, pattern string
		s               subject
	}{
		{AblationNaive, "", subjects[0]},
		{AblationAdded, "retry", subject{"", 3, false, false}},
		{AblationAdded, "fallback", subject{"", 1, true, false}},
		{AblationRemoved, "retry", subject{"", 1, true, true}},
		{AblationRemoved, "fallback", subject{"", 3, false, true}},
		{AblationFull, "", subjects[2]},
	} {
		a := AblationRuns{Pattern: step.pattern, Change: step.change}
		for _, seed := range seeds {
			a.Runs = append(a.Runs, simulate(step.s, seed, fixtureN))
		}
		in.Ablation.Steps = append(in.Ablation.Steps, a)
	}
	return in
}
