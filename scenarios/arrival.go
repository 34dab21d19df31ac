package scenarios

import (
	"fmt"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// Arrival is one agent request to come.
type Arrival struct {
	// At counts from the start of the run, warm-up included.
	At time.Duration
	// InputTokens and OutputTokens are what a trace says; 0 means to draw them.
	InputTokens, OutputTokens int
}

// Schedule draws the arrivals of an open loop in order, those of the warm-up first.
// Equal seeds give equal arrivals, and no two share an instant: request n comes
// residue(n) late. A trace does not depend on the seed; it may end before the
// workload does. Of a closed loop, which has no schedule, it gives none. It fails for
// a trace in a Scenario that Load did not make.
func (w Workload) Schedule(number uint64) ([]Arrival, error) {
	if w.Arrival == nil {
		return nil, nil
	}
	if w.Arrival.Process == "trace" && w.Arrival.trace == nil {
		return nil, fmt.Errorf("scheduling the arrivals: the trace %s was not loaded", w.Arrival.File)
	}
	next := w.Arrival.process(number)
	var all []Arrival
	measured := 0
	for n := 0; ; n++ {
		a, ok := next(n)
		if !ok || w.Duration > 0 && a.At >= w.Warmup+w.Duration {
			return all, nil
		}
		if a.At >= w.Warmup {
			measured++
		}
		if w.Requests > 0 && measured > w.Requests {
			return all, nil
		}
		a.At += residue(n)
		all = append(all, a)
	}
}

// residue keeps request n from sharing an instant with others, however regular
// arrivals and latencies are. There is room between two requests for what the bounds
// of the stack are late by.
func residue(n int) time.Duration { return 64 * time.Duration(n+1) }

// process gives a function that makes arrival n, to be called with 0, 1, 2, …; it
// reports false when there are no more.
func (a *Arrivals) process(number uint64) func(n int) (Arrival, bool) {
	mean := float64(time.Second) / a.Rate
	switch a.Process {
	case "trace":
		return func(n int) (Arrival, bool) {
			if n >= len(a.trace) {
				return Arrival{}, false
			}
			arrival := a.trace[n]
			arrival.At = time.Duration(float64(arrival.At) / a.Speed)
			return arrival, true
		}
	case "constant":
		return func(n int) (Arrival, bool) { return Arrival{At: time.Duration(float64(n) * mean)}, true }
	}
	s, at := seed.New(number, "arrival", seed.Key{}), 0.0
	return func(int) (Arrival, bool) {
		at += mean * s.Exp()
		return Arrival{At: time.Duration(at)}, true
	}
}

// length is how long requests arrive in all, warm-up included. A closed loop of a
// number of requests has no length: 0.
func (w Workload) length(arrivals []Arrival) time.Duration {
	switch {
	case w.Duration > 0:
		return w.Warmup + w.Duration
	case len(arrivals) > 0: // to when one more would have come
		last := arrivals[len(arrivals)-1].At
		return last + last/time.Duration(max(1, len(arrivals)-1))
	}
	return 0
}
