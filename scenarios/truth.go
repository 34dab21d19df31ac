package scenarios

import (
	"fmt"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// join lays the wire's ground truth beside what the agent believed: it fills the
// truth of every attempt and turns false successes into failures. The bench must be
// closed, so that every reply has been judged. Run's records are sorted by request,
// step and attempt.
func (b *bench) join(run *reports.Run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	warmup := map[uint64]bool{}
	for _, r := range run.Requests {
		warmup[r.Index] = r.Warmup
	}
	broken := map[uint64]string{} // request → class of its first false success
	unseen := 0
	for i := range run.Attempts {
		a := &run.Attempts[i]
		a.Warmup = warmup[a.Request]
		truth, ok := b.truths[seed.Key{Request: a.Request, Call: a.Step, Attempt: a.N}]
		if ok {
			witness(a, truth)
		}
		if a.Class != "" {
			continue
		}
		if !ok {
			unseen++
			continue
		}
		if class := flaw(truth); class != "" && broken[a.Request] == "" {
			broken[a.Request] = class
		}
	}
	if unseen > 0 && run.Aborted == "" {
		run.Aborted = fmt.Sprintf("%d attempts succeeded without a trace on the wire", unseen)
	}
	for i := range run.Requests {
		r := &run.Requests[i]
		if class := broken[r.Index]; class != "" && r.Outcome != reports.Failed {
			r.Outcome, r.FalseSuccess, r.Class = reports.Failed, true, class
			r.Level = resilience.LevelOffline.String() // whatever it believed
		}
	}
}

func witness(a *reports.Attempt, truth faults.Attempt) {
	a.Reached = true
	a.Faults = truth.Faults
	a.Status = truth.Delivery.Status
	a.Bytes = truth.Delivery.Bytes
	a.Content = truth.Delivery.Content
	a.Terminal = truth.Delivery.Terminal
	a.Left = !truth.Delivery.Left.IsZero()
}

// flaw names what was wrong with a reply that the agent took for a success; "" if
// nothing was.
func flaw(t faults.Attempt) string {
	switch {
	case t.Delivery.Status != 200 || t.Delivery.Failure:
		return "false_success_error"
	case !t.Delivery.Terminal:
		return "false_success_truncated"
	case t.Corrupt:
		return "false_success_malformed"
	}
	return ""
}
