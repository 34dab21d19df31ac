package reports

import (
	"cmp"
	"slices"
	"time"
)

// gapOf measures what may set a config apart from independent attempts.
func gapOf(views []*view) Gap {
	var g Gap
	var inside, allInside, requests, fallbacks int
	classes := map[string]int{}
	first, second := tally{}, tally{}
	for _, v := range views {
		merged := mergedWindows(v)
		g.FalseSuccesses += v.falseSuccess
		requests += v.requests
		fallbacks += v.outcomes[Fallback]
		for i := range v.run.Requests {
			q := &v.run.Requests[i]
			if q.Warmup {
				continue
			}
			// By arrival: a request that takes long overlaps more windows than others,
			// whatever they do to it.
			in := within(merged, q.Sched)
			if in {
				allInside++
			}
			if !q.Outcome.Good() {
				g.Failures++
				if q.Class != "" {
					classes[q.Class]++
				}
				if in {
					inside++
				}
			}
		}
		tallyAttempts(v.run.Attempts, &first, &second)
	}
	g.InWindows = ratio(inside, g.Failures)
	g.AllInWindows = ratio(allInside, requests)
	g.FirstAttempts, g.FirstFailed = first.n, ratio(first.failed, first.n)
	g.SecondAttempts, g.SecondFailed = second.n, ratio(second.failed, second.n)
	g.FallbackRate = ratio(fallbacks, requests)
	for class, n := range classes {
		if best := classes[g.CommonestClass]; n > best || n == best && class < g.CommonestClass {
			g.CommonestClass = class
		}
	}
	g.CommonestShare = ratio(classes[g.CommonestClass], g.Failures)
	return g
}

type tally struct{ n, failed int }

func (t *tally) add(a *Attempt) {
	t.n++
	if a.Class != "" {
		t.failed++
	}
}

// tallyAttempts counts first attempts, and the second ones at the same target.
func tallyAttempts(attempts []Attempt, first, second *tally) {
	for i := range attempts {
		a := &attempts[i]
		switch {
		case a.Warmup:
		case a.N == 1:
			first.add(a)
		case a.N == 2 && i > 0 && sameCall(&attempts[i-1], a) && attempts[i-1].Target == a.Target:
			second.add(a)
		}
	}
}

// mergedWindows gives the windows of faults that do not span the whole run, sorted
// and without overlaps.
func mergedWindows(v *view) []span {
	var spans []span
	for _, f := range v.faults {
		from, to := f.window(v.run.Duration)
		if f.covers(v.run.Config) && from < to && to-from < v.run.Duration {
			spans = append(spans, span{from: from, to: to})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var merged []span
	for _, s := range spans {
		if last := len(merged) - 1; last >= 0 && s.from <= merged[last].to {
			merged[last].to = max(merged[last].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

func within(spans []span, at time.Duration) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.from <= at && at < s.to })
}

func ratio(hits, n int) float64 {
	if n == 0 {
		return 0
	}
	return rounded(float64(hits) / float64(n))
}
