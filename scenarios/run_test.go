package scenarios

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/reports"
)

// head is a small scenario to which tests add workload, faults and configs.
const head = `
apiVersion: chaos/v1
kind: Scenario
name: test
seed: 3
agent:
  steps:
    - {llm: plan, provider: openai, model: gpt-4o, stream: true}
    - {tool: search}
    - {llm: answer, provider: openai, model: gpt-4o}
providers:
  openai:
    dialect: openai
    errorRate: 2%
    models: {gpt-4o: {ttft: {p50: 20ms, p99: 60ms}, gap: {p50: 1ms}, tokens: {p50: 10, p99: 30}}, small: {ttft: {p50: 10ms}, gap: {p50: 1ms}, tokens: {p50: 5}}}
tools:
  search: {idempotent: true, implementations: {live: {latency: {p50: 10ms}, errorRate: 2%}, cached: {latency: 1ms}}}
`

func scenario(t *testing.T, tail string) *Scenario {
	t.Helper()
	s, err := Load("test.yaml", []byte(head+tail), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Scenario, o Options) *reports.Report {
	t.Helper()
	r, err := Run(context.Background(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// descriptors counts this process's open files, sockets among them.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("SKIPPED: no /proc to count sockets in: %v", err)
	}
	return len(all)
}

func TestRunLeavesNothingBehind(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 500/s}, duration: 4s}
faults:
  - {name: cut, on: {provider: openai}, type: limit_data, bytes: 1500, at: 1s, for: 500ms}
  - {name: gone, on: {provider: openai}, type: down, at: 2s, for: 300ms}
  - {name: silent, on: {provider: openai}, type: hang, probability: 1%}
  - {name: stalled, on: {provider: openai}, type: stall, after: 2, probability: 1%}
  - {name: slow, on: {tool: search}, type: latency, latency: 30ms, jitter: 10ms, at: 1s, for: 2s}
configs:
  full: {retry: {baseDelay: 20ms}, breaker: {recoveryTimeout: 200ms}, fallback: [openai/small], timeouts: {firstToken: 500ms, streamIdle: 500ms, llmCall: 1s, totalRequest: 3s}}
`)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	r := run(t, s, Options{})
	if n := r.Config("full").Metric("effective_reliability").N; n < 1800 {
		t.Fatalf("only %v agent requests", n)
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > goroutines || descriptors(t) > files {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines of %d and %d open files of %d are left\n%s", runtime.NumGoroutine(), goroutines,
				descriptors(t), files, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, f := range r.Faults {
		if f.Fired == 0 {
			t.Errorf("fault %s never fired", f.Name)
		}
	}
}

func TestInterruptGivesAPartialReport(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 50/s}, duration: 10m}
faults: [{name: silent, on: {provider: openai}, type: hang, probability: 20%}]
configs: {none: {}}
`)
	for _, clock := range []string{"wall", "virtual"} {
		t.Run(clock, func(t *testing.T) {
			p := new(Progress)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for p.Phase() != "measuring" || p.Configs()[0].Done.Load() < 20 {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			r, err := Run(ctx, s, Options{Clock: clock, Progress: p})
			<-done
			if err != nil {
				t.Fatal(err)
			}
			n := r.Config("none").Metric("effective_reliability").N
			if r.Status != reports.Interrupted || r.ExitCode(false) != 130 || n < 20 {
				t.Fatalf("status %s, %v requests, reasons %v", r.Status, n, r.Reasons)
			}
			if r.Config("none").Metric("error_rate{of=request,type=unfinished}").Value == 0 {
				t.Error("requests that hung when the run was interrupted are missing")
			}
		})
	}
}

func TestSteadyStateComesFirst(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 50/s}, duration: 20s}
configs: {none: {}}
steadyState: {config: none, metric: effective_reliability, is: ">= 99.99%"}
`)
	r := run(t, s, Options{Clock: "virtual"})
	if r.Status != reports.Errored || r.ExitCode(false) != 3 || len(r.Configs[0].Runs) != 0 {
		t.Fatalf("status %s, %d runs, reasons %v", r.Status, len(r.Configs[0].Runs), r.Reasons)
	}
	if !strings.Contains(strings.Join(r.Reasons, " "), "steady state") {
		t.Errorf("reasons %v do not tell of the steady state", r.Reasons)
	}
}

func TestFaultThatNeverFiredIsInconclusive(t *testing.T) {
	const tail = `
workload: {arrival: {rate: 20/s}, duration: 5s}
faults: [{name: never, on: {provider: openai, model: small}, type: outage%s}]
configs: {none: {}, full: {fallback: []}}
expect: [{config: none, metric: effective_reliability, is: ">= 1%%"}]
`
	r := run(t, scenario(t, strings.ReplaceAll(strings.ReplaceAll(tail, "%s", ""), "%%", "%")), Options{Clock: "virtual"})
	if r.Status != reports.Inconclusive || r.ExitCode(false) != 4 {
		t.Errorf("status %s, reasons %v", r.Status, r.Reasons)
	}
	r = run(t, scenario(t, strings.ReplaceAll(strings.ReplaceAll(tail, "%s", ", optional: true"), "%%", "%")), Options{Clock: "virtual"})
	if r.Status != reports.Passed {
		t.Errorf("optional: status %s, reasons %v", r.Status, r.Reasons)
	}
}

// TestConfigsMeetTheSameChance holds configs that differ in what they do after a
// failure to the same first attempts.
func TestConfigsMeetTheSameChance(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 50/s}, duration: 20s}
faults: [{name: limits, on: {provider: openai}, type: rate_limit, probability: 10%}]
configs: {none: {}, retry: {retry: {baseDelay: 10ms}}}
`)
	runs, err := (&runner{s: virtualClock(s), o: Options{Progress: new(Progress)}}).all(context.Background(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	first := map[[2]uint64]reports.Attempt{}
	for _, a := range runs[0].Attempts {
		first[[2]uint64{a.Request, a.Step}] = a
	}
	compared := 0
	for _, a := range runs[1].Attempts {
		b, ok := first[[2]uint64{a.Request, a.Step}]
		if a.N != 1 || !ok {
			continue
		}
		compared++
		if a.Class != b.Class || a.Status != b.Status || a.Bytes != b.Bytes || a.TTFT != b.TTFT || strings.Join(a.Faults, ",") != strings.Join(b.Faults, ",") {
			t.Fatalf("request %d step %d: %+v and %+v", a.Request, a.Step, a, b)
		}
	}
	if compared < 2500 || len(runs[1].Attempts) == len(runs[0].Attempts) {
		t.Fatalf("only %d first attempts compared", compared)
	}
}

func virtualClock(s *Scenario) *Scenario {
	c := *s
	c.Clock = "virtual"
	return &c
}

func TestClosedLoopIsLabelled(t *testing.T) {
	s := scenario(t, `
workload: {closed: {users: 7, think: 100ms}, duration: 10s}
configs: {none: {}}
`)
	r := run(t, s, Options{Clock: "virtual"})
	c := r.Config("none").Runs[0]
	n := r.Config("none").Metric("effective_reliability").N
	if !c.Closed || n < 7*10*1000/400 || n > 7*10*1000/120 {
		t.Fatalf("closed %v, %v requests of 7 users in 10 s", c.Closed, n)
	}
}

// TestTheSDKIsJudgedByTheWire puts the official SDK into the stack.
func TestTheSDKIsJudgedByTheWire(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 30/s}, duration: 3s}
faults:
  - {name: cut, on: {provider: openai}, type: truncate, after: 2, probability: 10%}
  - {name: mangled, on: {provider: openai}, type: malformed, after: 2, probability: 10%}
configs: {sdk: {client: sdk}, strict: {}}
`)
	r := run(t, s, Options{})
	for _, c := range r.Configs {
		if v := c.Metric("false_success_rate").Value; v != 0 {
			t.Errorf("%s: false successes %v", c.Name, v)
		}
		if v := c.Metric("effective_reliability").Value; v < 0.4 || v > 0.95 {
			t.Errorf("%s: reliability %v", c.Name, v)
		}
	}
}

func TestPanicEndsOneRequestAndIsReported(t *testing.T) {
	a := &agent{s: scenario(t, "\nworkload: {arrival: {rate: 1/s}, duration: 1s}\nconfigs: {none: {}}\n"), rec: reports.NewRecorder(1), progress: new(ConfigProgress)}
	a.request(context.Background(), 0, Arrival{}, time.Now()) // no stack: a nil pointer
	if err := a.panicked(); err == nil || !strings.Contains(err.Error(), "agent request 0 panicked") {
		t.Fatalf("got %v", err)
	}
}

func TestSetupErrorsAreTold(t *testing.T) {
	s := scenario(t, "\nworkload: {arrival: {rate: 1/s}, duration: 1s}\nconfigs: {none: {}}\n")
	broken := *s
	broken.Workload.Arrival = &Arrivals{Process: "trace", File: "gone.csv", Speed: 1}
	if _, err := Run(context.Background(), &broken, Options{}); !errors.Is(err, ErrSetup) {
		t.Fatalf("got %v", err)
	}
}

func TestClosedLoopOfSoManyRequests(t *testing.T) {
	s := scenario(t, `
workload: {closed: {users: 3, think: 10ms}, requests: 30, warmup: 1s}
configs: {none: {}}
`)
	r := run(t, s, Options{Clock: "virtual"})
	if n := r.Config("none").Metric("effective_reliability").N; n != 30 {
		t.Fatalf("%v requests after the warm-up, want 30; %v", n, r.Reasons)
	}
	if d := r.Config("none").Runs[0].Duration; d < 0.3 || d > 10 {
		t.Errorf("duration %v s", d)
	}
}

// TestDurationIsTheWorkloads: what a config makes of its requests must not change
// over how long they are counted.
func TestDurationIsTheWorkloads(t *testing.T) {
	for workload, want := range map[string]float64{
		"{arrival: {process: constant, rate: 1/s}, duration: 5s, warmup: 2s}": 5,
		"{arrival: {process: constant, rate: 20/s}, requests: 100}":           5,
		"{closed: {users: 2, think: 10ms}, duration: 4s, warmup: 1s}":         4,
	} {
		s := scenario(t, "\nworkload: "+workload+"\nconfigs: {none: {}, quick: {timeouts: {llmCall: 1ms, firstToken: 1ms}}}\n")
		r := run(t, s, Options{Clock: "virtual"})
		for _, c := range r.Configs {
			if got := c.Runs[0].Duration; math.Abs(got-want) > 0.001 {
				t.Errorf("%s: config %s measured for %v s, want %v", workload, c.Name, got, want)
			}
		}
	}
}

func TestInterruptOfTheControlRunIsNoVerdict(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 20/s}, duration: 10s}
configs: {none: {}}
steadyState: {config: none, metric: effective_reliability, is: ">= 90%"}
`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Run(ctx, s, Options{Clock: "virtual"})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode(false) != reports.ExitInterrupted {
		t.Fatalf("status %s, %v", r.Status, r.Reasons)
	}
}

// TestBreakerThatNobodyCallsAgain is open for its time only, not to the run's end.
func TestBreakerThatNobodyCallsAgain(t *testing.T) {
	s, err := Load("test.yaml", []byte(strings.Replace(head, "    errorRate: 2%\n", "", 1)+`
workload: {arrival: {process: constant, rate: 10/s}, duration: 60s}
faults:
  - {name: limited, on: {provider: openai, model: gpt-4o}, type: rate_limit, at: 2s, for: 2s}
  - {name: out, on: {provider: openai, model: small}, type: outage, at: 2s, for: 2s}
configs:
  full:
    breaker: {mode: consecutive, failureThreshold: 3, recoveryTimeout: 4s}
    fallback: [openai/small]
`), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := (&runner{s: virtualClock(s), o: Options{Progress: new(Progress)}}).all(context.Background(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]reports.Transition{}
	for _, tr := range runs[0].Transitions {
		last[tr.Target] = tr
	}
	if got := last["openai/small"]; got.To != "half-open" || got.At > 20*time.Second {
		t.Errorf("the breaker of the fallback, which nobody needs after the outage, ends %+v", got)
	}
}

// TestFalseSuccessCountsAsFailed gives join attempts that the agent believed in.
func TestFalseSuccessCountsAsFailed(t *testing.T) {
	whole := exchange.Delivery{Status: 200, Terminal: true}
	key := func(request uint64) seed.Key { return seed.Key{Request: request, Call: 1, Attempt: 1} }
	b := &bench{truths: map[seed.Key]faults.Attempt{
		key(0): {Delivery: whole},
		key(1): {Delivery: exchange.Delivery{Status: 200, Content: 4}},
		key(2): {Delivery: whole, Corrupt: true},
		key(3): {Delivery: exchange.Delivery{Status: 200, Terminal: true, Failure: true}},
		key(4): {Delivery: exchange.Delivery{Status: 500}},
	}}
	run := &reports.Run{}
	for i := range uint64(5) {
		run.Requests = append(run.Requests, reports.Request{Index: i, Level: "full"})
		run.Attempts = append(run.Attempts, reports.Attempt{Request: i, Step: 1, N: 1})
	}
	b.join(run)
	for i, want := range []string{"", "false_success_truncated", "false_success_malformed", "false_success_error", "false_success_error"} {
		r := run.Requests[i]
		failed := r.Outcome == reports.Failed && r.FalseSuccess && r.Level == "offline"
		if r.Class != want || failed != (want != "") {
			t.Errorf("request %d: %+v, want class %q", i, r, want)
		}
	}
	if run.Aborted != "" {
		t.Errorf("aborted: %s", run.Aborted)
	}
	delete(b.truths, key(0))
	if b.join(run); run.Aborted == "" {
		t.Error("a success that the wire does not know must stop the presses")
	}
}
