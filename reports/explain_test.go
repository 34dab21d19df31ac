package reports

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestExplanations(t *testing.T) {
	v := func(value, low, high float64) Value {
		return Value{Value: value, Low: low, High: high, Unit: "ratio"}
	}
	predicted := func(expected, difference float64, g Gap) Gap {
		g.Against, g.Expected, g.Difference = againstPredicted, expected, difference
		return g
	}
	cases := []struct {
		name     string
		measured Value
		gap      Gap
		want     string
	}{
		{"agreement", v(0.953, 0.945, 0.96), predicted(0.951, 0.002, Gap{}),
			"c: measured 95.3 % (94.5–96.0 %) agrees with the 95.1 % that independent attempts predict: the interval holds it."},
		{"agreement with the naive product", v(0.953, 0.945, 0.96), Gap{Against: againstNaive, Expected: 0.951, Difference: 0.002},
			"agrees with the naive 95.1 %"},
		{"bursts", v(0.6, 0.55, 0.65), predicted(0.93, -0.33, Gap{Failures: 79, InWindows: 1, AllInWindows: 0.475, FirstFailed: 0.13, FirstAttempts: 700, SecondAttempts: 98, SecondFailed: 0.9}),
			"is 33.0 points below the 93.0 % that independent attempts predict: failures come in bursts: 100 % of the 79 failures arrived in the fault windows, as did 47.5 % of all requests; a second attempt failed 90.0 % of the time, a first one 13.0 %."},
		{"no window, retries fail alike", v(0.6, 0.55, 0.65), predicted(0.93, -0.33, Gap{Failures: 79, FirstFailed: 0.13, SecondAttempts: 98, SecondFailed: 0.12, CommonestClass: "deadline", CommonestShare: 0.8}),
			"the commonest error of its 79 failures is deadline (80.0 %)"},
		{"broken answers", v(0.6, 0.55, 0.65), predicted(0.93, -0.33, Gap{Failures: 80, FalseSuccesses: 60}),
			"60 of its 80 failures are answers that the wire says were broken"},
		{"degraded only", v(0.6, 0.55, 0.65), predicted(0.93, -0.33, Gap{Failures: 80}),
			"80 agent requests failed or were degraded"},
		{"fallback lifts", v(1, 0.98, 1), predicted(0.93, 0.07, Gap{FallbackRate: 0.47}),
			"is 7.0 points above the 93.0 % that independent attempts predict: 47.0 % of its agent requests ended well on a fallback"},
		{"retries do better", v(1, 0.98, 1), predicted(0.93, 0.07, Gap{FirstFailed: 0.2, SecondAttempts: 50, SecondFailed: 0.02, FallbackRate: 0.01}),
			"a second attempt failed only 2.0 % of the time, a first one 20.0 %"},
		{"no reason in the records", v(1, 0.98, 1), predicted(0.93, 0.07, Gap{FirstFailed: 0.2}),
			"its first attempts failed 20.0 % of the time"},
	}
	for _, c := range cases {
		got := explain("c", c.measured, c.gap)
		if !strings.Contains(got, c.want) || strings.Count(got, "\n") > 0 || !strings.HasSuffix(got, ".") {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestPrediction(t *testing.T) {
	a := Build(fixture(t, 42)).Arithmetic
	if a.Calls != 5 || a.PerCall != 0.99 || a.Naive != 0.95099 || a.Reference != "none" {
		t.Errorf("%+v", a)
	}
	if none := a.Predicted["none"]; none != a.Measured["none"].Value {
		t.Errorf("one attempt: the steps' shares give %g, measured %g", none, a.Measured["none"].Value)
	}
	steps := []StepFailure{{Failed: 0.5}, {Failed: 0.1}}
	if got := predict(steps, 2); math.Abs(got-0.75*0.99) > 1e-12 {
		t.Errorf("predicted %g, want %g", got, 0.75*0.99)
	}
	if predict(steps, 0) != predict(steps, 1) {
		t.Error("0 attempts must count as 1")
	}
}

func TestFallbackAlertHasHysteresis(t *testing.T) {
	run := &Run{Config: "c", Duration: 40 * 60 * second}
	add := func(n int, from, step int, fallback func(i int) bool) {
		for i := range n {
			run.Calls = append(run.Calls, Call{End: time.Duration(from+i*step) * second, Fallback: fallback(i)})
		}
	}
	add(19, 0, 1, func(int) bool { return true }) // too few to tell
	if got := alerts(run); len(got) != 0 {
		t.Fatalf("alert on 19 calls: %+v", got)
	}
	add(600, 19, 1, func(i int) bool { return i%25 == 0 }) // 4 %: below the rise, above the clearing
	got := alerts(run)
	if len(got) != 1 || got[0].Until != nil || got[0].At != 19 || got[0].Peak != 1 {
		t.Fatalf("between the thresholds the alert must stay: %+v", got)
	}
	add(600, 619, 1, func(int) bool { return false })
	if got = alerts(run); len(got) != 1 || got[0].Until == nil {
		t.Fatalf("without fallbacks the alert must clear: %+v", got)
	}
}

func TestMarkdownStaysSmall(t *testing.T) {
	in := fixture(t, 42)
	for _, run := range in.Runs {
		for i := range run.Attempts {
			if run.Attempts[i].Class != "" {
				run.Attempts[i].Class = strings.Repeat("x", 200) + string(rune('a'+i%26)) + string(rune('a'+i/26%26))
			}
		}
	}
	text := Markdown(Build(in))
	if len(text) >= markdownLimit || !strings.Contains(text, "All metrics: too long") {
		t.Errorf("%d bytes", len(text))
	}
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	several := fixture(t, 42, 43)
	many := fixture(t, 42)
	for i := range 5 {
		name := strings.Repeat("long", 5) + string(rune('a'+i))
		run := *many.Runs[2]
		run.Config = name
		many.Runs = append(many.Runs, &run)
		many.Configs = append(many.Configs, ConfigInfo{name, 3, ""})
	}
	for _, in := range []Input{several, many} {
		for _, width := range []int{80, 100, 110, 300} {
			for line := range strings.SplitSeq(string(terminal(t, Build(in), false, width)), "\n") {
				if n := utf8.RuneCountInString(line); n > width || n > maxWidth {
					t.Errorf("width %d: a line of %d columns: %s", width, n, line)
				}
			}
		}
	}
}

func TestGomegaStringIsOneParagraph(t *testing.T) {
	text := Build(fixture(t, 42)).GomegaString()
	want := `chaos report "provider-outage" (passed); none: 51.5 % (44.3–58.6 %) full answers of 200 requests, fallback 0 %, failed 48.5 %, p95 2.16 s; retry: `
	if !strings.HasPrefix(text, want) || strings.Contains(text, "\n") {
		t.Errorf("%s", text)
	}
}
