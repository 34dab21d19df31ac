package reports

import (
	"cmp"
	"slices"
	"sync"
)

// shards is how many locks a Recorder spreads agent requests over.
const shards = 16

// Recorder collects the records of one run. All methods are safe for concurrent
// use; the records of one agent request share a lock, those of others rarely do.
type Recorder struct {
	shards [shards]shard

	mu          sync.Mutex
	transitions []Transition
}

type shard struct {
	mu       sync.Mutex
	requests slab[Request]
	calls    slab[Call]
	attempts slab[Attempt]
	_        [64]byte // keeps two locks out of one cache line
}

// slab holds records in chunks that never move: adding one copies no other, and
// allocates once a chunk.
type slab[T any] struct {
	chunks [][]T // all full but the last
	size   int   // of the next chunk
}

// A chunk is small at first, so that short runs take little, and soon large.
const (
	firstChunk   = 64
	largestChunk = 1024
)

func (s *slab[T]) add(record *T) {
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last]) == cap(s.chunks[last]) {
		s.size = min(max(2*s.size, firstChunk), largestChunk)
		s.chunks = append(s.chunks, make([]T, 0, s.size))
		last++
	}
	s.chunks[last] = append(s.chunks[last], *record)
}

func (s *slab[T]) appendTo(all []T) []T {
	for _, chunk := range s.chunks {
		all = append(all, chunk...)
	}
	return all
}

func (s *slab[T]) len() int {
	if len(s.chunks) == 0 {
		return 0
	}
	last := s.chunks[len(s.chunks)-1]
	n := len(last)
	for _, chunk := range s.chunks[:len(s.chunks)-1] {
		n += len(chunk)
	}
	return n
}

// NewRecorder expects about so many agent requests; more or fewer may come.
func NewRecorder(requests int) *Recorder {
	r := new(Recorder)
	for i := range r.shards {
		// Half of what is expected of a shard is what its first chunk holds.
		each := max(requests, 0) / shards / 2
		r.shards[i].requests.size, r.shards[i].calls.size, r.shards[i].attempts.size = each/2, each*5/2, each*3
	}
	return r
}

// Request records the end of an agent request.
func (r *Recorder) Request(q Request) {
	s := &r.shards[q.Index%shards]
	s.mu.Lock()
	s.requests.add(&q)
	s.mu.Unlock()
}

// Call records the end of a call.
func (r *Recorder) Call(c Call) {
	s := &r.shards[c.Request%shards]
	s.mu.Lock()
	s.calls.add(&c)
	s.mu.Unlock()
}

// Attempt records the end of an attempt.
func (r *Recorder) Attempt(a Attempt) {
	s := &r.shards[a.Request%shards]
	s.mu.Lock()
	s.attempts.add(&a)
	s.mu.Unlock()
}

// Transition records that a breaker changed its state.
func (r *Recorder) Transition(t Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.transitions = append(r.transitions, t)
}

// Finish gives a Run that holds copies of all records so far, sorted as Run says;
// the other fields are the caller's to fill.
func (r *Recorder) Finish() *Run {
	run := r.room()
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		run.Requests = s.requests.appendTo(run.Requests)
		run.Calls = s.calls.appendTo(run.Calls)
		run.Attempts = s.attempts.appendTo(run.Attempts)
		s.mu.Unlock()
	}
	r.mu.Lock()
	run.Transitions = slices.Clone(r.transitions)
	r.mu.Unlock()
	run.sort()
	return run
}

// room gives a Run with the room for all records so far.
func (r *Recorder) room() *Run {
	requests, calls, attempts := 0, 0, 0
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		requests += s.requests.len()
		calls += s.calls.len()
		attempts += s.attempts.len()
		s.mu.Unlock()
	}
	return &Run{Requests: make([]Request, 0, requests), Calls: make([]Call, 0, calls), Attempts: make([]Attempt, 0, attempts)}
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
