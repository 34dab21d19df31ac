// Package dialect knows the providers' wire formats: requests, replies, stream
// events, errors, rate-limit headers, and what is terminal. The mock writes with
// it, the strict client reads with it, and the faults speak with it.
package dialect

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Message is one turn of a conversation.
type Message struct {
	Role       string // system, user, assistant, tool
	Content    string
	ToolCalls  []ToolCall // of an assistant
	ToolCallID string     // of a tool's result
}

// Tool is a function that a request offers to the model.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON Schema; empty means no parameters
}

// ToolCall is a model's wish to have a tool called; Arguments is JSON text.
type ToolCall struct{ ID, Name, Arguments string }

// Usage counts tokens.
type Usage struct{ Input, Output int }

// Request is a chat request in no provider's words.
type Request struct {
	Model        string
	Messages     []Message
	Tools        []Tool
	ToolChoice   string // "", auto, none, required, or a tool's name
	MaxTokens    int    // 0: the provider's default
	Stream       bool
	IncludeUsage bool // of a stream
}

// Finish is why a model stopped.
type Finish string

// The reasons to stop.
const (
	FinishStop          Finish = "stop"
	FinishLength        Finish = "length"
	FinishToolCalls     Finish = "tool_calls"
	FinishContentFilter Finish = "content_filter"
)

// Reply is a complete answer in no provider's words.
type Reply struct {
	ID        string
	Model     string
	Created   time.Time
	Text      string
	ToolCalls []ToolCall
	Finish    Finish
	Usage     Usage
}

// Error is an error as a provider reports it, by status or inside a 200.
type Error struct {
	Status  int // HTTP status; 200 for one inside a reply
	Type    string
	Code    string
	Message string
	Param   string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Limit is the state of one rate limit, for the rate-limit headers.
type Limit struct {
	Limit, Remaining int
	Reset            time.Duration // until it is full again
}

// Event is one event of a stream, decoded.
type Event struct {
	Kind   exchange.Kind
	Text   string
	Tools  []ToolDelta
	Finish Finish
	Usage  *Usage
	Err    *Error
}

// ToolDelta is a piece of a tool call; pieces with the same Index belong together.
type ToolDelta struct {
	Index               int
	ID, Name, Arguments string
}

// Dialect is one provider's wire format. All functions are safe for concurrent use.
type Dialect struct {
	Name string

	// Inspect fills Model and Stream of a request without parsing it whole.
	Inspect func(r *exchange.Request)
	// ParseRequest reads a chat request; the error is one to answer with.
	ParseRequest func(r *exchange.Request) (Request, *Error)
	// RenderReply gives the body of a unary reply.
	RenderReply func(r Reply) []byte
	// RenderStream gives the stream of a reply as events, each with its kind; the
	// text comes in the given pieces. Waits are the caller's to set.
	RenderStream func(q Request, r Reply, pieces []string) []exchange.Step
	// RenderError gives the body of an error reply.
	RenderError func(e Error) []byte
	// RenderEvent gives an error as an event inside a stream.
	RenderEvent func(e Error) []byte
	// Header adds what every reply carries: request id, rate limits.
	Header func(h http.Header, requestID string, requests, tokens Limit)

	// Encode gives path (below the base URL) and body of a chat request, and sets
	// what headers it needs, credentials included.
	Encode func(h http.Header, apiKey string, q Request) (path string, body []byte)
	// Decode reads a unary reply. An error inside a 200 is an error of type *Error
	// with Status 200; a reply that lacks a choice or a finish reason, or is no JSON,
	// is any other error.
	Decode func(body []byte) (Reply, error)
	// DecodeEvent reads one event of a stream as a Scanner gave it. An error
	// reported inside the stream comes as both Event.Err and an error of type *Error;
	// any other error means that the event is malformed. A refusal is content whose
	// Finish is FinishContentFilter.
	DecodeEvent func(name string, data []byte) (Event, error)
	// DecodeError reads an error reply; a body it does not understand gives an
	// Error with Status and a cut of the text.
	DecodeError func(status int, body []byte) *Error
}

// Dialects holds every dialect by its name in a scenario file.
var Dialects = map[string]*Dialect{"openai": &openAI}
