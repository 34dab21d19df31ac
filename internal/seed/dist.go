package seed

import (
	"errors"
	"math"
	"time"
)

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// defaultSigma is the spread where a file gives only the median: healthy
// providers' first-token times are lognormal with sigma 0.12 to 0.38 (LLMPerf raw
// data, December 2023).
const defaultSigma = 0.25

// Slow is the slow mode of a mixture: Share of the draws are Factor times as
// large. Measured first-token times are about 97 % lognormal and 3 % slow by a
// factor of 5 to 10.
type Slow struct {
	Share  float64 `yaml:"share" json:"share" jsonschema:"minimum=0,maximum=1"`
	Factor float64 `yaml:"factor" json:"factor" jsonschema:"minimum=1"`
}

// Quantiles is the lognormal distribution of which a file gives the median and
// the 99th percentile, in the unit of the caller. P99 0 means a sigma of 0.25;
// P99 = P50 means a constant. The zero value always draws 0.
type Quantiles struct {
	P50, P99 float64
	Slow     *Slow
}

// Draw takes one number, never negative.
func (q Quantiles) Draw(s *Stream) float64 {
	if q.P99 == q.P50 && q.Slow == nil {
		s.skip(3) // what the others take
		return q.P50
	}
	sigma := defaultSigma
	if q.P99 > 0 {
		sigma = math.Log(q.P99/q.P50) / z99
	}
	v := q.P50
	if z := s.Norm(); sigma > 0 && v > 0 {
		v *= math.Exp(sigma * z)
	}
	if u := s.Float64(); q.Slow != nil && u < q.Slow.Share {
		v *= q.Slow.Factor
	}
	return v
}

// Validate reports quantiles that no lognormal distribution has.
func (q Quantiles) Validate() error {
	switch {
	case math.IsNaN(q.P50+q.P99) || math.IsInf(q.P50+q.P99, 0):
		return errors.New("p50 and p99 must be finite")
	case q.P50 < 0 || q.P99 < 0:
		return errors.New("p50 and p99 must not be negative")
	case q.P99 > 0 && q.P99 < q.P50:
		return errors.New("p99 must not be below p50")
	case q.P50 == 0 && q.P99 > 0:
		return errors.New("p99 needs a p50 above zero")
	case q.Slow != nil && (q.Slow.Share < 0 || q.Slow.Share > 1):
		return errors.New("slow.share must lie in [0, 1]")
	case q.Slow != nil && q.Slow.Factor < 1:
		return errors.New("slow.factor must be at least 1")
	}
	return nil
}

// Latency is a distribution of durations as a scenario file writes it: either
// {p50: 300ms, p99: 1200ms, slow: {share: 3%, factor: 8}} or a bare duration, which
// is a constant.
type Latency struct {
	P50  time.Duration `yaml:"p50" json:"p50,omitempty"`
	P99  time.Duration `yaml:"p99,omitempty" json:"p99,omitempty"`
	Slow *Slow         `yaml:"slow,omitempty" json:"slow,omitempty"`
}

// Constant returns the distribution that always draws d.
func Constant(d time.Duration) Latency { return Latency{P50: d, P99: d} }

// Draw takes one duration at nanosecond grain.
func (l Latency) Draw(s *Stream) time.Duration { return time.Duration(l.quantiles().Draw(s)) }

// Validate reports impossible quantiles.
func (l Latency) Validate() error { return l.quantiles().Validate() }

// IsZero tells whether the distribution was left out.
func (l Latency) IsZero() bool { return l == Latency{} }

func (l Latency) quantiles() Quantiles {
	return Quantiles{P50: float64(l.P50), P99: float64(l.P99), Slow: l.Slow}
}

// Count is a distribution of whole numbers of at least 1, such as tokens, written
// like a Latency but without units.
type Count struct {
	P50  float64 `yaml:"p50" json:"p50,omitempty"`
	P99  float64 `yaml:"p99,omitempty" json:"p99,omitempty"`
	Slow *Slow   `yaml:"slow,omitempty" json:"slow,omitempty"`
}

// Draw takes one count, rounded, at least 1.
func (c Count) Draw(s *Stream) int {
	return max(1, int(math.Round(Quantiles(c).Draw(s))))
}

// Usual is the count that 99 of 100 draws of the usual mode do not exceed.
func (c Count) Usual() int {
	if c.P99 > 0 {
		return max(1, int(math.Ceil(c.P99)))
	}
	return max(1, int(math.Ceil(c.P50*math.Exp(z99*defaultSigma))))
}

// Validate reports impossible quantiles.
func (c Count) Validate() error { return Quantiles(c).Validate() }

// IsZero tells whether the distribution was left out.
func (c Count) IsZero() bool { return c == Count{} }
