package reports

import "sort"

// Decisive tells which counts of hits in n independent trials decide about a share:
// at most below hits put the exact interval below it, at least above hits above it.
// Below is −1 and above n + 1 where no count can.
func Decisive(share float64, n int) (below, above int) {
	above = sort.Search(n+1, func(hits int) bool { low, _ := ClopperPearson(hits, n); return low >= share })
	below = sort.Search(n+1, func(hits int) bool { _, high := ClopperPearson(hits, n); return high > share }) - 1
	return below, above
}

// maxSample bounds SampleSize.
const maxSample = 100_000_000

// SampleSize is how many independent trials put the exact interval above a share in
// (0, 1) although so many of them miss; at most a hundred million.
func SampleSize(share float64, misses int) int {
	return sort.Search(maxSample, func(n int) bool {
		if n <= misses {
			return false
		}
		low, _ := ClopperPearson(n-misses, n)
		return low >= share
	})
}
