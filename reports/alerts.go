package reports

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Alert is something that an operator would have been told during a run.
type Alert struct {
	Config string  `json:"config"`
	Seed   uint64  `json:"seed"`
	Kind   string  `json:"kind"`             // breaker_open or fallback_rate
	Target string  `json:"target,omitempty"` // of a breaker
	At     float64 `json:"at"`               // seconds from the end of the warm-up
	// Until is when it cleared; nil if it did not before the end of the run.
	Until *float64 `json:"until"`
	Count int      `json:"count,omitempty"` // times the breaker opened
	Peak  float64  `json:"peak,omitempty"`  // the highest fallback rate
	Text  string   `json:"text"`
}

// The alert on the fallback rate rises above 5 % of the calls of the last five
// minutes, at least 20 of them, and falls below half of that.
const (
	fallbackWindow = 5 * time.Minute
	fallbackCalls  = 20
	fallbackRise   = 0.05
	fallbackClear  = 0.025
)

func alerts(run *Run) []Alert {
	out := append(breakerAlerts(run), fallbackAlerts(run)...)
	slices.SortStableFunc(out, func(a, b Alert) int { return cmp.Compare(a.At, b.At) })
	for i := range out {
		out[i].Config, out[i].Seed = run.Config, run.Seed
	}
	return out
}

// breakerAlerts gives one alert a target, from its first opening to its last closing.
func breakerAlerts(run *Run) []Alert {
	var out []Alert
	index := map[string]int{}
	for _, t := range run.Transitions {
		if t.At < 0 {
			continue
		}
		i, known := index[t.Target]
		switch {
		case t.To == stateOpen && !known:
			index[t.Target] = len(out)
			out = append(out, Alert{Kind: "breaker_open", Target: t.Target, At: rounded(t.At.Seconds()), Count: 1})
		case t.To == stateOpen:
			out[i].Count++
			out[i].Until = nil
		case t.To == stateClosed && known:
			until := rounded(t.At.Seconds())
			out[i].Until = &until
		}
	}
	for i := range out {
		a := &out[i]
		a.Text = fmt.Sprintf("the breaker of %s opened at %s (%s) and %s", a.Target, at(a.At), times(a.Count), closing(a.Until, "closed"))
	}
	return out
}

// fallbackAlerts slides the window along the ends of the calls.
func fallbackAlerts(run *Run) []Alert {
	var out []Alert
	calls := measuredByEnd(run.Calls)
	first, fallbacks, raised := 0, 0, false
	for i, c := range calls {
		if c.Fallback {
			fallbacks++
		}
		for calls[first].End <= c.End-fallbackWindow {
			if calls[first].Fallback {
				fallbacks--
			}
			first++
		}
		n := i - first + 1
		if n < fallbackCalls {
			continue
		}
		rate := float64(fallbacks) / float64(n)
		switch {
		case !raised && rate > fallbackRise:
			raised = true
			out = append(out, Alert{Kind: "fallback_rate", At: rounded(c.End.Seconds()), Peak: rate})
		case raised && rate < fallbackClear:
			raised = false
			until := rounded(c.End.Seconds())
			out[len(out)-1].Until = &until
		case raised:
			out[len(out)-1].Peak = max(out[len(out)-1].Peak, rate)
		}
	}
	for i := range out {
		a := &out[i]
		a.Peak = rounded(a.Peak)
		a.Text = fmt.Sprintf("more than 5 %% of the calls fell back at %s, at most %s, and this %s", at(a.At), percent(a.Peak), closing(a.Until, "cleared"))
	}
	return out
}

func measuredByEnd(calls []Call) []*Call {
	var out []*Call
	for i := range calls {
		if !calls[i].Warmup {
			out = append(out, &calls[i])
		}
	}
	slices.SortFunc(out, func(a, b *Call) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Request, b.Request), cmp.Compare(a.Step, b.Step))
	})
	return out
}

func closing(until *float64, word string) string {
	if until == nil {
		return "had not " + word + " at the end"
	}
	return word + " at " + at(*until)
}

// alertLines says each kind of alert once a config: that of the first seed that had
// it, and how many seeds had it.
func (r *Report) alertLines() []string {
	type key struct{ config, kind, target string }
	seeds := map[key]map[uint64]bool{}
	var order []key
	first := map[key]Alert{}
	for _, a := range r.Alerts {
		k := key{a.Config, a.Kind, a.Target}
		if seeds[k] == nil {
			seeds[k] = map[uint64]bool{}
			order, first[k] = append(order, k), a
		}
		seeds[k][a.Seed] = true
	}
	var lines []string
	for _, k := range order {
		line := k.config + ": " + first[k].Text
		if c := r.Config(k.config); c != nil && len(c.Runs) > 1 {
			line += fmt.Sprintf(" (seed %d; in %d of %d seeds)", first[k].Seed, len(seeds[k]), len(c.Runs))
		}
		lines = append(lines, line)
	}
	return lines
}
