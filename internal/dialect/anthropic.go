package dialect

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// anthropic is Anthropic's Messages API, of 2023-06-01 and of 2026-10-21. Base URLs
// have no path.
var anthropic = Dialect{
	Name:         "anthropic",
	ReplyPrefix:  func(Request) string { return "msg_01" },
	CallPrefix:   "toolu_01",
	Route:        anthropicRoute,
	APIKey:       anthropicKey,
	Inspect:      openAIInspect, // model and stream are called the same
	ParseRequest: anthropicParseRequest,
	RenderReply:  anthropicRenderReply,
	RenderStream: anthropicRenderStream,
	RenderCount: func(tokens int) []byte {
		return append(strconv.AppendInt([]byte(`{"input_tokens":`), int64(tokens), 10), '}')
	},
	RenderModel:  func(id string) []byte { return appendAnthropicModel(nil, id) },
	RenderModels: anthropicRenderModels,
	RenderError:  func(e Error) []byte { return appendAnthropicError(nil, e) },
	RenderEvent:  anthropicRenderEvent,
	Header:       anthropicHeader,
	Dated:        true,
	Refusals: Refusals{
		NoKey: Error{Status: http.StatusUnauthorized, Type: "authentication_error",
			Message: "x-api-key header is required"},
		Overloaded: Error{Status: 529, Type: "overloaded_error", Message: "Overloaded"},
		TooLarge: Error{Status: http.StatusRequestEntityTooLarge, Type: "request_too_large",
			Message: "Request exceeds the maximum size"},
		UnknownModel: func(id string) Error {
			return Error{Status: http.StatusNotFound, Type: "not_found_error", Message: "model: " + id}
		},
		TooLong: func(tokens, window int) Error {
			return *invalid("", "prompt is too long: %d tokens > %d maximum", tokens, window)
		},
	},
	Encode:      anthropicEncode,
	Decode:      anthropicDecode,
	DecodeEvent: anthropicDecodeEvent,
	DecodeError: anthropicDecodeError,
}

const (
	messagesPath = "/v1/messages"
	countPath    = "/v1/messages/count_tokens"
	// anthropicVersion is the API version that the client's side speaks.
	anthropicVersion = "2023-06-01"
	// nullableVersion is the API version in which nullable fields are always there.
	nullableVersion = "2026-10-21"
)

func anthropicRoute(path string) Route {
	id, isModel := strings.CutPrefix(path, "/v1/models/")
	switch {
	case path == messagesPath:
		return Route{Endpoint: Chat}
	case path == countPath:
		return Route{Endpoint: Count}
	case path == "/v1/models":
		return Route{Endpoint: ListModels}
	case isModel && id != "":
		return Route{Endpoint: ShowModel, Model: id}
	}
	return Route{}
}

// anthropicKey takes either style: older SDKs send x-api-key, newer ones Bearer.
func anthropicKey(r *http.Request) string {
	return cmp.Or(strings.TrimSpace(r.Header.Get("X-Api-Key")), bearer(r.Header))
}

// anthropicTypes are the error types by HTTP status.
var anthropicTypes = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
	403: "permission_error", 404: "not_found_error", 405: "invalid_request_error", 409: "conflict_error",
	413: "request_too_large", 429: "rate_limit_error", 500: "api_error",
	504: "timeout_error", 529: "overloaded_error",
}

// anthropicType gives an error its type: by its status, else (inside a stream) its
// own, if that is one of Anthropic's.
func anthropicType(e Error) string {
	if t := anthropicTypes[e.Status]; t != "" {
		return t
	}
	for _, t := range anthropicTypes {
		if t == e.Type {
			return t
		}
	}
	switch {
	case strings.Contains(e.Type+e.Code, "overloaded"):
		return "overloaded_error"
	case e.Status >= 400 && e.Status < 500:
		return "invalid_request_error"
	}
	return "api_error"
}

func appendAnthropicError(b []byte, e Error) []byte {
	b = gjson.AppendJSONString(append(b, `{"type":"error","error":{"type":`...), anthropicType(e))
	b = gjson.AppendJSONString(append(b, `,"message":`...), e.Message)
	if e.Code != "" {
		b = append(gjson.AppendJSONString(append(b, `,"details":{"error_code":`...), e.Code), '}')
	}
	b = appendOrNull(append(b, `},"request_id":`...), e.RequestID)
	return append(b, '}')
}

func anthropicRenderEvent(e Error) []byte {
	return append(appendAnthropicError([]byte("event: error\ndata: "), e), "\n\n"...)
}

func anthropicHeader(h http.Header, requestID string, l Limits) {
	h["Request-Id"] = []string{requestID}
	now := time.Now()
	for _, limit := range [...]struct {
		what string
		Limit
	}{{"Requests", l.Requests}, {"Tokens", l.Tokens}, {"Input-Tokens", l.Input}, {"Output-Tokens", l.Output}} {
		if limit.Limit.Limit == 0 {
			continue
		}
		at := now.Add(limit.Reset + time.Second - 1).Truncate(time.Second) // never too early
		name := "Anthropic-Ratelimit-" + limit.what
		h[name+"-Limit"] = []string{strconv.Itoa(limit.Limit.Limit)}
		h[name+"-Remaining"] = []string{strconv.Itoa(limit.Remaining)}
		h[name+"-Reset"] = []string{at.UTC().Format(time.RFC3339)}
	}
}

func appendAnthropicModel(b []byte, id string) []byte {
	b = gjson.AppendJSONString(append(b, `{"type":"model","id":`...), id)
	b = gjson.AppendJSONString(append(b, `,"display_name":`...), id)
	return append(b, `,"created_at":"2024-05-10T00:00:00Z"}`...)
}

func anthropicRenderModels(ids []string) []byte {
	b := []byte(`{"data":[`)
	first, last := "", ""
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAnthropicModel(b, id)
		first, last = ids[0], id
	}
	b = appendOrNull(append(b, `],"has_more":false,"first_id":`...), first)
	b = appendOrNull(append(b, `,"last_id":`...), last)
	return append(b, '}')
}

// stopReasons are Anthropic's words for why a model stopped.
var stopReasons = map[Finish]string{
	FinishStop: "end_turn", FinishLength: "max_tokens", FinishToolCalls: "tool_use", FinishContentFilter: "refusal",
}

// anthropicFinish reads a stop reason; one it does not know stays as it is.
func anthropicFinish(reason string) Finish {
	switch reason {
	case "end_turn", "stop_sequence":
		return FinishStop
	case "max_tokens", "model_context_window_exceeded":
		return FinishLength
	case "tool_use":
		return FinishToolCalls
	case "refusal":
		return FinishContentFilter
	}
	return Finish(reason)
}

func isNullable(r *exchange.Request) bool {
	return r.HTTP != nil && r.HTTP.Header.Get("Anthropic-Version") >= nullableVersion
}
