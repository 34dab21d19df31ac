package resilience

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestChainFalls(t *testing.T) {
	committed := &Error{Class: ClassTruncated, Committed: true}
	for _, c := range []struct {
		name  string
		errs  [3]error
		tried int
		first Class
	}{
		{"primary", [3]error{}, 1, ""},
		{"second", [3]error{fail(ClassServer)}, 2, ""},
		{"third", [3]error{fail(ClassQuota), fail(ClassAuth)}, 3, ""},
		{"a plain error", [3]error{errors.New("?")}, 2, ""},
		{"an open breaker", [3]error{fail(ClassOpen)}, 2, ""},
		{"not after a bad request", [3]error{fail(ClassRequest)}, 1, ClassRequest},
		{"not after a filter", [3]error{fail(ClassFilter)}, 1, ClassFilter},
		{"not after a cancel", [3]error{fail(ClassCancelled)}, 1, ClassCancelled},
		{"not once committed", [3]error{committed}, 1, ClassTruncated},
		{"the first real cause counts", [3]error{fail(ClassOpen), fail(ClassTimeout), fail(ClassServer)}, 3, ClassTimeout},
	} {
		tried := 0
		served, err := (&Chain{Targets: []string{"a", "b", "c"}}).Do(t.Context(), func(_ context.Context, i int) error {
			tried++
			return c.errs[i]
		})
		if tried != c.tried || ClassOf(err) != c.first || err == nil && served != tried-1 || err != nil && served != -1 {
			t.Errorf("%s: tried %d, served %d, %v", c.name, tried, served, err)
		}
	}
}

func TestErrOpenOnlyIfEveryTargetWasOpen(t *testing.T) {
	open := func(after time.Duration) error { return &Error{Class: ClassOpen, RetryAfter: after, Cause: ErrOpen} }
	do := func(errs ...error) error {
		_, err := (&Chain{Targets: make([]string, len(errs))}).Do(t.Context(), func(_ context.Context, i int) error { return errs[i] })
		return err
	}
	all := do(open(30*time.Second), open(10*time.Second))
	var chain *ChainError
	if !errors.Is(all, ErrOpen) || !errors.As(all, &chain) || chain.RetryAfter != 10*time.Second || ClassOf(all) != ClassOpen {
		t.Errorf("all open: %v", all)
	}
	for _, err := range []error{do(open(1), fail(ClassServer)), do(fail(ClassServer), open(1))} {
		if errors.Is(err, ErrOpen) || ClassOf(err) != ClassServer || !errors.As(err, &chain) || len(chain.Attempts) != 2 {
			t.Errorf("one open: %v", err)
		}
	}
	if err := do(open(1)); !errors.Is(err, ErrOpen) {
		t.Errorf("the only one open: %v", err)
	}
}

// TestTimeIsKeptForLaterTargets: hanging targets must leave the last one its time.
func TestTimeIsKeptForLaterTargets(t *testing.T) {
	for _, c := range []struct {
		bound, total time.Duration
		targets      int
		want         []time.Duration
	}{
		{45 * time.Second, 120 * time.Second, 2, times(75, 45)},
		{45 * time.Second, 120 * time.Second, 3, times(40, 40, 40)},
		{10 * time.Second, 120 * time.Second, 3, times(100, 10, 10)},
		{0, 120 * time.Second, 2, times(60, 60)},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.total, ErrDeadline)
			defer cancel()
			var got []time.Duration
			_, err := (&Chain{Targets: make([]string, c.targets), Bound: c.bound}).Do(ctx, func(ctx context.Context, i int) error {
				start := time.Now()
				<-ctx.Done()
				got = append(got, since(start))
				return ctx.Err()
			})
			if fmt.Sprint(got) != fmt.Sprint(c.want) || ClassOf(err) != ClassTimeout || !errors.Is(err, ErrDeadline) {
				t.Errorf("hung for %v, want %v: %v", got, c.want, err)
			}
		})
	}
}

// TestStartedStreamKeepsItsTime: the reserve ends where a fallback is ruled out.
func TestStartedStreamKeepsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 60*time.Second, ErrDeadline)
		defer cancel()
		chain := &Chain{Targets: []string{"a", "b"}, Bound: 10 * time.Second}
		served, err := chain.Do(WithProgress(ctx), func(ctx context.Context, i int) error {
			if d, _ := ctx.Deadline(); i == 0 && -since(d) != 50*time.Second {
				t.Errorf("share %v", time.Until(d))
			}
			if err := stream(49, 58)(ctx); err != nil {
				return err
			}
			if d, _ := ctx.Deadline(); time.Until(d) != 2*time.Second {
				t.Errorf("after content %v remain", time.Until(d))
			}
			return nil
		})
		if served != 0 || err != nil {
			t.Error(served, err)
		}
	})
}
