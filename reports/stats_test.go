package reports

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestPercentileAgainstADumbSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := 1; n <= 400; n += 1 + n/7 {
		values := make([]time.Duration, n)
		for i := range values {
			values[i] = time.Duration(r.IntN(1000))
		}
		slices.Sort(values)
		for _, permille := range []int{0, 1, 250, 500, 900, 950, 990, 999, 1000} {
			// By definition: the smallest value with at least this share at or below it.
			want := values[n-1]
			for i, x := range values {
				if (i+1)*1000 >= permille*n {
					want = x
					break
				}
			}
			if got := Percentile(values, float64(permille)/1000); got != want {
				t.Errorf("n %d, q %d/1000: %d, want %d", n, permille, got, want)
			}
		}
	}
	if Percentile(nil, 0.5) != 0 {
		t.Error("a percentile of nothing must be 0")
	}
}

func TestHistogramAgainstADumbSort(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var h Histogram
	var values []time.Duration
	for range 20000 {
		d := time.Duration(math.Exp(r.NormFloat64()*2+18)) - 1
		h.Record(d)
		values = append(values, d)
	}
	for _, d := range []time.Duration{0, 1, 127, 128, 255, 256, 1<<62 + 1, -5} {
		h.Record(d)
		values = append(values, max(d, 0))
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.001, 0.5, 0.95, 0.99, 0.999, 1} {
		want, got := float64(Percentile(values, q)), float64(h.Quantile(q))
		if math.Abs(got-want) > want/256+1 {
			t.Errorf("q %g: %g, want %g", q, got, want)
		}
	}
	if h.Count() != uint64(len(values)) {
		t.Errorf("count %d, want %d", h.Count(), len(values))
	}
}

func TestIntervalsOfOneProportion(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 5e-6 }
	cases := []struct {
		hits, n               int
		cpLow, cpHigh, wl, wh float64
	}{
		{1000, 1000, 0.996318, 1, 0.996173, 1},
		{0, 1000, 0, 0.003682, 0, 0.003827},
		{4995, 5000, 0.997668, 0.999675, 0.997661, 0.999573},
		{0, 0, 0, 1, 0, 1},
	}
	for _, c := range cases {
		low, high := ClopperPearson(c.hits, c.n)
		if !near(low, c.cpLow) || !near(high, c.cpHigh) {
			t.Errorf("Clopper-Pearson %d/%d: %.6f–%.6f, want %.6f–%.6f", c.hits, c.n, low, high, c.cpLow, c.cpHigh)
		}
		low, high = Wilson(c.hits, c.n)
		if !near(low, c.wl) || !near(high, c.wh) {
			t.Errorf("Wilson %d/%d: %.6f–%.6f, want %.6f–%.6f", c.hits, c.n, low, high, c.wl, c.wh)
		}
	}
}

func TestPercentileRanks(t *testing.T) {
	for _, c := range []struct {
		q        float64
		smallest int
	}{{0.5, 6}, {0.95, 72}, {0.99, 368}} {
		if _, _, ok := PercentileRanks(c.smallest-1, c.q); ok {
			t.Errorf("p%g: an interval from %d values", 100*c.q, c.smallest-1)
		}
		if _, _, ok := PercentileRanks(c.smallest, c.q); !ok {
			t.Errorf("p%g: no interval from %d values", 100*c.q, c.smallest)
		}
	}
	if low, high, ok := PercentileRanks(1000, 0.99); low != 983 || high != 997 || !ok {
		t.Errorf("p99 of 1000: ranks %d, %d, want 983, 997", low, high)
	}
}

// TestCoverage plays many runs whose truth is known; a nominal 95 % interval must
// hold it in 95 % of them, less what chance takes.
func TestCoverage(t *testing.T) {
	const rounds = 1500
	r := rand.New(rand.NewPCG(3, 3))
	hits := func(n int, p float64) int {
		k := 0
		for range n {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	var exact, seeds, order int
	for range rounds {
		const p = 0.95
		if low, high := ClopperPearson(hits(200, p), 200); low <= p && p <= high {
			exact++
		}
		var shares []float64
		for range 10 {
			// Bursts: a seed's own rate varies around p. Per-request intervals fail here.
			rate := p + 0.04*(2*r.Float64()-1)
			shares = append(shares, float64(hits(100, rate))/100)
		}
		if _, low, high := TInterval(shares); low <= p && p <= high {
			seeds++
		}
		values := make([]time.Duration, 150)
		for i := range values {
			values[i] = time.Duration(r.Float64() * 1e9)
		}
		slices.Sort(values)
		low, high, _ := PercentileRanks(len(values), p)
		if values[low-1] <= time.Duration(p*1e9) && time.Duration(p*1e9) <= values[high-1] {
			order++
		}
	}
	for name, n := range map[string]int{"Clopper-Pearson": exact, "t over seeds": seeds, "order statistics": order} {
		if share := float64(n) / rounds; share < 0.935 {
			t.Errorf("%s covers %.1f %%, want 95 %%", name, 100*share)
		}
	}
}

func TestDesignEffect(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var alike, bursts, n []int
	for seed := range 200 {
		k := 0
		for range 500 {
			if r.Float64() < 0.9 {
				k++
			}
		}
		alike, n = append(alike, k), append(n, 500)
		bursts = append(bursts, 500-100*(seed%2))
	}
	if got := DesignEffect(alike, n); got < 0.7 || got > 1.4 {
		t.Errorf("independent failures: %.2f, want about 1", got)
	}
	if got := DesignEffect(bursts, n); got < 20 {
		t.Errorf("failures in bursts: %.2f, want far above 1", got)
	}
	if got := DesignEffect([]int{5, 5}, []int{5, 5}); !math.IsNaN(got) {
		t.Errorf("no failure at all: %.2f, want NaN", got)
	}
}

func TestCombineFollowsTheRules(t *testing.T) {
	info := MetricInfo{Unit: "ratio"}
	cases := []struct {
		name    string
		samples []sample
		how     string
		value   float64
	}{
		{"one seed", []sample{share(9, 10)}, methodExact, 0.9},
		{"all perfect", []sample{share(10, 10), share(20, 20)}, methodExact, 1},
		{"all at zero", []sample{share(0, 10), share(0, 20)}, methodExact, 0},
		{"seeds differ", []sample{share(9, 10), share(10, 10)}, methodSeeds, 0.95},
		{"one could not", []sample{share(9, 10), missing("nothing to count")}, methodExact, 0.9},
		{"none could", []sample{missing("nothing to count")}, methodPlain, math.NaN()},
		{"a number", []sample{number(3, 10)}, methodPlain, 3},
		{"no run", nil, methodPlain, math.NaN()},
	}
	for _, c := range cases {
		v := combine(info, c.samples)
		same := v.Value == c.value || math.IsNaN(v.Value) && math.IsNaN(c.value)
		if v.How != c.how || !same {
			t.Errorf("%s: %v by %q, want %v by %q", c.name, v.Value, v.How, c.value, c.how)
		}
		if v.HasInterval() && (v.Low < 0 || v.High > 1 || v.Low > v.Value || v.High < v.Value) {
			t.Errorf("%s: interval %g–%g around %g", c.name, v.Low, v.High, v.Value)
		}
	}
	small := combine(MetricInfo{Unit: "s"}, []sample{quantile(make([]time.Duration, 71), 0.95)})
	if small.Note == "" || small.HasInterval() {
		t.Errorf("p95 of 71 values: %+v, want a note and no interval", small)
	}
}
