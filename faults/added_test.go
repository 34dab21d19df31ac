package faults

import (
	"slices"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// TestWhatALatencyToxicAdds prints, for loopback, what a latency toxic adds to the
// first byte beside what it says. How much that is on a busy machine is not asserted,
// only that it is no less; exactness is virtual time's.
func TestWhatALatencyToxicAdds(t *testing.T) {
	const says = 30 * time.Millisecond
	median := func(specs ...Spec) time.Duration {
		b := openBench(t, anOpenAI, quick(1), specs...)
		b.Arm(time.Now())
		var took []time.Duration
		for i := range uint64(31) {
			start := time.Now()
			conn := b.send(t, seed.Key{Request: i})
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(start))
			conn.Close()
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	// The other toxic makes both go through a link.
	idle := Spec{Name: "idle", Type: "limit_data", Params: &LimitData{Bytes: 1 << 30}}
	plain := median(idle)
	delayed := median(idle, Spec{Type: "latency", Params: &Latency{Latency: says}})
	t.Logf("a latency toxic of %v adds %v to the first byte on loopback (median of 31: %v without, %v with)",
		says, delayed-plain, plain, delayed)
	if delayed < says {
		t.Errorf("%v with the toxic", delayed)
	}
}
