package scenarios

import (
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how far a run is, for whoever watches it: the runner counts in
// atomics, the watcher polls. The zero value is ready; it is safe for concurrent
// use.
type Progress struct {
	mu      sync.Mutex
	phase   string
	configs []*ConfigProgress
}

// ConfigProgress is the progress of one config over all its seeds.
type ConfigProgress struct {
	Name     string
	Total    atomic.Int64 // agent requests to come in all; 0 while unknown
	Done     atomic.Int64 // agent requests ended
	Good     atomic.Int64 // of them ok or fallback
	P99      atomic.Int64 // nanoseconds: p99 latency of the agent requests so far
	Breakers atomic.Int64 // breakers that are not closed now
	Finished atomic.Bool
}

// Phase tells what the run does now: "steady state", "warm-up", "measuring",
// "draining", "report"; "" before it began.
func (p *Progress) Phase() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase
}

// Configs lists the configs under way; it grows only when a phase begins.
func (p *Progress) Configs() []*ConfigProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*ConfigProgress(nil), p.configs...)
}

// Latency is P99 as a duration.
func (c *ConfigProgress) Latency() time.Duration { return time.Duration(c.P99.Load()) }
