package reports

import (
	"slices"
	"time"
)

// The states of a breaker, as a Transition names them.
const (
	stateClosed   = "closed"
	stateOpen     = "open"
	stateHalfOpen = "half-open"
)

// view is one run added up, without its warm-up: what every metric is computed from.
type view struct {
	run    *Run
	faults []FaultInfo

	requests, falseSuccess int
	outcomes               [len(outcomeNames)]int
	levels                 map[string]int

	calls, fallbackCalls int
	retried, rescued     int // calls with a retry, and with a retry that succeeded
	attempts             int
	errors               map[errorKey]int
	latency              map[latencyKey][]time.Duration
	ttft, gaps, lag      []time.Duration
	input, output        int
	wasted               int
	cost                 float64 // US dollars

	transitions map[transitionKey]int
	openTime    map[string]time.Duration
}

type errorKey struct{ of, class string }

// latencyKey has an empty outcome for all outcomes together.
type latencyKey struct{ op, outcome string }

type transitionKey struct{ target, to string }

const opRequest = "agent_request"

func newView(run *Run, faults []FaultInfo) *view {
	v := &view{
		run: run, faults: faults, levels: map[string]int{},
		errors: map[errorKey]int{}, latency: map[latencyKey][]time.Duration{},
		transitions: map[transitionKey]int{}, openTime: map[string]time.Duration{},
	}
	failed := v.addRequests()
	v.addCalls(failed)
	v.addAttempts()
	v.addTransitions()
	for _, values := range v.latency {
		slices.Sort(values)
	}
	slices.Sort(v.ttft)
	slices.Sort(v.gaps)
	slices.Sort(v.lag)
	return v
}

// addRequests returns the set of the requests that failed.
func (v *view) addRequests() map[uint64]bool {
	failed := map[uint64]bool{}
	for i := range v.run.Requests {
		q := &v.run.Requests[i]
		if q.Warmup {
			continue
		}
		v.requests++
		v.outcomes[min(q.Outcome, Failed)]++
		v.levels[q.Level]++
		if q.FalseSuccess {
			v.falseSuccess++
		}
		if q.Outcome >= Failed {
			failed[q.Index] = true
			v.errors[errorKey{"request", q.Class}]++
		}
		v.addLatency(opRequest, q.Outcome, q.End-q.Sched)
		v.lag = append(v.lag, max(q.Start-q.Sched, 0))
	}
	return failed
}

func (v *view) addCalls(failed map[uint64]bool) {
	for i := range v.run.Calls {
		c := &v.run.Calls[i]
		if c.Warmup {
			continue
		}
		v.calls++
		outcome := OK
		switch {
		case c.Failed:
			outcome = Failed
			v.errors[errorKey{"call", c.Class}]++
		case c.Fallback:
			outcome = Fallback
			v.fallbackCalls++
		}
		v.addLatency(c.Op, outcome, c.End-c.Start)
		if c.Name != c.Op {
			v.addLatency(c.Name, outcome, c.End-c.Start)
		}
		v.input += c.Input
		v.output += c.Output
		if failed[c.Request] {
			v.wasted += c.Output
		}
	}
}

func (v *view) addAttempts() {
	calls := v.run.Calls
	for first := 0; first < len(v.run.Attempts); {
		last := first
		for last < len(v.run.Attempts) && sameCall(&v.run.Attempts[first], &v.run.Attempts[last]) {
			last++
		}
		group := v.run.Attempts[first:last]
		first = last
		if group[0].Warmup {
			continue
		}
		v.addGroup(group)
		for len(calls) > 0 && before(&calls[0], &group[0]) {
			calls = calls[1:]
		}
		if len(calls) > 0 && calls[0].Request == group[0].Request && calls[0].Step == group[0].Step {
			v.addFirstToken(&calls[0], group)
			v.spend(&calls[0], group)
		}
	}
}

func before(c *Call, a *Attempt) bool {
	return c.Request < a.Request || c.Request == a.Request && c.Step < a.Step
}

// addFirstToken takes the call's own time to its first content event, or that of the
// attempt that brought the answer, counted from the call's start.
func (v *view) addFirstToken(c *Call, group []Attempt) {
	last := &group[len(group)-1]
	switch {
	case c.Failed:
	case c.TTFT > 0:
		v.ttft = append(v.ttft, c.TTFT)
	case last.Class == "" && last.TTFT > 0:
		v.ttft = append(v.ttft, last.Start+last.TTFT-c.Start)
	}
}

func sameCall(a, b *Attempt) bool { return a.Request == b.Request && a.Step == b.Step }

// addGroup takes all attempts of one call, in their order.
func (v *view) addGroup(group []Attempt) {
	retried, rescued := false, false
	for i := range group {
		a := &group[i]
		v.attempts++
		if a.Class != "" {
			v.errors[errorKey{"attempt", a.Class}]++
			v.wasted += a.Content
		}
		if a.MaxGap > 0 {
			v.gaps = append(v.gaps, a.MaxGap)
		}
		if isRetry(group, i) {
			retried = true
			rescued = rescued || a.Class == ""
		}
	}
	if retried {
		v.retried++
	}
	if rescued {
		v.rescued++
	}
}

// isRetry tells whether the call had tried the same target before.
func isRetry(group []Attempt, i int) bool {
	for j := range i {
		if group[j].Target == group[i].Target {
			return true
		}
	}
	return false
}

func (v *view) addLatency(op string, outcome Outcome, d time.Duration) {
	all, split := latencyKey{op: op}, latencyKey{op, min(outcome, Failed).String()}
	v.latency[all] = append(v.latency[all], d)
	v.latency[split] = append(v.latency[split], d)
}

func (v *view) addTransitions() {
	for _, t := range v.run.Transitions {
		if t.At >= 0 {
			v.transitions[transitionKey{t.Target, t.To}]++
		}
	}
	for _, s := range breakerSpans(v.run) {
		if s.state == stateOpen {
			v.openTime[s.target] += s.to - s.from
		}
	}
}

// span is how long a breaker stayed in a state, within the measured part.
type span struct {
	target, state string
	from, to      time.Duration
}

func breakerSpans(run *Run) []span {
	var spans []span
	since := map[string]int{} // the span under way, by target
	for _, t := range run.Transitions {
		at := min(max(t.At, 0), run.Duration)
		if i, ok := since[t.Target]; ok {
			spans[i].to = at
		}
		since[t.Target] = len(spans)
		spans = append(spans, span{target: t.Target, state: t.To, from: at, to: run.Duration})
	}
	return spans
}

func (v *view) good() int { return v.outcomes[OK] + v.outcomes[Fallback] }

func (v *view) errorCount(of, class string) int {
	n := 0
	for key, count := range v.errors {
		if key.of == of && (class == "" || key.class == class) {
			n += count
		}
	}
	return n
}
