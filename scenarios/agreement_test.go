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
	names := []string{"five-calls", "provider-outage", "rate-limits"}
	both := make([]clocks, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { both[i] = onBothClocks(t, name) })
	}
	all.Wait()
	for i, name := range names {
		t.Run(name, func(t *testing.T) { both[i].agree(t) })
	}
}

// clocks are the reports of one scenario by each clock; wall is nil if the machine was
// too busy for it.
type clocks struct{ wall, virtual *reports.Report }

// onBothClocks runs a library scenario. Common random numbers make the two runs meet
// the same arrivals, latencies and faults.
func onBothClocks(t *testing.T, name string) (c clocks) {
	s, err := Open(name)
	if err != nil {
		t.Error(err)
		return c
	}
	s.SteadyState, s.Expect = nil, nil
	if c.virtual, err = Run(t.Context(), s, Options{Clock: "virtual"}); err != nil {
		t.Errorf("%s: %v", name, err)
		return c
	}
	c.wall = unsaturated(t, s)
	return c
}

// agree compares the clocks config by config: the intervals of a metric must meet.
func (c clocks) agree(t *testing.T) {
	if c.wall == nil || c.virtual == nil {
		t.Skip("SKIPPED: there is no run on the wall clock whose sender kept its schedule; this machine is too busy")
	}
	for _, config := range c.wall.Configs {
		for _, metric := range agreed {
			w, v := config.Metric(metric), c.virtual.Config(config.Name).Metric(metric)
			t.Logf("%s %s: wall %.4g [%.4g, %.4g], virtual %.4g [%.4g, %.4g]", config.Name, metric, w.Value, w.Low, w.High, v.Value, v.Low, v.High)
			if !w.HasInterval() || !v.HasInterval() || w.Low > v.High || v.Low > w.High {
				t.Errorf("%s: the clocks disagree on %s", config.Name, metric)
			}
		}
	}
}

// unsaturated gives a report of the wall clock in which the sender kept its schedule;
// nil if the machine was too busy three times.
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
	return nil
}
