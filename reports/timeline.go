package reports

import (
	"fmt"
	"math"
)

// timeline is what the page's script draws.
type timeline struct {
	Windows []Window         `json:"windows"`
	Configs []timelineConfig `json:"configs"`
}

type timelineConfig struct {
	Name string        `json:"name"`
	Runs []timelineRun `json:"runs"`
}

type timelineRun struct {
	Seed     uint64           `json:"seed"`
	Step     float64          `json:"step"` // seconds
	Counts   map[string][]int `json:"counts"`
	P50      Numbers          `json:"p50"`
	P95      Numbers          `json:"p95"`
	InFlight []int            `json:"inFlight"`
	Attempts []int            `json:"attempts"`
	// Breakers are per target stretches of one state: 0 closed, 1 half-open, 2 open,
	// and the steps it lasted.
	Breakers map[string][][2]int `json:"breakers"`
	Faults   map[string][]int    `json:"faults"`
}

const (
	timelinePoints = 60000 // of all runs on the page, so that it stays small
	timelineMost   = 900   // of one run: what a screen can show
	timelineLeast  = 60
	timelineRuns   = 120
)

func timelineOf(r *Report) timeline {
	t := timeline{Windows: r.Windows, Configs: []timelineConfig{}}
	seeds := 1
	if n := len(r.Configs); n > 0 {
		seeds = max(timelineRuns/n, 1)
	}
	total := 0
	for i := range r.Configs {
		total += min(len(r.Configs[i].Runs), seeds)
	}
	most := min(timelineMost, max(timelineLeast, timelinePoints/max(total, 1)/8))
	for i := range r.Configs {
		c := timelineConfig{Name: r.Configs[i].Name, Runs: []timelineRun{}}
		for j := range r.Configs[i].Runs {
			if j < seeds {
				c.Runs = append(c.Runs, timelineRunOf(&r.Configs[i].Runs[j], most))
			}
		}
		t.Configs = append(t.Configs, c)
	}
	return t
}

func timelineRunOf(run *RunReport, most int) timelineRun {
	s := run.Series.thinned(most)
	t := timelineRun{
		Seed: run.Seed, Step: s.Step, P50: s.P50, P95: s.P95, InFlight: s.InFlight, Attempts: s.Attempts,
		Counts:   map[string][]int{"ok": s.OK, "fallback": s.Fallback, "degraded": s.Degraded, "failed": s.Failed},
		Breakers: map[string][][2]int{}, Faults: s.Faults,
	}
	for target, states := range s.Breakers {
		var runs [][2]int
		for _, state := range states {
			level := severity[state]
			if n := len(runs); n > 0 && runs[n-1][0] == level {
				runs[n-1][1]++
				continue
			}
			runs = append(runs, [2]int{level, 1})
		}
		t.Breakers[target] = runs
	}
	return t
}

// thinned joins neighbouring steps until there are no more than so many: counts add
// up, of latencies, agent requests in flight and breaker states the worst remains.
func (s Series) thinned(most int) Series {
	by := (len(s.Requests) + most - 1) / max(most, 1)
	if by <= 1 {
		return s
	}
	out := Series{
		Step: s.Step * float64(by), Requests: summed(s.Requests, by), OK: summed(s.OK, by), Fallback: summed(s.Fallback, by),
		Degraded: summed(s.Degraded, by), Failed: summed(s.Failed, by), P50: highest(s.P50, by), P95: highest(s.P95, by),
		InFlight: joined(s.InFlight, by, func(a, b int) int { return max(a, b) }), Attempts: summed(s.Attempts, by),
		Breakers: map[string][]string{}, Faults: map[string][]int{},
	}
	for target, states := range s.Breakers {
		out.Breakers[target] = joined(states, by, func(a, b string) string {
			if severity[b] > severity[a] {
				return b
			}
			return a
		})
	}
	for name, counts := range s.Faults {
		out.Faults[name] = summed(counts, by)
	}
	return out
}

// joined folds every so many neighbours into one.
func joined[T any](values []T, by int, fold func(a, b T) T) []T {
	out := make([]T, 0, (len(values)+by-1)/by)
	for i, x := range values {
		if i%by == 0 {
			out = append(out, x)
			continue
		}
		out[len(out)-1] = fold(out[len(out)-1], x)
	}
	return out
}

func summed(values []int, by int) []int {
	return joined(values, by, func(a, b int) int { return a + b })
}

func highest(values Numbers, by int) Numbers {
	return joined(values, by, func(a, b float64) float64 {
		if math.IsNaN(a) || b > a {
			return b
		}
		return a
	})
}

// courseTable is the course of one config, for those without JavaScript.
type courseTable struct {
	Name string
	Seed uint64
	Rows [][]string
}

// courseRows is how many rows a course has at most.
const courseRows = 40

func courseTables(r *Report) []courseTable {
	var out []courseTable
	for i := range r.Configs {
		c := &r.Configs[i]
		if len(c.Runs) == 0 {
			continue
		}
		s := c.Runs[0].Series.thinned(courseRows)
		t := courseTable{Name: c.Name, Seed: c.Runs[0].Seed}
		for k := range s.Requests {
			t.Rows = append(t.Rows, []string{
				plain(float64(k)*s.Step) + " s", fmt.Sprint(s.Requests[k]), fmt.Sprint(s.OK[k]), fmt.Sprint(s.Fallback[k]),
				fmt.Sprint(s.Degraded[k]), fmt.Sprint(s.Failed[k]), amount(s.P50[k], "s"), amount(s.P95[k], "s"), fmt.Sprint(s.InFlight[k]),
			})
		}
		out = append(out, t)
	}
	return out
}
