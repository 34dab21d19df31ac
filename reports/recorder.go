package reports

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shards is how many locks a Recorder spreads agent requests over.
const shards = 16

// Recorder collects the records of one run. All methods are safe for concurrent
// use; the records of one agent request share a lock, those of others rarely do.
type Recorder struct {
	shards [shards]shard

	mu          sync.Mutex
	transitions []Transition
	open        map[string]bool

	requests, good atomic.Int64
	notClosed      atomic.Int64
	latency        Histogram
}

type shard struct {
	mu       sync.Mutex
	requests []Request
	calls    []Call
	attempts []Attempt
	_        [40]byte // keeps two locks out of one cache line
}

// Live are numbers of a run under way, warm-up included.
type Live struct {
	Requests int64         // agent requests that ended
	Good     int64         // of them ok or fallback
	P99      time.Duration // of the agent requests' latency, from the scheduled arrival
	Breakers int64         // breakers that are not closed now
}

// NewRecorder makes room for so many agent requests of five calls; more may come.
func NewRecorder(requests int) *Recorder {
	r := &Recorder{open: map[string]bool{}}
	each := max(requests, 0)/shards + 8
	for i := range r.shards {
		r.shards[i].requests = make([]Request, 0, each)
		r.shards[i].calls = make([]Call, 0, 5*each)
		r.shards[i].attempts = make([]Attempt, 0, 6*each)
	}
	return r
}

// Request records the end of an agent request.
func (r *Recorder) Request(q Request) {
	s := &r.shards[q.Index%shards]
	s.mu.Lock()
	s.requests = append(s.requests, q)
	s.mu.Unlock()
	r.latency.Record(q.End - q.Sched)
	if q.Outcome.Good() {
		r.good.Add(1)
	}
	r.requests.Add(1)
}

// Call records the end of a call.
func (r *Recorder) Call(c Call) {
	s := &r.shards[c.Request%shards]
	s.mu.Lock()
	s.calls = append(s.calls, c)
	s.mu.Unlock()
}

// Attempt records the end of an attempt.
func (r *Recorder) Attempt(a Attempt) {
	s := &r.shards[a.Request%shards]
	s.mu.Lock()
	s.attempts = append(s.attempts, a)
	s.mu.Unlock()
}

// Transition records that a breaker changed its state.
func (r *Recorder) Transition(t Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.transitions = append(r.transitions, t)
	if t.To == stateClosed {
		delete(r.open, t.Target)
	} else {
		r.open[t.Target] = true
	}
	r.notClosed.Store(int64(len(r.open)))
}

// Live gives the numbers so far. It takes no lock of the recording side.
func (r *Recorder) Live() Live {
	good := r.good.Load() // before requests, so that it never exceeds them
	return Live{
		Requests: r.requests.Load(), Good: good,
		P99: r.latency.Quantile(0.99), Breakers: r.notClosed.Load(),
	}
}

// Finish gives a Run that holds copies of all records so far, sorted as Run says;
// the other fields are the caller's to fill.
func (r *Recorder) Finish() *Run {
	run := &Run{}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		run.Requests = append(run.Requests, s.requests...)
		run.Calls = append(run.Calls, s.calls...)
		run.Attempts = append(run.Attempts, s.attempts...)
		s.mu.Unlock()
	}
	r.mu.Lock()
	run.Transitions = slices.Clone(r.transitions)
	r.mu.Unlock()
	run.sort()
	return run
}

func (r *Run) sort() {
	slices.SortFunc(r.Requests, func(a, b Request) int { return cmp.Compare(a.Index, b.Index) })
	slices.SortFunc(r.Calls, func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Step, b.Step))
	})
	slices.SortFunc(r.Attempts, func(a, b Attempt) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Step, b.Step), cmp.Compare(a.N, b.N))
	})
	// Stable: two changes of one breaker at one instant keep their order.
	slices.SortStableFunc(r.Transitions, func(a, b Transition) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Target, b.Target))
	})
}
