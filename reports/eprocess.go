package reports

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// EProcess watches agent requests for evidence against "at least this share of them
// is good" and may be looked at after every one: under that claim its value passes
// 1/α ever in at most a share α of runs (Ville's inequality). It is for failing fast,
// never for stopping early on success, and holds for independent outcomes: where
// faults come in bursts, watch each fault's window by itself or raise the threshold.
//
// Its value is the likelihood of what was seen under a mixture of shares below the
// claimed one, uniform there, over that under the claimed share itself. It is a value:
// a copy goes its own way, and it is not safe for concurrent use.
type EProcess struct {
	atLeast   float64
	good, bad int
}

// EProcessThreshold is the value from which on the claim counts as refuted: false
// alarms stay under 5 %.
const EProcessThreshold = 20

// NewEProcess watches the claim that a share in (0, 1) of the agent requests, or more,
// is good. A claim of 1 is refuted by the first failure.
func NewEProcess(atLeast float64) EProcess { return EProcess{atLeast: atLeast} }

// Observe counts one agent request.
func (e *EProcess) Observe(good bool) {
	if good {
		e.good++
	} else {
		e.bad++
	}
}

// Value is the evidence against the claim so far: 1 before the first agent request.
func (e EProcess) Value() float64 {
	switch {
	case e.bad == 0 && e.atLeast >= 1, e.atLeast <= 0:
		return 1
	case e.atLeast >= 1:
		return math.Inf(1)
	}
	a, b := float64(e.good)+1, float64(e.bad)+1
	// ∫ q^good (1−q)^bad dq over [0, p0], divided by p0 and by p0^good (1−p0)^bad.
	mixture := math.Log(mathext.RegIncBeta(a, b, e.atLeast)) + mathext.Lbeta(a, b) - math.Log(e.atLeast)
	claimed := float64(e.good)*math.Log(e.atLeast) + float64(e.bad)*math.Log1p(-e.atLeast)
	return math.Exp(mixture - claimed)
}

// Refuted tells whether the claim counts as refuted.
func (e EProcess) Refuted() bool { return e.Value() >= EProcessThreshold }
