package scenarios

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/agentchaos/chaos/reports"
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
	Total    atomic.Int64 // agent requests of the seeds begun so far; 0 while unknown
	Done     atomic.Int64 // agent requests ended
	Good     atomic.Int64 // of them ok or fallback
	Breakers atomic.Int64 // breakers that are not closed now
	Finished atomic.Bool

	latency reports.Histogram // of the agent requests so far
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

// enter begins a phase.
func (p *Progress) enter(phase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = phase
}

// begin begins a phase with configs of its own.
func (p *Progress) begin(phase string, configs []Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = phase
	p.configs = nil
	for _, c := range configs {
		p.configs = append(p.configs, &ConfigProgress{Name: c.Name})
	}
}

// finish marks the configs of this phase as finished.
func (p *Progress) finish() {
	for _, c := range p.Configs() {
		c.Finished.Store(true)
	}
}

// config finds a config of this phase.
func (p *Progress) config(name string) *ConfigProgress {
	for _, c := range p.Configs() {
		if c.Name == name {
			return c
		}
	}
	return &ConfigProgress{Name: name}
}

// Latency is the p99 latency of the agent requests so far; 0 before the first.
func (c *ConfigProgress) Latency() time.Duration { return c.latency.Quantile(0.99) }
