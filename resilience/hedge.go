package resilience

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hedger starts the operation again when its answer is late, and takes the answer
// that comes first. Only what may run twice can be hedged. A stream is late when its
// first content is, which also decides who wins. Set the fields before the first use.
//
// The operation runs concurrently with itself: it hands over what it brings with
// [Deliver]. The attempt that loses is cancelled and waited for; what it brings is
// thrown away, and breakers inside take it for neutral.
type Hedger struct {
	Config Hedge  // with its defaults filled in
	Target string // names the target in events
	Op     string // llm or tool, for events
	// Budget is shared with the retries of the target; each extra attempt takes one
	// out. nil bounds nothing.
	Budget *Budget
	// Alone says that no Retrier around pays into the budget.
	Alone   bool
	Observe Observer

	mu    sync.Mutex
	times recent
}

// Do implements Policy. If all attempts fail the error is that of the first to fail.
func (h *Hedger) Do(ctx context.Context, op Op) error {
	if h.Alone {
		h.Budget.Fresh()
	}
	r := &race{hedger: h, ctx: ctx, op: op, began: time.Now(), ended: make(chan *racer)}
	after, ok := h.lateAfter()
	if !ok {
		a := r.enter()
		defer a.cancel()
		return r.judge(a, op(a.ctx))
	}
	return r.run(after)
}

// Deliver runs set, which stores what an operation brought, once the operation is
// the one that counts: at once, unless a Hedger runs it more than once.
func Deliver(ctx context.Context, set func()) {
	if a, ok := ctx.Value(racerKey{}).(*racer); ok {
		a.brought = append(a.brought, set)
		return
	}
	set()
}

// race is one hedged operation.
type race struct {
	hedger *Hedger
	ctx    context.Context
	op     Op
	began  time.Time
	ended  chan *racer

	mu     sync.Mutex
	all    []*racer
	winner *racer // decided by the first content of a stream, or by the first success
}

// racer is one attempt of a race. Its fields below ctx belong to its goroutine until
// it ended.
type racer struct {
	context.Context
	race   *race
	cancel context.CancelFunc
	ctx    context.Context // for the operation

	brought  []func()
	err      error
	panicked any
}

type racerKey struct{}

// Value implements context.Context.
func (a *racer) Value(key any) any {
	if key == (racerKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// enter adds an attempt; nil if there is a winner already.
func (r *race) enter() *racer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.winner != nil {
		return nil
	}
	a := &racer{race: r}
	a.Context, a.cancel = context.WithCancel(r.ctx)
	a.ctx = a
	if p := ProgressFrom(r.ctx); p != nil {
		a.ctx = &Progress{Context: a, outer: p, racer: a}
	}
	r.all = append(r.all, a)
	return a
}

// hedgeResidue keeps a hedge from starting at the instant of a reply or a bound.
const hedgeResidue time.Duration = 4

// run starts attempts until one wins, or all have failed, and waits for all.
func (r *race) run(after time.Duration) error {
	after += hedgeResidue
	late := time.NewTimer(after)
	defer late.Stop()
	running := 0
	start := func() {
		if a := r.enter(); a != nil {
			running++
			go a.run()
		}
	}
	start()
	var first, won *racer
	for running > 0 {
		select {
		case a := <-r.ended:
			running--
			if a.panicked != nil || a.err == nil {
				a.wins()
			}
			if a.panicked != nil || r.won(a) {
				won = a
			}
			if first == nil {
				first = a
			}
		case <-late.C:
			if r.another(after) {
				start()
				late.Reset(after)
			}
		}
	}
	switch {
	case won == nil:
		return first.err
	case won.panicked != nil:
		panic(won.panicked)
	}
	return r.judge(won, won.err)
}

// another tells whether one more attempt may start, and takes it from the budget.
func (r *race) another(after time.Duration) bool {
	r.mu.Lock()
	over := r.winner != nil || len(r.all) > r.hedger.Config.Max
	r.mu.Unlock()
	h := r.hedger
	if over || r.ctx.Err() != nil || !h.Budget.Take() {
		return false
	}
	h.Observe.emit(Event{Kind: HedgeStart, Key: keyOf(r.ctx), Op: h.Op, Target: h.Target,
		Start: time.Now(), Delay: after})
	return true
}

// judge hands over what the attempt that counts brought.
func (r *race) judge(a *racer, err error) error {
	if err == nil {
		a.wins()
	}
	for _, set := range a.brought {
		Deliver(r.ctx, set)
	}
	return err
}

func (r *race) won(a *racer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.winner == a
}

func (a *racer) run() {
	defer func() {
		a.panicked = recover()
		a.cancel()
		a.race.ended <- a
	}()
	a.err = a.race.op(a.ctx)
}

// wins makes a the winner if there is none, and tells whether it is.
func (a *racer) wins() bool {
	r := a.race
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.winner == nil {
		r.winner = a
		r.hedger.took(time.Since(r.began))
		for _, other := range r.all {
			if other != a {
				other.cancel()
			}
		}
	}
	return r.winner == a
}

// lost tells whether another attempt is the winner.
func (a *racer) lost() bool {
	a.race.mu.Lock()
	defer a.race.mu.Unlock()
	return a.race.winner != nil && a.race.winner != a
}

// after gives the delay, or the quantile that it is to be.
func (h Hedge) after() (time.Duration, float64, error) {
	if digits, ok := strings.CutPrefix(h.After, "p"); ok {
		q, err := strconv.Atoi(digits)
		if err != nil || q < 1 || q > 99 {
			return 0, 0, fmt.Errorf("resilience: %q is no quantile from p1 to p99", h.After)
		}
		return 0, float64(q) / 100, nil
	}
	d, err := time.ParseDuration(h.After)
	if err == nil && d <= 0 {
		err = fmt.Errorf("resilience: the delay %v of a hedge is not above zero", d)
	}
	return d, 0, err
}

// lateAfter is when an answer is late now; false if too few answers tell.
func (h *Hedger) lateAfter() (time.Duration, bool) {
	d, q, err := h.Config.after()
	if err != nil || d > 0 {
		return d, err == nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.times.quantile(q)
}

// took notes how long an answer took.
func (h *Hedger) took(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times.add(d)
}

// recent holds the last times of answers.
type recent struct {
	times [64]time.Duration
	count int // ever
}

// enough is how many answers have to be known for a quantile of them.
const enough = 20

func (r *recent) add(d time.Duration) {
	r.times[r.count%len(r.times)] = d
	r.count++
}

func (r *recent) quantile(q float64) (time.Duration, bool) {
	if r.count < enough {
		return 0, false
	}
	sorted := slices.Clone(r.times[:min(r.count, len(r.times))])
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))], true
}
