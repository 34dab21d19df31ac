package reports

import "testing"

func TestSampleSize(t *testing.T) {
	for _, c := range []struct {
		share     float64
		misses, n int
	}{{0.99, 0, 368}, {0.999, 0, 3688}, {0.951, 0, 74}} {
		got := SampleSize(c.share, c.misses)
		low, _ := ClopperPearson(got-c.misses, got)
		less, _ := ClopperPearson(got-1-c.misses, got-1)
		if got != c.n || low < c.share || less >= c.share {
			t.Errorf("%g with %d misses takes %d, want %d (%g, one less %g)", c.share, c.misses, got, c.n, low, less)
		}
	}
	if one, five := SampleSize(0.99, 1), SampleSize(0.99, 5); one <= 368 || five <= one {
		t.Errorf("misses cost nothing: %d, %d", one, five)
	}
}

func TestDecisive(t *testing.T) {
	for _, c := range []struct {
		share float64
		n     int
	}{{0.99, 360}, {0.99, 3600}, {0.8, 100}, {0.35, 1800}, {0, 10}, {1, 10}} {
		below, above := Decisive(c.share, c.n)
		for hits := range c.n + 1 {
			low, high := ClopperPearson(hits, c.n)
			if (low >= c.share) != (hits >= above) || (high <= c.share) != (hits <= below) {
				t.Fatalf("%g of %d: %d or less, %d or more, but %d hits give %g to %g", c.share, c.n, below, above, hits, low, high)
			}
		}
	}
	if _, above := Decisive(0.99, 360); above != 361 {
		t.Errorf("360 requests show 99 %% from %d successes on, want never", above)
	}
}
