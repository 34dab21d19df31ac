package resilience_test

import (
	"context"
	"fmt"
	"time"

	"github.com/agentchaos/chaos/resilience"
)

// flaky stands for a model client: the big model is overloaded.
type flaky struct{}

func (flaky) Complete(_ context.Context, t resilience.Target, _ resilience.Request) (resilience.Reply, error) {
	var r resilience.Reply
	if t.Model == "big" {
		return r, resilience.ClassifyStatus(529, nil, "overloaded_error", "try later")
	}
	r.Text = "hello from " + t.String()
	return r, nil
}

// A stack retries, gives up on the primary, and has a fallback model answer.
func Example() {
	stack, err := resilience.New(resilience.Config{
		Retry:    &resilience.Retry{BaseDelay: time.Millisecond},
		Breaker:  &resilience.Breaker{},
		Timeouts: &resilience.Timeouts{},
		Fallback: []string{"acme/small"},
	}, resilience.Options{Client: flaky{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := stack.Complete(context.Background(), resilience.Target{Provider: "acme", Model: "big"}, resilience.Request{})
	fmt.Println(result.Reply.Text, result.Attempts, err)
	// Output: hello from acme/small 4 <nil>
}

// Patterns work alone, too, nested in any order.
func ExampleCompose() {
	cfg := resilience.Retry{BaseDelay: time.Millisecond}
	cfg.SetDefaults()
	policy := resilience.Compose(
		&resilience.Retrier{Config: cfg},
		resilience.Timeout{Unary: time.Second},
	)
	tries := 0
	err := policy.Do(context.Background(), func(context.Context) error {
		if tries++; tries < 3 {
			return fmt.Errorf("try %d failed", tries)
		}
		return nil
	})
	fmt.Println(tries, err)
	// Output: 3 <nil>
}
