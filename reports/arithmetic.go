package reports

import (
	"math"
	"slices"
)

// Arithmetic sets what multiplying probabilities predicts against what was measured.
type Arithmetic struct {
	Calls   int     `json:"calls"`
	PerCall float64 `json:"perCall"` // success probability of a call without faults; the geometric mean if calls differ
	Naive   float64 `json:"naive"`   // product over the calls, no faults, no resilience
	// Predicted is, by config, the product over the steps of 1 − q^k: q is the share
	// of first attempts at the step's primary target that failed under the faults, in
	// the config named by Reference (its Gap names another if their timeouts differ and
	// fired), and k the config's attempts at one target. It is
	// right if every attempt fails independently of the ones before.
	Predicted map[string]float64 `json:"predicted"`
	Reference string             `json:"reference,omitempty"`
	// Measured is the effective reliability.
	Measured map[string]Value `json:"measured"`
	Gaps     map[string]Gap   `json:"gaps"`
	PerStep  []StepFailure    `json:"perStep,omitempty"`
}

// StepFailure is how often first attempts at a step's primary target failed in the
// reference config.
type StepFailure struct {
	Step   string  `json:"step"`
	Target string  `json:"target"`
	Failed float64 `json:"failed"` // share
	N      int     `json:"n"`
}

// What a Gap compares with: a config of one attempt a call has nothing to predict but
// the naive product, because its own failure shares multiply to what was measured.
const (
	againstNaive     = "naive"
	againstPredicted = "predicted"
)

// Gap is the difference between measured and expected, with the numbers that describe
// it. Shares are in [0, 1]; those that could not be measured are 0 with a count of 0.
type Gap struct {
	Against string `json:"against"` // naive or predicted
	// Reference is the config whose first attempts the prediction is made of.
	Reference  string  `json:"reference,omitempty"`
	Expected   float64 `json:"expected"`
	Difference float64 `json:"difference"` // measured − expected
	// Explanation is one sentence made of the numbers here.
	Explanation string `json:"explanation"`

	Failures       int     `json:"failures"`       // agent requests not ok or fallback
	InWindows      float64 `json:"inWindows"`      // share of them that arrived in a fault's window
	AllInWindows   float64 `json:"allInWindows"`   // share of all agent requests that did
	FalseSuccesses int     `json:"falseSuccesses"` // agent requests
	FirstAttempts  int     `json:"firstAttempts"`
	FirstFailed    float64 `json:"firstFailed"`              // share of first attempts that failed
	SecondAttempts int     `json:"secondAttempts"`           // at the same target, after a failure
	SecondFailed   float64 `json:"secondFailed"`             // share of them that failed
	FallbackRate   float64 `json:"fallbackOutcomes"`         // share of agent requests that ended fallback
	CommonestClass string  `json:"commonestClass,omitempty"` // error class of most of the Failures
	CommonestShare float64 `json:"commonestShare,omitempty"` // of the Failures
}

func arithmetic(in Input, views map[string][]*view) *Arithmetic {
	if len(in.PerCall) == 0 {
		return nil
	}
	a := &Arithmetic{
		Calls: len(in.PerCall), Naive: 1,
		Predicted: map[string]float64{}, Measured: map[string]Value{}, Gaps: map[string]Gap{},
	}
	for _, p := range in.PerCall {
		a.Naive *= p
	}
	a.PerCall = rounded(math.Pow(a.Naive, 1/float64(a.Calls)))
	a.Naive = rounded(a.Naive)
	if len(in.Configs) > 0 {
		a.Reference, a.PerStep = referenceSteps(in, views, in.Configs[0])
	}
	for _, config := range in.Configs {
		measured := combine(Metric{Name: "effective_reliability"}.Info(), samplesOf(Metric{Name: "effective_reliability"}, views[config.Name]))
		reference, steps := referenceSteps(in, views, config)
		if !measured.Known() || len(steps) == 0 {
			continue
		}
		predicted := predict(steps, config.MaxAttempts)
		gap := gapOf(views[config.Name])
		gap.Reference = reference
		gap.Against, gap.Expected = againstPredicted, rounded(predicted)
		if config.MaxAttempts <= 1 {
			gap.Against, gap.Expected = againstNaive, a.Naive
		}
		gap.Difference = rounded(measured.Value - gap.Expected)
		gap.Explanation = explain(config.Name, measured, gap)
		a.Predicted[config.Name], a.Measured[config.Name], a.Gaps[config.Name] = rounded(predicted), measured, gap
	}
	return a
}

func predict(steps []StepFailure, attempts int) float64 {
	p := 1.0
	for _, s := range steps {
		p *= 1 - math.Pow(s.Failed, float64(max(attempts, 1)))
	}
	return p
}

// referenceSteps measures the steps in the config whose calls began at their primary
// target most often: a breaker that skips the target hides its failures. Among equals
// it takes the one with the fewest attempts, then the first. Attempts of another
// config fail alike only if both have the same timeouts or no timeout fired in either.
func referenceSteps(in Input, views map[string][]*view, of ConfigInfo) (string, []StepFailure) {
	var name string
	var best []StepFailure
	bestShare, bestAttempts := -1.0, 0
	primaries := primaryTargets(in, views)
	for _, config := range in.Configs {
		if config.Timeouts != of.Timeouts && (timedOut(views[config.Name]) || timedOut(views[of.Name])) {
			continue
		}
		steps, share := stepFailures(views[config.Name], primaries)
		attempts := max(config.MaxAttempts, 1)
		if len(steps) == 0 || share < bestShare || share == bestShare && attempts >= bestAttempts {
			continue
		}
		name, best, bestShare, bestAttempts = config.Name, steps, share, attempts
	}
	return name, best
}

// timeoutClasses are the error classes of an attempt that a timeout of its config
// ended.
var timeoutClasses = map[string]bool{"timeout": true, "first_token": true, "stream_idle": true, "deadline": true}

// timedOut tells whether a timeout ended any first attempt.
func timedOut(views []*view) bool {
	return slices.ContainsFunc(views, func(v *view) bool {
		return slices.ContainsFunc(v.run.Attempts, func(a Attempt) bool {
			return !a.Warmup && a.N == 1 && timeoutClasses[a.Class]
		})
	})
}

// primaryTargets gives, by step, the target of most first attempts over all configs.
func primaryTargets(in Input, views map[string][]*view) map[uint64]string {
	counts := map[uint64]map[string]int{}
	for _, config := range in.Configs {
		for _, v := range views[config.Name] {
			for i := range v.run.Attempts {
				a := &v.run.Attempts[i]
				if a.Warmup || a.N != 1 {
					continue
				}
				if counts[a.Step] == nil {
					counts[a.Step] = map[string]int{}
				}
				counts[a.Step][a.Target]++
			}
		}
	}
	primaries := map[uint64]string{}
	for step, targets := range counts {
		for target, n := range targets {
			best := primaries[step]
			if best == "" || n > targets[best] || n == targets[best] && target < best {
				primaries[step] = target
			}
		}
	}
	return primaries
}

// stepFailures gives each step's failure share, and the share of the calls whose
// first attempt went to the primary.
func stepFailures(views []*view, primaries map[uint64]string) ([]StepFailure, float64) {
	type count struct {
		name             string
		attempts, failed int
	}
	counts := map[uint64]*count{}
	calls, primary := 0, 0
	for _, v := range views {
		for i := range v.run.Calls {
			if c := &v.run.Calls[i]; !c.Warmup {
				calls++
				if counts[c.Step] == nil {
					counts[c.Step] = &count{name: c.Name}
				}
			}
		}
		for i := range v.run.Attempts {
			a := &v.run.Attempts[i]
			if a.Warmup || a.N != 1 || a.Target != primaries[a.Step] || counts[a.Step] == nil {
				continue
			}
			primary++
			counts[a.Step].attempts++
			if a.Class != "" {
				counts[a.Step].failed++
			}
		}
	}
	var order []uint64
	for step := range counts {
		order = append(order, step)
	}
	slices.Sort(order)
	var steps []StepFailure
	for _, step := range order {
		if c := counts[step]; c.attempts > 0 {
			steps = append(steps, StepFailure{c.name, primaries[step], rounded(float64(c.failed) / float64(c.attempts)), c.attempts})
		}
	}
	if calls == 0 {
		return nil, 0
	}
	return steps, float64(primary) / float64(calls)
}
