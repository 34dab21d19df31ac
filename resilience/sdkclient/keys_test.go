package sdkclient

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/resilience"
)

// TestEachSDKTakesTheKeyThatTheRingPicked: the second call, after a 429 on the first
// key, is signed with the second.
func TestEachSDKTakesTheKeyThatTheRingPicked(t *testing.T) {
	for name, d := range dialect.Dialects {
		var keys []string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, d.APIKey(r))
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write(d.RenderError(dialect.Error{Status: 429, Message: "slow down"}))
		}))
		c, err := New(nil, map[string]resilience.Endpoint{"p": {BaseURL: srv.URL + d.Base, APIKey: "one", Keys: []string{"two"}, Dialect: name}})
		if err != nil {
			t.Fatal(err)
		}
		ring := resilience.NewKeyRing("p", 2, nil)
		for range 2 {
			_ = ring.Do(t.Context(), func(ctx context.Context) error {
				_, err := c.Complete(ctx, resilience.Target{Provider: "p", Model: "m"}, resilience.Request{
					MaxTokens: 10, Messages: []resilience.Message{{Role: "user", Content: "hi"}}})
				return err
			})
		}
		srv.Close()
		if len(keys) != 2 || keys[0] != "one" || keys[1] != "two" {
			t.Errorf("%s: keys %v, want one and then two", name, keys)
		}
	}
}
