package resilience

import "time"

// buckets is how many parts a window has: it forgets a twentieth at a time.
const buckets = 20

// window counts what was started and what failed in the last twenty buckets. It is
// expired on read and on write.
type window struct {
	width           time.Duration // of a bucket
	newest          int64         // number of the newest bucket, counted from time 0
	started, failed int
	parts           [buckets]struct{ started, failed int }
}

func newWindow(d time.Duration) window { return window{width: max(1, d/buckets)} }

func (w *window) add(now time.Duration, started, failed int) {
	w.expire(now)
	part := &w.parts[w.newest%buckets]
	part.started += started
	part.failed += failed
	w.started += started
	w.failed += failed
}

func (w *window) count(now time.Duration) (started, failed int) {
	w.expire(now)
	return w.started, w.failed
}

func (w *window) expire(now time.Duration) {
	newest := int64(now / w.width)
	for n := max(w.newest+1, newest-buckets+1); n <= newest; n++ {
		part := &w.parts[n%buckets]
		w.started -= part.started
		w.failed -= part.failed
		*part = struct{ started, failed int }{}
	}
	w.newest = max(w.newest, newest)
}

func (w *window) clear() { *w = window{width: w.width, newest: w.newest} }
