package seed

import (
	"math"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// A draw follows the lognormal law of its quantiles.
func TestQuantilesFollowTheirLaw(t *testing.T) {
	for name, c := range map[string]struct {
		q     Quantiles
		sigma float64
	}{
		"p99 given":   {Quantiles{P50: 300, P99: 1200}, math.Log(4) / distuv.UnitNormal.Quantile(0.99)},
		"p50 alone":   {Quantiles{P50: 15}, 0.25},
		"almost none": {Quantiles{P50: 100, P99: 101}, math.Log(1.01) / distuv.UnitNormal.Quantile(0.99)},
	} {
		sample := make([]float64, many)
		for i := range sample {
			s := New(1, name, Key{Request: uint64(i)})
			sample[i] = c.q.Draw(&s)
		}
		checkLaw(t, name, sample, distuv.LogNormal{Mu: math.Log(c.q.P50), Sigma: c.sigma}.CDF)
	}
}

func TestConstants(t *testing.T) {
	s := New(1, "constants", Key{})
	for range 100 {
		if got := Constant(7 * time.Millisecond).Draw(&s); got != 7*time.Millisecond {
			t.Fatalf("a constant drew %v", got)
		}
		if got := (Latency{}).Draw(&s); got != 0 {
			t.Fatalf("nothing drew %v", got)
		}
		if got := (Count{P50: 60, P99: 60}).Draw(&s); got != 60 {
			t.Fatalf("a constant count drew %v", got)
		}
		if got := (Count{}).Draw(&s); got != 1 {
			t.Fatalf("an empty count drew %v", got)
		}
	}
}

// A draw takes the same numbers from its stream whether the distribution is a
// constant, a lognormal or a mixture, so that a change of one does not shift others.
func TestDrawsTakeTheSameNumbers(t *testing.T) {
	want := New(1, "same", Key{})
	Quantiles{P50: 1}.Draw(&want)
	for _, q := range []Quantiles{{}, {P50: 5, P99: 5}, {P50: 5, P99: 9}, {P50: 5, Slow: &Slow{1, 8}}} {
		s := New(1, "same", Key{})
		if q.Draw(&s); s != want {
			t.Errorf("%+v took other numbers", q)
		}
	}
}

func TestSlow(t *testing.T) {
	s := New(1, "slow", Key{})
	q := Quantiles{P50: 10, P99: 10, Slow: &Slow{Share: 0.03, Factor: 8}}
	slow := 0.0
	for range many {
		switch q.Draw(&s) {
		case 80:
			slow++
		case 10:
		default:
			t.Fatal("a draw of neither mode")
		}
	}
	law := distuv.Binomial{N: many, P: 0.03}
	if p := law.CDF(slow); p < 1e-5 || p > 1-1e-5 {
		t.Errorf("%v of %d were slow", slow, many)
	}
}

func TestValidate(t *testing.T) {
	for _, q := range []Quantiles{{}, {P50: 1}, {P50: 1, P99: 1}, {P50: 1, P99: 2, Slow: &Slow{0.03, 8}}, {P50: 1, Slow: &Slow{0, 1}}} {
		if err := q.Validate(); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, q := range []Quantiles{
		{P50: -1}, {P50: 1, P99: -1}, {P50: 2, P99: 1}, {P99: 1}, {P50: 1, Slow: &Slow{1.1, 2}}, {P50: 1, Slow: &Slow{-0.1, 2}},
		{P50: 1, Slow: &Slow{0.1, 0.5}}, {P50: math.NaN()}, {P50: 1, P99: math.Inf(1)},
	} {
		if q.Validate() == nil {
			t.Errorf("%+v passed", q)
		}
	}
	if (Latency{P50: 2, P99: 1}).Validate() == nil || (Count{P50: -1}).Validate() == nil {
		t.Error("bad quantiles passed")
	}
	if !(Latency{}).IsZero() || Constant(1).IsZero() || !(Count{}).IsZero() || (Count{P50: 1}).IsZero() {
		t.Error("IsZero")
	}
}
