package resilience

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLazyContext holds the context to what context.WithDeadlineCause promises,
// whether or not somebody waited for it before.
func TestLazyContext(t *testing.T) {
	cause := errors.New("cause")
	for _, waited := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancelParent := context.WithCancelCause(t.Context())
			begin := func() *lazy {
				l := &lazy{parent: parent, deadline: time.Now().Add(time.Second), cause: cause}
				if waited {
					l.Done()
				}
				return l
			}
			l := begin()
			child, cancel := context.WithCancel(l)
			defer cancel()
			if l.Err() != nil || child.Err() != nil {
				t.Error("over before its time")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			<-l.Done()
			if l.Err() != context.DeadlineExceeded || context.Cause(l) != cause || context.Cause(child) != cause {
				t.Errorf("expired: %v, %v, child %v", l.Err(), context.Cause(l), context.Cause(child))
			}

			l = begin()
			l.cancel()
			if <-l.Done(); l.Err() != context.Canceled {
				t.Errorf("cancelled: %v", l.Err())
			}

			l, why := begin(), errors.New("why")
			cancelParent(why)
			if <-l.Done(); l.Err() != context.Canceled || context.Cause(l) != why {
				t.Errorf("parent cancelled: %v, %v", l.Err(), context.Cause(l))
			}
			l.cancel()

			early, stop := context.WithTimeout(t.Context(), time.Millisecond)
			defer stop()
			l = &lazy{parent: early, deadline: time.Now().Add(time.Second), cause: cause}
			if d, _ := l.Deadline(); time.Until(d) != time.Millisecond {
				t.Errorf("the parent's deadline is earlier: %v", time.Until(d))
			}
			l.cancel()
		})
	}
}
