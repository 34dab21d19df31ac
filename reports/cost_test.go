package reports

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// spent is a run of three agent requests at prices of 1 and 10 dollars a million.
func spent() *Run {
	return &Run{
		Config: "full", Duration: second, Prices: map[string]Price{"a/b": {Input: 1, Output: 10}},
		Requests: []Request{{Index: 1}, {Index: 2, Outcome: Fallback}, {Index: 3, Outcome: Failed}},
		Calls: []Call{
			{Request: 1, Step: 1, Op: "llm", Served: "a/b", Input: 1000, Output: 100, Prompt: 900},
			{Request: 2, Step: 1, Op: "llm", Served: "c/d", Input: 5000, Output: 500, Prompt: 900},
			{Request: 3, Step: 1, Op: "llm", Failed: true, Prompt: 900},
		},
		Attempts: []Attempt{
			{Request: 1, Step: 1, N: 1, Target: "a/b", Class: "truncated", Reached: true, Status: 200, Content: 40},
			{Request: 1, Step: 1, N: 2, Target: "a/b", Reached: true, Status: 200, Content: 99},
			{Request: 2, Step: 1, N: 1, Target: "a/b", Class: "rate_limited", Reached: true, Status: 429, Content: 1},
			{Request: 2, Step: 1, N: 2, Target: "c/d", Reached: true, Status: 200, Content: 500}, // has no price
			{Request: 3, Step: 1, N: 1, Target: "a/b", Class: "connect"},
			{Request: 3, Step: 1, N: 2, Target: "a/b", Class: "timeout", Reached: true}, // the prompt was read
		},
	}
}

func TestCost(t *testing.T) {
	const (
		answered = (1000*1 + 100*10) / 1e6
		broken   = (900*1 + 40*10) / 1e6
		unseen   = 900 * 1 / 1e6
		all      = answered + broken + unseen
	)
	for text, want := range map[string]float64{"cost": all / 3, "cost_per_success": all / 2} {
		if v := Measure(mustMetric(t, text), []*Run{spent()}, nil); math.Abs(v.Value-want) > 1e-12 || v.Unit != "USD" {
			t.Errorf("%s is %+v, want %g", text, v, want)
		}
	}
	free := spent()
	free.Prices = nil
	if v := Measure(mustMetric(t, "cost"), []*Run{free}, nil); v.Known() || v.Note == "" {
		t.Errorf("without prices: %+v", v)
	}
	ruined := spent()
	for i := range ruined.Requests {
		ruined.Requests[i].Outcome = Failed
	}
	if v := Measure(mustMetric(t, "cost_per_success"), []*Run{spent(), ruined}, nil); v.Known() || !strings.HasPrefix(v.Note, "in 1 of 2 seeds") {
		t.Errorf("a seed without a success has no price of one: %+v", v)
	}
}

func TestCostShowsWhereThereArePrices(t *testing.T) {
	for _, priced := range []bool{true, false} {
		run := spent()
		if !priced {
			run.Prices = nil
		}
		r := Build(Input{Name: "cost", Configs: []ConfigInfo{{Name: "full"}}, Runs: []*Run{run}})
		var terminal bytes.Buffer
		if err := RenderTerminal(&terminal, r, false, 80); err != nil {
			t.Fatal(err)
		}
		page := string(mustHTML(t, r))
		if got := strings.Contains(terminal.String(), "full $0.00140,"); got != priced {
			t.Errorf("prices %v, in the terminal %v:\n%s", priced, got, terminal.String())
		}
		if got := strings.Contains(page, "<th>per success</th>") && strings.Contains(page, "$0.00210"); got != priced {
			t.Errorf("prices %v, on the page %v", priced, got)
		}
	}
}

func TestDollars(t *testing.T) {
	for x, want := range map[float64]string{0: "$0.00", 1.5: "$1.50", 123.456: "$123.46", 0.25: "$0.250", 0.0017: "$0.00170", 0.0000123: "$0.000012", -0.5: "-$0.500"} {
		if got := dollars(x); got != want {
			t.Errorf("%g is %s, want %s", x, got, want)
		}
	}
}
