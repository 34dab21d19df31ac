package faults

import (
	"sync"
	"time"
)

// clock is the timeline of one endpoint: it stands still until it is armed and
// again once it is lifted. It is safe for concurrent use.
type clock struct {
	t0     time.Time // written once, before armed is closed
	armed  chan struct{}
	lifted chan struct{}
	arm    sync.Once
	lift   sync.Once
}

func newClock() *clock {
	return &clock{armed: make(chan struct{}), lifted: make(chan struct{})}
}

func (c *clock) start(t0 time.Time) {
	c.arm.Do(func() {
		c.t0 = t0
		close(c.armed)
	})
}

func (c *clock) stop() { c.lift.Do(func() { close(c.lifted) }) }

// moment is a point on the timeline; at one that is not running no fault is active.
type moment struct {
	t       time.Duration
	running bool
}

func (c *clock) now() moment {
	select {
	case <-c.lifted:
		return moment{}
	default:
	}
	select {
	case <-c.armed:
		return moment{time.Since(c.t0), true}
	default:
		return moment{}
	}
}

// until gives how long it is from now to the first edge of any of the faults after
// m, which may be past already; ok is false if there is none to wait for. Whoever
// follows the timeline asks for the edge after the moment it has acted on, so that
// none is missed while it acts.
func (c *clock) until(all []*fault, m moment) (wait time.Duration, ok bool) {
	if !m.running {
		return 0, false
	}
	var first time.Duration
	for _, f := range all {
		if edge, more := f.Next(m.t); more && (!ok || edge < first) {
			first, ok = edge, true
		}
	}
	return first - time.Since(c.t0), ok
}

// active returns those of the faults whose window is open.
func (m moment) active(all []*fault) []*fault {
	var open []*fault
	for _, f := range all {
		if m.running && f.Active(m.t) {
			open = append(open, f)
		}
	}
	return open
}

// fault is a Spec at one endpoint.
type fault struct {
	Spec
	stream string    // of a toxic
	toxic  toxicJSON // named by position, which is unique
}

// counts tells how often each fault fired. It is safe for concurrent use.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name]++
}
