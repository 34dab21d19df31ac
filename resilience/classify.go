package resilience

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ClassifyStatus gives the error of an HTTP reply that reports a failure by its
// status. code holds the provider's words for it (type, code), message its text;
// both may be empty.
func ClassifyStatus(status int, h http.Header, code, message string) *Error {
	e := &Error{Status: status, Message: message, RetryAfter: retryAfter(h, time.Now())}
	if v, err := strconv.ParseBool(h.Get("X-Should-Retry")); err == nil {
		e.ShouldRetry = &v
	}
	e.Class = classOfStatus(status, strings.ToLower(code), strings.ToLower(message))
	return e
}

func classOfStatus(status int, code, message string) Class {
	switch {
	case status == 529 || status == 503 && says(code+" "+message, "overload"):
		return ClassOverloaded
	case status >= 500 || status == http.StatusRequestTimeout:
		return ClassServer
	case status == http.StatusPaymentRequired || isQuota(status, code, message):
		return ClassQuota
	case status == http.StatusTooManyRequests:
		return ClassRateLimit
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ClassAuth
	case status == http.StatusConflict:
		return ClassConflict
	case says(code, "context_length") || status < 429 && says(message, "context length",
		"context window", "prompt is too long"):
		return ClassContextLength
	case says(code, "content_filter", "content_policy"):
		return ClassFilter
	case status >= 400:
		return ClassRequest
	}
	return ClassMalformed // no status that an API answers with
}

// isQuota tells limits that do not clear by waiting. OpenAI names them by code
// (insufficient_quota, credit_balance_exhausted, spend limits); Anthropic reports an
// empty balance as a 400 in words.
func isQuota(status int, code, message string) bool {
	if status != 429 && status != 400 && status != 403 {
		return false
	}
	return says(code, "insufficient_quota", "credit_balance", "spend_limit", "billing") ||
		says(message, "credit balance", "billing details") && !says(message, "retry in", "try again in")
}

func says(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// retryAfter reads how long a server asks to wait: retry-after-ms and
// x-ms-retry-after-ms in milliseconds, retry-after in seconds, either with a
// fraction, or as a date, which is compared with the reply's own Date so that a
// wrong clock does not matter. 0 means not asked, not understood, or past.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if d, ok := scaled(h.Get(name), time.Millisecond); ok {
			return d
		}
	}
	text := h.Get("Retry-After")
	if d, ok := scaled(text, time.Second); ok {
		return d
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

func scaled(text string, unit time.Duration) (time.Duration, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) {
		return 0, false
	}
	return max(0, capped(v*float64(unit), math.MaxInt64)), true
}
