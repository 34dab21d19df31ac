package seed

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

var _ rand.Source = (*Stream)(nil)

// The numbers of a seed never change, or old reports could not be repeated. These
// come from a second implementation.
func TestStreamIsPinned(t *testing.T) {
	s := New(42, "mock/ttft/openai/gpt-4o", Key{Request: 7, Call: 1, Attempt: 2})
	for i, want := range []uint64{0x6585f700ab2d8c74, 0xee105317dd10cc61, 0x66228e463495128f} {
		if got := s.Uint64(); got != want {
			t.Errorf("number %d: %#x, want %#x", i, got, want)
		}
	}
}

// Each part of a stream's name changes it, and no two parts can be exchanged.
func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64][]any{}
	for seed := range uint64(4) {
		for _, purpose := range []string{"", "a", "b", "ab", "ba", "aa"} {
			for r := range uint64(8) {
				for c := range uint64(8) {
					for a := range uint64(8) {
						s := New(seed, purpose, Key{r, c, a})
						v := s.Uint64()
						if other := seen[v]; other != nil {
							t.Fatalf("%v and %v open one stream", other, []any{seed, purpose, r, c, a})
						}
						seen[v] = []any{seed, purpose, r, c, a}
					}
				}
			}
		}
	}
}

const many = 20000

// firsts takes the first number of many streams whose names differ in one part.
func firsts(open func(i uint64) Stream) []float64 {
	all := make([]float64, many)
	for i := range all {
		s := open(uint64(i))
		all[i] = s.Float64()
	}
	return all
}

// Streams of neighbouring names are as unrelated as chance allows: neither the
// numbers of two families nor those of neighbours in one correlate, and each family
// is uniform.
func TestStreamsAreUncorrelated(t *testing.T) {
	families := map[string][]float64{
		"request":       firsts(func(i uint64) Stream { return New(1, "x", Key{Request: i}) }),
		"call":          firsts(func(i uint64) Stream { return New(1, "x", Key{Call: i}) }),
		"attempt":       firsts(func(i uint64) Stream { return New(1, "x", Key{Attempt: i}) }),
		"seed":          firsts(func(i uint64) Stream { return New(i, "x", Key{}) }),
		"other purpose": firsts(func(i uint64) Stream { return New(1, "y", Key{Request: i}) }),
		"other seed":    firsts(func(i uint64) Stream { return New(2, "x", Key{Request: i}) }),
		"second number": firsts(func(i uint64) Stream { s := New(1, "x", Key{Request: i}); s.Uint64(); return s }),
	}
	limit := 4.5 / math.Sqrt(many) // standard deviations of a correlation of nothing
	for name, a := range families {
		if r := stat.Correlation(a[1:], a[:many-1], nil); math.Abs(r) > limit {
			t.Errorf("%s: neighbours correlate by %v", name, r)
		}
		checkUniform(t, name, a)
		for other, b := range families {
			if r := stat.Correlation(a, b, nil); name < other && math.Abs(r) > limit {
				t.Errorf("%s and %s correlate by %v", name, other, r)
			}
		}
	}
}

// checkUniform is a Kolmogorov-Smirnov test at about one in a million.
func checkUniform(t *testing.T, name string, sample []float64) {
	t.Helper()
	checkLaw(t, name, sample, func(x float64) float64 { return x })
}

func checkLaw(t *testing.T, name string, sample []float64, cdf func(float64) float64) {
	t.Helper()
	sorted := slices.Sorted(slices.Values(sample))
	worst, n := 0.0, float64(len(sorted))
	for i, x := range sorted {
		worst = max(worst, cdf(x)-float64(i)/n, float64(i+1)/n-cdf(x))
	}
	if limit := 2.7 / math.Sqrt(n); worst > limit {
		t.Errorf("%s: distance %v from its law, want at most %v", name, worst, limit)
	}
}

func TestLaws(t *testing.T) {
	s := New(1, "laws", Key{})
	norm, exp, one := make([]float64, many), make([]float64, many), make([]float64, many)
	for i := range many {
		norm[i], exp[i], one[i] = s.Norm(), s.Exp(), s.Float64()
	}
	checkLaw(t, "Norm", norm, distuv.UnitNormal.CDF)
	checkLaw(t, "Exp", exp, distuv.Exponential{Rate: 1}.CDF)
	checkUniform(t, "Float64", one)
	se := 4.5 / math.Sqrt(many)
	if m, sd := stat.MeanStdDev(norm, nil); math.Abs(m) > se || math.Abs(sd-1) > se {
		t.Errorf("Norm has mean %v and deviation %v", m, sd)
	}
	if m := stat.Mean(exp, nil); math.Abs(m-1) > se {
		t.Errorf("Exp has mean %v", m)
	}
	if skew, kurtosis := stat.Skew(norm, nil), stat.ExKurtosis(norm, nil); math.Abs(skew) > 2.5*se || math.Abs(kurtosis) > 5*se {
		t.Errorf("Norm has skew %v and excess kurtosis %v", skew, kurtosis)
	}
}

func TestIntN(t *testing.T) {
	s := New(1, "ints", Key{})
	for _, n := range []int{1, 2, 7, 1000} {
		counts := make([]float64, n)
		for range many {
			counts[s.IntN(n)]++ // panics outside [0, n)
		}
		want := float64(many) / float64(n)
		chi := 0.0
		for _, c := range counts {
			chi += (c - want) * (c - want) / want
		}
		if n > 1 && (distuv.ChiSquared{K: float64(n - 1)}).Survival(chi) < 1e-6 {
			t.Errorf("IntN(%d) has a chi-square of %v", n, chi)
		}
	}
}

func TestChance(t *testing.T) {
	s := New(1, "chance", Key{})
	for range 1000 {
		if s.Chance(0) || s.Chance(-1) || !s.Chance(1) || !s.Chance(2) {
			t.Fatal("a certainty is not certain")
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	sum := 0.0
	for i := range uint64(b.N) {
		s := New(1, "mock/ttft/openai/gpt-4o", Key{Request: i})
		sum += s.Float64()
	}
	if sum < 0 {
		b.Fatal(sum)
	}
}
