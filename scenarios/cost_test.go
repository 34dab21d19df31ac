package scenarios

import (
	"math"
	"testing"

	"github.com/agentchaos/chaos/mockllm"
)

// TestRetriesCostWhatTheyBuy cuts every fourth stream in two. Half an answer and a
// whole prompt are paid for all the same.
func TestRetriesCostWhatTheyBuy(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 20/s}, duration: 60s}
faults: [{name: cut, on: {provider: openai}, type: truncate, after: 2, probability: 25%}]
configs: {none: {}, retry: {retry: {maxAttempts: 4, baseDelay: 10ms}}}
`)
	for name, m := range s.Providers["openai"].Models {
		m.Price = &mockllm.Price{Input: 2.5, Output: 10}
		s.Providers["openai"].Models[name] = m
	}
	r := run(t, s, Options{Clock: "virtual"})
	none, retry := r.Config("none"), r.Config("retry")
	if r.Status != "passed" {
		t.Fatal(r.Status, r.Reasons)
	}
	for _, c := range []string{"none", "retry"} {
		cost, success := r.Config(c).Metric("cost").Value, r.Config(c).Metric("cost_per_success").Value
		share := r.Config(c).Metric("effective_reliability").Value
		if !(cost > 0) || math.Abs(cost/share-success) > 1e-9 {
			t.Errorf("%s: %g for a request, %g for a success, %g succeed", c, cost, success, share)
		}
	}
	if none.Metric("cost").Value >= retry.Metric("cost").Value {
		t.Error("retries cost nothing")
	}
}
