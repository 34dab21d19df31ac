package reports

import (
	"cmp"
	"slices"
	"time"
)

// Series is a run over time, one value a step. Agent requests count in the step of
// their scheduled arrival, attempts and faults in that of their start.
type Series struct {
	Step     float64 `json:"step"` // seconds
	Requests []int   `json:"requests"`
	OK       []int   `json:"ok"`
	Fallback []int   `json:"fallback"`
	Degraded []int   `json:"degraded"`
	Failed   []int   `json:"failed"`
	P50      Numbers `json:"p50"` // latency in seconds; null where nothing arrived
	P95      Numbers `json:"p95"`
	InFlight []int   `json:"inFlight"` // agent requests under way at the end of the step
	Attempts []int   `json:"attempts"`
	// Breakers has the worst state of each target's breaker in each step; Faults how
	// often each fault fired.
	Breakers map[string][]string `json:"breakers"`
	Faults   map[string][]int    `json:"faults"`
}

// maxSteps bounds a series: longer runs get longer steps.
const maxSteps = 3600

// seriesSteps are the steps there are, each a whole number of seconds.
var seriesSteps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute}

func stepOf(length time.Duration) time.Duration {
	for _, step := range seriesSteps {
		if length <= maxSteps*step {
			return step
		}
	}
	return length / maxSteps
}

func series(run *Run) Series {
	step := stepOf(run.Duration)
	n := int((max(run.Duration, 0) + step - 1) / step)
	counts := func() []int { return make([]int, n) }
	s := Series{
		Step: step.Seconds(), Requests: counts(), OK: counts(), Fallback: counts(), Degraded: counts(), Failed: counts(),
		P50: make(Numbers, n), P95: make(Numbers, n), InFlight: counts(), Attempts: counts(),
		Breakers: map[string][]string{}, Faults: map[string][]int{},
	}
	s.addRequests(run, step)
	for i := range run.Attempts {
		a := &run.Attempts[i]
		at, ok := slot(a.Start, step, n)
		if !ok {
			continue
		}
		s.Attempts[at]++
		for _, name := range a.Faults {
			if s.Faults[name] == nil {
				s.Faults[name] = counts()
			}
			s.Faults[name][at]++
		}
	}
	s.addBreakers(run, step)
	return s
}

// slot tells which step an instant falls in; ok is false outside the measured part.
func slot(at, step time.Duration, n int) (int, bool) {
	i := int(at / step)
	return i, at >= 0 && i < n
}

func (s *Series) addRequests(run *Run, step time.Duration) {
	n := len(s.Requests)
	latency := make([][]time.Duration, n)
	byOutcome := [...][]int{s.OK, s.Fallback, s.Degraded, s.Failed}
	for i := range run.Requests {
		q := &run.Requests[i]
		s.addInFlight(q, step)
		at, ok := slot(q.Sched, step, n)
		if q.Warmup || !ok {
			continue
		}
		s.Requests[at]++
		byOutcome[min(q.Outcome, Failed)][at]++
		latency[at] = append(latency[at], q.End-q.Sched)
	}
	for i, values := range latency {
		slices.Sort(values)
		s.P50[i] = quantile(values, 0.50).value
		s.P95[i] = quantile(values, 0.95).value
	}
	for i := 1; i < n; i++ {
		s.InFlight[i] += s.InFlight[i-1]
	}
}

// addInFlight notes a start and an end; the sums up to a step are what is under way
// at its end.
func (s *Series) addInFlight(q *Request, step time.Duration) {
	n := len(s.InFlight)
	if n == 0 || q.End < 0 {
		return
	}
	if at := int(max(q.Start, 0) / step); at < n {
		s.InFlight[at]++
	}
	if at := int(q.End / step); at < n {
		s.InFlight[at]--
	}
}

// severity orders the states of a breaker.
var severity = map[string]int{stateClosed: 0, stateHalfOpen: 1, stateOpen: 2}

func (s *Series) addBreakers(run *Run, step time.Duration) {
	n := len(s.Requests)
	spans := breakerSpans(run)
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.target, b.target) })
	for _, sp := range spans {
		states := s.Breakers[sp.target]
		if states == nil {
			states = slices.Repeat([]string{stateClosed}, n)
			s.Breakers[sp.target] = states
		}
		for at := int(sp.from / step); at < n && time.Duration(at)*step < max(sp.to, sp.from+1); at++ {
			if severity[sp.state] > severity[states[at]] {
				states[at] = sp.state
			}
		}
	}
}
