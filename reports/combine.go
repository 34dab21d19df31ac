package reports

import (
	"fmt"
	"math"
	"slices"
)

// How the value and the interval of a metric were made, as reports say it.
const (
	methodSeeds      = "mean over seeds, t interval over seeds"
	methodExact      = "Clopper-Pearson, conditional on this timetable"
	methodOrder      = "order statistics, conditional on this timetable"
	methodPercentile = "order statistic, n too small for an interval"
	methodPlain      = "one run, no interval"
)

// combine makes one value of a metric's samples, one a seed. The seed is the unit:
// two or more give a t interval, clipped to what the unit allows. One seed, or seeds
// that all agree on a proportion (a t interval of no width), give the exact interval
// of the pooled counts, right only under the timetable of faults that was met.
func combine(info MetricInfo, samples []sample) Value {
	v := Value{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), DesignEffect: math.NaN(), Unit: info.Unit, How: methodPlain}
	var values []float64
	var present []sample
	for _, s := range samples {
		if known(s.value) {
			values, present = append(values, s.value), append(present, s)
			v.N += s.n
		} else {
			if v.Note == "" || s.censored {
				v.Note = s.why
			}
		}
	}
	v.Seeds = len(present)
	if never := countCensored(samples); never > 0 {
		if len(samples) > 1 {
			v.Note = fmt.Sprintf("in %d of %d seeds it %s", never, len(samples), v.Note)
		}
		return v // a mean over the others would flatter
	}
	switch {
	case len(present) == 0:
		return v
	case present[0].proportion && (len(present) == 1 || slices.Min(values) == slices.Max(values)):
		exact(&v, present)
	case len(present) == 1:
		single(&v, present[0])
	default:
		v.How = methodSeeds
		v.Value, v.Low, v.High = TInterval(values)
		v.Low = max(v.Low, 0)
		if info.Unit == "ratio" {
			v.High = min(v.High, 1)
		}
	}
	if present[0].proportion {
		v.DesignEffect = effectOf(present)
	}
	if small := slices.IndexFunc(present, tooSmall); small >= 0 {
		v.Note = "n too small for this percentile"
	}
	return v
}

func countCensored(samples []sample) (n int) {
	for _, s := range samples {
		if s.censored {
			n++
		}
	}
	return n
}

func exact(v *Value, samples []sample) {
	hits, n := 0, 0
	for _, s := range samples {
		hits, n = hits+s.hits, n+s.n
	}
	v.How = methodExact
	v.Value = float64(hits) / float64(n)
	v.Low, v.High = ClopperPearson(hits, n)
}

func single(v *Value, s sample) {
	v.Value = s.value
	if s.sorted == nil {
		return
	}
	v.How = methodPercentile
	if low, high, ok := PercentileRanks(len(s.sorted), s.q); ok {
		v.How = methodOrder
		v.Low, v.High = s.sorted[low-1].Seconds(), s.sorted[high-1].Seconds()
	}
}

func tooSmall(s sample) bool {
	if s.sorted == nil {
		return false
	}
	_, _, ok := PercentileRanks(len(s.sorted), s.q)
	return !ok
}

func effectOf(samples []sample) float64 {
	var hits, n []int
	for _, s := range samples {
		hits, n = append(hits, s.hits), append(n, s.n)
	}
	return DesignEffect(hits, n)
}
