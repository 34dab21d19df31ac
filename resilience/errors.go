package resilience

import (
	"errors"
	"time"
)

// Class is the error class of a failed attempt or call, as reports name it.
type Class string

// The classes.
const (
	ClassConnect       Class = "connect"         // refused, DNS, reset before the first byte
	ClassReset         Class = "reset"           // connection lost after the first byte
	ClassServer        Class = "server_error"    // 500, 502, 503, 504, 408, HTML from a CDN
	ClassOverloaded    Class = "overloaded"      // 529, or 503 that says so
	ClassRateLimit     Class = "rate_limit"      // 429 that clears
	ClassQuota         Class = "quota"           // 429, 402, 400 that does not clear
	ClassAuth          Class = "auth"            // 401, 403
	ClassRequest       Class = "bad_request"     // 400, 404, 413, 422
	ClassConflict      Class = "conflict"        // 409
	ClassContextLength Class = "context_length"  // the prompt is too long for the model
	ClassTimeout       Class = "timeout"         // the attempt's own time was up
	ClassFirstToken    Class = "first_token"     // no content in time
	ClassStreamIdle    Class = "stream_idle"     // the stream went silent
	ClassTruncated     Class = "truncated"       // ended without the terminal event
	ClassMalformed     Class = "malformed"       // not parseable, or of the wrong shape
	ClassInBand        Class = "error_in_200"    // an error reported inside a 200
	ClassFilter        Class = "content_filter"  // refused or filtered
	ClassToolArguments Class = "tool_arguments"  // a tool call that cannot be executed
	ClassToolUnknown   Class = "unknown_outcome" // a tool that is not idempotent may have run
	ClassOpen          Class = "breaker_open"    // every target's breaker was open
	ClassDeadline      Class = "deadline"        // the total time of the request was up
	ClassCancelled     Class = "cancelled"       // the caller gave up
)

// Error is a failed attempt.
type Error struct {
	Class      Class
	Target     string
	Status     int           // HTTP status; 0 if none came
	RetryAfter time.Duration // asked for by the server; 0 if not
	// ShouldRetry is the server's x-should-retry header; nil if absent.
	ShouldRetry *bool
	// Committed is true once content was delivered: nothing may be replayed silently.
	Committed bool
	Message   string
	Cause     error
}

// ErrOpen is in the tree of an error if every target's breaker was open.
var ErrOpen = errors.New("resilience: circuit breaker is open")

// ErrDeadline is in the tree of an error if the request's total time was up.
var ErrDeadline = errors.New("resilience: total deadline exceeded")
