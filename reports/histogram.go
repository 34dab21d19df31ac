package reports

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBits    = 7 // 128 sub-buckets per octave: a bucket is at most 1/128 of its value wide
	subBuckets = 1 << subBits
	buckets    = (64 - subBits + 1) * subBuckets
)

// Histogram counts durations in log-linear buckets, 128 per octave, so a quantile
// is off by at most 0.4 %. The zero value is ready (59 KB); it is safe for
// concurrent use and never allocates. Reports do not use it: their percentiles are
// exact. It serves displays while a run is under way.
type Histogram struct {
	counts [buckets]atomic.Uint64
}

// Record counts d; a negative duration counts as 0.
func (h *Histogram) Record(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))].Add(1)
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 {
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Quantile gives the middle of the bucket that holds the q-th of the durations,
// q in [0, 1] by nearest rank; 0 if none was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	n := h.Count()
	if n == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(n)))
	rank = min(max(rank, 1), n)
	var seen uint64
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank {
			return time.Duration(bucketMiddle(i))
		}
	}
	return 0
}

func bucketOf(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return shift*subBuckets + int(v>>shift)
}

func bucketMiddle(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i)
	}
	shift := i/subBuckets - 1
	low := uint64(i-shift*subBuckets) << shift
	return low + uint64(1)<<shift/2
}
