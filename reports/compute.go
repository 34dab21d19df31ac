package reports

import (
	"cmp"
	"maps"
	"slices"
)

func outcomeRate(v *view, l labels) sample {
	return share(v.outcomes[slices.Index(outcomeNames[:], l["outcome"])], v.requests)
}

func levelRate(v *view, l labels) sample { return share(v.levels[l["level"]], v.requests) }

func errorRate(v *view, l labels) sample {
	switch l["of"] {
	case "request":
		return share(v.errorCount("request", l["type"]), v.requests)
	case "call":
		return share(v.errorCount("call", l["type"]), v.calls)
	}
	return share(v.errorCount("attempt", l["type"]), v.attempts)
}

// errorLabels lists the classes of attempts and, apart, of agent requests.
func errorLabels(v *view) []labels {
	sets := []labels{{}}
	keys := slices.SortedFunc(maps.Keys(v.errors), func(a, b errorKey) int {
		return cmp.Or(cmp.Compare(a.of, b.of), cmp.Compare(a.class, b.class))
	})
	for _, key := range keys {
		switch {
		case key.class == "":
		case key.of == "attempt":
			sets = append(sets, labels{"type": key.class})
		default:
			sets = append(sets, labels{"of": key.of, "type": key.class})
		}
	}
	return sets
}

func breakerTransitions(v *view, l labels) sample {
	n := 0
	for key, count := range v.transitions {
		if matches(l["target"], key.target) && matches(l["to"], key.to) {
			n += count
		}
	}
	return number(float64(n), v.requests)
}

func matches(wanted, have string) bool { return wanted == "" || wanted == have }

// transitionLabels lists the totals by state and each target's.
func transitionLabels(v *view) []labels {
	sets := list("to", []string{stateClosed, stateHalfOpen, stateOpen})
	keys := slices.SortedFunc(maps.Keys(v.transitions), func(a, b transitionKey) int {
		return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.to, b.to))
	})
	for _, key := range keys {
		sets = append(sets, labels{"target": key.target, "to": key.to})
	}
	return sets
}

func breakerOpenTime(v *view, l labels) sample {
	var seconds float64
	for _, target := range slices.Sorted(maps.Keys(v.openTime)) {
		if matches(l["target"], target) {
			seconds += v.openTime[target].Seconds()
		}
	}
	return number(seconds, v.requests)
}

// latencyLabels lists every op, and the agent requests also by outcome.
func latencyLabels(v *view) []labels {
	sets := []labels{{"op": opRequest}}
	keys := slices.SortedFunc(maps.Keys(v.latency), func(a, b latencyKey) int {
		return cmp.Or(cmp.Compare(a.op, b.op), cmp.Compare(a.outcome, b.outcome))
	})
	for _, key := range keys {
		switch {
		case key.op == opRequest && key.outcome != "":
			sets = append(sets, labels{"op": opRequest, "outcome": key.outcome})
		case key.op != opRequest && key.outcome == "":
			sets = append(sets, labels{"op": key.op})
		}
	}
	return sets
}

func goodput(v *view, _ labels) sample {
	if v.run.Duration <= 0 {
		return missing("nothing was measured")
	}
	return number(float64(v.good())/v.run.Duration.Seconds(), v.requests)
}

func tokens(v *view, l labels) sample {
	switch l["kind"] {
	case "input":
		return number(float64(v.input), v.calls)
	case "output":
		return number(float64(v.output), v.calls)
	}
	return number(float64(v.input+v.output), v.calls)
}

func injected(v *view, l labels) sample {
	n := 0
	for name, count := range v.run.Fired {
		if matches(l["fault"], name) {
			n += count
		}
	}
	return number(float64(n), v.attempts)
}

func (v *view) faultNames() []string {
	names := make([]string, 0, len(v.faults))
	for _, f := range v.faults {
		if f.covers(v.run.Config) {
			names = append(names, f.Name)
		}
	}
	for name := range v.run.Fired {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
