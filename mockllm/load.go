package mockllm

import (
	"errors"
	"fmt"
	"time"
)

// Phase is a time in which a model is slower or fails more often than it usually
// does. With For it is a spike, without it a step, with Ramp it sets in by degrees:
//
//	over:
//	  - {at: 30s, for: 10s, ttft: 5}         # a spike of first-token times
//	  - {at: 60s, ramp: 30s, gap: 3}         # gaps grow threefold in half a minute and stay
//	  - {at: 2m, for: 1m, errorRate: 20%}    # a minute of elevated errors
//
// Where phases overlap, their factors multiply and their errors add to one another.
type Phase struct {
	// At is when it begins: from the end of the warm-up, or from the server's start.
	At time.Duration `yaml:"at,omitempty" json:"at"`
	// For is how long it lasts; 0 means to the end.
	For time.Duration `yaml:"for,omitempty" json:"for,omitempty"`
	// Ramp is how long it takes to set in, linearly.
	Ramp time.Duration `yaml:"ramp,omitempty" json:"ramp,omitempty"`
	// TTFT is the factor of the first-token time; 1 by default.
	TTFT float64 `yaml:"ttft,omitempty" json:"ttft,omitempty" jsonschema:"exclusiveMinimum=0"`
	// Gap is the factor of the gaps between tokens; 1 by default.
	Gap float64 `yaml:"gap,omitempty" json:"gap,omitempty" jsonschema:"exclusiveMinimum=0"`
	// ErrorRate is the chance per attempt of an error, beside the provider's own.
	ErrorRate float64 `yaml:"errorRate,omitempty" json:"errorRate,omitempty" jsonschema:"minimum=0,maximum=1"`
}

// SetDefaults fills what was left out.
func (p *Phase) SetDefaults() {
	if p.TTFT == 0 {
		p.TTFT = 1
	}
	if p.Gap == 0 {
		p.Gap = 1
	}
}

// maxFactor bounds how much slower a phase makes a model.
const maxFactor = 1e6

// Validate reports every mistake, each beginning with the name of its field.
func (p *Phase) Validate() error {
	errs := []error{validateRate(p.ErrorRate)}
	if p.At < 0 || p.For < 0 || p.Ramp < 0 {
		errs = append(errs, errors.New("at: neither at, for nor ramp may be negative"))
	}
	if p.For > 0 && p.Ramp > p.For {
		errs = append(errs, fmt.Errorf("ramp: %v is longer than the phase", p.Ramp))
	}
	for name, f := range map[string]float64{"ttft": p.TTFT, "gap": p.Gap} {
		if !(f > 0 && f <= maxFactor) {
			errs = append(errs, fmt.Errorf("%s: must be a factor above 0 and at most %g", name, maxFactor))
		}
	}
	return errors.Join(errs...)
}

// strength is how far a phase has set in, in [0, 1].
func (p *Phase) strength(since time.Duration) float64 {
	in := since - p.At
	switch {
	case in < 0 || p.For > 0 && in >= p.For:
		return 0
	case in < p.Ramp:
		return float64(in) / float64(p.Ramp)
	}
	return 1
}

// weather is what all phases of a model make of it at one time.
type weather struct{ ttft, gap, errorRate float64 }

func weatherAt(phases []Phase, since time.Duration) weather {
	w := weather{ttft: 1, gap: 1}
	for i := range phases {
		p := &phases[i]
		s := p.strength(since)
		w.ttft *= 1 + s*(p.TTFT-1)
		w.gap *= 1 + s*(p.Gap-1)
		w.errorRate = either(w.errorRate, s*p.ErrorRate)
	}
	return w
}

// either is the chance that one of two independent things happens.
func either(p, q float64) float64 { return p + q - p*q }

// stretched is d, factor times as long.
func stretched(d time.Duration, factor float64) time.Duration {
	if factor == 1 {
		return d
	}
	return time.Duration(float64(d) * factor)
}
