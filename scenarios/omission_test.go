package scenarios

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

// TestAnOpenLoopSeesAStallThatAClosedLoopOmits stalls a provider of 5 ms for 2 s of
// 10 s. Of 200 requests a second one in five then waits, evenly between 0 and 2 s: a
// twentieth of those is 1 % of all, so the true p99 is a little over 1.9 s. Ten users
// who wait for their answers send ten requests into the stall and nothing more.
func TestAnOpenLoopSeesAStallThatAClosedLoopOmits(t *testing.T) {
	const (
		truth   = 1.92 // seconds
		service = 5 * time.Millisecond
	)
	p99 := func(workload string) (seconds float64, n int) {
		s, err := Load("stall.yaml", fmt.Appendf(nil, `
apiVersion: chaos/v1
kind: Scenario
name: stall
clock: virtual
workload: {%s, duration: 10s}
agent: {steps: [{llm: answer, provider: openai, model: m}]}
providers: {openai: {models: {m: {ttft: %s, gap: 1us, tokens: 1}}}}
faults: [{name: stall, on: {provider: openai}, type: bandwidth, rate: 0, at: 4s, for: 2s}]
configs: {none: {}}
`, workload, service), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		v := run(t, s, Options{}).Config("none").Metric("latency.p99{op=agent_request}")
		return v.Value, v.N
	}
	open, requests := p99("arrival: {process: constant, rate: 200/s}")
	closed, omitting := p99("closed: {users: 10, think: 45ms}")
	t.Logf("p99 with a stall of 2 s in 10 s: %.3f s of %d requests at 200/s, from the scheduled arrival; %.1f ms of %d requests of 10 users who wait",
		open, requests, 1000*closed, omitting)
	if math.Abs(open-truth) > 0.05*truth {
		t.Errorf("p99 of the open loop is %.3f s, more than 5 %% from %.2f s", open, truth)
	}
	if closed > 2*service.Seconds() {
		t.Errorf("p99 of the closed loop is %.3f s: it should not have seen the stall", closed)
	}
}
