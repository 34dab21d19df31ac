package scenarios

import (
	"context"
	"testing"

	"github.com/agentchaos/chaos/reports"
)

// TestLibraryHoldsUnderOtherSeeds runs every scenario of the library under five seeds
// that its numbers were not chosen for: expectations must hold for the reason that
// the description gives, not by luck.
func TestLibraryHoldsUnderOtherSeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: five seeds of every scenario take a minute")
	}
	library, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range library {
		t.Run(s.Name, func(t *testing.T) {
			for number := uint64(1000); number < 1005; number++ {
				r, err := Run(context.Background(), s, Options{Seed: &number, Repeat: 1, Clock: "virtual"})
				if err != nil {
					t.Fatal(err)
				}
				if r.Status != reports.Passed {
					t.Errorf("seed %d: %s: %v", number, r.Status, r.Reasons)
				}
			}
		})
	}
}
