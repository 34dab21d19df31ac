package resilience

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// State is the state of a circuit breaker.
type State uint8

// The states.
const (
	Closed State = iota
	Open
	HalfOpen
)

// String gives closed, open or half-open.
func (s State) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// Force is who decides about the state of a breaker.
type Force uint8

// The ways to force a breaker.
const (
	Auto        Force = iota // the breaker itself
	ForceOpen                // an operator: no call goes through
	ForceClosed              // an operator: every call does, and none is counted
)

// defaultLease is how long a probe may hold its slot where nothing else is known:
// the default attempt timeout and five seconds.
const defaultLease = 50 * time.Second

// Circuit is a circuit breaker as a policy. Make it with NewCircuit.
type Circuit struct {
	target, op string
	observe    Observer
	born       time.Time

	mu      sync.Mutex
	machine machine
}

// NewCircuit returns a closed breaker for the target. cfg has its defaults filled
// in; op is llm or tool, for events; seed keys the jitter of the open time.
func NewCircuit(target, op string, cfg Breaker, seed uint64, observe Observer) *Circuit {
	return &Circuit{target: target, op: op, observe: observe, born: time.Now(),
		machine: newMachine(target, cfg, seed)}
}

// Do implements Policy. An open breaker answers with an *Error of ClassOpen that
// says in RetryAfter when it will admit a probe. A stream counts as success at its
// first content; if it fails later, a failure is added. A panic counts as failure
// and goes on.
func (c *Circuit) Do(ctx context.Context, op Op) error {
	t, err := c.admit(ctx)
	if err != nil {
		return err
	}
	var p *Progress
	if outer := ProgressFrom(ctx); outer != nil {
		p = &Progress{Context: ctx, outer: outer, circuit: c, ticket: t}
		ctx = p
	}
	result := failure
	defer func() { // also after a panic
		if p.Started() {
			if result != failure {
				return
			}
			t.counted = true
		}
		c.record(ctx, t, result)
	}()
	err = op(ctx)
	result = outcomeOf(ctx, err)
	return err
}

// State gives the state now: an open breaker whose time is up is half-open, whether
// or not anyone has called since.
func (c *Circuit) State() State {
	c.mu.Lock()
	moved := c.machine.advance(time.Since(c.born))
	state := c.machine.state
	c.mu.Unlock()
	c.tell(context.Background(), moved)
	return state
}

// Refuses tells for how long it will admit nobody; 0 if it admits, or may.
func (c *Circuit) Refuses() time.Duration {
	if c.State() != Open {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.machine.wait(time.Since(c.born)))
}

// Force holds the breaker open or closed, whatever comes, until it is set to Auto
// again: from open by way of half-open.
func (c *Circuit) Force(f Force) {
	c.mu.Lock()
	moved := c.machine.force(time.Since(c.born), f)
	c.mu.Unlock()
	c.tell(context.Background(), moved)
}

func (c *Circuit) admit(ctx context.Context) (ticket, error) {
	c.mu.Lock()
	now := time.Since(c.born)
	t, ok, moved := c.machine.admit(now)
	wait := time.Duration(0)
	if !ok {
		wait = c.machine.wait(now)
	}
	c.mu.Unlock()
	c.tell(ctx, moved)
	if !ok {
		return t, &Error{Class: ClassOpen, Target: c.target, RetryAfter: wait, Cause: ErrOpen}
	}
	return t, nil
}

func (c *Circuit) record(ctx context.Context, t ticket, o outcome) {
	c.mu.Lock()
	moved := c.machine.record(time.Since(c.born), t, o)
	c.mu.Unlock()
	c.tell(ctx, moved)
}

// tell emits a transition; the lock is not held.
func (c *Circuit) tell(ctx context.Context, m *move) {
	if m == nil || c.observe == nil {
		return
	}
	at := c.born.Add(m.at)
	c.observe(Event{Kind: Transition, Key: keyOf(ctx), Op: c.op, Target: c.target,
		Start: at, End: at, From: m.from, To: m.to, Reason: m.reason})
}

// machine is the breaker's state machine: a value that is told the time, as the
// duration since the breaker was made, and is guarded by its owner.
type machine struct {
	cfg     Breaker
	seed    uint64
	purpose string

	forced      Force
	state       State
	generation  uint64 // of the state; results of an earlier one are stale
	consecutive int
	window      window
	until       time.Duration // end of the open state
	opened      uint64        // how often it opened, ever
	reopened    int           // how often since it was last closed
	tickets     uint64
	probes      []probe // slots taken in the half-open state
	successes   int     // of probes
}

// ticket is an admission.
type ticket struct {
	generation, id uint64
	counted        bool // its success was counted already
}

type probe struct {
	id    uint64
	until time.Duration // when its slot is taken from it
}

// move is a transition.
type move struct {
	at       time.Duration
	from, to State
	reason   string
}

func newMachine(target string, cfg Breaker, seed uint64) machine {
	if cfg.Lease == 0 {
		cfg.Lease = defaultLease
	}
	return machine{cfg: cfg, seed: seed, purpose: "breaker/" + target,
		window: newWindow(cfg.MonitoringWindow)}
}

// advance makes an open breaker half-open once its time is up.
func (m *machine) advance(now time.Duration) *move {
	if m.state == Open && m.forced == Auto && now >= m.until {
		return m.to(m.until, HalfOpen, "recovery timeout")
	}
	return nil
}

func (m *machine) admit(now time.Duration) (ticket, bool, *move) {
	moved := m.advance(now)
	if m.state == Open {
		return ticket{}, false, moved
	}
	if m.state == HalfOpen {
		m.reclaim(now)
		if len(m.probes) >= m.cfg.HalfOpenMaxCalls {
			return ticket{}, false, moved
		}
		m.probes = append(m.probes, probe{m.tickets + 1, now + m.cfg.Lease})
	}
	m.tickets++
	m.window.add(now, 1, 0)
	return ticket{generation: m.generation, id: m.tickets}, true, moved
}

// record takes the result of an admission. Results of an earlier generation, and of
// probes that lost their slot, are stale and ignored.
func (m *machine) record(now time.Duration, t ticket, o outcome) *move {
	if moved := m.advance(now); moved != nil || t.generation != m.generation || m.forced != Auto {
		return moved
	}
	if m.state == HalfOpen {
		return m.recordProbe(now, t, o)
	}
	switch o {
	case success:
		m.consecutive = 0
	case failure:
		m.consecutive++
		m.window.add(now, 0, 1)
		if reason := m.trips(now); reason != "" {
			return m.open(now, reason)
		}
	}
	return nil
}

func (m *machine) recordProbe(now time.Duration, t ticket, o outcome) *move {
	if !m.release(t.id) && !t.counted {
		return nil
	}
	switch o {
	case failure:
		return m.open(now, "probe failed")
	case success:
		m.successes++
		if m.successes >= m.cfg.SuccessThreshold {
			m.reopened = 0
			return m.to(now, Closed, fmt.Sprintf("%d probes succeeded", m.successes))
		}
	}
	return nil
}

// trips tells why the breaker has to open; "" if it has not. The consecutive
// failures, too, must lie within the monitoring window.
func (m *machine) trips(now time.Duration) string {
	started, failed := m.window.count(now)
	threshold := m.cfg.FailureThreshold
	if failed < threshold {
		return ""
	}
	if m.cfg.Mode == "absolute" {
		return fmt.Sprintf("%d failures within %v", failed, m.cfg.MonitoringWindow)
	}
	if m.consecutive >= threshold {
		return fmt.Sprintf("%d consecutive failures", m.consecutive)
	}
	if m.cfg.Mode != "consecutive" && started >= m.cfg.MinimumCalls &&
		float64(failed) >= m.cfg.FailureRate*float64(started) {
		return fmt.Sprintf("%d of %d calls failed within %v", failed, started, m.cfg.MonitoringWindow)
	}
	return ""
}

// open lasts RecoveryTimeout·OpenFactor^reopened, at most OpenMax, and up to a tenth
// longer so that not all clients probe at once.
func (m *machine) open(now time.Duration, reason string) *move {
	d := capped(float64(m.cfg.RecoveryTimeout)*math.Pow(m.cfg.OpenFactor, float64(m.reopened)),
		max(m.cfg.OpenMax, m.cfg.RecoveryTimeout))
	m.opened++
	m.reopened++
	draw := seed.New(m.seed, m.purpose, seed.Key{Request: m.opened})
	m.until = now + d + uniform(&draw, d/10)
	return m.to(now, Open, reason)
}

// force begins or ends a forced state, which no result can change.
func (m *machine) force(now time.Duration, f Force) (moved *move) {
	state, reason := m.state, ""
	switch {
	case f == ForceOpen:
		state, reason = Open, "forced open"
	case f == ForceClosed:
		state, reason = Closed, "forced closed"
	case m.forced == ForceOpen:
		state, reason = HalfOpen, "no longer forced"
	}
	if state != m.state {
		moved = m.to(now, state, reason)
	}
	m.until, m.forced = now, f
	return moved
}

func (m *machine) to(at time.Duration, s State, reason string) *move {
	moved := &move{at, m.state, s, reason}
	m.state = s
	m.generation++
	m.consecutive, m.successes, m.probes = 0, 0, m.probes[:0]
	m.window.clear()
	return moved
}

// wait is how long until a probe may be admitted; 0 if one may try now.
func (m *machine) wait(now time.Duration) time.Duration {
	switch {
	case m.state == Open:
		return max(0, m.until-now)
	case m.state == HalfOpen && len(m.probes) >= m.cfg.HalfOpenMaxCalls:
		first := m.probes[0].until
		for _, p := range m.probes {
			first = min(first, p.until)
		}
		return max(0, first-now)
	}
	return 0
}

// reclaim frees the slots whose lease ran out.
func (m *machine) reclaim(now time.Duration) {
	kept := m.probes[:0]
	for _, p := range m.probes {
		if now < p.until {
			kept = append(kept, p)
		}
	}
	m.probes = kept
}

// release frees the slot of a probe; false if it had none.
func (m *machine) release(id uint64) bool {
	for i, p := range m.probes {
		if p.id == id {
			m.probes = append(m.probes[:i], m.probes[i+1:]...)
			return true
		}
	}
	return false
}
