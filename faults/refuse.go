package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// cast is one fault thrown at one attempt.
type cast struct {
	target  Target
	model   string
	request *exchange.Request
	// draw gives the next random number in [0, 1) of this fault and attempt.
	draw func() float64
	// fired tells that the fault had its effect; it may be called more than once.
	fired func()
}

// Outage answers 503 in the dialect's envelope.
type Outage struct{}

// Validate accepts: there is nothing to set.
func (Outage) Validate() error { return nil }

func (Outage) reply(c *cast) (exchange.Script, bool) {
	return c.refuse(dialect.Error{
		Status: http.StatusServiceUnavailable, Type: "server_error",
		Message: "The service is temporarily unavailable.",
	}, nil), true
}

const defaultRetryAfter = time.Second

// RateLimit answers 429 and says in every way the dialect has how long to wait.
type RateLimit struct {
	// RetryAfter is the wait that the reply asks for; 1s by default.
	RetryAfter time.Duration `yaml:"retryAfter,omitempty" json:"retryAfter"`
	// Form is how the headers say it: seconds (the default; also in milliseconds), date,
	// ms (only retry-after-ms), none, or a lie: garbage, huge, negative, past. With none
	// and the lies the body does not say it either.
	Form string `yaml:"form,omitempty" json:"form" jsonschema:"enum=seconds,enum=date,enum=ms,enum=none,enum=garbage,enum=huge,enum=negative,enum=past"`
}

// Validate reports a negative wait and an unknown form.
func (p RateLimit) Validate() error {
	return errors.Join(notNegative("retryAfter", p.RetryAfter),
		oneOf("form", p.Form, "seconds", "date", "ms", "none", "garbage", "huge", "negative", "past"))
}

// lies are values of Retry-After that no client should follow.
var lies = map[string]string{"garbage": "soon", "huge": "277403", "negative": "-5", "past": "Thu, 01 Jan 2015 00:00:00 GMT"}

func (p RateLimit) reply(c *cast) (exchange.Script, bool) {
	model := c.model
	if model == "" {
		model = c.target.name()
	}
	message := fmt.Sprintf("Rate limit reached for %s on requests per min (RPM): Limit %d, Used %d, Requested 1.",
		model, rateLimited.Limit, rateLimited.Limit)
	wait := p.RetryAfter
	if p.Form == "none" || lies[p.Form] != "" {
		wait = 0
	} else {
		message += fmt.Sprintf(" Please try again in %v.", wait)
	}
	s := c.refuse(dialect.Error{
		Status: http.StatusTooManyRequests, Type: "requests", Code: "rate_limit_exceeded", Message: message,
	}, &wait)
	switch p.Form {
	case "", "seconds":
		s.Header.Set("Retry-After", strconv.FormatInt(wholeSeconds(wait), 10))
		s.Header.Set("Retry-After-Ms", milliseconds(wait))
	case "ms":
		s.Header.Set("Retry-After-Ms", milliseconds(wait))
	case "date":
		at := time.Now().Add(wait + time.Second - 1).Truncate(time.Second) // never too early
		s.Header.Set("Retry-After", at.UTC().Format(http.TimeFormat))
	case "none":
	default:
		s.Header.Set("Retry-After", lies[p.Form])
	}
	return s, true
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(float64(d)/float64(time.Millisecond))), 10)
}

// ServerError answers with a 5xx status in the dialect's envelope.
type ServerError struct {
	// Status is 500 by default.
	Status int `yaml:"status,omitempty" json:"status" jsonschema:"minimum=500,maximum=599"`
}

// Validate reports a status that is no server error.
func (p ServerError) Validate() error {
	if p.Status < 500 || p.Status > 599 {
		return errors.New("status: must lie in [500, 599]")
	}
	return nil
}

func (p ServerError) reply(c *cast) (exchange.Script, bool) {
	return c.refuse(dialect.Error{
		Status: p.Status, Type: "server_error",
		Message: "The server had an error while processing your request.",
	}, nil), true
}

// Overloaded answers as the dialect's provider does when it has too much to do.
type Overloaded struct{}

// Validate accepts: there is nothing to set.
func (Overloaded) Validate() error { return nil }

func (Overloaded) reply(c *cast) (exchange.Script, bool) {
	e := dialect.Error{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable_error", Code: "server_is_overloaded",
		Message: "The server is currently overloaded. Please try again later.",
	}
	if d := dialect.Dialects[c.target.Dialect]; d != nil {
		e = d.Refusals.Overloaded
	}
	return c.refuse(e, nil), true
}

// The rate limits that a refusal states.
var (
	rateLimited = dialect.Limit{Limit: 500}
	tokenLimit  = dialect.Limit{Limit: 200_000, Remaining: 200_000}
)

// refuse is an error reply in the target's words; wait is how long its rate limit
// lasts, nil if none is reached.
func (c *cast) refuse(e dialect.Error, wait *time.Duration) exchange.Script {
	c.fired()
	d := dialect.Dialects[c.target.Dialect]
	if d == nil {
		d = &toolDialect
	}
	requests := rateLimited
	if wait != nil {
		requests.Reset, e.RetryAfter = *wait, *wait
	} else {
		requests.Remaining = requests.Limit - 1
	}
	e.RequestID = fmt.Sprintf("req_%016x", uint64(c.draw()*(1<<53)))
	s := exchange.Bytes(e.Status, "application/json", d.RenderError(e))
	d.Header(s.Header, e.RequestID, dialect.Limits{Requests: requests, Tokens: tokenLimit, Input: tokenLimit, Output: tokenLimit})
	return s
}

// toolDialect is how tools report errors.
var toolDialect = dialect.Dialect{
	RenderError: func(e dialect.Error) []byte {
		b, _ := json.Marshal(map[string]any{"error": map[string]string{"type": e.Type, "message": e.Message}})
		return b
	},
	Header: func(h http.Header, _ string, l dialect.Limits) {
		h.Set("X-Ratelimit-Limit", strconv.Itoa(l.Requests.Limit))
		h.Set("X-Ratelimit-Remaining", strconv.Itoa(l.Requests.Remaining))
		h.Set("X-Ratelimit-Reset", strconv.Itoa(int(math.Ceil(l.Requests.Reset.Seconds()))))
	},
}

// name is how messages call the target.
func (t Target) name() string {
	switch {
	case t.Provider != "":
		return t.Provider
	case t.Implementation != "":
		return t.Tool + "/" + t.Implementation
	}
	return t.Tool
}

func notNegative[T int | int64 | time.Duration](field string, v T) error {
	if v < 0 {
		return fmt.Errorf("%s: must not be negative", field)
	}
	return nil
}
