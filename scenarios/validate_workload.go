package scenarios

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// arrivalsMax bounds the schedule of a run, which is drawn before it begins.
const arrivalsMax = 5_000_000

func (c *checker) workload() {
	w := &c.s.Workload
	if c.broken("workload") && w.Arrival == nil && w.Closed == nil {
		return
	}
	switch {
	case w.Arrival == nil && w.Closed == nil:
		c.report("workload", "needs an open loop (arrival) or a closed one (closed)")
	case w.Arrival != nil && w.Closed != nil:
		c.report("workload", "cannot be an open loop (arrival) and a closed one (closed) at once")
	case w.Arrival != nil:
		c.arrivals(w.Arrival)
	}
	switch {
	case w.Duration == 0 && w.Requests == 0:
		c.report("workload", "needs a duration or a number of requests")
	case w.Duration > 0 && w.Requests > 0:
		c.report("workload.requests", "cannot stand beside a duration; give one of them")
	case w.Duration > 0 && w.Warmup >= w.Duration:
		c.report("workload.warmup", "%s must be shorter than the duration, %s", durationText(w.Warmup), durationText(w.Duration))
	}
	if a := w.Arrival; a != nil {
		n := max(a.Rate*(w.Warmup+w.Duration).Seconds(), float64(w.Requests)+a.Rate*w.Warmup.Seconds())
		if n > arrivalsMax {
			c.report("workload", "would be %.0f agent requests a run; at most %d are possible", n, arrivalsMax)
		}
	}
}

func (c *checker) arrivals(a *Arrivals) {
	const path = "workload.arrival"
	if a.Process != "trace" {
		if a.Rate <= 0 {
			c.report(path+".rate", "%s arrivals need a rate above zero, such as 10/s", a.Process)
		}
		for _, key := range []string{"file", "speed"} {
			if _, given := c.places[join(path, key)]; given {
				c.report(join(path, key), "is for traces; these arrivals are %s", a.Process)
			}
		}
		return
	}
	if _, given := c.places[path+".rate"]; given {
		c.report(path+".rate", "a trace has its own rate; speed makes it faster or slower")
	}
	if a.Speed <= 0 {
		c.report(path+".speed", "must be above zero")
	}
	if a.File == "" {
		c.report(path, "a trace needs the key \"file\"; built in: %s", strings.Join(slices.Sorted(maps.Keys(traces)), ", "))
		return
	}
	var err error
	if a.trace, err = readTrace(c.dir, a.File); err != nil {
		c.report(path+".file", "%v%s", err, didYouMean(a.File, slices.Collect(maps.Keys(traces))))
		return
	}
	w := c.s.Workload
	last := time.Duration(float64(a.trace[len(a.trace)-1].At) / max(a.Speed, 1e-9))
	if last < w.Warmup {
		c.report(path+".file", "the trace ends after %v, within the warm-up", last)
	} else if last < w.Warmup+w.Duration {
		c.warn(path+".file", "the trace ends after %v, before the workload does", last.Round(time.Second))
	}
}

// measured is how long requests arrive after the warm-up, about; 0 if unknown.
func (w Workload) measured() time.Duration {
	switch {
	case w.Duration > 0:
		return w.Duration
	case w.Arrival != nil && w.Arrival.Rate > 0:
		return time.Duration(float64(w.Requests) / w.Arrival.Rate * float64(time.Second))
	}
	return 0
}
