// Package virtual runs a function on virtual time: time stands still while any
// goroutine works and jumps to the next timer when all wait, so hours pass in
// seconds and no line of the code inside knows the difference.
//
// It is testing/synctest in an ordinary binary: synctest.Test accepts a zero
// testing.T, which neither registers flags nor needs a test binary. A test of this
// package fails loudly should a toolchain change that.
package virtual

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// Run calls f in a bubble of virtual time that begins at midnight UTC on
// 1 January 2000, and returns its error once every goroutine that f started has
// ended. A panic of f, and goroutines that would wait for ever, come back as
// errors that name the goroutines. A panic in another goroutine of the bubble ends
// the process, as it does outside: recover where a goroutine starts.
//
// Inside, nothing may wait for what is outside: no socket, no channel made outside.
// Any number of Runs may go on at once.
func Run(f func() error) error {
	result := make(chan error, 1)
	// A goroutine of its own: synctest.Test leaves by Goexit or by a panic.
	go func() {
		err := fmt.Errorf("virtual time: the bubble was left by runtime.Goexit")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("virtual time: %v\n%s", p, bubbled())
			}
			result <- err
		}()
		synctest.Test(new(testing.T), func(*testing.T) {
			var wg sync.WaitGroup
			wg.Go(func() { guarded(f, &err) }) // again: a Goexit of f must not reach tRunner
			wg.Wait()
		})
	}()
	return <-result
}

// guarded calls f and stores its error, or its panic as one; err stays as it is if
// f leaves by Goexit.
func guarded(f func() error, err *error) {
	defer func() {
		if p := recover(); p != nil {
			*err = fmt.Errorf("virtual time: panic: %v\n%s", p, debug.Stack())
		}
	}()
	*err = f()
}

// bubbled returns the stacks of the goroutines that live in a bubble.
func bubbled() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var stacks []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		head, _, _ := strings.Cut(stack, "\n")
		if strings.Contains(head, "synctest bubble") {
			stacks = append(stacks, stack)
		}
	}
	return strings.Join(stacks, "\n\n")
}
