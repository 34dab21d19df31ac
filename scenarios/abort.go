package scenarios

import (
	"context"
	"errors"
	"sync"

	"github.com/agentchaos/chaos/reports"
)

// errRefuted is why arrivals stop before their time.
var errRefuted = errors.New("an expectation with abortOnFail was refuted")

// watch holds one run to its config's expectations with abortOnFail and stops the
// arrivals once one of them is refuted. It is safe for concurrent use.
type watch struct {
	stop context.CancelCauseFunc

	mu      sync.Mutex
	claims  []claim
	refuted string // the bound that was
}

// claim is that at least a share of the agent requests is good.
type claim struct {
	is       string
	evidence reports.EProcess
	// enough is the value of evidence that refutes it. All seeds of a config together
	// may give a false alarm in 5 % of all runs, so each has its part of that.
	enough float64
	// spare is how many more failures the whole run may have. Faults with a window
	// make failures come in bursts, which the evidence knows nothing about: there, the
	// run must have failed as a whole too.
	spare int
}

// watch begins to watch a run of config c that measures so many agent requests; 0 if
// that is not known.
func (r *runner) watch(c Config, requests int, stop context.CancelCauseFunc) (*watch, error) {
	w := &watch{stop: stop}
	for _, e := range r.s.Expect {
		if !e.AbortOnFail || e.Config != c.Name {
			continue
		}
		b, err := reports.ParseBound(e.Is)
		if err != nil {
			return nil, err
		}
		one := claim{is: b.String(), evidence: reports.NewEProcess(b.Value), enough: float64(reports.EProcessThreshold * r.s.seeds(r.o))}
		if r.s.bursts() {
			one.spare = int((1 - b.Value) * float64(requests))
		}
		w.claims = append(w.claims, one)
	}
	return w, nil
}

// bursts tells whether some fault has a window, shorter than the run.
func (s *Scenario) bursts() bool {
	for _, f := range s.Faults {
		if f.At > 0 || f.For > 0 {
			return true
		}
	}
	return false
}

// observe counts a measured agent request that ended.
func (w *watch) observe(good bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.claims {
		c := &w.claims[i]
		c.evidence.Observe(good)
		if !good {
			c.spare--
		}
		if w.refuted == "" && !good && c.spare < 0 && c.evidence.Value() >= c.enough {
			w.refuted = c.is
			w.stop(errRefuted)
		}
	}
}

// verdict is the bound that was refuted; "" if none was.
func (w *watch) verdict() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuted
}
