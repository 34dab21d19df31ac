package scenarios

import (
	"cmp"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// ticking is the worst case for ties: constant arrivals, constant latencies, fixed
// timeouts and whole seconds of Retry-After, all multiples of one another.
const ticking = `
apiVersion: chaos/v1
kind: Scenario
name: ticking
seed: 3
workload: {arrival: {process: constant, rate: 20/s}, duration: 5m}
agent:
  steps:
    - {llm: plan, provider: openai, model: large, stream: true}
    - {tool: search}
    - {llm: answer, provider: openai, model: large}
providers:
  openai: {errorRate: 2%, models: {large: {ttft: 100ms, gap: 50ms, tokens: {p50: 3, p99: 3}}, small: {ttft: 50ms, gap: 50ms, tokens: {p50: 3, p99: 3}}}}
  backup: {models: {large: {ttft: 200ms, gap: 50ms, tokens: {p50: 3, p99: 3}}}}
tools: {search: {idempotent: true, timeout: 1s, implementations: {live: {latency: 50ms, errorRate: 2%}, cached: {latency: 50ms}}}}
faults:
  - {name: limits, on: {provider: openai}, type: rate_limit, retryAfter: 1s, probability: 20%}
  - {name: hung, type: hang, probability: 2%}
  - {name: silent, on: {provider: openai}, type: stall, after: 0, probability: 2%}
  - {name: stalled, on: {provider: openai}, type: stall, after: 2, probability: 2%}
  - {name: outage, on: {provider: openai}, type: outage, at: 1m, for: 30s}
  - {name: no-search, on: {tool: search, implementation: live}, type: server_error, at: 2m, for: 30s}
configs:
  full:
    retry: {baseDelay: 100ms, jitter: none}
    breaker: {recoveryTimeout: 1s}
    fallback: [openai/small, backup/large]
    timeouts: {firstToken: 500ms, streamIdle: 500ms, llmCall: 1s, toolExecution: 1s, totalRequest: 5s}
    degrade: true
`

// touch is one look at a target's breaker, or one change of it.
type touch struct {
	at      time.Duration
	request uint64
	what    string
}

// TestNoTies counts operations on the same breaker at the same instant by different
// requests. Which of them comes first is for the runtime to toss, so there may be
// none: every tie would be a difference between two runs of one seed, sooner or later.
func TestNoTies(t *testing.T) {
	s, err := Load("ticking.yaml", []byte(ticking), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	run, events := observed(t, s, s.Configs[0])
	total := 0
	for target, all := range touches(run, events) {
		slices.SortFunc(all, func(a, b touch) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.request, b.request))
		})
		ties := 0
		for i, b := range all[1:] {
			if a := all[i]; a.at == b.at && a.request != b.request {
				if ties++; ties <= 5 {
					t.Errorf("%s at %v: %s of request %d and %s of request %d", target, a.at, a.what, a.request, b.what, b.request)
				}
			}
		}
		if ties > 0 {
			t.Errorf("%s: %d ties", target, ties)
		}
		total += len(all)
	}
	if total < 50_000 || len(run.Transitions) < 20 {
		t.Errorf("%d operations and %d transitions are too few to tell", total, len(run.Transitions))
	}
}

// touches gives what requests did to the breaker of each target: attempts are
// admitted, count as success at their first content, and end; others are refused.
func touches(run *reports.Run, events []heard) map[string][]touch {
	all := map[string][]touch{}
	add := func(target string, at time.Duration, request uint64, what string) {
		all[target] = append(all[target], touch{at, request, what})
	}
	for _, a := range run.Attempts {
		add(a.Target, a.Start, a.Request, "the start")
		add(a.Target, a.End, a.Request, "the end")
		if a.TTFT > 0 {
			add(a.Target, a.Start+a.TTFT, a.Request, "the first content")
		}
	}
	for _, e := range events {
		if e.Kind == resilience.TargetSkip {
			add(e.Target, e.at, e.Key.Request, "the skip")
		}
	}
	return all
}
