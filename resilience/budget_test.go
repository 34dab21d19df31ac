package resilience

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestBudgetRefusesBeforeTheSleep: the refusal costs no time and keeps the cause.
func TestBudgetRefusesBeforeTheSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []EventKind
		r := Retrier{Config: steady(3), Target: "a/b", Budget: NewBudget(0.2, 1),
			Observe: func(e Event) { seen = append(seen, e.Kind) }}
		s := script{replies: []error{fail(ClassServer), fail(ClassTimeout)}}
		start := time.Now()
		err := r.Do(t.Context(), s.op)
		if len(s.at) != 2 || time.Since(start) != time.Second {
			t.Errorf("attempts at %v, given up after %v", s.at, time.Since(start))
		}
		if !errors.Is(err, ErrBudget) || ClassOf(err) != ClassServer {
			t.Errorf("the refusal or the cause is lost: %v", err)
		}
		if len(seen) != 2 || seen[0] != RetryWait || seen[1] != BudgetSpent {
			t.Errorf("events %v", seen)
		}
	})
}

// TestBudgetBoundsAmplification: whatever happens, attempts are at most the calls,
// their share and the reserve.
func TestBudgetBoundsAmplification(t *testing.T) {
	const calls = 1000
	synctest.Test(t, func(t *testing.T) {
		for _, reserve := range []float64{0, 1, 10} {
			for _, share := range []float64{0.05, 0.2, 1} {
				attempts := 0
				r := Retrier{Config: steady(3), Budget: NewBudget(share, reserve)}
				for range calls {
					_ = r.Do(t.Context(), func(context.Context) error { attempts++; return fail(ClassServer) })
				}
				if most := calls*(1+share) + reserve; float64(attempts) > most || float64(attempts) < most-float64(calls)*0.01-2 {
					t.Errorf("share %v, reserve %v: %d attempts, at most %v", share, reserve, attempts, most)
				}
			}
		}
	})
}

// TestBudgetNeverGoesWrong: any order of payments leaves a balance in [0, most].
func TestBudgetNeverGoesWrong(t *testing.T) {
	b := NewBudget(0.1, 5)
	draw := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		before := b.Tokens()
		switch draw.IntN(3) {
		case 0:
			b.Fresh()
		case 1:
			if took := b.Take(); took != (before >= 1) {
				t.Fatalf("took %v of %v", took, before)
			}
		case 2:
			b.Return()
		}
		if n := b.Tokens(); n < 0 || n > 5 {
			t.Fatalf("balance %v", n)
		}
	}
}

func TestCancelledWaitReturnsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		r := Retrier{Config: steady(3), Budget: NewBudget(0.2, 1)}
		s := script{replies: []error{fail(ClassServer)}}
		_ = r.Do(ctx, s.op)
		if n := r.Budget.Tokens(); n != 1.2 {
			t.Errorf("%v tokens, the retry was not made", n)
		}
	})
}

func TestABudgetThatRefusesNothingIsNone(t *testing.T) {
	if (Retry{MaxAttempts: 3, Budget: 2}).budget() != nil || (Retry{MaxAttempts: 3, Budget: 1.9}).budget() == nil {
		t.Error("200 % of three attempts is everything, 190 % is not")
	}
}
