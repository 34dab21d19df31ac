package resilience

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestClassesDecide holds the table of outcome classes: what each event means for
// the same target, the next target and the breaker.
func TestClassesDecide(t *testing.T) {
	for _, c := range []struct {
		class       Class
		retry, fall bool
		breaker     outcome
	}{
		{ClassConnect, true, true, failure},
		{ClassReset, true, true, failure},
		{ClassServer, true, true, failure},
		{ClassOverloaded, true, true, failure},
		{ClassTimeout, true, true, failure},
		{ClassFirstToken, true, true, failure},
		{ClassStreamIdle, true, true, failure},
		{ClassTruncated, true, true, failure},
		{ClassMalformed, true, true, failure},
		{ClassInBand, true, true, failure},
		{ClassOther, true, true, failure},
		{ClassRateLimit, true, true, neutral},
		{ClassConflict, true, false, neutral},
		{ClassQuota, false, true, neutral},
		{ClassAuth, false, true, neutral},
		{ClassRequest, false, false, neutral},
		{ClassContextLength, false, false, neutral},
		{ClassFilter, false, false, neutral},
		{ClassToolArguments, true, true, neutral},
		{ClassToolUnknown, false, false, neutral},
		{ClassOpen, false, true, neutral},
		{ClassLimited, false, true, neutral},
		{ClassQueueFull, false, true, neutral},
		{ClassDeadline, false, false, neutral},
		{ClassCancelled, false, false, neutral},
	} {
		e := &Error{Class: c.class}
		if e.Retryable() != c.retry || e.Falls() != c.fall || outcomeOf(t.Context(), e) != c.breaker {
			t.Errorf("%s: retry %v, fall %v, breaker %v", c.class, e.Retryable(), e.Falls(), outcomeOf(t.Context(), e))
		}
		e.Committed = true
		if e.Retryable() || e.Falls() {
			t.Errorf("%s: repeated after content was committed", c.class)
		}
	}
	if len(rules) != 25 {
		t.Errorf("%d classes have a rule, the test knows 25", len(rules))
	}
}

func TestShouldRetryOverridesTheStatus(t *testing.T) {
	yes, no := http.Header{"X-Should-Retry": {"true"}}, http.Header{"X-Should-Retry": {"false"}}
	if !ClassifyStatus(400, yes, "", "").Retryable() {
		t.Error("400 with x-should-retry: true is not retried")
	}
	if ClassifyStatus(503, no, "", "").Retryable() {
		t.Error("503 with x-should-retry: false is retried")
	}
}

func TestClassifyStatus(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
		want          Class
	}{
		{400, "invalid_request_error", "bad", ClassRequest},
		{400, "invalid_request_error context_length_exceeded", "", ClassContextLength},
		{400, "invalid_request_error", "prompt is too long: 205351 tokens > 200000 maximum", ClassContextLength},
		{413, "invalid_request_error", "Request size exceeds model context window", ClassContextLength},
		{400, "invalid_request_error", "Your credit balance is too low", ClassQuota},
		{400, "content_filter", "", ClassFilter},
		{401, "invalid_api_key", "", ClassAuth},
		{402, "billing_error", "", ClassQuota},
		{403, "", "<html>", ClassAuth},
		{404, "model_not_found", "", ClassRequest},
		{408, "", "", ClassServer},
		{409, "", "", ClassConflict},
		{422, "", "", ClassRequest},
		{429, "tokens rate_limit_exceeded", "Please try again in 41.724s", ClassRateLimit},
		{429, "insufficient_quota insufficient_quota", "", ClassQuota},
		{429, "credit_balance_exhausted", "", ClassQuota},
		{429, "", "You exceeded your current quota, please check your plan and billing details.", ClassQuota},
		{429, "RESOURCE_EXHAUSTED", "check your plan and billing details. Please retry in 36.9s.", ClassRateLimit},
		{500, "server_error", "", ClassServer},
		{502, "", "<html>", ClassServer},
		{503, "", "", ClassServer},
		{503, "server_is_overloaded", "", ClassOverloaded},
		{504, "", "", ClassServer},
		{520, "", "", ClassServer},
		{529, "overloaded_error", "", ClassOverloaded},
		{304, "", "", ClassMalformed},
	} {
		e := ClassifyStatus(c.status, http.Header{}, c.code, c.message)
		if e.Class != c.want || e.Status != c.status {
			t.Errorf("%d %q %q: %s", c.status, c.code, c.message, e.Class)
		}
	}
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		name string
		h    map[string]string
		want time.Duration
	}{
		{"none", nil, 0},
		{"seconds", map[string]string{"Retry-After": "2"}, 2 * time.Second},
		{"fraction", map[string]string{"Retry-After": "0.25"}, 250 * time.Millisecond},
		{"milliseconds first", map[string]string{"Retry-After": "9", "Retry-After-Ms": "50"}, 50 * time.Millisecond},
		{"azure milliseconds", map[string]string{"X-Ms-Retry-After-Ms": "1500"}, 1500 * time.Millisecond},
		{"date", map[string]string{"Retry-After": at(30 * time.Second)}, 30 * time.Second},
		{"date by a wrong clock", map[string]string{"Retry-After": at(time.Hour), "Date": at(time.Hour - 7*time.Second)}, 7 * time.Second},
		{"date in the past", map[string]string{"Retry-After": at(-time.Minute)}, 0},
		{"negative", map[string]string{"Retry-After": "-5"}, 0},
		{"garbage", map[string]string{"Retry-After": "soon"}, 0},
		{"not a number", map[string]string{"Retry-After": "NaN"}, 0},
		{"overflow", map[string]string{"Retry-After": "1e300"}, 1<<63 - 1},
	} {
		h := http.Header{}
		for k, v := range c.h {
			h.Set(k, v)
		}
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestEndOfContextGivesTheClass(t *testing.T) {
	cause := func(c error) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(c)
		return ctx
	}
	wrapped := fmt.Errorf("query: %w", context.Canceled)
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want Class
	}{
		{"the caller gave up", cause(nil), wrapped, ClassCancelled},
		{"total time", cause(ErrDeadline), wrapped, ClassDeadline},
		{"the attempt's time", cause(expired), wrapped, ClassTimeout},
		{"a driver that hides it", cause(expired), errors.New("i/o timeout"), ClassTimeout},
		{"a client that hides it", cause(expired), &Error{Class: ClassConnect, Cause: context.Canceled}, ClassTimeout},
		{"a real answer at the last moment", cause(expired), &Error{Class: ClassServer, Status: 500}, ClassServer},
		{"a caller's own deadline", cause(context.DeadlineExceeded), context.DeadlineExceeded, ClassDeadline},
		{"a plain error", context.Background(), errors.New("division by zero"), ClassOther},
		{"an inner timeout", context.Background(), context.DeadlineExceeded, ClassTimeout},
	} {
		if got := AsError(c.ctx, c.err).Class; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if err := AsError(cause(expired), wrapped); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an attempt timeout is not a DeadlineExceeded: %v", err)
	}
	if err := AsError(cause(ErrDeadline), wrapped); !errors.Is(err, ErrDeadline) {
		t.Errorf("the total deadline is not ErrDeadline: %v", err)
	}
}
