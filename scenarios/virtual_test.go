package scenarios

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/agentchaos/chaos/reports"
)

// TestDirectPathGivesTheSameRecords compares runs over connections in memory with
// runs that answer without any.
func TestDirectPathGivesTheSameRecords(t *testing.T) {
	zoo := scenario(t, `
workload: {arrival: {rate: 40/s}, duration: 30s}
faults:
  - {name: a, on: {provider: openai}, type: stall, after: 3, probability: 2%}
  - {name: b, on: {provider: openai}, type: truncate, after: 2, probability: 2%}
  - {name: c, on: {provider: openai}, type: reset, after: 2, probability: 2%}
  - {name: d, on: {provider: openai}, type: malformed, probability: 2%}
  - {name: e, type: hang, probability: 1%}
  - {name: f, type: delay, delay: 100ms, jitter: 50ms, probability: 5%}
  - {name: g, type: rate_limit, probability: 3%}
  - {name: h, type: reset, after: 0, probability: 2%}
  - {name: i, on: {provider: openai}, type: overloaded, probability: 2%, at: 5s, for: 10s}
  - {name: j, on: {provider: openai}, type: stall, after: 0, duration: 200ms, probability: 2%}
configs:
  none: {}
  full: {retry: {baseDelay: 20ms}, breaker: {recoveryTimeout: 1s}, fallback: [openai/small], timeouts: {firstToken: 500ms, streamIdle: 300ms, llmCall: 1s, toolExecution: 1s}, degrade: true}
`)
	fiveCalls, err := Open("five-calls")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Scenario{zoo, fiveCalls} {
		var got [2][]*reports.Run
		for i, connected := range []bool{true, false} {
			r := &runner{s: virtualClock(s), o: Options{Progress: new(Progress)}, connected: connected}
			if got[i], err = r.all(context.Background(), 5, 1); err != nil {
				t.Fatal(err)
			}
		}
		for i := range got[0] {
			sameRecords(t, s.Name+"/"+got[0][i].Config, got[0][i], got[1][i])
		}
	}
}

func sameRecords(t *testing.T, name string, a, b *reports.Run) {
	t.Helper()
	if len(a.Attempts) != len(b.Attempts) || len(a.Attempts) == 0 {
		t.Errorf("%s: %d and %d attempts", name, len(a.Attempts), len(b.Attempts))
	}
	for i := range min(len(a.Attempts), len(b.Attempts)) {
		if !reflect.DeepEqual(a.Attempts[i], b.Attempts[i]) {
			t.Fatalf("%s: an attempt differs\nconnection %+v\ndirect     %+v", name, a.Attempts[i], b.Attempts[i])
		}
	}
	for what, pair := range map[string][2]any{
		"requests": {a.Requests, b.Requests}, "calls": {a.Calls, b.Calls},
		"transitions": {a.Transitions, b.Transitions}, "fired": {a.Fired, b.Fired},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: the %s differ", name, what)
		}
	}
}

func TestAblationTakesAConfigApart(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 30/s}, duration: 20s}
faults: [{name: out, on: {provider: openai, model: gpt-4o}, type: outage, at: 5s, for: 5s}]
configs: {none: {}, full: {retry: {baseDelay: 20ms}, breaker: {recoveryTimeout: 1s}, fallback: [openai/small]}}
`)
	r := run(t, s, Options{Clock: "virtual", Repeat: 2, Ablate: "full"})
	value := map[string]float64{}
	for _, step := range r.Ablation.Steps {
		value[step.Change+" "+step.Pattern] = step.Metrics["effective_reliability"].Value
	}
	if len(value) != 1+3+3+1 {
		t.Fatalf("steps %v", value)
	}
	naive, full := value["naive "], value["full "]
	if !(naive < value["added retry"] && naive < value["added fallback"] && value["removed fallback"] < full-0.1) {
		t.Errorf("a fallback must be what saves an outage of one model: %v", value)
	}
	if naive != r.Config("none").Metrics["effective_reliability"].Value || full != r.Config("full").Metrics["effective_reliability"].Value {
		t.Errorf("the configs that ran already must count: %v", value)
	}
	if err := s.CheckAblate("ful"); err == nil || !strings.Contains(err.Error(), "only none, full") {
		t.Errorf("got %v", err)
	}
	if err := s.CheckAblate("none"); err == nil {
		t.Error("there is nothing to take from none")
	}
}
