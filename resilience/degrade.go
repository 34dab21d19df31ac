package resilience

import (
	"sync"
	"time"
)

// Level is how well the agent can serve.
type Level uint8

// The service levels, from worst to best.
const (
	LevelOffline  Level = iota // an apology
	LevelMinimal               // canned and rule-based answers, no model
	LevelDegraded              // a model answers, but something it needs is missing
	LevelFull
)

// String gives the level's name in lower case.
func (l Level) String() string {
	return [...]string{"offline", "minimal", "degraded", "full"}[l]
}

// Condition is how usable a component is.
type Condition uint8

// The conditions, from worst to best.
const (
	Down    Condition = iota
	Limited           // being probed: a half-open breaker
	Up
)

// conditionOf is what a breaker's state says about its target.
func conditionOf(s State) Condition {
	return [...]Condition{Closed: Up, Open: Down, HalfOpen: Limited}[s]
}

// Health is the condition of what an agent depends on: models, of which one is
// enough, and tools, all of which it needs. A tool counts as usable if one of its
// implementations is.
type Health struct{ Models, Tools []Condition }

// Level is total and monotone: no component that gets better lowers it.
//
//	a model up, all tools up             full
//	a model usable                       degraded
//	no model, some tool usable           minimal
//	nothing usable                       offline
func (h Health) Level() Level {
	model := best(h.Models)
	switch {
	case model == Up && worst(h.Tools) == Up:
		return LevelFull
	case model > Down:
		return LevelDegraded
	case best(h.Tools) > Down:
		return LevelMinimal
	}
	return LevelOffline
}

func best(all []Condition) Condition {
	b := Down
	for _, c := range all {
		b = max(b, c)
	}
	return b
}

func worst(all []Condition) Condition {
	w := Up
	for _, c := range all {
		w = min(w, c)
	}
	return w
}

// dwellTime is how long the reported level must have been better before it rises.
const dwellTime = 5 * time.Second

// dwell keeps a reported level from flapping: it falls at once and rises to the
// worst level of the last dwellTime. The zero value is ready and safe for concurrent
// use.
type dwell struct {
	mu      sync.Mutex
	begun   bool
	level   Level
	pending Level     // the worst level since the time below
	since   time.Time // when the level was last no better than reported
}

func (d *dwell) observe(now time.Time, l Level) Level {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.begun || l <= d.level:
		d.begun, d.level, d.pending, d.since = true, l, LevelFull, now
	case now.Sub(d.since) >= dwellTime:
		d.level, d.pending, d.since = min(l, d.pending), LevelFull, now
	default:
		d.pending = min(d.pending, l)
	}
	return d.level
}
