package resilience

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Class is the error class of a failed attempt or call, as reports name it. What
// each pattern makes of it:
//
//	class             retry here             next target   breaker
//	connect, reset    unless committed       yes           failure
//	server_error      unless committed       yes           failure
//	overloaded        unless committed       yes           failure
//	timeout           unless committed       yes           failure
//	first_token       unless committed       yes           failure
//	stream_idle       unless committed       yes           failure
//	truncated         unless committed       yes           failure
//	malformed         unless committed       yes           failure
//	error_in_200      unless committed       yes           failure
//	other             unless committed       yes           failure
//	rate_limit        after Retry-After      yes           neutral
//	quota, auth       no                     yes           neutral
//	conflict          models only            no            neutral
//	tool_arguments    unless committed       yes           neutral
//	bad_request       no                     no            neutral
//	context_length    no                     no            neutral
//	content_filter    no                     no            neutral
//	unknown_outcome   no                     no            as what caused it
//	breaker_open      no                     yes           not recorded
//	limited           no                     yes           not recorded
//	queue_full        no                     yes           not recorded
//	deadline          no                     no            neutral
//	cancelled         no                     no            neutral
//
// A server's x-should-retry overrides the second column. Once content was committed
// the call fails: no other target may replay it silently either.
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
	ClassLimited       Class = "limited"         // the key's rate limit left no room in time; not sent
	ClassQueueFull     Class = "queue_full"      // too many calls were waiting; not sent
	ClassDeadline      Class = "deadline"        // the total time of the request was up
	ClassCancelled     Class = "cancelled"       // the caller gave up
	ClassOther         Class = "other"           // an error of no known kind
)

// outcome is what an attempt tells a breaker about its target.
type outcome uint8

const (
	neutral outcome = iota // no evidence: the slot is freed, nothing is counted
	success
	failure
)

// rule is a line of the table above.
type rule struct {
	retry, fall bool
	breaker     outcome
}

var (
	faulty   = rule{retry: true, fall: true, breaker: failure}
	spent    = rule{fall: true}
	hopeless = rule{}
)

var rules = map[Class]rule{
	ClassConnect: faulty, ClassReset: faulty, ClassServer: faulty, ClassOverloaded: faulty,
	ClassTimeout: faulty, ClassFirstToken: faulty, ClassStreamIdle: faulty,
	ClassTruncated: faulty, ClassMalformed: faulty, ClassInBand: faulty, ClassOther: faulty,
	ClassRateLimit:     {retry: true, fall: true},
	ClassToolArguments: {retry: true, fall: true},
	ClassConflict:      {retry: true},
	ClassQuota:         spent, ClassAuth: spent, ClassOpen: spent,
	ClassLimited: spent, ClassQueueFull: spent,
	ClassRequest: hopeless, ClassContextLength: hopeless, ClassFilter: hopeless,
	ClassToolUnknown: hopeless, ClassDeadline: hopeless, ClassCancelled: hopeless,
}

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
	// Unsent is true if the request provably never reached the server.
	Unsent  bool
	Message string
	Cause   error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Target != "" {
		b.WriteString(e.Target + ": ")
	}
	b.WriteString(string(e.Class))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Retryable tells whether the same target may be asked again for a model call.
func (e *Error) Retryable() bool {
	if e.Committed {
		return false
	}
	if e.ShouldRetry != nil {
		return *e.ShouldRetry
	}
	return rules[e.Class].retry
}

// Falls tells whether another target may be asked.
func (e *Error) Falls() bool { return !e.Committed && rules[e.Class].fall }

// ErrOpen is in the tree of an error if every target's breaker was open.
var ErrOpen = errors.New("resilience: circuit breaker is open")

// ErrDeadline is in the tree of an error if the request's total time was up.
var ErrDeadline = errors.New("resilience: total deadline exceeded")

// ClassOf gives the class of the first real cause in err; "" for nil and
// [ClassOther] for an error that no policy has seen.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	return AsError(context.Background(), err).Class
}

// AsError gives the *Error in err. An error without one, or a context error, takes
// its class from the cause for which ctx ended, if it has: a policy's bound, the
// total deadline, or the caller.
func AsError(ctx context.Context, err error) *Error {
	e, known := err.(*Error)
	if !known {
		e, known = inTree(err)
	}
	if known && (e.Status != 0 || ended[e.Class]) {
		return e
	}
	if ctx.Err() != nil && (!known || isContext(err)) {
		return fromCause(context.Cause(ctx), e, known)
	}
	switch {
	case known:
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Class: ClassCancelled, Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: ClassTimeout, Cause: err}
	}
	return &Error{Class: ClassOther, Cause: err}
}

// inTree finds the *Error that err wraps.
func inTree(err error) (e *Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

// ended are the classes that already say why a context ended.
var ended = map[Class]bool{
	ClassTimeout: true, ClassFirstToken: true, ClassStreamIdle: true,
	ClassDeadline: true, ClassCancelled: true, ClassToolUnknown: true,
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// fromCause makes the error of a context that ended; what an attempt knew besides
// is kept from e.
func fromCause(cause error, e *Error, known bool) *Error {
	out := Error{Cause: cause}
	if known {
		out = *e
		out.Cause = cause
	}
	var bound *Error
	switch {
	case errors.As(cause, &bound):
		out.Class, out.Message, out.Cause = bound.Class, bound.Message, context.DeadlineExceeded
	case errors.Is(cause, ErrDeadline):
		out.Class = ClassDeadline
	case errors.Is(cause, context.DeadlineExceeded):
		out.Class, out.Cause = ClassDeadline, errors.Join(ErrDeadline, cause)
	default:
		out.Class = ClassCancelled
	}
	return &out
}

// outcomeOf is what err tells a breaker.
func outcomeOf(ctx context.Context, err error) outcome {
	if err == nil {
		return success
	}
	e := AsError(ctx, err)
	if e.Class == ClassToolUnknown && e.Cause != nil {
		e = AsError(ctx, e.Cause)
	}
	return rules[e.Class].breaker
}
