package resilience

import (
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// TestWindowCountsWhatIsRecent compares the window with a list counted anew.
func TestWindowCountsWhatIsRecent(t *testing.T) {
	w := newWindow(20 * time.Second)
	draw := seed.New(1, "window", seed.Key{})
	var started, failed []int64 // buckets
	now := time.Duration(0)
	for range 5000 {
		now += time.Duration(draw.Exp() * float64(2*time.Second))
		bucket := int64(now / time.Second)
		count := func(all []int64) (n int) {
			for _, b := range all {
				if b > bucket-buckets {
					n++
				}
			}
			return n
		}
		if s, f := w.count(now); s != count(started) || f != count(failed) {
			t.Fatalf("at %v: %d started, %d failed, want %d and %d", now, s, f, count(started), count(failed))
		}
		w.add(now, 1, 0)
		started = append(started, bucket)
		if draw.Chance(0.3) {
			w.add(now, 0, 1)
			failed = append(failed, bucket)
		}
	}
}
