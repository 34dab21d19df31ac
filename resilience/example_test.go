package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

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

// An official SDK becomes resilient by running its calls under a policy: its own
// retries off, its errors told by their class.
func Example_openAI() {
	server := moody()
	defer server.Close()
	client := openai.NewClient(option.WithBaseURL(server.URL), option.WithAPIKey("key"), option.WithMaxRetries(0))

	var cfg resilience.Config
	cfg.Retry = &resilience.Retry{BaseDelay: time.Millisecond}
	cfg.Breaker = &resilience.Breaker{}
	cfg.SetDefaults()
	policy := resilience.Compose(
		&resilience.Retrier{Config: *cfg.Retry, Budget: resilience.NewBudget(0.2, 10)},
		resilience.NewCircuit("openai/gpt-4o", "llm", *cfg.Breaker, 1, nil),
		resilience.Timeout{Unary: 45 * time.Second},
	)
	reply, err := resilience.Run(context.Background(), policy, func(ctx context.Context) (*openai.ChatCompletion, error) {
		reply, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
			Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello?")},
		})
		if e := (*openai.Error)(nil); errors.As(err, &e) {
			err = resilience.ClassifyStatus(e.StatusCode, e.Response.Header, e.Type+" "+e.Code, e.Message)
		}
		return reply, err
	})
	fmt.Println(reply.Choices[0].Message.Content, err)
	// Output: Hello! <nil>
}

// moody is a provider that is overloaded at first.
func moody() *httptest.Server {
	var asked atomic.Int32
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello!"}}]}`)
	}))
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
