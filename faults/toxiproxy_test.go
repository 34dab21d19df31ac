package faults

import (
	"reflect"
	"testing"

	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/agentchaos/chaos/internal/seed"
)

// TestSlicesAreDrawnByTheirStream holds the pieces to their sizes and to the draw:
// toxiproxy's own slicer takes from the global generator.
func TestSlicesAreDrawnByTheirStream(t *testing.T) {
	for _, size := range [][2]int{{1, 0}, {8, 0}, {16, 4}, {16, 15}, {200, 50}} {
		average, variation := size[0], size[1]
		cuts := func(s uint64, n int) []int {
			slicer := &slicerToxic{toxics.SlicerToxic{AverageSize: average, SizeVariation: variation}, s}
			return slicer.cuts(nil, 0, n, slicer.NewState().(*seed.Stream))
		}
		for n := range 700 {
			begin, ends := 0, cuts(uint64(n), n)
			for _, end := range ends {
				if n > 0 && end <= begin || end-begin > average+variation {
					t.Fatalf("%d ± %d: %d bytes are cut at %v", average, variation, n, ends)
				}
				begin = end
			}
			if begin != n {
				t.Fatalf("%d ± %d: %d bytes end at %v", average, variation, n, ends)
			}
		}
		if !reflect.DeepEqual(cuts(1, 5000), cuts(1, 5000)) {
			t.Errorf("%d ± %d: one stream cuts in two ways", average, variation)
		}
		if same := reflect.DeepEqual(cuts(1, 5000), cuts(2, 5000)); same != (variation == 0) {
			t.Errorf("%d ± %d: two streams cut alike: %v", average, variation, same)
		}
	}
}
