package reports

import (
	"math"
	"time"
)

// Distribution counts the latencies of a config's agent requests over all seeds, by
// outcome, in buckets that grow by the eighth root of two. Bucket i of Counts holds
// the latencies from Low·2^(i/8) up to Low·2^((i+1)/8) seconds; the first also holds
// whatever is shorter, the last whatever is longer.
type Distribution struct {
	Low    float64          `json:"low"` // seconds
	Counts map[string][]int `json:"counts"`
}

const (
	perOctave       = 8
	shortestLatency = 1e-3      // seconds
	longestLatency  = 20 * 3600 // seconds
)

// Edge gives the lower edge of bucket i in seconds.
func (d *Distribution) Edge(i int) float64 {
	return d.Low * math.Pow(2, float64(i)/perOctave)
}

// Buckets is how many buckets there are.
func (d *Distribution) Buckets() int {
	n := 0
	for _, counts := range d.Counts {
		n = max(n, len(counts))
	}
	return n
}

func latencyBucket(d time.Duration) int {
	s := min(max(d.Seconds(), shortestLatency), longestLatency)
	return int(math.Floor(perOctave * math.Log2(s/shortestLatency)))
}

// distribution is nil if nothing was measured. Empty buckets at both ends are left out.
func distribution(views []*view) *Distribution {
	first, last := math.MaxInt, -1
	all := map[string][]int{}
	for _, outcome := range outcomeNames {
		for _, v := range views {
			for _, d := range v.latency[latencyKey{opRequest, outcome}] {
				i := latencyBucket(d)
				first, last = min(first, i), max(last, i)
				for len(all[outcome]) <= i {
					all[outcome] = append(all[outcome], 0)
				}
				all[outcome][i]++
			}
		}
	}
	if last < 0 {
		return nil
	}
	d := &Distribution{Low: rounded(shortestLatency * math.Pow(2, float64(first)/perOctave)), Counts: map[string][]int{}}
	for outcome, counts := range all {
		for len(counts) <= last {
			counts = append(counts, 0)
		}
		d.Counts[outcome] = counts[first:]
	}
	return d
}
