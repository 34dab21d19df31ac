package resilience

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// stream plays bytes and content at the given seconds until ctx ends or the last was
// played; negative seconds mean bytes without content.
func stream(at ...float64) Op {
	return func(ctx context.Context) error {
		start, p := time.Now(), ProgressFrom(ctx)
		for _, s := range at {
			d := time.Duration(max(s, -s) * float64(time.Second))
			if err := sleep(ctx, d-time.Since(start)); err != nil {
				return err
			}
			p.Bytes()
			if s >= 0 {
				p.Content()
			}
		}
		return nil
	}
}

func TestStreamBounds(t *testing.T) {
	limits := Timeout{Unary: time.Second, FirstToken: 10 * time.Second, StreamIdle: 15 * time.Second, ContentIdle: 40 * time.Second}
	for _, c := range []struct {
		name      string
		op        Op
		class     Class
		after     float64
		committed bool
	}{
		{"healthy, and longer than the unary bound", stream(1, 2, 16, 30), "", 30, false},
		{"nothing comes", stream(99), ClassFirstToken, 10, false},
		{"pings are no first token", stream(-1, -4, -8, -12, 99), ClassFirstToken, 10, false},
		{"silence", stream(1, 2, 99), ClassStreamIdle, 17, true},
		{"silence after a ping", stream(1, -6, 99), ClassStreamIdle, 21, true},
		{"only pings", stream(1, -12, -24, -36, -48, 99), ClassStreamIdle, 41, true},
		{"pings between", stream(1, -12, 24, -36, 48), "", 48, false},
		{"first token just in time", stream(9.999), "", 9.999, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := limits.Do(WithProgress(t.Context()), c.op)
				if took := time.Since(start); took != times(c.after)[0] || ClassOf(err) != c.class {
					t.Errorf("after %v: %v", took, err)
				}
				if err != nil && (AsError(t.Context(), err).Committed != c.committed || !errors.Is(err, context.DeadlineExceeded)) {
					t.Errorf("%+v", err)
				}
			})
		})
	}
}

func TestUnaryBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := Timeout{Unary: 45 * time.Second}.Do(t.Context(), func(ctx context.Context) error {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) != 45*time.Second {
				t.Errorf("deadline %v", d)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if ClassOf(err) != ClassTimeout || time.Since(start) != 45*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestCallersCancelIsNoTimeout(t *testing.T) {
	for _, ctx := range []func(context.Context) context.Context{WithProgress, func(c context.Context) context.Context { return c }} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			limits := Timeout{Unary: 5 * time.Second, FirstToken: 5 * time.Second}
			err := limits.Do(ctx(parent), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			if ClassOf(err) != ClassCancelled {
				t.Error(err)
			}
		})
	}
}

// TestIdleMayEndBeforeTheFirstTokenIsDue: a clock that starts later can be due sooner.
func TestIdleMayEndBeforeTheFirstTokenIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		limits := Timeout{FirstToken: 30 * time.Second, StreamIdle: 2 * time.Second}
		err := limits.Do(WithProgress(t.Context()), stream(-1, 99))
		if took := time.Since(start); ClassOf(err) != ClassStreamIdle || took != 3*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
