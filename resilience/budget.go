package resilience

import (
	"errors"
	"math"
	"sync"
)

// ErrBudget is in the tree of an error if the retry that its failure deserved was
// refused to keep retries a small share of all calls.
var ErrBudget = errors.New("resilience: retry budget is spent")

// Budget bounds the retries and hedges of one target to a share of its fresh calls:
// each of those pays share tokens in, each extra attempt takes one out, and reserve
// tokens can be saved up. However long a target fails, it then gets at most 1 + share
// times the calls, plus the reserve once. Budget is safe for concurrent use; a nil
// one refuses nothing.
type Budget struct {
	mu     sync.Mutex
	tokens tokens
}

// tokens is the balance of a budget, guarded by its owner. Its unit is a millionth of
// an attempt, so that sums are exact and the same in every order.
type tokens struct{ share, most, balance int64 }

const grain = 1e6

// NewBudget returns a budget that begins with its reserve. A share of 20 % is 0.2.
func NewBudget(share, reserve float64) *Budget {
	most := max(reserve, 1+share) // less would lose what fresh calls pay
	return &Budget{tokens: tokens{share: int64(math.Round(share * grain)), most: int64(most * grain),
		balance: int64(reserve * grain)}}
}

// Fresh pays in for a call that begins.
func (b *Budget) Fresh() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens.add(b.tokens.share)
}

// Take takes out one extra attempt; false if there is none.
func (b *Budget) Take() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens.balance < grain {
		return false
	}
	b.tokens.balance -= grain
	return true
}

// Return pays back an extra attempt that was not made.
func (b *Budget) Return() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens.add(grain)
}

// Tokens is how many extra attempts the budget would allow now.
func (b *Budget) Tokens() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return float64(b.tokens.balance) / grain
}

func (t *tokens) add(n int64) { t.balance = min(t.most, t.balance+n) }

// budget is what a config gives a target; nil if it could not refuse anything.
func (r Retry) budget() *Budget {
	if r.Budget >= float64(r.MaxAttempts-1) {
		return nil
	}
	return NewBudget(r.Budget, r.BudgetReserve)
}

// budget is what a config gives a target; nil if it has neither retries nor hedges.
func (c Config) budget() *Budget {
	switch {
	case c.Retry != nil:
		return c.Retry.budget()
	case c.Hedge != nil:
		r := Retry{MaxAttempts: 1 + c.Hedge.Max}
		r.SetDefaults()
		return r.budget()
	}
	return nil
}
