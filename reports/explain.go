package reports

import (
	"fmt"
	"math"
	"strings"
)

const (
	burst = 1.2    // windows hold a burst if their share of failures is this many times their share of time
	alike = 0.0005 // a smaller difference is none
)

// explain says in one sentence, made of the report's own numbers, how measured and
// expected differ. It states what was counted and claims no cause beyond it.
func explain(config string, measured Value, g Gap) string {
	expected := "the " + percent(g.Expected) + " that independent attempts predict"
	if g.Against == againstNaive {
		expected = "the naive " + percent(g.Expected)
	}
	head := fmt.Sprintf("%s: measured %s", config, withInterval(measured))
	inside := measured.HasInterval() && g.Expected >= measured.Low && g.Expected <= measured.High
	switch {
	case inside:
		return fmt.Sprintf("%s agrees with %s: the interval holds it.", head, expected)
	case math.Abs(g.Difference) < alike:
		return fmt.Sprintf("%s is %s.", head, expected)
	case g.Difference < 0:
		return fmt.Sprintf("%s is %s below %s: %s.", head, points(-g.Difference), expected, shortfall(g))
	}
	return fmt.Sprintf("%s is %s above %s: %s.", head, points(g.Difference), expected, surplus(g))
}

func shortfall(g Gap) string {
	var facts []string
	if g.Failures > 0 && float64(g.FalseSuccesses) >= 0.5*float64(g.Failures) {
		facts = append(facts, fmt.Sprintf("%d of its %d failures are answers that the wire says were broken", g.FalseSuccesses, g.Failures))
	}
	if g.AllInWindows > 0 && g.InWindows > burst*g.AllInWindows {
		// Against the naive product any fault explains a difference, burst or not.
		lead := "failures come in bursts: "
		if g.Against == againstNaive {
			lead = ""
		}
		facts = append(facts, fmt.Sprintf("%s%s of the %d failures arrived in the fault windows, as did %s of all requests", lead, percent(g.InWindows), g.Failures, percent(g.AllInWindows)))
	}
	if g.SecondAttempts > 0 && g.SecondFailed > burst*g.FirstFailed {
		facts = append(facts, fmt.Sprintf("a second attempt failed %s of the time, a first one %s", percent(g.SecondFailed), percent(g.FirstFailed)))
	}
	if len(facts) > 0 {
		return strings.Join(facts, "; ")
	}
	if g.CommonestClass != "" {
		return fmt.Sprintf("the commonest error of its %d failures is %s (%s)", g.Failures, g.CommonestClass, percent(g.CommonestShare))
	}
	return fmt.Sprintf("%d agent requests failed or were degraded", g.Failures)
}

func surplus(g Gap) string {
	switch {
	case g.FallbackRate >= 0.5*g.Difference:
		return fmt.Sprintf("%s of its agent requests ended well on a fallback, which retries at one target cannot give", percent(g.FallbackRate))
	case g.SecondAttempts > 0 && g.SecondFailed < g.FirstFailed:
		return fmt.Sprintf("a second attempt failed only %s of the time, a first one %s", percent(g.SecondFailed), percent(g.FirstFailed))
	}
	return fmt.Sprintf("its first attempts failed %s of the time", percent(g.FirstFailed))
}
