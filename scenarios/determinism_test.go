package scenarios

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/agentchaos/chaos/reports"
)

// everything has every kind of part that could make a run differ from itself:
// streams and whole replies, tools, retries with jitter, breakers, fallbacks,
// degradation, faults of connections with windows and chances, and those of replies.
const everything = `
apiVersion: chaos/v1
kind: Scenario
name: everything
seed: 5
repeat: 2
clock: virtual
workload: {arrival: {rate: 9/s}, duration: 9s, warmup: 1s}
agent:
  steps:
    - {llm: plan, provider: openai, model: large, stream: true}
    - {tool: search}
    - {tool: database}
    - {tool: mail}
    - {llm: answer, provider: openai, model: large}
providers:
  openai:
    errorRate: 2%
    models:
      large: {ttft: {p50: 100ms, p99: 400ms}, gap: {p50: 5ms}, tokens: {p50: 15, p99: 40}}
      small: {ttft: {p50: 50ms}, gap: {p50: 2ms}, tokens: {p50: 10}}
  backup: {errorRate: 2%, models: {large: {ttft: {p50: 150ms}, gap: {p50: 5ms}, tokens: {p50: 15}}}}
tools:
  search:   {idempotent: true, timeout: webSearch, implementations: {live: {latency: {p50: 60ms}, errorRate: 2%}, cached: {latency: 2ms}}}
  database: {idempotent: true, timeout: databaseQuery, latency: {p50: 20ms}, errorRate: 2%}
  mail:     {latency: 5ms, errorRate: 2%}
faults:
  - {name: down, on: {provider: openai}, type: down, at: 4s, for: 1500ms}
  - {name: lag, on: {provider: backup}, type: latency, latency: 40ms, jitter: 30ms, probability: 60%, at: 1s, for: 6s}
  - {name: cut, on: {provider: openai}, type: limit_data, bytes: 1800, probability: 10%, at: 1s, for: 7s}
  - {name: thin, on: {tool: database}, type: bandwidth, rate: 2, probability: 30%, at: 2s, for: 3s}
  - {name: sliced, on: {provider: openai}, type: slicer, average_size: 200, size_variation: 50, delay: 300us, at: 6s, for: 2s}
  - {name: black-hole, on: {tool: database}, type: timeout, timeout: 0s, at: 7s, for: 1s}
  - {name: cut-off, on: {tool: search, implementation: live}, type: reset_peer, timeout: 10ms, probability: 20%, at: 3s, for: 4s}
  - {name: slow-end, on: {provider: backup}, type: slow_close, delay: 50ms, at: 1s, for: 6s}
  - {name: slow-net, on: {tool: search, implementation: live}, type: latency, latency: 80ms, jitter: 80ms, at: 5s, for: 3s}
  - {name: limits, on: {provider: openai}, type: rate_limit, retryAfter: 1s, probability: 5%}
  - {name: hung, type: hang, probability: 1%}
  - {name: stalled, on: {provider: openai}, type: stall, after: 3, probability: 3%}
  - {name: truncated, on: {provider: openai}, type: truncate, after: 2, probability: 4%}
  - {name: reset, type: reset, after: 0, probability: 2%}
  - {name: mangled, on: {provider: openai}, type: malformed, after: 2, probability: 2%}
  - {name: late, type: delay, delay: 200ms, jitter: 100ms, probability: 5%}
configs:
  sdk: {client: sdk, retry: {baseDelay: 50ms}, timeouts: {firstToken: 1s, streamIdle: 1s, llmCall: 2s, toolExecution: 1s, totalRequest: 8s}}
  full:
    retry: {baseDelay: 50ms, maxDelay: 1s}
    breaker: {failureThreshold: 5, recoveryTimeout: 1s}
    fallback: [openai/small, backup/large]
    timeouts: {firstToken: 700ms, streamIdle: 500ms, llmCall: 2s, toolExecution: 1s, webSearch: 500ms, databaseQuery: 400ms, connect: 200ms, totalRequest: 8s}
    degrade: true
`

// TestReportsRepeat runs a scenario of everything again and again, with one processor
// and with two: the reports do not differ in a byte.
func TestReportsRepeat(t *testing.T) {
	s, err := Load("everything.yaml", []byte(everything), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	reruns := 20
	if testing.Short() {
		reruns = 4
	}
	r := repeats(t, s, reruns)
	fired := map[string]int{}
	for _, f := range r.Faults {
		fired[f.Name] += f.Fired
	}
	for name, n := range fired {
		if n == 0 {
			t.Errorf("fault %s never fired: the run has not everything", name)
		}
	}
	full := r.Config("full")
	for _, name := range []string{"breaker_transitions{to=open}", "breaker_transitions{to=half-open}", "breaker_transitions{to=closed}", "fallback_rate", "retry_rate", "outcome_rate{outcome=degraded}"} {
		if v := full.Metric(name); !(v.Value > 0) {
			t.Errorf("%s is %v: the run has not everything", name, v.Value)
		}
	}
}

// coincidences has replies due at the instants of the bounds that end them, and
// bounds at those of others.
const coincidences = `
apiVersion: chaos/v1
kind: Scenario
name: coincidences
seed: 3
workload: {arrival: {process: constant, rate: 10/s}, duration: 20s}
agent:
  steps:
    - {llm: plan, provider: openai, model: large, stream: true}
    - {tool: search}
    - {llm: answer, provider: openai, model: large}
providers:
  openai: {models: {large: {ttft: 500ms, gap: 500ms, tokens: {p50: 3, p99: 3}}, small: {ttft: 50ms, gap: 500ms, tokens: {p50: 3, p99: 3}}}}
tools: {search: {idempotent: true, timeout: 1s, implementations: {live: {latency: 1s}, cached: {latency: 50ms}}}}
faults:
  - {name: hung, type: hang, probability: 20%}
  - {name: stalled, on: {provider: openai}, type: stall, after: 2, duration: 500ms, probability: 20%}
configs:
  attempt: {retry: {baseDelay: 100ms, jitter: none}, breaker: {recoveryTimeout: 1s}, fallback: [openai/small], timeouts: {firstToken: 500ms, streamIdle: 500ms, llmCall: 1500ms, totalRequest: 3s}, degrade: true}
  share: {fallback: [openai/small], timeouts: {firstToken: 1500ms, streamIdle: 700ms, llmCall: 1500ms, totalRequest: 3s}, degrade: true}
  total: {timeouts: {firstToken: 1s, streamIdle: 1s, llmCall: 1s, totalRequest: 1s}}
`

// TestCoincidencesRepeat: what is due at one instant happens in one order.
func TestCoincidencesRepeat(t *testing.T) {
	s, err := Load("coincidences.yaml", []byte(coincidences), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	repeats(t, s, 10)
}

// TestLibraryRepeats runs every library scenario twice, in virtual time.
func TestLibraryRepeats(t *testing.T) {
	all, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if testing.Short() && !slices.Contains(s.Labels, "smoke") {
			continue
		}
		t.Run(s.Name, func(t *testing.T) { repeats(t, s, 2) })
	}
}

// repeats runs s so many times in virtual time and compares what comes out, byte by
// byte. Only then the records, which say more about where two runs part.
func repeats(t *testing.T, s *Scenario, reruns int) *reports.Report {
	t.Helper()
	var first *reports.Report
	var want []byte
	for i := range reruns {
		before := runtime.GOMAXPROCS(1 + i%2)
		r, err := Run(context.Background(), s, Options{Clock: "virtual"})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		r.Meta = nil
		got, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first, want = r, got
		} else if !bytes.Equal(got, want) {
			t.Fatalf("rerun %d with %d processors differs: %s", i, 1+i%2, firstDifference(string(want), string(got)))
		}
	}
	return first
}

// firstDifference tells where two documents part, with the lines before.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return strings.Join(as[max(0, i-3):i+1], "\n") + "\nbecame\n" + bs[i]
		}
	}
	return "one is longer"
}
