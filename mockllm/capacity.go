package mockllm

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Capacity is how much a provider can do at once. A request holds a slot from when
// the work on its reply begins until the reply ends; without a free slot it waits in
// the queue, first come, first served; without room there it is turned away as
// overloaded (503, or 529).
type Capacity struct {
	// Concurrency is the number of slots.
	Concurrency int `yaml:"concurrency" json:"concurrency" jsonschema:"required,minimum=1"`
	// Queue is how many requests may wait for a slot.
	Queue int `yaml:"queue,omitempty" json:"queue,omitempty" jsonschema:"minimum=0"`
	// LoadFactor is how many times as long the gaps between tokens are when all slots
	// are in use; between that and one request alone they grow linearly; 1 by default.
	LoadFactor float64 `yaml:"loadFactor,omitempty" json:"loadFactor,omitempty" jsonschema:"minimum=1"`
	// Abandoned is what becomes of work whose client left: drop frees its slot or place
	// in the queue at once, keep does the work all the same; drop by default.
	Abandoned string `yaml:"abandoned,omitempty" json:"abandoned,omitempty" jsonschema:"enum=drop,enum=keep"`
}

// SetDefaults fills what was left out.
func (c *Capacity) SetDefaults() {
	if c.LoadFactor == 0 {
		c.LoadFactor = 1
	}
	if c.Abandoned == "" {
		c.Abandoned = "drop"
	}
}

// Validate reports every mistake, each beginning with the name of its field.
func (c *Capacity) Validate() error {
	var errs []error
	if c.Concurrency < 1 {
		errs = append(errs, errors.New("concurrency: must be at least 1"))
	}
	if c.Queue < 0 {
		errs = append(errs, errors.New("queue: must be at least 0"))
	}
	if !(c.LoadFactor >= 1) {
		errs = append(errs, errors.New("loadFactor: must be at least 1"))
	}
	if c.Abandoned != "drop" && c.Abandoned != "keep" {
		errs = append(errs, errors.New("abandoned: must be drop or keep"))
	}
	return errors.Join(errs...)
}

// capacity is the slots and the queue of a provider. It is safe for concurrent use.
//
// A real queue, rather than start times computed in advance, because clients leave:
// who waits behind them moves up. Requests take their places when they arrive, in
// Respond; the waiting is done by whoever performs the script, through its Start. A
// freed slot wakes the head of the queue alone.
type capacity struct {
	config Capacity

	mu    sync.Mutex
	busy  int
	queue list.List // of *ticket
}

// ticket is a request's place.
type ticket struct {
	capacity *capacity
	granted  chan struct{} // closed with the slot; nil: it was free at once
	// service is how long the work takes; it is set before the script is performed.
	service time.Duration

	place *list.Element // nil: not in the queue
	since time.Time     // when the slot was granted; zero: not yet
	ghost bool          // the client left, the work is kept
	left  bool          // leave was called
}

func newCapacity(config Capacity) *capacity { return &capacity{config: config} }

// enter takes a slot or a place in the queue, and reports false if both are full.
// Whoever enters must leave.
func (c *capacity) enter() (*ticket, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &ticket{capacity: c}
	switch {
	case c.busy < c.config.Concurrency:
		c.busy++
		t.since = time.Now()
	case c.queue.Len() < c.config.Queue:
		t.granted = make(chan struct{})
		t.place = c.queue.PushBack(t)
	default:
		return nil, false
	}
	return t, true
}

// begin waits for the slot; it reports false if ctx ended first.
func (t *ticket) begin(ctx context.Context) bool {
	if t.granted == nil {
		return true
	}
	select {
	case <-t.granted:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave gives the slot or the place in the queue back; gone tells that the client left
// before its reply ended. Calling it again does nothing.
func (t *ticket) leave(gone bool) {
	c := t.capacity
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.left {
		return
	}
	t.left = true
	t.ghost = gone && c.config.Abandoned == "keep"
	switch {
	case t.place == nil:
		c.end(t)
	case !t.ghost:
		c.queue.Remove(t.place)
	}
}

// end frees the slot of t, at once or, if its work is kept, when that is done.
func (c *capacity) end(t *ticket) {
	if t.ghost {
		if rest := time.Until(t.since.Add(t.service)); rest > 0 {
			time.AfterFunc(rest, c.free)
			return
		}
	}
	c.next()
}

func (c *capacity) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next()
}

// next hands a freed slot to the head of the queue.
func (c *capacity) next() {
	head := c.queue.Front()
	if head == nil {
		c.busy--
		return
	}
	t := c.queue.Remove(head).(*ticket)
	t.place, t.since = nil, time.Now()
	close(t.granted)
	if t.ghost {
		c.end(t)
	}
}

// stretch is the factor of the gaps between tokens under the load of now.
func (c *capacity) stretch() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.config.Concurrency < 2 || c.busy < 2 {
		return 1
	}
	return 1 + (c.config.LoadFactor-1)*float64(c.busy-1)/float64(c.config.Concurrency-1)
}
