package reports

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

var tenSeeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}

func mustCompare(t *testing.T, o CompareOptions, reports ...*Report) *Comparison {
	t.Helper()
	c, err := Compare(o, reports...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Comparison) verdict(t *testing.T, pair int, metric string) MetricDifference {
	t.Helper()
	for _, d := range c.Pairs[pair].Differences {
		if d.Metric == metric {
			return d
		}
	}
	t.Fatalf("no difference of %s", metric)
	return MetricDifference{}
}

func TestCompareAReportWithItself(t *testing.T) {
	for _, seeds := range [][]uint64{{42}, {42, 43, 44}, tenSeeds} {
		r := Build(fixture(t, seeds...))
		c := mustCompare(t, CompareOptions{}, r, r)
		if len(c.Pairs) != 3 || len(c.Sides) != 6 {
			t.Fatalf("%d pairs of %d sides, want 3 of 6", len(c.Pairs), len(c.Sides))
		}
		for _, p := range c.Pairs {
			for _, d := range p.Differences {
				if d.Verdict != Unresolved || d.Difference.Value != 0 {
					t.Errorf("%d seeds: %s differs from itself: %+v", len(seeds), d.Metric, d)
				}
			}
		}
		if c.Worse(ComparedMetrics()...) {
			t.Error("a report is worse than itself")
		}
	}
}

// TestNoneAgainstFull: under the outage the full config is better beyond doubt, with
// one seed as with ten.
func TestNoneAgainstFull(t *testing.T) {
	for _, c := range []struct {
		seeds []uint64
		how   string
	}{{[]uint64{42}, methodNewcombe}, {tenSeeds[:7], methodSignFlip}, {tenSeeds, methodPairedT}} {
		got := mustCompare(t, CompareOptions{}, Build(fixture(t, c.seeds...)))
		d := got.verdict(t, 1, "effective_reliability")
		if d.Verdict != Better || d.Difference.Low <= 0 || d.Difference.How != c.how || math.Abs(d.Difference.Value-0.48) > 0.05 {
			t.Errorf("%d seeds: %+v, want better by %q without 0", len(c.seeds), d, c.how)
		}
		if latency := got.verdict(t, 1, "latency.p95{op=agent_request}"); latency.Verdict != Worse {
			t.Errorf("%d seeds: the latency p95 is %s, want worse: %+v", len(c.seeds), latency.Verdict, latency)
		}
		if got.Worse() || !got.Worse("latency.p95{op=agent_request}") {
			t.Errorf("%d seeds: worse by reliability, or not by latency", len(c.seeds))
		}
		back := mustCompare(t, CompareOptions{Baseline: "full"}, Build(fixture(t, c.seeds...)))
		if !back.Worse() || back.Pairs[0].From != 2 {
			t.Errorf("%d seeds: none is not worse than full", len(c.seeds))
		}
	}
	for _, seeds := range [][]uint64{{1, 2, 3}, {1, 2, 3, 4, 5, 6}} { // six could settle one pair, not two
		few := mustCompare(t, CompareOptions{}, Build(fixture(t, seeds...)))
		if d := few.verdict(t, 1, "effective_reliability"); d.Verdict != Unresolved || d.Difference.Note == "" {
			t.Errorf("%d seeds: %+v, want not resolved, with a note", len(seeds), d)
		}
	}
}

func TestCompareRefusesUnlikeConditions(t *testing.T) {
	build := func(scenario, clock string, seeds ...uint64) *Report {
		in := fixture(t, seeds...)
		in.Scenario, in.Clock = json.RawMessage(scenario), clock
		return Build(in)
	}
	const plain = `{"name":"x","agent":{"steps":[1]},"faults":[{"at":"6s"}],"workload":{"rate":10},"configs":{"a":1}}`
	first := build(plain, "virtual", 1, 2)
	cases := []struct {
		name            string
		other           *Report
		refused, warned string
	}{
		{"other configs", build(strings.Replace(plain, `{"a":1}`, `{"b":2}`, 1), "virtual", 1, 2), "", ""},
		{"other order of keys", build(`{"workload":{"rate":10},"agent":{"steps":[1]},"faults":[{"at":"6s"}]}`, "virtual", 1, 2), "", ""},
		{"other faults", build(strings.Replace(plain, "6s", "7s", 1), "virtual", 1, 2), "its faults differ", ""},
		{"other agent", build(strings.Replace(plain, "[1]", "[2]", 1), "virtual", 1, 2), "its agent differ", ""},
		{"other clock", build(plain, "wall", 1, 2), "wall clock", ""},
		{"other seeds", build(plain, "virtual", 2, 3), "", "the seeds differ (2 3 against 1 2)"},
		{"no scenario", build(``, "virtual", 1, 2), "its agent differ", ""},
	}
	for _, c := range cases {
		got, err := Compare(CompareOptions{Labels: []string{"a.json", "b.json"}}, first, c.other)
		switch {
		case c.refused != "":
			if err == nil || !strings.Contains(err.Error(), "b.json: ") || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want a refusal with %q", c.name, err, c.refused)
			}
			forced, err := Compare(CompareOptions{Force: true}, first, c.other)
			if err != nil || !strings.Contains(strings.Join(forced.Warnings, "\n"), c.refused) {
				t.Errorf("%s, forced: %v, want a warning with %q", c.name, err, c.refused)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.warned == "" && len(got.Warnings) > 0 || !strings.Contains(strings.Join(got.Warnings, "\n"), c.warned):
			t.Errorf("%s: warnings %q, want %q", c.name, got.Warnings, c.warned)
		}
	}
	if _, err := Compare(CompareOptions{Baseline: "fulll"}, first); err == nil || !strings.Contains(err.Error(), `did you mean "full"?`) {
		t.Errorf("an unknown baseline: %v", err)
	}
	if _, err := Compare(CompareOptions{}); err == nil {
		t.Error("nothing was compared with nothing")
	}
}

func TestComparisonRenders(t *testing.T) {
	in := fixture(t, tenSeeds...)
	in.Clock = "virtual"
	c := mustCompare(t, CompareOptions{}, Build(in))
	document, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.json", document)
	golden(t, "compare.md", []byte(c.Markdown()))
	var out bytes.Buffer
	if err := c.RenderTerminal(&out, false, 100); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", out.Bytes())
	page, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, write(t, "compare.html", page))
	if len(v.urls) > 0 || len(v.console) > 0 {
		t.Errorf("requests %q, console %q, want none", v.urls, v.console)
	}
	for _, p := range c.Pairs {
		for _, d := range p.Differences {
			if !strings.Contains(v.dom, changeWith(d.Difference)) {
				t.Errorf("%s of %s is not on the page", d.Metric, c.Sides[p.To].Label)
			}
		}
	}
	if n := strings.Count(v.dom, `<circle cx`); n != 2*len(c.Sides) {
		t.Errorf("%d points in the planes, want %d", n, 2*len(c.Sides))
	}
}

func TestSignFlipAgainstADumbCount(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for n := 1; n <= 9; n++ {
		d := make([]float64, n)
		sum := 0.0
		for i := range d {
			d[i] = r.NormFloat64() + 0.5
			sum += d[i]
		}
		extreme := 0
		for flips := range 1 << n {
			turned := 0.0
			for i := range d {
				if flips>>i&1 == 1 {
					turned -= d[i]
				} else {
					turned += d[i]
				}
			}
			if math.Abs(turned) >= math.Abs(sum)-1e-12 {
				extreme++
			}
		}
		if got, want := SignFlip(d), float64(extreme)/float64(int(1)<<n); got != want {
			t.Errorf("%d differences: p %g, want %g", n, got, want)
		}
	}
	if p := SignFlip([]float64{1, 1, 1, 1, 1, 1}); p != 2.0/64 {
		t.Errorf("six alike: p %g, want 2/64", p)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("adjusted %v, want 0.03 0.06 0.06 0.02", got)
			break
		}
	}
}

// TestNewcombe takes the examples of the paper.
func TestNewcombe(t *testing.T) {
	for _, c := range []struct {
		k1, n1, k2, n2 int
		low, high      float64
	}{{48, 80, 56, 70, 0.0524, 0.3339}, {0, 10, 0, 10, -0.2775, 0.2775}, {0, 20, 10, 10, 0.6791, 1}} {
		_, low, high := Newcombe(c.k1, c.n1, c.k2, c.n2)
		if math.Abs(low-c.low) > 2e-3 || math.Abs(high-c.high) > 2e-3 {
			t.Errorf("%d/%d to %d/%d: %.4f to %.4f, want %.4f to %.4f", c.k1, c.n1, c.k2, c.n2, low, high, c.low, c.high)
		}
	}
}
