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

// since is time.Since without the nanoseconds by which bounds are late.
func since(start time.Time) time.Duration { return time.Since(start).Round(time.Microsecond) }

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
				if took := since(start); took != times(c.after)[0] || ClassOf(err) != c.class {
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
			if d, ok := ctx.Deadline(); !ok || -since(d) != 45*time.Second {
				t.Errorf("deadline %v", d)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if ClassOf(err) != ClassTimeout || since(start) != 45*time.Second {
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
		if took := since(start); ClassOf(err) != ClassStreamIdle || took != 3*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// TestNoCoincidenceIsTossed: of a reply and bounds that are due at one instant, the
// reply wins, then the attempt's bound, then the target's share, then the request's.
func TestNoCoincidenceIsTossed(t *testing.T) {
	unary := func(s float64) Op {
		return func(ctx context.Context) error { return sleep(ctx, times(s)[0]) }
	}
	plain := func(c context.Context) context.Context { return c }
	for _, c := range []struct {
		name   string
		ctx    func(context.Context) context.Context
		op     Op
		limits Timeout
		total  float64
		later  int // targets after the first
		want   Class
	}{
		{"a whole reply and its bound", plain, unary(10), Timeout{Unary: 10 * time.Second}, 99, 1, ""},
		{"a first token and its bound", WithProgress, stream(10), Timeout{FirstToken: 10 * time.Second}, 99, 1, ""},
		{"a token and the idle bound", WithProgress, stream(1, 3, 5), Timeout{StreamIdle: 2 * time.Second}, 99, 1, ""},
		{"a reply and the request's bound", plain, unary(10), Timeout{}, 10, 0, ""},
		{"a reply and the share", plain, unary(10), Timeout{}, 20, 1, ""},
		{"the attempt's bound and the share", plain, unary(99), Timeout{Unary: 10 * time.Second}, 20, 1, ClassTimeout},
		{"the first token's bound and the share", WithProgress, stream(99), Timeout{FirstToken: 10 * time.Second}, 20, 1, ClassFirstToken},
		{"the idle bound and the request's", WithProgress, stream(5, 99), Timeout{StreamIdle: 5 * time.Second}, 10, 0, ClassStreamIdle},
	} {
		for range 40 {
			synctest.Test(t, func(t *testing.T) {
				s := &Stack{cfg: Config{Order: defaultOrder, Timeouts: &Timeouts{TotalRequest: times(c.total)[0]}}}
				ctx, cancel := s.Begin(t.Context())
				defer cancel()
				var first error
				_, _ = (&Chain{Targets: make([]string, 1+c.later)}).Do(c.ctx(ctx), func(ctx context.Context, i int) error {
					err := c.limits.Do(ctx, c.op)
					if i == 0 {
						first = err
					}
					return err
				})
				if ClassOf(first) != c.want {
					t.Errorf("%s: %v", c.name, first)
				}
			})
		}
	}
}
