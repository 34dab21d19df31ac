package reports

import (
	"fmt"
	"slices"
	"time"
)

// Status is what the runs came to.
type Status string

// The statuses, in order of precedence: the first that applies wins. Interrupted
// comes first, because the person who stopped the run knows why it is partial; then
// error, because nothing is to be believed after the harness failed or the steady
// state was not met; then failed, where a bound was refuted so clearly that the run was
// ended, whatever had not yet happened by then; then inconclusive, because a bound, held or violated, says
// nothing about a fault that never fired or about a sender that could not keep up.
const (
	Interrupted  Status = "interrupted"
	Errored      Status = "error"
	Inconclusive Status = "inconclusive"
	Failing      Status = "failed"
	Passed       Status = "passed"
)

// The exit codes of chaos that a report can lead to.
const (
	ExitHeld         = 0
	ExitViolated     = 1
	ExitHarness      = 3 // the harness failed or the steady state was not met
	ExitInconclusive = 4
	ExitInterrupted  = 130
)

// A sender is saturated when it started agent requests later than a tenth of their
// median latency (and by more than its timers alone explain): then the bench was
// measured, not the agent.
const (
	lagShare = 0.1
	lagFloor = 10 * time.Millisecond
)

// ExitCode maps the status to the exit code of chaos. With strict, expectations that
// are not resolved make it inconclusive, unless another is violated beyond doubt.
func (r *Report) ExitCode(strict bool) int {
	switch r.Status {
	case Interrupted:
		return ExitInterrupted
	case Errored:
		return ExitHarness
	case Inconclusive:
		return ExitInconclusive
	}
	violated := r.violated()
	beyondDoubt := slices.ContainsFunc(violated, func(e Judgement) bool { return e.Resolved })
	switch {
	case strict && !beyondDoubt && r.unresolved() > 0:
		return ExitInconclusive
	case len(violated) > 0:
		return ExitViolated
	}
	return ExitHeld
}

func (r *Report) unresolved() int {
	n := 0
	for _, e := range r.Expectations {
		if !e.Resolved {
			n++
		}
	}
	return n
}

func (r *Report) violated() []Judgement {
	var out []Judgement
	for _, e := range r.Expectations {
		if e.Verdict == Violated {
			out = append(out, e)
		}
	}
	return out
}

func status(in Input, r *Report, views map[string][]*view) (Status, []string) {
	var interrupted, errored, refuted, doubtful, failing []string
	if in.Err != "" {
		errored = append(errored, in.Err)
	}
	if in.SteadyState != nil && interruptedRun(in.SteadyState.Runs) {
		interrupted = append(interrupted, "the control run without faults was interrupted")
	}
	if s := r.SteadyState; s != nil && s.Verdict == Violated {
		errored = append(errored, fmt.Sprintf("the steady state was not met: %s", violation(*s)))
	}
	for _, config := range in.Configs {
		for _, v := range views[config.Name] {
			if v.run.Interrupted {
				interrupted = append(interrupted, fmt.Sprintf("config %s, seed %d, was interrupted after %s", v.run.Config, v.run.Seed, duration(v.run.Duration)))
			}
			if v.run.Aborted != "" {
				errored = append(errored, fmt.Sprintf("config %s, seed %d: %s", v.run.Config, v.run.Seed, v.run.Aborted))
			}
			if v.run.Refuted != "" {
				refuted = append(refuted, fmt.Sprintf("config %s, seed %d: effective_reliability %s was refuted after %s, so the run was ended", v.run.Config, v.run.Seed, v.run.Refuted, duration(v.run.Duration)))
			}
			doubtful = append(doubtful, saturation(v)...)
		}
		if countRequests(views[config.Name]) == 0 {
			doubtful = append(doubtful, fmt.Sprintf("config %s: no agent request was measured", config.Name))
		}
	}
	doubtful = append(unfired(in, views), doubtful...)
	for _, e := range r.violated() {
		failing = append(failing, violation(e))
	}
	for _, level := range []struct {
		status  Status
		reasons []string
	}{{Interrupted, interrupted}, {Errored, errored}, {Failing, refuted}, {Inconclusive, doubtful}, {Failing, failing}} {
		if len(level.reasons) > 0 {
			return level.status, level.reasons
		}
	}
	return Passed, nil
}

func interruptedRun(runs []*Run) bool {
	return slices.ContainsFunc(runs, func(r *Run) bool { return r.Interrupted })
}

func violation(j Judgement) string {
	text := fmt.Sprintf("%s of %s is %s, wanted %s", j.Metric, j.Config, amount(j.Observed.Value, j.Observed.Unit), j.Is)
	if j.Reason != "" {
		text += " (" + j.Reason + ")"
	}
	return text
}

func countRequests(views []*view) int {
	n := 0
	for _, v := range views {
		n += v.requests
	}
	return n
}

// unfired names the faults that should have fired and never did. A fault that lists
// its configs must fire in each of them, over all seeds; another in any.
func unfired(in Input, views map[string][]*view) []string {
	var reasons []string
	for _, f := range in.Faults {
		if f.Optional {
			continue
		}
		total := 0
		for _, config := range in.Configs {
			fired := 0
			for _, v := range views[config.Name] {
				fired += v.run.Fired[f.Name]
			}
			total += fired
			if fired == 0 && len(f.Configs) > 1 && f.covers(config.Name) {
				reasons = append(reasons, fmt.Sprintf("fault %s never fired in config %s", f.Name, config.Name))
			}
		}
		if total == 0 && len(f.Configs) <= 1 {
			reasons = append(reasons, fmt.Sprintf("fault %s never fired", f.Name))
		}
	}
	return reasons
}

func saturation(v *view) []string {
	if v.run.Closed {
		return nil
	}
	var reasons []string
	where := fmt.Sprintf("config %s, seed %d: the sender was saturated", v.run.Config, v.run.Seed)
	lag := Percentile(v.lag, 0.99)
	median := Percentile(v.latency[latencyKey{op: opRequest}], 0.5)
	if lag > lagFloor && float64(lag) > lagShare*float64(median) {
		reasons = append(reasons, fmt.Sprintf("%s, its lag p99 of %s is over a tenth of the median latency %s", where, duration(lag), duration(median)))
	}
	return reasons
}
