package mockllm

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// EarlyRetries counts how often calls came again before the Retry-After they had been
// given was up, by API key: the first eight hexadecimal digits of its SHA-256. Keys
// that never did are left out.
func (s *ProviderServer) EarlyRetries() map[string]int {
	if s.limits == nil {
		return nil
	}
	return s.limits.early()
}

// throttle is the answer to a request that a rate limit turns away.
func (s *ProviderServer) throttle(r *request, model string, v verdict) exchange.Script {
	var e dialect.Error
	switch s.dialect.Name {
	case "anthropic":
		e = anthropicLimit(v)
	case "gemini":
		e = geminiLimit(model, v)
	default:
		e = openAILimit(model, v)
	}
	e.Status, e.RetryAfter = http.StatusTooManyRequests, v.retryAfter
	return s.reject(r, e)
}

// retryAfter sets the header that says how long to wait; 0 sets none.
func retryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int(wholeSeconds(d) / time.Second))}
	}
}

// measures are what the limits count, in the words of OpenAI's errors.
var measures = map[reason]string{
	overRPM: "requests per min (RPM)", overTPM: "tokens per min (TPM)",
	overInput: "input tokens per min (TPM)", overOutput: "output tokens per min (TPM)",
	overBusy: "concurrent requests",
}

// openAILimit: the type names the bucket, the code is the same for all of them.
func openAILimit(model string, v verdict) dialect.Error {
	switch v.reason {
	case quotaUsedUp:
		return dialect.Error{Type: "insufficient_quota", Code: "insufficient_quota",
			Message: "You exceeded your current quota, please check your plan and billing details."}
	case tooFast:
		return dialect.Error{Type: "rate_limit_error", Code: "slow_down",
			Message: fmt.Sprintf("Your request rate grew too fast. Please slow down and try again in %v.", v.retryAfter)}
	}
	e := dialect.Error{Type: "tokens", Code: "rate_limit_exceeded"}
	if v.reason == overRPM || v.reason == overBusy {
		e.Type = "requests"
	}
	if v.retryAfter == 0 {
		e.Message = fmt.Sprintf("Request too large for %s on %s: Limit %d, Requested %d. The input or output tokens must be reduced.",
			model, measures[v.reason], v.limit, v.requested)
		return e
	}
	e.Message = fmt.Sprintf("Rate limit reached for %s on %s: Limit %d, Used %d, Requested %d. Please try again in %v.",
		model, measures[v.reason], v.limit, v.used, v.requested, v.retryAfter)
	return e
}

// anthropicLimit: the code becomes error.details.error_code; limits that clear by
// waiting have none.
func anthropicLimit(v verdict) dialect.Error {
	e := dialect.Error{Type: "rate_limit_error"}
	what := "requests per minute"
	switch v.reason {
	case quotaUsedUp:
		e.Code, e.Message = "enforced_spend_limit_reached", "This organization has reached its spend limit."
		return e
	case tooFast:
		e.Code, e.Message = "ramp_limit_exceeded", "Your usage grew too fast. Please scale up more gradually."
		return e
	case overBusy:
		e.Message = "Number of concurrent connections has exceeded your rate limit. Please try again later."
		return e
	case overTPM:
		what = "tokens per minute"
	case overInput:
		what = "input tokens per minute"
	case overOutput:
		what = "output tokens per minute"
	}
	e.Message = fmt.Sprintf("This request would exceed your organization's rate limit of %d %s.", v.limit, what)
	return e
}

// geminiLimit: the code becomes the id of the violated quota, by which alone a
// permanent limit (per day) can be told from one that clears (per minute).
func geminiLimit(model string, v verdict) dialect.Error {
	e := dialect.Error{Type: "RESOURCE_EXHAUSTED", Code: "GenerateContentInputTokensPerModelPerMinute"}
	switch v.reason {
	case overRPM, overBusy, tooFast:
		e.Code = "GenerateRequestsPerMinutePerProjectPerModel"
	case quotaUsedUp:
		e.Code = "GenerateRequestsPerDayPerProjectPerModel"
	}
	e.Message = fmt.Sprintf("You exceeded your current quota, please check your plan and billing details. Quota exceeded: %s, limit: %d, model: %s",
		e.Code, v.limit, model)
	if v.retryAfter > 0 {
		e.Message += fmt.Sprintf("\nPlease retry in %v.", v.retryAfter)
	}
	return e
}
