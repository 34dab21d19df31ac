package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/reports"
)

// agreed are the metrics that both clocks must agree on.
var agreed = []string{"effective_reliability", "fallback_rate", "latency.p50{op=agent_request}"}

// calm is the p99 of the sender's lag up to which a machine is idle enough for its
// latencies to be the scenario's, not its own.
const calm = 0.005

// TestClocksAgree runs library scenarios in real time on real sockets and in virtual
// time without, under one seed: what the reports say must not depend on which. It
// takes a minute of real time, so -short leaves it out.
func TestClocksAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: a minute of real time")
	}
	for name, length := range map[string]time.Duration{
		"five-calls": 10 * time.Second, "provider-outage": 20 * time.Second, "rate-limits": 16 * time.Second,
	} {
		t.Run(name, func(t *testing.T) { onBothClocks(t, name, length).agree(t) })
	}
}

// clocks are the reports of one scenario by each clock; wall is nil if the machine was
// too busy for it.
type clocks struct{ wall, virtual *reports.Report }

// onBothClocks runs a library scenario. Common random numbers make the two runs meet
// the same arrivals, latencies and faults.
func onBothClocks(t *testing.T, name string, length time.Duration) (c clocks) {
	s, err := Open(name)
	if err != nil {
		t.Error(err)
		return c
	}
	s.SteadyState, s.Expect, s.Workload.Duration = nil, nil, length
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
			if lag := config.Metric("sender_lag.p99").Value; strings.HasPrefix(metric, "latency") && lag > calm {
				t.Logf("SKIPPED: the latency on a machine so busy that the sender's lag has a p99 of %.3g s", lag)
				continue
			}
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
