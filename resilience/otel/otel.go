// Package otel shows what a resilience stack does as OpenTelemetry traces and metrics,
// under the names of the conventions for generative AI where those have one.
//
//	o, err := otel.New(tracerProvider, meterProvider)
//	stack, err := resilience.New(config, resilience.Options{Observe: o.Observe, …})
//
// A call of the stack is a span, child of the span in the caller's context; each of its
// attempts is a span below, and waits, skips and refusals are events on it. The conventions
// are in development, and the names are those of late 2026.
package otel

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/resilience"
)

// The names of the conventions.
const (
	CallDuration  = "gen_ai.client.operation.duration"            // of a model call, in seconds
	ToolDuration  = "gen_ai.execute_tool.duration"                // of a tool call, in seconds
	FirstChunk    = "gen_ai.client.operation.time_to_first_chunk" // of an attempt, in seconds
	TokenUsage    = "gen_ai.client.token.usage"                   // of an attempt, by token type
	OperationName = "gen_ai.operation.name"                       // chat or execute_tool
	ProviderName  = "gen_ai.provider.name"
	RequestModel  = "gen_ai.request.model"
	TokenType     = "gen_ai.token.type" // input or output
	ToolName      = "gen_ai.tool.name"
	ErrorType     = "error.type" // a resilience.Class; absent on success
)

// The names of what the conventions do not have.
const (
	Attempts    = "chaos.attempts"            // counts attempts
	Retries     = "chaos.retries"             // counts retries, by the error before
	Outcomes    = "chaos.call.outcome"        // counts calls, by outcome
	Transitions = "chaos.breaker.transitions" // counts changes of state, from and to
	Outcome     = "outcome"                   // ok, fallback or error
)

const scope = "github.com/agentchaos/chaos/resilience/otel"

// Observer turns the events of one stack into spans and measurements. It is safe for
// concurrent use; make it with New.
type Observer struct {
	tracer                                   trace.Tracer
	call, tool, firstChunk                   metric.Float64Histogram
	tokens                                   metric.Int64Histogram
	attempts, retries, outcomes, transitions metric.Int64Counter

	mu   sync.Mutex
	open map[seed.Key]opened // by request and call
}

// opened is a call that has not ended.
type opened struct {
	ctx  context.Context // carries the span of the call
	span trace.Span
}

// New returns an observer for one stack. The error is that of a meter which refuses
// an instrument.
func New(t trace.TracerProvider, m metric.MeterProvider) (*Observer, error) {
	o := &Observer{tracer: t.Tracer(scope), open: make(map[seed.Key]opened)}
	meter := m.Meter(scope)
	var err error
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	seconds := func(name, what string) metric.Float64Histogram {
		h, e := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what),
			metric.WithExplicitBucketBoundaries(powers(0.01, 2, 14)...))
		note(e)
		return h
	}
	count := func(name, unit, what string) metric.Int64Counter {
		c, e := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		note(e)
		return c
	}
	o.call = seconds(CallDuration, "Time of a model call, all attempts and waits included.")
	o.tool = seconds(ToolDuration, "Time of a tool call, all attempts and waits included.")
	o.firstChunk = seconds(FirstChunk, "Time of an attempt until its first content.")
	tokens, e := meter.Int64Histogram(TokenUsage, metric.WithUnit("{token}"),
		metric.WithDescription("Tokens an attempt used."), metric.WithExplicitBucketBoundaries(powers(1, 4, 14)...))
	note(e)
	o.tokens = tokens
	o.attempts = count(Attempts, "{attempt}", "Attempts that ended.")
	o.retries = count(Retries, "{retry}", "Retries, by the error before.")
	o.outcomes = count(Outcomes, "{call}", "Calls that ended.")
	o.transitions = count(Transitions, "{transition}", "Breakers that changed their state.")
	if err != nil {
		return nil, fmt.Errorf("otel: make the instruments: %w", err)
	}
	return o, nil
}

// powers are n bucket bounds, each factor times the one before.
func powers(first, factor float64, n int) []float64 {
	bounds := make([]float64, n)
	for i := range bounds {
		bounds[i] = first
		first *= factor
	}
	return bounds
}

// Observe is a resilience.Observer.
func (o *Observer) Observe(e resilience.Event) {
	switch e.Kind {
	case resilience.CallStart:
		o.begin(e)
	case resilience.CallDone:
		o.end(e)
	case resilience.AttemptDone:
		o.attempt(e)
	case resilience.RetryWait:
		at := append(of(e), failed(e)...)
		o.retries.Add(o.of(e).ctx, 1, metric.WithAttributes(at...))
		o.note(e, "retry", failed(e)...)
	case resilience.Transition:
		at := []attribute.KeyValue{attribute.String("target", e.Target),
			attribute.String("from", e.From.String()), attribute.String("to", e.To.String())}
		o.transitions.Add(o.of(e).ctx, 1, metric.WithAttributes(at...))
		o.note(e, "breaker", at[1:]...)
	default:
		if name := notes[e.Kind]; name != "" {
			o.note(e, name, failed(e)...)
		}
	}
}

// notes are the events that stand on the span of their call and nowhere else.
var notes = map[resilience.EventKind]string{
	resilience.TargetSkip: "skip", resilience.BudgetSpent: "budget spent", resilience.QueueWait: "queue",
	resilience.LimitWait: "rate limit", resilience.HedgeStart: "hedge", resilience.KeyRest: "key rests",
	resilience.StreamBroken: "stream broken",
}

// begin opens the span of a call.
func (o *Observer) begin(e resilience.Event) {
	ctx, span := o.tracer.Start(e.Context, spanName(e), trace.WithTimestamp(e.Start), trace.WithAttributes(of(e)...))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[callOf(e)] = opened{ctx, span}
}

func (o *Observer) end(e resilience.Event) {
	c := o.of(e)
	o.mu.Lock()
	delete(o.open, callOf(e))
	o.mu.Unlock()
	at := append(of(e), failed(e)...)
	duration := o.call
	if e.Op == "tool" {
		duration = o.tool
	}
	duration.Record(c.ctx, e.End.Sub(e.Start).Seconds(), metric.WithAttributes(at...))
	outcome := "ok"
	switch {
	case e.Class != "":
		outcome = "error"
	case e.Fallback:
		outcome = "fallback"
	}
	o.outcomes.Add(c.ctx, 1, metric.WithAttributes(attribute.String(OperationName, operation(e)), attribute.String(Outcome, outcome)))
	c.span.SetAttributes(attribute.String(Outcome, outcome), attribute.String("chaos.served", e.Target),
		attribute.Int64(Attempts, int64(e.Key.Attempt)))
	finish(c.span, e)
}

// attempt is the span of an attempt, made when it is over.
func (o *Observer) attempt(e resilience.Event) {
	c := o.of(e)
	at := of(e)
	o.attempts.Add(c.ctx, 1, metric.WithAttributes(append(at, failed(e)...)...))
	if e.TTFT > 0 {
		o.firstChunk.Record(c.ctx, e.TTFT.Seconds(), metric.WithAttributes(append(at, failed(e)...)...))
	}
	if used := e.Usage; used != (resilience.Usage{}) {
		o.tokens.Record(c.ctx, int64(used.Input), metric.WithAttributes(append(at, attribute.String(TokenType, "input"))...))
		o.tokens.Record(c.ctx, int64(used.Output), metric.WithAttributes(append(at, attribute.String(TokenType, "output"))...))
	}
	_, span := o.tracer.Start(c.ctx, "attempt "+e.Target, trace.WithTimestamp(e.Start),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(at...))
	finish(span, e)
}

// note puts an event on the span of its call.
func (o *Observer) note(e resilience.Event, name string, at ...attribute.KeyValue) {
	at = append(at, attribute.String("target", e.Target))
	if e.Delay > 0 {
		at = append(at, attribute.Float64("delay", e.Delay.Seconds()))
	}
	if e.Reason != "" {
		at = append(at, attribute.String("reason", e.Reason))
	}
	o.of(e).span.AddEvent(name, trace.WithTimestamp(e.Start), trace.WithAttributes(at...))
}

// of is the call that an event belongs to; one that records nothing if it is unknown.
func (o *Observer) of(e resilience.Event) opened {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.open[callOf(e)]; ok {
		return c
	}
	ctx := context.Background()
	return opened{ctx, trace.SpanFromContext(ctx)}
}

func callOf(e resilience.Event) seed.Key {
	k := e.Key
	k.Attempt = 0
	return k
}

func finish(span trace.Span, e resilience.Event) {
	if e.Class != "" {
		span.SetStatus(codes.Error, string(e.Class))
		span.SetAttributes(failed(e)...)
	}
	span.End(trace.WithTimestamp(e.End))
}

func operation(e resilience.Event) string {
	if e.Op == "tool" {
		return "execute_tool"
	}
	return "chat"
}

// spanName is the operation and its object: chat gpt-4o, execute_tool web_search.
func spanName(e resilience.Event) string {
	first, second, _ := strings.Cut(e.Target, "/")
	if e.Op == "tool" {
		return operation(e) + " " + first
	}
	return operation(e) + " " + second
}

// of are the attributes of an event's target.
func of(e resilience.Event) []attribute.KeyValue {
	name := attribute.String(OperationName, operation(e))
	first, second, _ := strings.Cut(e.Target, "/")
	if e.Op == "tool" {
		return []attribute.KeyValue{name, attribute.String(ToolName, first)}
	}
	return []attribute.KeyValue{name, attribute.String(ProviderName, first), attribute.String(RequestModel, second)}
}

// failed is the attribute of a failure; none for success.
func failed(e resilience.Event) []attribute.KeyValue {
	if e.Class == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String(ErrorType, string(e.Class))}
}
