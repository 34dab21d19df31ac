package reports

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const second = time.Second

// byHand is a run small enough to count on one's fingers.
func byHand() *Run {
	run := &Run{
		Config: "full", Seed: 1, Duration: 10 * second, Fired: map[string]int{"down": 3},
		Requests: []Request{
			{Index: 0, Sched: -2 * second, Start: -2 * second, End: -second, Outcome: Failed, Class: "connect", Level: "offline", Warmup: true},
			{Index: 1, Sched: 0, Start: 10 * time.Millisecond, End: second, Outcome: OK, Level: "full"},
			{Index: 2, Sched: second, Start: second, End: 3 * second, Outcome: Fallback, Level: "full"},
			{Index: 3, Sched: 2 * second, Start: 2 * second, End: 6 * second, Outcome: Degraded, Level: "degraded"},
			{Index: 4, Sched: 3 * second, Start: 3 * second, End: 4 * second, Outcome: Failed, Class: "truncated", FalseSuccess: true, Level: "full"},
			{Index: 5, Sched: 9 * second, Start: 9 * second, End: 11 * second, Outcome: OK, Level: "full"},
		},
		Transitions: []Transition{
			{-second, "a/b", "closed", "open", ""}, {2 * second, "a/b", "open", "half-open", ""},
			{3 * second, "a/b", "half-open", "open", ""}, {5 * second, "a/b", "open", "half-open", ""},
			{6 * second, "a/b", "half-open", "closed", ""}, {9 * second, "c/d", "closed", "open", ""},
		},
	}
	call := func(request uint64, outcome string, output int) {
		run.Calls = append(run.Calls, Call{Request: request, Step: 1, Name: "plan", Op: "llm",
			Start: time.Duration(request)*second - 50*time.Millisecond, End: time.Duration(request)*second + 950*time.Millisecond,
			Fallback: outcome == "fallback", Failed: outcome == "failed", Input: 10, Output: output, Warmup: request == 0})
	}
	attempt := func(request, n uint64, target, class string, content int) {
		run.Attempts = append(run.Attempts, Attempt{Request: request, Step: 1, N: n, Target: target, Op: "llm", Start: time.Duration(request) * second, TTFT: 50 * time.Millisecond, Class: class, Content: content, Warmup: request == 0, Faults: []string{"down"}})
	}
	call(0, "failed", 99)
	attempt(0, 1, "a/b", "connect", 0)
	call(1, "ok", 20) // a retry rescues it
	attempt(1, 1, "a/b", "reset", 7)
	attempt(1, 2, "a/b", "", 20)
	call(2, "fallback", 20) // a retry fails, then another target answers
	attempt(2, 1, "a/b", "connect", 0)
	attempt(2, 2, "a/b", "connect", 0)
	attempt(2, 3, "c/d", "", 20)
	call(3, "ok", 20)
	attempt(3, 1, "a/b", "", 20)
	call(4, "ok", 5)
	attempt(4, 1, "a/b", "", 5)
	return run
}

func TestEveryMetricByHand(t *testing.T) {
	faults := []FaultInfo{{Name: "down", At: second, For: 2 * second}}
	for text, want := range map[string]float64{
		"effective_reliability":                        3.0 / 5,
		"answered_rate":                                4.0 / 5,
		"false_success_rate":                           1.0 / 5,
		"outcome_rate{outcome=ok}":                     2.0 / 5,
		"outcome_rate{outcome=degraded}":               1.0 / 5,
		"service_level_rate{level=full}":               4.0 / 5,
		"service_level_rate{level=minimal}":            0,
		"fallback_rate":                                1.0 / 4,
		"retry_rate":                                   2.0 / 4,
		"retry_success_rate":                           1.0 / 2,
		"retry_amplification":                          7.0 / 4,
		"error_rate":                                   3.0 / 7,
		"error_rate{type=connect}":                     2.0 / 7,
		"error_rate{of=request,type=truncated}":        1.0 / 5,
		"error_rate{of=call}":                          0,
		"breaker_transitions":                          5,
		"breaker_transitions{to=open}":                 2,
		"breaker_transitions{target=a/b,to=half-open}": 2,
		"breaker_open_time":                            5, // 0–2 and 3–5 of a/b, 9–10 of c/d
		"breaker_open_time{target=c/d}":                1,
		"latency.p50":                                  2,
		"latency.p95{op=agent_request}":                4,
		"latency.p50{op=agent_request,outcome=ok}":     1,
		"latency.p99{op=plan}":                         1,
		"ttft.p50":                                     0.1,
		"goodput":                                      0.3,
		"tokens":                                       40 + 65,
		"tokens{kind=output}":                          65,
		"wasted_tokens":                                7 + 5, // of the failed attempt, of the failed request
		"sender_lag.p99":                               0.01,
		"injected{fault=down}":                         3,
	} {
		v := Measure(mustMetric(t, text), []*Run{byHand()}, faults)
		if math.Abs(v.Value-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", text, v.Value, want)
		}
	}
	for _, text := range []string{"gap.p99", "latency.p50{op=tool}", "time_to_recover{fault=down}", "time_to_recover{fault=other}"} {
		if v := Measure(mustMetric(t, text), []*Run{byHand()}, faults); v.Known() || v.Note == "" {
			t.Errorf("%s is %+v, want missing with a reason", text, v)
		}
	}
}

func TestTimeToRecover(t *testing.T) {
	run := &Run{Duration: 60 * second}
	for i := range 600 {
		at := time.Duration(i) * second / 10
		q := Request{Index: uint64(i), Sched: at, Outcome: OK}
		if at >= 20*second && at < 33*second { // a fault of 10 s hurts for 13
			q.Outcome = Failed
		}
		run.Requests = append(run.Requests, q)
	}
	v := Measure(mustMetric(t, "time_to_recover{fault=f}"), []*Run{run}, []FaultInfo{{Name: "f", At: 20 * second, For: 10 * second}})
	if v.Value != 3 {
		t.Errorf("recovered after %g s, want 3", v.Value)
	}
}

func TestSeries(t *testing.T) {
	s := series(byHand())
	if s.Step != 1 || len(s.Requests) != 10 {
		t.Fatalf("%d steps of %g s, want 10 of 1", len(s.Requests), s.Step)
	}
	check := func(name string, got any, want string) {
		t.Helper()
		if text := fmt.Sprint(got); text != want {
			t.Errorf("%s: %s, want %s", name, text, want)
		}
	}
	check("requests", s.Requests, "[1 1 1 1 0 0 0 0 0 1]")
	check("ok", s.OK, "[1 0 0 0 0 0 0 0 0 1]")
	check("failed", s.Failed, "[0 0 0 1 0 0 0 0 0 0]")
	check("in flight", s.InFlight, "[1 1 2 2 1 1 0 0 0 1]")
	check("attempts", s.Attempts, "[1 2 3 1 1 0 0 0 0 0]")
	check("breaker", s.Breakers["a/b"], "[open open half-open open open half-open closed closed closed closed]")
	check("p95", s.P95[:5], "[1 2 4 1 NaN]")
	if long := series(&Run{Duration: 24 * time.Hour}); len(long.Requests) > maxSteps {
		t.Errorf("a day makes %d steps", len(long.Requests))
	}
}

func TestStatusPrecedence(t *testing.T) {
	interrupted := func(in *Input) { in.Runs[0].Interrupted = true }
	aborted := func(in *Input) { in.Runs[0].Aborted = "the mock did not start" }
	harness := func(in *Input) { in.Err = "no free port" }
	unsteady := func(in *Input) { in.SteadyState.Is = Bound{Op: ">=", Value: 1, Text: ">= 100%"} }
	silent := func(in *Input) {
		for _, run := range in.Runs {
			run.Fired = nil
		}
	}
	optional := func(in *Input) { in.Faults[0].Optional = true }
	oneSilent := func(in *Input) {
		in.Faults[0].Configs = []string{"none", "full"}
		in.Runs[0].Fired = nil
	}
	otherSilent := func(in *Input) { in.Faults[0].Configs = []string{"none"}; in.Runs[1].Fired = nil }
	lagging := func(in *Input) {
		for i := range in.Runs[0].Requests {
			q := &in.Runs[0].Requests[i]
			q.Start = q.Sched + second
		}
	}
	closedLoop := func(in *Input) { in.Runs[0].Closed = true }
	violated := func(in *Input) { in.Expectations[1].Is = Bound{Op: ">=", Value: 0.9, Text: ">= 90%"} }
	narrowly := func(in *Input) { in.Expectations[0].Is = Bound{Op: "<", Value: 0.16, Text: "< 16%"} }
	clear := func(in *Input) { in.Expectations = in.Expectations[1:] }
	empty := func(in *Input) { in.Runs[0] = &Run{Config: "none", Duration: second} }

	type changes []func(*Input)
	cases := []struct {
		name         string
		do           changes
		want         Status
		code, strict int
	}{
		{"all is well", nil, Passed, 0, 4}, // 200 of 200 do not resolve >= 99%
		{"all is well and resolved", changes{clear}, Passed, 0, 0},
		{"violated and resolved", changes{violated, clear, func(in *Input) { in.Expectations[0].Is = Bound{Op: ">=", Value: 0.9, Text: ">= 90%"} }}, Failing, 1, 1},
		{"violated beyond doubt, another unresolved", changes{violated}, Failing, 1, 1},
		{"violated, not beyond doubt", changes{clear, narrowly}, Failing, 1, 4},
		{"fault never fired", changes{silent}, Inconclusive, 4, 4},
		{"optional fault never fired", changes{silent, optional, clear}, Passed, 0, 0},
		{"fault fired in one of its configs only", changes{oneSilent}, Inconclusive, 4, 4},
		{"fault does not belong to that config", changes{otherSilent, clear}, Passed, 0, 0},
		{"violated while the fault never fired", changes{silent, violated}, Inconclusive, 4, 4},
		{"sender late", changes{lagging}, Inconclusive, 4, 4},
		{"a closed loop has no lag", changes{lagging, closedLoop, clear}, Passed, 0, 0},
		{"nothing measured", changes{empty}, Inconclusive, 4, 4},
		{"steady state not met", changes{unsteady}, Errored, 3, 3},
		{"steady state not met and fault never fired", changes{unsteady, silent, violated}, Errored, 3, 3},
		{"harness failed", changes{harness}, Errored, 3, 3},
		{"run aborted", changes{aborted, violated}, Errored, 3, 3},
		{"interrupted", changes{interrupted, violated}, Interrupted, 130, 130},
		{"interrupted and aborted", changes{interrupted, aborted, silent}, Interrupted, 130, 130},
	}
	for _, c := range cases {
		in := fixture(t, 42)
		for _, do := range c.do {
			do(&in)
		}
		r := Build(in)
		if r.Status != c.want || r.ExitCode(false) != c.code || r.ExitCode(true) != c.strict {
			t.Errorf("%s: %s, exit %d, strict %d, want %s, %d, %d (%v)", c.name, r.Status, r.ExitCode(false), r.ExitCode(true), c.want, c.code, c.strict, r.Reasons)
		}
		if (r.Status == Passed) != (len(r.Reasons) == 0) {
			t.Errorf("%s: %s with reasons %q", c.name, r.Status, r.Reasons)
		}
	}
}

// TestNothingToReport gives Build what a run that died at once leaves behind.
func TestNothingToReport(t *testing.T) {
	full := fixture(t, 42)
	inputs := map[string]Input{
		"zero":      {},
		"no runs":   {Configs: full.Configs, Faults: full.Faults, Expectations: full.Expectations, PerCall: full.PerCall, SteadyState: &SteadyState{Expectation: full.Expectations[0]}},
		"empty run": {Configs: full.Configs, Faults: full.Faults, Expectations: full.Expectations, PerCall: full.PerCall, Runs: []*Run{{Config: "none"}, {Config: "full", Seed: 2, Duration: 3 * second}}},
		"interrupted": {Configs: full.Configs, Faults: full.Faults, Expectations: full.Expectations, PerCall: full.PerCall,
			Runs: []*Run{{Config: "none", Duration: second, Interrupted: true, Requests: full.Runs[0].Requests[:3], Calls: full.Runs[0].Calls[:9]}}},
	}
	for name, in := range inputs {
		r := Build(in)
		data, err := r.Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, text := range []string{string(data), string(terminal(t, r, true, 80)), Markdown(r), r.GomegaString()} {
			if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
				t.Errorf("%s: a number that is none:\n%s", name, text)
			}
		}
	}
	if r := Build(inputs["interrupted"]); r.Status != Interrupted || !strings.HasPrefix(r.Verdict(), "Interrupted") {
		t.Errorf("%s: %s", r.Status, r.Verdict())
	}
}

func TestDocumentRoundTrip(t *testing.T) {
	in := fixture(t, 42, 43)
	first, err := Build(in).Encode()
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(in.Runs) // the order in which runs end is chance
	second, err := Build(in).Encode()
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same input gives another document (%v)", err)
	}
	r, err := Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Encode()
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("a decoded document encodes differently (%v)", err)
	}
	if !bytes.Equal(terminal(t, r, false, 100), terminal(t, Build(in), false, 100)) {
		t.Error("a decoded document renders differently")
	}
	if _, err := Decode([]byte(`{"schemaVersion":"2.0.0"}`)); err == nil {
		t.Error("another major version was read")
	}
}

func TestRecorderUnderManyGoroutines(t *testing.T) {
	const workers, each = 16, 200
	rec := NewRecorder(10) // fewer than come
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				id := uint64(i*workers + w)
				rec.Attempt(Attempt{Request: id, Step: 1, N: 2})
				rec.Attempt(Attempt{Request: id, Step: 1, N: 1})
				rec.Call(Call{Request: id, Step: 2})
				rec.Call(Call{Request: id, Step: 1})
				rec.Request(Request{Index: id, End: second, Outcome: Outcome(i % 4)})
				rec.Transition(Transition{At: time.Duration(id), Target: fmt.Sprint(w), To: "open"})
			}
		})
	}
	wg.Wait()
	run := rec.Finish()
	for i := range workers * each {
		calls, attempts := run.Calls[2*i:2*i+2], run.Attempts[2*i:2*i+2]
		if run.Requests[i].Index != uint64(i) || calls[0].Step != 1 || calls[1].Request != uint64(i) || attempts[0].N != 1 || attempts[1].Request != uint64(i) {
			t.Fatalf("records of request %d are not in order", i)
		}
	}
	if !slices.IsSortedFunc(run.Transitions, func(a, b Transition) int { return int(a.At - b.At) }) {
		t.Error("transitions are not in order")
	}
}
