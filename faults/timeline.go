package faults

import (
	"slices"
	"time"
)

// Active tells whether the window is open at t, which counts from the end of the
// warm-up. A window contains its beginning and not its end.
func (s *Spec) Active(t time.Duration) bool {
	return t >= s.At && (s.For == 0 || t < s.At+s.For)
}

// Next gives the first opening or closing of the window after t; ok is false if
// there is none.
func (s *Spec) Next(t time.Duration) (edge time.Duration, ok bool) {
	switch {
	case t < s.At:
		return s.At, true
	case s.For > 0 && t < s.At+s.For:
		return s.At + s.For, true
	}
	return 0, false
}

// Covers tells whether the selector can hit some attempt at the target.
func (s Selector) Covers(t Target) bool {
	return (s.Provider == "" || s.Provider == t.Provider) &&
		(s.Tool == "" || s.Tool == t.Tool) &&
		(s.Implementation == "" || s.Implementation == t.Implementation) &&
		(s.Model == "" || t.Provider != "" && (len(t.Models) == 0 || slices.Contains(t.Models, s.Model)))
}

// Matches tells whether the selector hits an attempt at the target that asks for
// model, which is "" for tools.
func (s Selector) Matches(t Target, model string) bool {
	return s.Covers(t) && (s.Model == "" || s.Model == model)
}
