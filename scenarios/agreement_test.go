package scenarios

import (
	"strings"
	"sync"
	"testing"

	"github.com/agentchaos/chaos/reports"
)

// agreed are the metrics that both clocks must agree on.
var agreed = []string{"effective_reliability", "fallback_rate", "latency.p50{op=agent_request}"}

// TestClocksAgree runs library scenarios in real time on real sockets and in virtual
// time without, under one seed: what the reports say must not depend on which. It
// takes half a minute of real time, so -short leaves it out.
func TestClocksAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: half a minute of real time")
	}
	var all sync.WaitGroup
	for _, name := range []string{"five-calls", "provider-outage", "rate-limits"} {
		s, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		short := *s
		short.SteadyState, short.Expect = nil, nil
		all.Go(func() { agree(t, &short) })
	}
	all.Wait()
}

// agree compares the clocks on one scenario, config by config. Common random numbers
// make the two runs meet the same arrivals, latencies and faults.
func agree(t *testing.T, s *Scenario) {
	virtual, err := Run(t.Context(), s, Options{Clock: "virtual"})
	if err != nil {
		t.Errorf("%s: %v", s.Name, err)
		return
	}
	wall := unsaturated(t, s)
	if wall == nil {
		return
	}
	for _, c := range s.Configs {
		for _, metric := range agreed {
			w, v := wall.Config(c.Name).Metric(metric), virtual.Config(c.Name).Metric(metric)
			t.Logf("%s/%s %s: wall %.4g [%.4g, %.4g], virtual %.4g [%.4g, %.4g]", s.Name, c.Name, metric, w.Value, w.Low, w.High, v.Value, v.Low, v.High)
			if !w.HasInterval() || !v.HasInterval() || w.Low > v.High || v.Low > w.High {
				t.Errorf("%s/%s: the clocks disagree on %s", s.Name, c.Name, metric)
			}
		}
	}
}

// unsaturated gives a report of the wall clock in which the sender kept its schedule;
// nil, having said so, if the machine has been too busy three times.
func unsaturated(t *testing.T, s *Scenario) *reports.Report {
	for range 3 {
		r, err := Run(t.Context(), s, Options{Clock: "wall"})
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			return nil
		}
		reasons := strings.Join(r.Reasons, "; ")
		if !strings.Contains(reasons, "sender") {
			return r
		}
		t.Logf("%s: %s", s.Name, reasons)
	}
	t.Logf("SKIPPED: %s was not compared, as this machine is too busy to send in time", s.Name)
	return nil
}
