package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// quality says what makes the differences of a report doubtful.
func quality(r *Report, prefix string) []string {
	var out []string
	switch r.Status {
	case Interrupted, Errored, Inconclusive:
		out = append(out, fmt.Sprintf("%sthe report is %s", prefix, r.Status))
	}
	if r.Clock == "wall" {
		out = append(out, prefix+"measured on the wall clock: differences are indicative, --clock virtual settles them")
	}
	return out
}

// conditionParts are the parts of a scenario that must be alike, in the order in which
// they are told.
var conditionParts = []string{"workload", "agent", "providers", "tools", "faults"}

// conditions tells what forbids to compare two reports, and what only weakens it.
func conditions(a, b *Report) (unlike, odd []string) {
	if a.Name != b.Name {
		odd = append(odd, fmt.Sprintf("the scenario is called %s, not %s", b.Name, a.Name))
	}
	if a.Clock != b.Clock {
		unlike = append(unlike, fmt.Sprintf("it ran on the %s clock, not the %s one", b.Clock, a.Clock))
	}
	left, right := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if json.Unmarshal(a.Scenario, &left) != nil || json.Unmarshal(b.Scenario, &right) != nil {
		odd = append(odd, "a scenario is missing, so the conditions cannot be compared")
	}
	for _, part := range conditionParts {
		if !sameJSON(left[part], right[part]) {
			unlike = append(unlike, "its "+part+" differ")
		}
	}
	if fmt.Sprint(seedsOf(a)) != fmt.Sprint(seedsOf(b)) {
		odd = append(odd, fmt.Sprintf("the seeds differ (%s against %s): only those in common are paired", seedText(b), seedText(a)))
	}
	return unlike, odd
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	_, _ = json.Unmarshal(a, &x), json.Unmarshal(b, &y) // both were read before; missing is nil
	left, _ := json.Marshal(x)
	right, _ := json.Marshal(y)
	return bytes.Equal(left, right)
}

func seedsOf(r *Report) []uint64 {
	var out []uint64
	for _, c := range r.Configs {
		for _, run := range c.Runs {
			out = append(out, run.Seed)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func seedText(r *Report) string {
	seeds := seedsOf(r)
	if len(seeds) > 4 {
		return fmt.Sprintf("%d to %d", seeds[0], seeds[len(seeds)-1])
	}
	return strings.Trim(fmt.Sprint(seeds), "[]")
}
