package dialect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// openAI is OpenAI's API: chat completions, Responses, embeddings, models, also under
// Azure's paths. Base URLs end in /v1. The client's side is chat completions.
var openAI = Dialect{
	Name: "openai",
	Base: "/v1",
	ReplyPrefix: func(q Request) string {
		if q.form == formResponses {
			return "resp_"
		}
		return "chatcmpl-"
	},
	CallPrefix:      "call_",
	Route:           openAIRoute,
	APIKey:          openAIKey,
	Inspect:         openAIInspect,
	ParseRequest:    openAIParseRequest,
	RenderReply:     openAIRenderReply,
	RenderStream:    openAIRenderStream,
	ParseEmbedding:  openAIParseEmbedding,
	RenderEmbedding: openAIRenderEmbedding,
	RenderModel:     func(id string) []byte { return appendOpenAIModel(nil, id) },
	RenderModels:    openAIRenderModels,
	RenderError:     openAIRenderError,
	RenderEvent:     openAIRenderEvent,
	Header:          openAIHeader,
	Refusals: Refusals{
		NoKey: Error{Status: http.StatusUnauthorized, Type: "invalid_request_error", Code: "invalid_api_key",
			Message: "the request has no API key: it belongs into the Authorization header"},
		Overloaded: Error{Status: http.StatusServiceUnavailable, Type: "service_unavailable_error",
			Code: "server_is_overloaded", Message: "The server is currently overloaded. Please try again later."},
		TooLarge: Error{Status: http.StatusRequestEntityTooLarge, Type: "invalid_request_error",
			Message: "the body of the request is too large"},
		UnknownModel: func(id string) Error {
			return Error{Status: http.StatusNotFound, Type: "invalid_request_error", Code: "model_not_found",
				Message: "the model " + id + " does not exist here", Param: "model"}
		},
		TooLong: func(tokens, window int) Error {
			return *invalid("messages", "this model's maximum context length is %d tokens, and the messages have %d", window, tokens).
				withCode("context_length_exceeded")
		},
	},
	Encode:      openAIEncode,
	Decode:      openAIDecode,
	DecodeEvent: openAIDecodeEvent,
	DecodeError: openAIDecodeError,
}

func (e *Error) withCode(code string) *Error {
	e.Code = code
	return e
}

// azureDeployments begins the paths of a deployment on Azure, which stands for a
// model; azureBase is where Azure serves OpenAI's own paths.
const (
	azureDeployments = "/openai/deployments/"
	azureBase        = "/openai"
	responsesPath    = "/responses"
)

func openAIRoute(path string) Route {
	if rest, ok := strings.CutPrefix(path, azureDeployments); ok {
		model, end, _ := strings.Cut(rest, "/")
		switch r := (Route{Model: model, Azure: true}); {
		case model != "" && "/"+end == openAIPath:
			r.Endpoint = Chat
			return r
		case model != "" && "/"+end == embeddingsPath:
			r.Endpoint = Embeddings
			return r
		}
		return Route{}
	}
	rest, azure := strings.CutPrefix(path, azureBase)
	rest, ok := strings.CutPrefix(rest, "/v1")
	r := Route{Azure: azure}
	id, isModel := strings.CutPrefix(rest, "/models/")
	switch {
	case !ok:
		return Route{}
	case rest == openAIPath || rest == responsesPath:
		r.Endpoint = Chat
	case rest == embeddingsPath:
		r.Endpoint = Embeddings
	case rest == "/models":
		r.Endpoint = ListModels
	case isModel && id != "":
		r.Endpoint, r.Model = ShowModel, id
	}
	return r
}

// bearer gives the key of an Authorization header, "" if it has none.
func bearer(h http.Header) string {
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// openAIKey reads the Authorization header, or Azure's own.
func openAIKey(r *http.Request) string { return cmp.Or(bearer(r.Header), r.Header.Get("Api-Key")) }

func openAIInspect(r *exchange.Request) {
	if model := gjson.GetBytes(r.Body, "model"); model.Type == gjson.String {
		r.Model = model.Str
	}
	r.Stream = gjson.GetBytes(r.Body, "stream").Type == gjson.True
	if r.HTTP != nil {
		if model := openAIRoute(r.HTTP.URL.Path).Model; model != "" {
			r.Model = model
		}
	}
}

func openAIRenderError(e Error) []byte { return appendOpenAIError(nil, e) }

func openAIRenderEvent(e Error) []byte {
	return append(appendOpenAIError([]byte("data: "), e), "\n\n"...)
}

func appendOpenAIError(b []byte, e Error) []byte {
	b = gjson.AppendJSONString(append(b, `{"error":{"message":`...), e.Message)
	b = appendOrNull(append(b, `,"type":`...), e.Type)
	b = appendOrNull(append(b, `,"param":`...), e.Param)
	b = appendOrNull(append(b, `,"code":`...), e.Code)
	return append(b, `}}`...)
}

func appendOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return gjson.AppendJSONString(b, s)
}

func openAIHeader(h http.Header, requestID string, l Limits) {
	h["X-Request-Id"] = []string{requestID}
	openAILimit(h, "Requests", l.Requests, l.Whole)
	openAILimit(h, "Tokens", l.Tokens, l.Whole)
}

func openAILimit(h http.Header, what string, l Limit, whole bool) {
	if l.Limit == 0 {
		return
	}
	reset := l.Reset.Round(time.Millisecond).String()
	if whole {
		reset = strconv.Itoa(int(math.Ceil(l.Reset.Seconds())))
	}
	h["X-Ratelimit-Limit-"+what] = []string{strconv.Itoa(l.Limit)}
	h["X-Ratelimit-Remaining-"+what] = []string{strconv.Itoa(l.Remaining)}
	h["X-Ratelimit-Reset-"+what] = []string{reset}
}

// modelsSince is when every model says it was made: 2024-05-10.
const modelsSince = "1715299200"

func appendOpenAIModel(b []byte, id string) []byte {
	b = gjson.AppendJSONString(append(b, `{"id":`...), id)
	return append(b, `,"object":"model","created":`+modelsSince+`,"owned_by":"openai"}`...)
}

func openAIRenderModels(ids []string) []byte {
	b := []byte(`{"object":"list","data":[`)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOpenAIModel(b, id)
	}
	return append(b, `]}`...)
}

// maxNesting is the number of opening brackets up to which validJSON uses the fast
// validator, which recurses without a bound of its own.
const maxNesting = 10000

func validJSON(data []byte) bool {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxNesting {
		return json.Valid(data)
	}
	return gjson.ValidBytes(data)
}
