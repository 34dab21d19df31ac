package resilience

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Gate lets a bounded number of operations run at a time and the others wait in a
// bounded queue. Make it with NewGate.
//
// Waits end in the order of arrival or of priority, which [WithPriority] gives and
// each ageing of waiting raises by one. Whoever is next but has less time left than
// an operation usually takes is dropped instead of run: under overload a queue would
// otherwise serve none but those who have just given up.
type Gate struct {
	name, op string
	observe  Observer
	born     time.Time

	mu   sync.Mutex
	gate gate
}

// NewGate returns an empty gate. cfg has its defaults filled in; name and op (llm or
// tool) stand in events and errors.
func NewGate(name, op string, cfg Queue, observe Observer) *Gate {
	return &Gate{name: name, op: op, observe: observe, born: time.Now(), gate: gate{cfg: cfg}}
}

// Do implements Policy. A full queue refuses with ClassQueueFull, and by priority it
// is the lowest that is refused; who is dropped for lack of time gets ClassDeadline
// and ErrDeadline. In neither case did op run.
func (g *Gate) Do(ctx context.Context, op Op) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	start, result := time.Now(), neutral
	defer func() { g.leave(time.Since(start), result) }() // also after a panic
	err := op(ctx)
	result = outcomeOf(ctx, err)
	return err
}

// WithPriority gives the calls under ctx a priority in queues ordered by it. Higher
// goes first; without one it is 0.
func WithPriority(ctx context.Context, priority int) context.Context {
	return context.WithValue(ctx, priorityKey{}, priority)
}

type priorityKey struct{}

func (g *Gate) enter(ctx context.Context) error {
	w := &waiter{ready: make(chan error, 1)}
	w.priority, _ = ctx.Value(priorityKey{}).(int)
	if d, ok := ctx.Deadline(); ok {
		w.deadline = d.Sub(g.born)
	}
	g.mu.Lock()
	w.since = time.Since(g.born)
	refused, now := g.gate.enter(w)
	g.mu.Unlock()
	if refused != nil {
		refused.ready <- g.full()
	}
	if now {
		return nil
	}
	err := g.wait(ctx, w)
	g.observe.emit(Event{Kind: QueueWait, Key: keyOf(ctx), Op: g.op, Target: g.name,
		Start: g.born.Add(w.since), End: time.Now(), Delay: time.Since(g.born.Add(w.since))})
	return err
}

func (g *Gate) wait(ctx context.Context, w *waiter) error {
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
	}
	g.mu.Lock()
	waiting := g.gate.withdraw(w)
	g.mu.Unlock()
	if !waiting && <-w.ready == nil { // it was let in at this very moment
		g.leave(0, neutral)
	}
	return AsError(ctx, ctx.Err())
}

func (g *Gate) leave(took time.Duration, o outcome) {
	g.mu.Lock()
	let := g.gate.leave(time.Since(g.born), took, o)
	g.mu.Unlock()
	for _, w := range let {
		if w.usual == 0 {
			w.ready <- nil
			continue
		}
		w.ready <- &Error{Class: ClassDeadline, Target: g.name, Unsent: true, Cause: ErrDeadline,
			Message: fmt.Sprintf("dropped from the queue: a call takes about %v", w.usual.Round(time.Millisecond))}
	}
}

func (g *Gate) full() error {
	return &Error{Class: ClassQueueFull, Target: g.name, Unsent: true,
		Message: fmt.Sprintf("%d calls are waiting", g.gate.cfg.Size)}
}

// ageing is how long a call waits until its priority is one higher.
const ageing = 5 * time.Second

// gate is the state of a Gate: a value that is told the time, as the duration since
// the gate was made, and is guarded by its owner.
type gate struct {
	cfg     Queue
	running int
	waiting []*waiter // by arrival
	usual   time.Duration
}

// waiter is a call in the queue.
type waiter struct {
	priority int
	since    time.Duration
	deadline time.Duration // 0: none
	usual    time.Duration // why it was dropped: how long a call takes; 0: it was not
	ready    chan error    // buffered; gets one value once it is not waiting any more
}

// enter lets w in, or appends it to the queue, from which a waiter may fall, w itself
// too.
func (g *gate) enter(w *waiter) (refused *waiter, now bool) {
	if g.running < g.cfg.Concurrency {
		g.running++
		return nil, true
	}
	g.waiting = append(g.waiting, w)
	if len(g.waiting) <= g.cfg.Size {
		return nil, false
	}
	last := len(g.waiting) - 1
	if g.cfg.Order == "priority" {
		for i := last; i >= 0; i-- {
			if g.rank(i, w.since) < g.rank(last, w.since) {
				last = i
			}
		}
	}
	refused = g.waiting[last]
	g.waiting = slices.Delete(g.waiting, last, last+1)
	return refused, false
}

// leave frees a place and takes waiters from the queue: those dropped for lack of
// time, and those let in, which is one unless the number of places has changed.
func (g *gate) leave(now, took time.Duration, o outcome) (out []*waiter) {
	if o == success {
		g.usual += (took - g.usual) / 8
	}
	g.running--
	for len(g.waiting) > 0 && g.running < g.cfg.Concurrency {
		i := g.next(now)
		w := g.waiting[i]
		g.waiting = slices.Delete(g.waiting, i, i+1)
		out = append(out, w)
		if w.deadline == 0 || w.deadline-now >= g.usual {
			g.running++
			continue
		}
		w.usual = max(1, g.usual)
		g.usual -= g.usual / 8 // lest one slow time keeps everybody out for good
	}
	return out
}

// next is the index of whose turn it is.
func (g *gate) next(now time.Duration) int {
	first := 0
	if g.cfg.Order == "priority" {
		for i := range g.waiting {
			if g.rank(i, now) > g.rank(first, now) {
				first = i
			}
		}
	}
	return first
}

// rank is the priority of a waiter after its wait.
func (g *gate) rank(i int, now time.Duration) int {
	w := g.waiting[i]
	return w.priority + int((now-w.since)/ageing)
}

// withdraw takes w from the queue; false if it is not in it any more.
func (g *gate) withdraw(w *waiter) bool {
	i := slices.Index(g.waiting, w)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}
