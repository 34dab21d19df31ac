package reports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// simulated is how many reports each simulation plays.
const simulated = 2000

// bursts is a pattern of faults: in windows of so many agent requests, so many of them
// a seed on average, everything fails; outside, a share does.
type bursts struct {
	windows, length int
	outside         float64
}

// play gives the good agent requests of one seed, of n.
func (b bursts) play(r *rand.Rand, n int) int {
	bad := make([]bool, n)
	for i := range bad {
		bad[i] = r.Float64() < b.outside
	}
	// Each request may begin a window: their number varies as that of real outages.
	if b.windows > 0 {
		for i := range bad {
			if r.Float64() < float64(b.windows)/float64(n) {
				for k := i; k < min(i+b.length, n); k++ {
					bad[k] = true
				}
			}
		}
	}
	good := 0
	for _, x := range bad {
		if !x {
			good++
		}
	}
	return good
}

// truth is the expected share of good ones.
func (b bursts) truth(n int) float64 {
	p := 0.0
	for i := range n {
		// i is in no window if none of the last length requests began one.
		p += (1 - b.outside) * math.Pow(1-float64(b.windows)/float64(n), float64(min(i+1, b.length)))
	}
	return p / float64(n)
}

// TestTheIntervalOverSeedsCovers: ten seeds with several fault windows each give an
// interval that holds the truth in 95 % of reports, bursts or not; the interval of the
// pooled requests does not.
func TestTheIntervalOverSeedsCovers(t *testing.T) {
	const n, seeds = 1000, 10
	for name, b := range map[string]bursts{
		"independent failures":      {0, 0, 0.02},
		"10 windows of 10 a seed":   {10, 10, 0.01},
		"5 windows of 25 a seed":    {5, 25, 0.005},
		"20 windows of 20 requests": {20, 20, 0},
	} {
		r := rand.New(rand.NewPCG(11, uint64(b.length)))
		truth := b.truth(n)
		covered, pooled := 0, 0
		for range simulated {
			var samples []sample
			hits := 0
			for range seeds {
				k := b.play(r, n)
				samples, hits = append(samples, share(k, n)), hits+k
			}
			if v := combine(MetricInfo{Unit: "ratio"}, samples); v.Low <= truth && truth <= v.High {
				covered++
			}
			if low, high := Wilson(hits, n*seeds); low <= truth && truth <= high {
				pooled++
			}
		}
		got := float64(covered) / simulated
		t.Logf("%s: over seeds %.1f %%, pooled requests %.1f %%", name, 100*got, 100*float64(pooled)/simulated)
		if got < 0.93 || got > 0.97 {
			t.Errorf("%s: the interval over seeds covers %.1f %%, want 93 to 97", name, 100*got)
		}
	}
}

// TestClopperPearsonNeverUnderCovers adds up exact binomial probabilities.
func TestClopperPearsonNeverUnderCovers(t *testing.T) {
	for _, n := range []int{20, 200, 1000} {
		low, high := make([]float64, n+1), make([]float64, n+1)
		for k := range n + 1 {
			low[k], high[k] = ClopperPearson(k, n)
		}
		for _, p := range []float64{0.5, 0.9, 0.951, 0.98, 0.99, 0.995, 0.999, 0.9995} {
			covered := 0.0
			for k := range n + 1 {
				if low[k] <= p && p <= high[k] {
					covered += binomial(n, k, p)
				}
			}
			if covered < confidence-1e-9 {
				t.Errorf("n %d, p %g: covers %.2f %%", n, p, 100*covered)
			}
		}
	}
}

func binomial(n, k int, p float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// TestEProcess: looked at after every agent request it gives few false alarms, at the
// claimed share and above it, and finds a bad config soon.
func TestEProcess(t *testing.T) {
	const claimed, most = 0.999, 5000
	r := rand.New(rand.NewPCG(12, 12))
	stopped := func(p float64) int {
		e := NewEProcess(claimed)
		for i := range most {
			good := r.Float64() < p
			e.Observe(good)
			if !good && e.Refuted() { // it grows by failures only
				return i + 1
			}
		}
		return 0
	}
	for _, c := range []struct {
		p                 float64
		atLeast, atMost   float64 // share refuted
		median, medianMax int
	}{{0.9995, 0, 0.05, 0, 0}, {0.999, 0, 0.05, 0, 0}, {0.995, 0.95, 1, 1, 2500}, {0.99, 1, 1, 1, 800}, {0.951, 1, 1, 1, 80}} {
		var at []int
		for range simulated / 4 {
			if n := stopped(c.p); n > 0 {
				at = append(at, n)
			}
		}
		refuted := float64(len(at)) / (simulated / 4)
		median := 0
		if len(at) > 0 {
			slices.Sort(at)
			median = at[len(at)/2]
		}
		t.Logf("at %g: %.1f %% refuted, median after %d agent requests", c.p, 100*refuted, median)
		if refuted < c.atLeast || refuted > c.atMost || c.medianMax > 0 && median > c.medianMax {
			t.Errorf("at %g: %.1f %% refuted after %d, want %g to %g %% within %d", c.p, 100*refuted, median, 100*c.atLeast, 100*c.atMost, c.medianMax)
		}
	}
	fresh := NewEProcess(0.99)
	if v := fresh.Value(); math.Abs(v-1) > 1e-9 || fresh.Refuted() {
		t.Errorf("the evidence of nothing is %g, want 1", v)
	}
	sure := NewEProcess(1)
	sure.Observe(true)
	if sure.Refuted() {
		t.Error("a success refutes the claim of 1")
	}
	if sure.Observe(false); !sure.Refuted() {
		t.Error("a failure does not refute the claim of 1")
	}
}

// TestCommonRandomNumbersNarrowDifferences: two configs under the same seed meet the
// same faults, so their difference varies less than between unpaired seeds.
func TestCommonRandomNumbersNarrowDifferences(t *testing.T) {
	const seeds, requests = 300, 40
	reliability := func(s subject, seed uint64) float64 {
		run := simulateKeyed(s, seed, requests)
		return float64(newView(run, nil).good()) / requests
	}
	var same, apart []float64
	for seed := range uint64(seeds) {
		a := reliability(subject{"", 1, false, false}, seed)
		same = append(same, reliability(subject{"", 2, false, false}, seed)-a)
		apart = append(apart, reliability(subject{"", 2, false, false}, seed+seeds)-a)
	}
	_, paired := moments(same)
	_, unpaired := moments(apart)
	t.Logf("variance of the difference: %.2g paired, %.2g unpaired, %.1f times less", paired, unpaired, unpaired/paired)
	if unpaired < 1.3*paired {
		t.Errorf("pairing by seed narrows the variance only %.2f times", unpaired/paired)
	}
}

// simulateKeyed plays agent requests whose every draw is keyed by seed, request, call
// and attempt, with outages that strike whole requests.
func simulateKeyed(s subject, seed uint64, requests int) *Run {
	run := &Run{Config: s.name, Seed: seed, Duration: time.Minute}
	outage := rand.New(rand.NewPCG(seed, 99))
	down := 0
	for i := range requests {
		if down--; down < 0 && outage.Float64() < 0.04 {
			down = outage.IntN(8)
		}
		q := Request{Index: uint64(i), Level: "full"}
		for call := range 5 {
			failed := true
			for n := 0; n < s.attempts && failed; n++ {
				draw := rand.New(rand.NewPCG(seed, uint64(i)<<16|uint64(call)<<8|uint64(n)))
				failed = draw.Float64() < 0.02 || down > 0
			}
			if failed {
				q.Outcome = Failed
			}
		}
		run.Requests = append(run.Requests, q)
	}
	return run
}

// TestVerdictsUnderNoDifference: two configs that are the same, under seeds of their
// own, are called different in at most 5 % of comparisons, however many configs.
func TestVerdictsUnderNoDifference(t *testing.T) {
	const configs, seeds, n = 5, 10, 400
	r := rand.New(rand.NewPCG(13, 13))
	wrong := 0
	const rounds = simulated / 4
	for range rounds {
		report := &Report{Clock: "virtual", Status: Passed}
		for k := range configs {
			c := ConfigReport{Name: fmt.Sprint(k), Metrics: map[string]Value{}}
			var samples []sample
			for seed := range uint64(seeds) {
				s := share(bursts{5, 10, 0.02}.play(r, n), n)
				samples = append(samples, s)
				c.Runs = append(c.Runs, RunReport{Seed: seed, Metrics: map[string]float64{"effective_reliability": s.value}})
			}
			c.Metrics["effective_reliability"] = combine(MetricInfo{Unit: "ratio"}, samples)
			report.Configs = append(report.Configs, c)
		}
		comparison, err := Compare(CompareOptions{}, report)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(comparison.Pairs, func(p Pair) bool { return p.Differences[0].Verdict != Unresolved }) {
			wrong++
		}
	}
	share := float64(wrong) / rounds
	t.Logf("%.1f %% of comparisons of five equal configs find a difference", 100*share)
	if share > 0.07 {
		t.Errorf("%.1f %% of comparisons find a difference where there is none, want about 5", 100*share)
	}
}
