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
	// Obfuscate pads the events of a stream to hide their lengths: OpenAI does unless
	// told not to.
	Obfuscate bool
	Choices   int  // how many answers; 0 means 1
	Thinking  bool // the answer shows its reasoning
	// JSON demands an answer in JSON: null or {} of any object, else of a schema;
	// empty means text.
	JSON json.RawMessage

	form form   // how the reply is written, where a dialect knows several ways
	echo []byte // of OpenAI's Responses: the fields that the reply repeats
}

// form is one of the ways in which a dialect writes a reply.
type form uint8

const (
	formUsual     form = iota
	formAzure          // OpenAI on Azure
	formResponses      // OpenAI's Responses
	formNullable       // Anthropic's API of 2026-10-21: nullable fields are always there
	formArray          // Gemini's stream as one JSON array
)

// TellsFailure reports whether a whole reply with status 200 may say that the answer
// failed.
func (q *Request) TellsFailure() bool { return q.form == formResponses }

// ContentType is the content type of the reply to a request.
func (q *Request) ContentType() string {
	switch {
	case !q.Stream:
		return "application/json"
	case q.form == formArray:
		return "application/json; charset=UTF-8"
	}
	return "text/event-stream; charset=utf-8"
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
	Thinking  string // the reasoning, if the request wants it shown
	Text      string // of a refusal, its words
	ToolCalls []ToolCall
	Finish    Finish // FinishContentFilter: the model refuses
	Usage     Usage
	More      []Choice // beyond the first, if the request wants several
	Err       *Error   // breaks off the reply, which is then not complete
}

// Choice is one more answer to the same request.
type Choice struct {
	Text   string
	Pieces []string // of Text, as it is streamed
	Finish Finish
}

// Error is an error as a provider reports it, by status or inside a 200.
type Error struct {
	Status     int // HTTP status; 200 for one inside a reply
	Type       string
	Code       string
	Message    string
	Param      string
	RequestID  string        // of the reply, where the envelope repeats it
	RetryAfter time.Duration // where the envelope says it; 0: not said
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Limit is the state of one rate limit, for the rate-limit headers.
type Limit struct {
	Limit, Remaining int
	Reset            time.Duration // until it is full again
}

// Limits are the rate limits that a reply states; one with Limit 0 is left out.
type Limits struct {
	Requests, Tokens Limit
	Input, Output    Limit // tokens, counted separately by Anthropic
	// Whole rounds times up to seconds without a unit, as Azure does.
	Whole bool
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

// WholeCall is the Index of a ToolDelta that is no piece but a call of its own.
const WholeCall = -1

// ToolDelta is a piece of a tool call; pieces with the same Index belong together.
type ToolDelta struct {
	Index               int
	ID, Name, Arguments string
}

// Dialect is one provider's wire format. All functions are safe for concurrent use.
type Dialect struct {
	Name string
	// ReplyPrefix begins the ids of replies, CallPrefix those of tool calls.
	ReplyPrefix func(q Request) string
	CallPrefix  string
	// Base is what a base URL ends in, as the provider's SDK wants it: /v1, or nothing.
	Base string

	// Route tells what a path is for; the zero Route: for nothing.
	Route func(path string) Route
	// APIKey gives the credential of a request, "" if it has none.
	APIKey func(r *http.Request) string
	// Inspect fills Model and Stream of a request without parsing it whole.
	Inspect func(r *exchange.Request)
	// ParseRequest reads a chat request, or one that asks how long that would be; the
	// error is one to answer with.
	ParseRequest func(r *exchange.Request) (Request, *Error)
	// RenderReply gives the body of a unary reply.
	RenderReply func(q Request, r Reply) []byte
	// RenderStream gives the stream of a reply as events, each with its kind; the
	// text comes in the given pieces. Waits are the caller's to set.
	RenderStream func(q Request, r Reply, pieces []string) []exchange.Step
	// RenderCount gives how many tokens a request has; nil: the provider does not tell.
	RenderCount func(tokens int) []byte
	// ParseEmbedding reads a request for embeddings; nil: the provider has none.
	ParseEmbedding func(r *exchange.Request) (Embedding, *Error)
	// RenderEmbedding gives the vectors, one for each text of the request.
	RenderEmbedding func(q Embedding, vectors [][]float32, tokens int) []byte
	// RenderModel describes one model, RenderModels all.
	RenderModel  func(id string) []byte
	RenderModels func(ids []string) []byte
	// RenderError gives the body of an error reply.
	RenderError func(e Error) []byte
	// RenderEvent gives an error as an event inside a stream.
	RenderEvent func(e Error) []byte
	// Header adds what every reply carries: request id, rate limits.
	Header func(h http.Header, requestID string, l Limits)
	// Dated tells that Header gives instants, so that the same limits read differently
	// at another time.
	Dated bool
	// Refusals are the errors of the provider's own.
	Refusals Refusals

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

// Refusals are what a provider answers, in its words, when it cannot answer.
type Refusals struct {
	NoKey        Error
	Overloaded   Error
	TooLarge     Error
	UnknownModel func(id string) Error
	// TooLong is about a request of so many tokens for a model that takes fewer.
	TooLong func(tokens, window int) Error
}

// Dialects holds every dialect by its name in a scenario file.
var Dialects = map[string]*Dialect{"openai": &openAI, "anthropic": &anthropic, "gemini": &gemini}
