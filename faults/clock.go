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

// now gives the time on the timeline; running is false while no fault is active.
func (c *clock) now() (t time.Duration, running bool) {
	select {
	case <-c.lifted:
		return 0, false
	default:
	}
	select {
	case <-c.armed:
		return time.Since(c.t0), true
	default:
		return 0, false
	}
}

// until gives how long it is to the next edge of any of the faults; ok is false
// if there is none to wait for.
func (c *clock) until(all []*fault) (wait time.Duration, ok bool) {
	t, running := c.now()
	if !running {
		return 0, false
	}
	var first time.Duration
	for _, f := range all {
		if edge, more := f.Next(t); more && (!ok || edge < first) {
			first, ok = edge, true
		}
	}
	return first - t, ok
}

// active returns those of the faults whose window is open.
func (c *clock) active(all []*fault) []*fault {
	t, running := c.now()
	if !running {
		return nil
	}
	var open []*fault
	for _, f := range all {
		if f.Active(t) {
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
