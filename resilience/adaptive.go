package resilience

import "time"

// Adaptive finds out how many attempts a key may have under way: one more for each
// round of attempts that succeed while the limit is in use, a tenth fewer once one is
// refused by a rate limit or for overload, or takes too long. What began before the
// limit was last lowered tells nothing more, so that one overload counts once.
type Adaptive struct {
	Initial int `yaml:"initial,omitempty" json:"initial" jsonschema:"minimum=1"` // 20, or max if that is less
	Min     int `yaml:"min,omitempty" json:"min" jsonschema:"minimum=1"`         // 1
	Max     int `yaml:"max,omitempty" json:"max" jsonschema:"minimum=1"`         // 200, or initial if that is more
	// Latency is how long an attempt may take, a stream to its end, until that too
	// lowers the limit; left out, only refusals and timeouts do.
	Latency time.Duration `yaml:"latency,omitempty" json:"latency,omitempty"`
}

// SetDefaults fills the fields left out, but for Latency.
func (a *Adaptive) SetDefaults() {
	orElse(&a.Min, 1)
	orElse(&a.Max, max(200, a.Initial))
	orElse(&a.Initial, min(max(20, a.Min), a.Max))
}

func (a Adaptive) validate(p *problems) {
	p.check(a.Min >= 1, "limits.adaptive.min", "must be at least 1")
	p.check(a.Initial >= a.Min, "limits.adaptive.initial", "must not be below min")
	p.check(a.Max >= a.Initial, "limits.adaptive.max", "must not be below initial")
	p.check(a.Latency >= 0, "limits.adaptive.latency", "must not be negative")
}

// cutBack is what a limit is multiplied by once it was too high.
const cutBack = 0.9

// tooMany are the failures that say that too many attempts are under way.
var tooMany = map[Class]bool{
	ClassRateLimit: true, ClassOverloaded: true, ClassTimeout: true, ClassFirstToken: true,
}

// aimd is an adaptive limit (additive increase, multiplicative decrease): a value that
// is told the time, and is guarded by its owner.
type aimd struct {
	cfg   Adaptive
	limit float64
	cut   time.Duration // when it was last lowered
}

func newAIMD(cfg Adaptive) *aimd {
	return &aimd{cfg: cfg, limit: float64(cfg.Initial), cut: -1}
}

// record takes the end of an attempt and gives the limit from now on. running is how
// many were under way, this one included; a limit not half in use says nothing.
func (a *aimd) record(began, now time.Duration, running int, class Class) int {
	late := a.cfg.Latency > 0 && now-began > a.cfg.Latency
	switch {
	case began <= a.cut: // it tells of the limit before
	case tooMany[class] || class == "" && late:
		a.limit, a.cut = max(float64(a.cfg.Min), a.limit*cutBack), now
	case class == "" && 2*running >= int(a.limit):
		a.limit = min(float64(a.cfg.Max), a.limit+1/a.limit)
	}
	return int(a.limit)
}

// adapt tells the limit of g about an attempt that is still counted as running.
func (g *Gate) adapt(a *aimd, began time.Time, class Class) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate.cfg.Concurrency = a.record(began.Sub(g.born), time.Since(g.born), g.gate.running, class)
}
