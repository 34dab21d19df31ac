package resilience

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// asked notes the key of each attempt; by key it answers in turn.
type asked struct {
	keys    []int
	replies map[int][]error
}

func (a *asked) op(ctx context.Context) error {
	n := KeyIndex(ctx)
	a.keys = append(a.keys, n)
	if r := a.replies[n]; len(r) > 0 {
		a.replies[n] = r[1:]
		return r[0]
	}
	return nil
}

func TestKeyRotation(t *testing.T) {
	quota, auth := fail(ClassQuota), fail(ClassAuth)
	for _, c := range []struct {
		name    string
		keys    int
		replies map[int][]error
		calls   int
		want    []int
		took    time.Duration
		class   Class
	}{
		{"in turn", 3, nil, 4, []int{0, 1, 2, 0}, 0, ""},
		{"429 rotates, and backs off all the same", 2, map[int][]error{0: {limited(30 * time.Second)}}, 1, []int{0, 1}, time.Second, ""},
		{"429 of the only key waits", 1, map[int][]error{0: {limited(30 * time.Second)}}, 1, []int{0, 0}, 0, ""},
		{"quota and auth: dead, the next at once", 3, map[int][]error{0: {quota}, 1: {auth}}, 2, []int{0, 1, 2, 2}, 0, ""},
		{"all dead", 2, map[int][]error{0: {auth}, 1: {quota}}, 2, []int{0, 1}, 0, ClassAuth},
		{"529 is everybody's", 2, map[int][]error{0: {fail(ClassOverloaded)}, 1: {fail(ClassOverloaded)}}, 1, []int{0, 1, 0}, 3 * time.Second, ""},
		{"a bad request is no key's fault", 2, map[int][]error{0: {fail(ClassRequest)}}, 1, []int{0}, 0, ClassRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := asked{replies: c.replies}
				line := Compose(&Retrier{Config: steady(3), Target: "p/m"}, NewKeyRing("p", c.keys, nil))
				start := time.Now()
				var err error
				for range c.calls {
					err = line.Do(t.Context(), a.op)
				}
				if !slices.Equal(a.keys, c.want) || ClassOf(err) != c.class {
					t.Errorf("keys %v, want %v: %v", a.keys, c.want, err)
				}
				if took := time.Since(start); c.keys > 1 && took != c.took || c.keys == 1 && took < 30*time.Second {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

// TestKeyRestsAsLongAsTheLongestAsked: a shorter Retry-After does not end a longer rest.
func TestKeyRestsAsLongAsTheLongestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeyRing("p", 1, nil)
		hold := make(chan error)
		for range 2 {
			go func() { _ = k.Do(t.Context(), func(context.Context) error { return <-hold }) }()
		}
		synctest.Wait()
		hold <- limited(60 * time.Second)
		synctest.Wait()
		hold <- limited(5 * time.Second)
		synctest.Wait()
		start := time.Now()
		if err := k.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 60*time.Second || d > 61*time.Second {
			t.Errorf("the key rested for %v", d)
		}
		_ = k.Do(t.Context(), func(context.Context) error { return limited(60 * time.Second) })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start = time.Now()
		err := k.Do(ctx, func(context.Context) error { return nil })
		if e := AsError(ctx, err); e.Class != ClassLimited || !e.Unsent || e.RetryAfter != 60*time.Second || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestDeadKeyIsTriedAgainMuchLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ran := NewKeyRing("p", 1, nil), 0
		do := func() error {
			return k.Do(t.Context(), func(context.Context) error {
				if ran++; ran == 1 {
					return fail(ClassQuota)
				}
				return nil
			})
		}
		first, second := do(), do()
		if ClassOf(first) != ClassQuota || ClassOf(second) != ClassQuota || ran != 1 {
			t.Errorf("ran %d: %v, %v", ran, first, second)
		}
		time.Sleep(death)
		if err := do(); err != nil || ran != 2 {
			t.Errorf("ran %d: %v", ran, err)
		}
	})
}

func TestEndpointKeys(t *testing.T) {
	e := Endpoint{APIKey: "a", Keys: []string{"b", "c"}}
	got := ""
	for n := range 4 {
		got += e.Key(context.WithValue(t.Context(), keyIndexKey{}, n))
	}
	if got += e.Key(t.Context()); got != "abcaa" || fmt.Sprint(Endpoint{}.Key(t.Context())) != "" {
		t.Error(got)
	}
}
