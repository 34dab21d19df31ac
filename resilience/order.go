package resilience

import (
	"fmt"
	"slices"
)

// defaultOrder is the composition of a config that states none, outermost first. The
// limiter is outside the breaker, so that a wait does not hold a probe's slot; the
// breaker is inside the retry, so that it sees each attempt.
var defaultOrder = []string{
	"degrade", "deadline", "queue", "chain", "retry", "hedge", "keys", "limits", "breaker", "timeout",
}

// wholeRequest are the words of the order that stand around all calls of an agent
// request and therefore before all others.
var wholeRequest = []string{"degrade", "deadline"}

func (c Config) validateOrder(p *problems) {
	calls := false
	for i, word := range c.Order {
		path := fmt.Sprintf("order[%d]", i)
		whole := slices.Contains(wholeRequest, word)
		p.oneOf(path, word, defaultOrder...)
		p.check(!slices.Contains(c.Order[:i], word), path, "is named twice")
		p.check(!whole || !calls, path, "wraps whole agent requests and must come before what wraps calls")
		calls = calls || !whole
	}
	for _, has := range []struct {
		word  string
		given bool
	}{
		{"degrade", c.Degrade}, {"queue", c.Queue != nil}, {"chain", c.Fallback != nil},
		{"retry", c.Retry != nil}, {"hedge", c.Hedge != nil}, {"keys", c.Keys > 0},
		{"limits", c.Limits != nil}, {"breaker", c.Breaker != nil}, {"timeout", c.Timeouts != nil},
	} {
		p.check(!has.given || slices.Contains(c.Order, has.word), "order", fmt.Sprintf("lacks %q, which the config has", has.word))
	}
}

// split gives the words of the order that are one for the whole call and those that
// are one for each target, both outermost first. Without chain all are the latter.
func (c Config) split() (call, target []string) {
	order := slices.DeleteFunc(slices.Clone(c.Order), func(w string) bool { return slices.Contains(wholeRequest, w) })
	i := slices.Index(order, "chain")
	if i < 0 {
		return nil, order
	}
	return order[:i], order[i+1:]
}
