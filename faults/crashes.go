package faults

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// crashes keeps the panics of an endpoint's goroutines until it is closed: in
// virtual time one that nobody recovers ends the process with every other run in
// it. The zero value is ready; it is safe for concurrent use.
type crashes struct {
	mu  sync.Mutex
	all []error
}

// guard calls f and keeps its panic. Every goroutine begins with it.
func (c *crashes) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.add(p)
		}
	}()
	f()
}

// add is called where the panic was recovered.
func (c *crashes) add(p any) {
	err := fmt.Errorf("panic in an endpoint: %v\n%s", p, debug.Stack())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, err)
}

func (c *crashes) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.all...)
}
