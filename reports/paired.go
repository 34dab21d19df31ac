package reports

import (
	"math"
	"math/bits"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// How a difference was judged, as reports say it.
const (
	methodPairedT  = "paired by seed, t"
	methodSignFlip = "paired by seed, sign flips"
	methodNewcombe = "Newcombe, unpaired, conditional on this timetable"
	methodUnpaired = "intervals of both sides, unpaired, conditional on this timetable"
	methodWelch    = "no common seeds, Welch's t"
	methodNone     = "one run, no interval"
)

// fewSeeds is from how many pairs on a difference is judged by t rather than by sign
// flips; with fewer than leastSeeds, no difference of any size can be told from chance.
const (
	fewSeeds   = 10
	leastSeeds = 6
)

// PairedT gives mean, interval and two-sided p of paired differences, by Student's t.
// Fewer than two give NaN bounds and p = 1.
func PairedT(differences []float64) (mean, low, high, p float64) {
	mean, low, high = TInterval(differences)
	n := float64(len(differences))
	_, variance := moments(differences)
	switch {
	case n < 2:
		return mean, low, high, 1
	case variance == 0 && mean == 0:
		return mean, low, high, 1
	case variance == 0:
		return mean, low, high, SignFlip(differences)
	}
	t := math.Abs(mean) / math.Sqrt(variance/n)
	return mean, low, high, 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.CDF(-t)
}

// SignFlip gives the exact two-sided p of paired differences: the share of all ways to
// flip their signs that bring a mean as far from 0 as the one seen. It takes at most
// 20 differences; of more it uses the first 20.
func SignFlip(differences []float64) float64 {
	differences = differences[:min(len(differences), 20)]
	sum, size := 0.0, 0.0
	for _, d := range differences {
		sum += d
		size += math.Abs(d)
	}
	extreme, flips := 0, 1<<len(differences)
	turned := 0.0
	for _, d := range differences {
		turned -= d
	}
	// A Gray code flips one sign a step.
	signs := make([]float64, len(differences))
	for i := range signs {
		signs[i] = -1
	}
	for i := range flips {
		if math.Abs(turned) >= math.Abs(sum)-1e-12*size {
			extreme++
		}
		if k := bits.TrailingZeros(uint(i + 1)); k < len(signs) {
			signs[k] = -signs[k]
			turned += 2 * signs[k] * differences[k]
		}
	}
	return float64(extreme) / float64(flips)
}

// Newcombe gives the difference of two proportions of independent trials, second less
// first, with the hybrid score interval (Newcombe 1998, method 10).
func Newcombe(hits1, n1, hits2, n2 int) (difference, low, high float64) {
	l1, u1 := Wilson(hits1, n1)
	l2, u2 := Wilson(hits2, n2)
	return bounded(float64(hits1)/float64(n1), l1, u1, float64(hits2)/float64(n2), l2, u2)
}

// bounded joins the intervals of two independent numbers into that of b − a.
func bounded(a, aLow, aHigh, b, bLow, bHigh float64) (difference, low, high float64) {
	difference = b - a
	low = difference - math.Hypot(b-bLow, aHigh-a)
	high = difference + math.Hypot(bHigh-b, a-aLow)
	return difference, low, high
}

// welch compares the means of two unpaired samples of seeds.
func welch(a, b []float64) (difference, low, high, p float64) {
	meanA, varA := moments(a)
	meanB, varB := moments(b)
	ea, eb := varA/float64(len(a)), varB/float64(len(b))
	difference = meanB - meanA
	if len(a) < 2 || len(b) < 2 {
		return difference, math.NaN(), math.NaN(), 1
	}
	if ea+eb == 0 {
		return difference, difference, difference, 1
	}
	freedom := (ea + eb) * (ea + eb) / (ea*ea/float64(len(a)-1) + eb*eb/float64(len(b)-1))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}
	half := t.Quantile(1-tail) * math.Sqrt(ea+eb)
	return difference, difference - half, difference + half, 2 * t.CDF(-math.Abs(difference)/math.Sqrt(ea+eb))
}

// Holm adjusts p-values for how many they are (Holm 1979): those it leaves at or below
// 5 % are together wrong in at most 5 % of cases.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, p[i]*float64(len(p)-rank)))
		out[i] = highest
	}
	return out
}

// arm is one side of a difference: a metric of a config, by seed and over all.
type arm struct {
	value Value
	seeds map[uint64]float64
}

func armOf(c *ConfigReport, metric string) arm {
	a := arm{c.Metric(metric), map[uint64]float64{}}
	for _, run := range c.Runs {
		if x, ok := run.Metrics[metric]; ok {
			a.seeds[run.Seed] = x
		}
	}
	return a
}

// difference is b − a with its p; the seeds that both have are paired.
func difference(a, b arm) (v Value, p float64) {
	v = Value{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), DesignEffect: math.NaN(), Unit: b.value.Unit, How: methodNone}
	if !a.value.Known() || !b.value.Known() {
		v.Note = "not measured on both sides"
		return v, 1
	}
	var left, right, pairs []float64
	for _, seed := range sortedKeys(b.seeds) {
		right = append(right, b.seeds[seed])
		if x, ok := a.seeds[seed]; ok {
			pairs = append(pairs, b.seeds[seed]-x)
		}
	}
	for _, seed := range sortedKeys(a.seeds) {
		left = append(left, a.seeds[seed])
	}
	v.Seeds = len(pairs)
	switch {
	case len(pairs) >= 2:
		p = paired(&v, pairs)
	case len(left) > 1 && len(right) > 1:
		v.How = methodWelch
		v.Value, v.Low, v.High, p = welch(left, right)
	default:
		p = lone(&v, a.value, b.value)
	}
	if v.HasInterval() && v.Unit == "ratio" {
		v.Low, v.High = max(v.Low, -1), min(v.High, 1)
	}
	return v, p
}

func paired(v *Value, pairs []float64) (p float64) {
	v.How = methodPairedT
	v.Value, v.Low, v.High, p = PairedT(pairs)
	if len(pairs) < fewSeeds {
		v.How, p = methodSignFlip, SignFlip(pairs)
	}
	if len(pairs) < leastSeeds && v.Value != 0 {
		v.Note = "fewer than 6 seeds cannot resolve a difference"
	}
	return p
}

// lone compares one seed with one seed: proportions by their counts, percentiles by
// their intervals.
func lone(v *Value, a, b Value) (p float64) {
	switch {
	case a.How == methodExact && b.How == methodExact:
		v.How = methodNewcombe
		hits := func(x Value) int { return int(math.Round(x.Value * float64(x.N))) }
		v.Value, v.Low, v.High = Newcombe(hits(a), a.N, hits(b), b.N)
	case a.HasInterval() && b.HasInterval():
		v.How = methodUnpaired
		v.Value, v.Low, v.High = bounded(a.Value, a.Low, a.High, b.Value, b.Low, b.High)
	default:
		v.Value = b.Value - a.Value
		return 1
	}
	return pOf(*v)
}

// pOf gives the two-sided p that belongs to an interval, as if the estimate were
// normal on the side that faces 0.
func pOf(v Value) float64 {
	half := v.High - v.Value
	if v.Value > 0 {
		half = v.Value - v.Low
	}
	switch {
	case v.Value == 0:
		return 1
	case half <= 0:
		return 0
	}
	z := math.Abs(v.Value) / half * distuv.UnitNormal.Quantile(1-tail)
	return 2 * distuv.UnitNormal.CDF(-z)
}

func sortedKeys(m map[uint64]float64) []uint64 {
	keys := make([]uint64, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
