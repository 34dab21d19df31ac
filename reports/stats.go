package reports

import (
	"math"
	"sort"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// Every interval here is two-sided at 95 %.
const (
	confidence = 0.95
	tail       = (1 - confidence) / 2
)

// ClopperPearson gives the exact interval of a proportion of hits in n independent
// trials; it never covers less than 95 %. With n = 0 it is [0, 1].
func ClopperPearson(hits, n int) (low, high float64) {
	low, high = 0, 1
	k, m := float64(hits), float64(n)
	if hits > 0 && n > 0 {
		low = distuv.Beta{Alpha: k, Beta: m - k + 1}.Quantile(tail)
	}
	if hits < n {
		high = distuv.Beta{Alpha: k + 1, Beta: m - k}.Quantile(1 - tail)
	}
	return low, high
}

// Wilson gives the score interval of a proportion of hits in n independent trials:
// narrower than ClopperPearson, right on average only. With n = 0 it is [0, 1].
func Wilson(hits, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	z := distuv.UnitNormal.Quantile(1 - tail)
	p, m := float64(hits)/float64(n), float64(n)
	scale := 1 + z*z/m
	centre := (p + z*z/(2*m)) / scale
	half := z / scale * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}

// TInterval gives mean and Student's interval of the mean; NaN bounds with fewer
// than two values.
func TInterval(values []float64) (mean, low, high float64) {
	mean, variance := moments(values)
	if len(values) < 2 {
		return mean, math.NaN(), math.NaN()
	}
	n := float64(len(values))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(1 - tail)
	half := t * math.Sqrt(variance/n)
	return mean, mean - half, mean + half
}

// moments gives mean and sample variance; NaN where they do not exist.
func moments(values []float64) (mean, variance float64) {
	n := float64(len(values))
	for _, x := range values {
		mean += x
	}
	mean /= n
	for _, x := range values {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / (n - 1)
}

// DesignEffect is the variance between the seeds' proportions over what independent
// trials would give: 1 if requests fail independently, far more if failures come in
// bursts. NaN if it cannot be told.
func DesignEffect(hits, n []int) float64 {
	shares := make([]float64, 0, len(n))
	sumHits, sumN := 0, 0
	for i := range n {
		if n[i] == 0 {
			return math.NaN()
		}
		shares = append(shares, float64(hits[i])/float64(n[i]))
		sumHits, sumN = sumHits+hits[i], sumN+n[i]
	}
	if len(shares) < 2 || sumHits == 0 || sumHits == sumN {
		return math.NaN()
	}
	_, between := moments(shares)
	p := float64(sumHits) / float64(sumN)
	return between / (p * (1 - p) / (float64(sumN) / float64(len(n))))
}

// Percentile gives the q-th order statistic of sorted values by nearest rank; 0 of
// none.
func Percentile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	// The small term keeps 0.95·100 from becoming rank 96.
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// PercentileRanks gives the ranks, from 1, of the order statistics that enclose the
// q-th quantile of n independent values; ok is false if n is too small for a
// two-sided interval (under 6 for p50, 72 for p95, 368 for p99).
func PercentileRanks(n int, q float64) (low, high int, ok bool) {
	if n == 0 {
		return 0, 0, false
	}
	below := distuv.Binomial{N: float64(n), P: q} // how many values lie below the quantile
	low = sort.Search(n, func(r int) bool { return below.CDF(float64(r)) > tail })
	high = 1 + sort.Search(n, func(r int) bool { return 1-below.CDF(float64(r)) <= tail })
	return low, high, low >= 1 && high <= n
}
