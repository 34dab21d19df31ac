package reports

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	recoverRun   = 20   // agent requests in a row that are judged together
	recoverLevel = 0.95 // of the good share before the window
)

// timeToRecover judges shares of arriving agent requests rather than counts per
// second, so that the chance in the arrivals does not look like a relapse.
func timeToRecover(v *view, l labels) sample {
	i := slices.IndexFunc(v.faults, func(f FaultInfo) bool { return f.Name == l["fault"] })
	if i < 0 {
		return missing("no such fault")
	}
	f := v.faults[i]
	end := f.At + f.For
	if f.For <= 0 || end >= v.run.Duration {
		return missing("the fault lasts to the end of the run")
	}
	// Before is what ended before this fault and met no other one that comes and goes.
	var before, after []Request
	others := mergedWindows(v)
	for _, q := range v.run.Requests {
		switch {
		case q.Warmup:
		case q.Sched < f.At && q.End < f.At && !within(others, q.Sched):
			before = append(before, q)
		case q.Sched >= end:
			after = append(after, q)
		}
	}
	if len(before) == 0 {
		return missing("nothing without a fault was measured before it")
	}
	slices.SortStableFunc(after, func(a, b Request) int { return cmp.Compare(a.Sched, b.Sched) })
	at, ok := recoveredAt(after, recoverLevel*goodShare(before))
	if !ok {
		return sample{value: math.NaN(), why: "did not recover before the end of the run", censored: true}
	}
	return number((at - end).Seconds(), len(after))
}

// recoveredAt finds the arrival that begins the first good row.
func recoveredAt(after []Request, level float64) (time.Duration, bool) {
	for i := 0; i+recoverRun <= len(after); i++ {
		if after[i].Outcome.Good() && goodShare(after[i:i+recoverRun]) >= level {
			return after[i].Sched, true
		}
	}
	return 0, false
}

func goodShare(requests []Request) float64 {
	good := 0
	for i := range requests {
		if requests[i].Outcome.Good() {
			good++
		}
	}
	return float64(good) / float64(len(requests))
}

// faultsThatEnd names the faults whose window closes within the run.
func faultsThatEnd(v *view) []string {
	var names []string
	for _, f := range v.faults {
		if f.For > 0 && f.At > 0 && f.At+f.For < v.run.Duration && f.covers(v.run.Config) {
			names = append(names, f.Name)
		}
	}
	return names
}
