package resilience

import (
	"fmt"
	"testing"
	"time"
)

// model is a second, dumb breaker: it keeps every call and counts anew each time.
type model struct {
	cfg         Breaker
	state       State
	until       time.Duration
	generation  int
	calls       []*modelCall // of this generation
	consecutive int
	good        int
}

type modelCall struct {
	generation int
	start, end time.Duration
	failed     bool
	holds      bool // a probe's slot
}

func (m *model) move(s State) {
	*m = model{cfg: m.cfg, until: m.until, state: s, generation: m.generation + 1}
}

func (m *model) admit(now time.Duration) *modelCall {
	if m.state == Open && now >= m.until {
		m.move(HalfOpen)
	}
	c := &modelCall{generation: m.generation, start: now, holds: m.state == HalfOpen}
	taken := 0
	for _, o := range m.calls {
		o.holds = o.holds && now < o.start+m.cfg.Lease
		if o.holds {
			taken++
		}
	}
	if m.state == Open || m.state == HalfOpen && taken >= m.cfg.HalfOpenMaxCalls {
		return nil
	}
	m.calls = append(m.calls, c)
	return c
}

// record reports whether the breaker opened.
func (m *model) record(now time.Duration, c *modelCall, o outcome) bool {
	if m.state == Open && now >= m.until {
		m.move(HalfOpen)
	}
	if c.generation != m.generation {
		return false
	}
	if m.state == HalfOpen {
		if !c.holds {
			return false
		}
		c.holds = false
		if o == success {
			m.good++
		}
		if m.good >= m.cfg.SuccessThreshold {
			m.move(Closed)
		}
		return o == failure
	}
	switch o {
	case success:
		m.consecutive = 0
	case failure:
		m.consecutive++
		c.failed, c.end = true, now
	}
	width := m.cfg.MonitoringWindow / buckets
	inside := func(at time.Duration) bool { return at/width > now/width-buckets }
	started, failed := 0, 0
	for _, o := range m.calls {
		if inside(o.start) {
			started++
		}
		if o.failed && inside(o.end) {
			failed++
		}
	}
	row, rate := m.consecutive >= m.cfg.FailureThreshold, started >= m.cfg.MinimumCalls && 2*failed >= started
	enough := failed >= m.cfg.FailureThreshold
	return o == failure && enough && (m.cfg.Mode == "absolute" || row || m.cfg.Mode == "adaptive" && rate)
}

// FuzzBreaker drives the breaker and the model with the same calls: each byte lets
// time pass, starts a call, or ends one of those running.
func FuzzBreaker(f *testing.F) {
	f.Add(uint8(0), []byte{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 0, 1, 130, 1, 2})
	f.Add(uint8(1), []byte("\x01\x02\x01\x02\x01\x02\x01\x02\x01\x02\xf8\xf8\x01\x01\x01\x01\x02\x0a\x01\x03\x01\x0b"))
	f.Add(uint8(2), []byte{9, 2, 1, 2, 17, 2, 1, 2, 1, 2, 240, 240, 240, 1, 3, 1, 3, 1, 2})
	f.Fuzz(func(t *testing.T, mode uint8, input []byte) {
		cfg := breakerConfig([]string{"adaptive", "consecutive", "absolute"}[mode%3])
		cfg.Lease = 10 * time.Second
		real, dumb := newMachine("a/b", cfg, uint64(mode)), model{cfg: cfg}
		type pair struct {
			t ticket
			c *modelCall
		}
		var running []pair
		now := time.Duration(0)
		for i, b := range input {
			what := ""
			switch arg := int(b >> 3); b & 7 {
			case 0:
				now += time.Duration(arg) * 1300 * time.Millisecond
				what = fmt.Sprint("to ", now)
			case 1, 6, 7:
				tick, ok, _ := real.admit(now)
				c := dumb.admit(now)
				if ok != (c != nil) {
					t.Fatalf("step %d: admitted %v, model %v", i, ok, c != nil)
				}
				if ok {
					running = append(running, pair{tick, c})
				}
				what = fmt.Sprint("admit ", ok)
			default:
				if len(running) == 0 {
					continue
				}
				n := arg % len(running)
				o := []outcome{failure, failure, success, neutral}[b&7-2]
				before := real.opened
				real.record(now, running[n].t, o)
				if opened := dumb.record(now, running[n].c, o); opened {
					dumb.move(Open)
					dumb.until = real.until // the jitter is not the model's
				}
				if (dumb.state == Open && real.opened == before && real.state != Open) || real.state != dumb.state {
					t.Fatalf("step %d: %v, model %v after outcome %d at %v", i, real.state, dumb.state, o, now)
				}
				running = append(running[:n], running[n+1:]...)
				what = fmt.Sprint("record ", o)
			}
			if len(real.probes) > cfg.HalfOpenMaxCalls || real.window.started < 0 || real.window.failed < 0 {
				t.Fatalf("step %d (%s): %d probes, window %d/%d", i, what, len(real.probes), real.window.failed, real.window.started)
			}
		}
	})
}
