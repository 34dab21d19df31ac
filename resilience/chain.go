package resilience

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Chain runs one operation over targets in order until one succeeds: models, or
// implementations of a tool. An answer is decided by the error alone; an empty one
// is an answer. A Chain is safe for concurrent use and is not copied once used.
type Chain struct {
	Targets []string // names, for errors and events
	Op      string   // llm or tool, for events
	// Bound is how long one attempt may take. Under a deadline, every target leaves
	// that much, or an equal share if less remains, for each of those after it.
	// 0 keeps equal shares, and less than 0 nothing for later targets.
	Bound time.Duration
	// Lines are the policies in front of each target; nil for none.
	Lines []Policy
	// Falls decides after which failures the next target, if there is one, is tried;
	// nil means Error.Falls.
	Falls   func(*Error) bool
	Observe Observer

	links sync.Pool // of *link
}

// Do runs op, which is told the index of the target, and returns the index that
// succeeded, or −1 and what failed: an *Error, or a *ChainError after several
// attempts. Targets whose breaker is open, or whose limits leave no room, are skipped.
func (c *Chain) Do(ctx context.Context, op func(ctx context.Context, i int) error) (int, error) {
	var attempts []*Error
	var reason error
	for i := range c.Targets {
		if ctx.Err() != nil {
			attempts = append(attempts, AsError(ctx, ctx.Err()))
			break
		}
		err := c.share(ctx, i, op)
		if err == nil {
			return i, nil
		}
		all, why := attemptsOf(ctx, err)
		last := all[len(all)-1]
		attempts, reason = append(attempts, all...), why
		if reason := skips[last.Class]; len(all) == 1 && reason != "" {
			c.Observe.emit(Event{Kind: TargetSkip, Key: keyOf(ctx), Op: c.Op,
				Target: c.Targets[i], Start: time.Now(), Class: last.Class, Reason: reason})
		}
		if i+1 < len(c.Targets) && !c.falls(last) {
			break
		}
	}
	return -1, joined(attempts, reason)
}

// skips are the refusals of our own, in which a target was not asked at all.
var skips = map[Class]string{
	ClassOpen: "breaker open", ClassLimited: "rate limit", ClassQueueFull: "queue full",
}

func (c *Chain) falls(e *Error) bool {
	if c.Falls != nil {
		return c.Falls(e)
	}
	return e.Falls()
}

// share runs op for target i in its part of the time that remains. A stream is held
// to it only up to its first content.
func (c *Chain) share(ctx context.Context, i int, op func(context.Context, int) error) error {
	deadline, ok := ctx.Deadline()
	later := time.Duration(len(c.Targets) - 1 - i)
	if !ok || later == 0 || c.Bound < 0 {
		return c.attempt(ctx, i, op)
	}
	remaining := time.Until(deadline)
	reserve := remaining / (later + 1)
	if c.Bound > 0 {
		reserve = min(reserve, c.Bound)
	}
	share := remaining - later*reserve
	run := func(ctx context.Context) error { return c.attempt(ctx, i, op) }
	if p := ProgressFrom(ctx); p != nil {
		return watched(ctx, p, Timeout{FirstToken: share}, shareResidue, expiredShare, run)
	}
	return within(ctx, time.Now().Add(share+shareResidue), expiredShare, run)
}

// attempt runs op through the line of target i.
func (c *Chain) attempt(ctx context.Context, i int, op func(context.Context, int) error) error {
	if c.Lines == nil {
		return op(ctx, i)
	}
	l, _ := c.links.Get().(*link)
	if l == nil {
		l = new(link)
		l.next = l.run
	}
	l.op, l.i = op, i
	err := c.Lines[i].Do(ctx, l.next)
	l.op = nil
	c.links.Put(l) // not after a panic
	return err
}

// link is what a closure over op and i would be, but used again.
type link struct {
	op   func(context.Context, int) error
	i    int
	next Op // run, bound once
}

func (l *link) run(ctx context.Context) error { return l.op(ctx, l.i) }

// ChainError is the failure of a call that took more than one attempt: all of them,
// the first real cause first, then why it ended (deadline, cancelled), then the
// targets that were skipped because of limits or because their breaker was open.
type ChainError struct {
	Attempts []*Error
	// Reason is ErrDeadline if the call was given up because no time was left for
	// another attempt, ErrBudget if the last target may not have one more, else nil.
	Reason error
	// RetryAfter is when the first of the targets may be ready again; 0 if unknown.
	RetryAfter time.Duration
}

// Error implements error.
func (e *ChainError) Error() string {
	first := e.Attempts[0]
	made := 0
	for _, a := range e.Attempts {
		if a.Class != ClassOpen {
			made++
		}
	}
	s := fmt.Sprintf("all %d attempts failed, first %v", made, first)
	if made == 0 {
		s = fmt.Sprintf("no target was tried, first %v", first)
	}
	if rest := e.Attempts[len(e.Attempts)-1]; rest != first {
		s += fmt.Sprintf("; last %v", rest)
	}
	if e.Reason != nil {
		s += fmt.Sprintf("; %v", e.Reason)
	}
	return s
}

// Unwrap gives the attempts' errors. Those of open breakers are among them only if
// there is nothing else, so that errors.Is(err, ErrOpen) means that every target
// was open.
func (e *ChainError) Unwrap() []error {
	var all []error
	for _, a := range e.Attempts {
		if a.Class != ClassOpen || e.Attempts[0].Class == ClassOpen {
			all = append(all, a)
		}
	}
	if e.Reason != nil {
		all = append(all, e.Reason)
	}
	return all
}

// joined makes one error of attempts in the order they happened.
func joined(attempts []*Error, reason error) error {
	if len(attempts) == 1 && reason == nil {
		return attempts[0]
	}
	e := &ChainError{Attempts: slices.Clone(attempts), Reason: reason}
	slices.SortStableFunc(e.Attempts, func(a, b *Error) int { return cmp.Compare(rank(a), rank(b)) })
	for _, a := range attempts {
		if a.RetryAfter > 0 && (e.RetryAfter == 0 || a.RetryAfter < e.RetryAfter) {
			e.RetryAfter = a.RetryAfter
		}
	}
	return e
}

// rank puts real causes before endings before skips.
func rank(e *Error) int {
	switch e.Class {
	case ClassOpen:
		return 3
	case ClassLimited, ClassQueueFull:
		return 2
	case ClassDeadline, ClassCancelled:
		return 1
	}
	return 0
}

// attemptsOf gives the attempts that err is made of, the one that ended it last.
func attemptsOf(ctx context.Context, err error) (attempts []*Error, reason error) {
	if e, ok := err.(*Error); ok {
		return []*Error{AsError(ctx, e)}, nil
	}
	var e *ChainError
	if errors.As(err, &e) {
		return e.Attempts, e.Reason
	}
	return []*Error{AsError(ctx, err)}, nil
}
