package faults

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// Status answers with any error status, in the dialect's words or a gateway's.
type Status struct {
	// Status is the HTTP status, 400 to 599.
	Status int `yaml:"status" json:"status" jsonschema:"required,minimum=400,maximum=599"`
	// Body is json (the dialect's envelope, the default), html (a gateway's page) or
	// empty.
	Body string `yaml:"body,omitempty" json:"body" jsonschema:"enum=json,enum=html,enum=empty"`
	// Says is the status that a JSON body speaks of; 0 means the real one.
	Says int `yaml:"says,omitempty" json:"says,omitempty" jsonschema:"minimum=0,maximum=599"`
	// ShouldRetry is the header x-should-retry, true or false; left out by default.
	ShouldRetry string `yaml:"shouldRetry,omitempty" json:"shouldRetry,omitempty" jsonschema:"enum=true,enum=false"`
	// Delay is how long the answer takes; gateways give up after 100s.
	Delay time.Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
}

// Validate reports numbers and words that cannot be.
func (p Status) Validate() error {
	var errs []error
	if p.Status < 400 || p.Status > 599 {
		errs = append(errs, errors.New("status: must lie in [400, 599]"))
	}
	if p.Says != 0 && (p.Says < 400 || p.Says > 599) {
		errs = append(errs, errors.New("says: must lie in [400, 599]"))
	}
	return errors.Join(append(errs, oneOf("body", p.Body, "json", "html", "empty"),
		oneOf("shouldRetry", p.ShouldRetry, "true", "false"), notNegative("delay", p.Delay))...)
}

func (p Status) reply(c *cast) (exchange.Script, bool) {
	e := c.complaint(cmp.Or(p.Says, p.Status))
	s := c.refuse(e, nil)
	s.Status, s.Wait = p.Status, p.Delay
	switch p.Body {
	case "html":
		s.Header = http.Header{"Content-Type": {"text/html; charset=UTF-8"}, "Server": {"gateway"}}
		s.Steps = exchange.Bytes(0, "", gatewayPage(p.Status), exchange.Failure).Steps
	case "empty":
		s.Header.Del("Content-Type")
		s.Steps = nil
	}
	if p.ShouldRetry != "" {
		s.Header.Set("X-Should-Retry", p.ShouldRetry)
	}
	return s, true
}

// gatewayPage is what gateways and proxies show a browser.
func gatewayPage(status int) []byte {
	text := fmt.Sprint(status, " ", cmp.Or(http.StatusText(status), "Error"))
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><center><h1>%[1]s</h1></center><hr><center>gateway</center></body></html>\n", text)
}

// complaints are OpenAI's types, codes and what they say by status. The other
// dialects have types of their own.
var complaints = map[int]dialect.Error{
	400: {Type: "invalid_request_error", Message: "The request is invalid."},
	401: {Type: "invalid_request_error", Code: "invalid_api_key", Message: "Incorrect API key provided."},
	403: {Type: "invalid_request_error", Code: "unsupported_country_region_territory", Message: "Country, region, or territory not supported."},
	404: {Type: "invalid_request_error", Code: "not_found", Message: "There is nothing here."},
	408: {Type: "timeout_error", Message: "The request took too long."},
	409: {Type: "invalid_request_error", Code: "conflict", Message: "The resource was changed by another request."},
	413: {Type: "invalid_request_error", Message: "The request is too large."},
	422: {Type: "invalid_request_error", Message: "The request could not be processed."},
	429: {Type: "requests", Code: "rate_limit_exceeded", Message: "Rate limit reached."},
	500: {Type: "server_error", Message: "The server had an error while processing your request."},
	503: {Type: "server_error", Message: "The service is temporarily unavailable."},
	504: {Type: "timeout_error", Message: "The request timed out on the server."},
}

// complaint is the target's error for a status.
func (c *cast) complaint(status int) dialect.Error {
	e, ok := complaints[status]
	if !ok {
		e = complaints[500]
		if status < 500 {
			e = complaints[400]
		}
	}
	d := c.dialect()
	switch {
	case status == http.StatusNotFound && d.Refusals.UnknownModel != nil && c.model != "":
		e = d.Refusals.UnknownModel(c.model)
	case status == http.StatusRequestEntityTooLarge && d.Refusals.TooLarge.Status != 0:
		e = d.Refusals.TooLarge
	}
	if c.target.Dialect != formChat {
		e.Code = ""
	}
	e.Status = status
	return e
}

// Quota says that a quota is used up, which no wait of seconds clears.
type Quota struct {
	// Status is the HTTP status; 0, the default, is the provider's own: 429, and 400
	// for Anthropic. Some gateways say 400, 402 or 403.
	Status int `yaml:"status,omitempty" json:"status,omitempty" jsonschema:"minimum=0,maximum=499"`
	// Reset is when the quota is full again, as Retry-After; 0, the default, is unsaid.
	Reset time.Duration `yaml:"reset,omitempty" json:"reset,omitempty"`
}

// Validate reports numbers that cannot be.
func (p Quota) Validate() error {
	if p.Status != 0 && (p.Status < 400 || p.Status > 499) {
		return errors.New("status: must lie in [400, 499]")
	}
	return notNegative("reset", p.Reset)
}

// quotas are the providers' words.
var quotas = map[string]dialect.Error{
	formChat: {Status: 429, Type: "insufficient_quota", Code: "insufficient_quota",
		Message: "You exceeded your current quota, please check your plan and billing details."},
	formAnthropic: {Status: 400, Type: "invalid_request_error",
		Message: "Your credit balance is too low to access the Anthropic API."},
	formGemini: {Status: 429, Code: "GenerateRequestsPerDayPerProjectPerModel-FreeTier", RetryAfter: 30 * time.Second,
		Message: "You exceeded your current quota, please check your plan and billing details."},
}

func (p Quota) reply(c *cast) (exchange.Script, bool) {
	e := quotas[c.target.Dialect]
	e.Status = cmp.Or(p.Status, e.Status)
	if e.Status != http.StatusTooManyRequests && c.target.Dialect == formGemini {
		e.Code = "" // it names a quota
	}
	e.RetryAfter = cmp.Or(p.Reset, e.RetryAfter)
	s := c.refuse(e, nil)
	if p.Reset > 0 {
		s.Header.Set("Retry-After", strconv.FormatInt(wholeSeconds(p.Reset), 10))
	}
	return s, true
}

// SlowDown refuses a client whose traffic grows too fast, though no limit is reached.
type SlowDown struct{}

// Validate accepts: there is nothing to set.
func (SlowDown) Validate() error { return nil }

func (SlowDown) reply(c *cast) (exchange.Script, bool) {
	return c.refuse(dialect.Error{
		Status: http.StatusTooManyRequests, Type: "requests", Code: "slow_down",
		Message: "The rate of requests grows too fast. Please slow down to the rate of before and raise it step by step.",
	}, nil), true
}

// ContextLength refuses a request as too long for the model.
type ContextLength struct{}

// Validate accepts: there is nothing to set.
func (ContextLength) Validate() error { return nil }

func (ContextLength) reply(c *cast) (exchange.Script, bool) {
	return c.refuse(c.dialect().Refusals.TooLong(200_001, 200_000), nil), true
}

// PromptFiltered refuses a request for what it asks, as Azure does.
type PromptFiltered struct{}

// Validate accepts: there is nothing to set.
func (PromptFiltered) Validate() error { return nil }

func (PromptFiltered) reply(c *cast) (exchange.Script, bool) {
	return c.refuse(dialect.Error{
		Status: http.StatusBadRequest, Code: "content_filter", Param: "prompt",
		Message: "The response was filtered due to the prompt triggering the content management policy.",
	}, nil), true
}
