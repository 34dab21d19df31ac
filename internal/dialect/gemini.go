package dialect

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// gemini is Google's Gemini API. Base URLs have no path; the model is in the path.
var gemini = Dialect{
	Name:         "gemini",
	ReplyPrefix:  func(Request) string { return "" },
	Route:        func(path string) Route { r, _ := geminiRoute(path); return r },
	APIKey:       geminiKey,
	Inspect:      geminiInspect,
	ParseRequest: geminiParseRequest,
	RenderReply:  geminiRenderReply,
	RenderStream: geminiRenderStream,
	RenderCount: func(tokens int) []byte {
		b := strconv.AppendInt([]byte(`{"totalTokens":`), int64(tokens), 10)
		b = strconv.AppendInt(append(b, `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`...), int64(tokens), 10)
		return append(b, `}]}`...)
	},
	ParseEmbedding:  geminiParseEmbedding,
	RenderEmbedding: geminiRenderEmbedding,
	RenderModel:     func(id string) []byte { return appendGeminiModel(nil, id) },
	RenderModels:    geminiRenderModels,
	RenderError:     func(e Error) []byte { return appendGeminiError(nil, e) },
	RenderEvent: func(e Error) []byte {
		return append(appendGeminiError([]byte("data: "), e), geminiEnd...)
	},
	Header: func(h http.Header, _ string, _ Limits) { h["Server-Timing"] = []string{"gfet4t7; dur=1"} },
	Refusals: Refusals{
		NoKey: Error{Status: http.StatusForbidden, Type: "PERMISSION_DENIED",
			Message: "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity to call this API."},
		Overloaded: Error{Status: http.StatusServiceUnavailable, Type: "UNAVAILABLE",
			Message: "The model is overloaded. Please try again later."},
		TooLarge: Error{Status: http.StatusRequestEntityTooLarge, Type: "INVALID_ARGUMENT",
			Message: "Request payload size exceeds the limit."},
		UnknownModel: func(id string) Error {
			return Error{Status: http.StatusNotFound, Type: "NOT_FOUND", Message: "models/" + id + " is not found for this API version"}
		},
		TooLong: func(tokens, window int) Error {
			return *invalid("", "The input token count (%d) exceeds the maximum number of tokens allowed (%d).", tokens, window)
		},
	},
	Encode:      geminiEncode,
	Decode:      geminiDecode,
	DecodeEvent: geminiDecodeEvent,
	DecodeError: geminiDecodeError,
}

const (
	geminiBase = "/v1beta/models"
	// geminiEnd ends an event: Google's line ends are CRLF.
	geminiEnd = "\r\n\r\n"
)

// geminiRoute also gives the method that the path names after the model.
func geminiRoute(path string) (Route, string) {
	rest, ok := strings.CutPrefix(path, geminiBase)
	if ok && rest == "" {
		return Route{Endpoint: ListModels}, ""
	}
	rest, slash := strings.CutPrefix(rest, "/")
	if !ok || !slash || rest == "" {
		return Route{}, ""
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return Route{Endpoint: ShowModel, Model: rest}, ""
	}
	model, method := rest[:i], rest[i+1:]
	r := Route{Model: model}
	switch method {
	case "generateContent", "streamGenerateContent":
		r.Endpoint = Chat
	case "countTokens":
		r.Endpoint = Count
	case "embedContent", "batchEmbedContents":
		r.Endpoint = Embeddings
	}
	if r.Endpoint == None || model == "" {
		return Route{}, ""
	}
	return r, method
}

func geminiKey(r *http.Request) string {
	return cmp.Or(r.Header.Get("X-Goog-Api-Key"), r.URL.Query().Get("key"), bearer(r.Header))
}

func geminiInspect(r *exchange.Request) {
	if r.HTTP == nil {
		return
	}
	route, method := geminiRoute(r.HTTP.URL.Path)
	r.Model, r.Stream = route.Model, method == "streamGenerateContent"
}

// geminiStatuses are google.rpc's names by HTTP status.
var geminiStatuses = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
	409: "ABORTED", 413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED",
	500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

// geminiStatus gives an error its status: its own, if that is one of Google's, else
// by its HTTP status.
func geminiStatus(e Error) string {
	for _, s := range geminiStatuses {
		if s == e.Type {
			return s
		}
	}
	return cmp.Or(geminiStatuses[e.Status], "UNKNOWN")
}

// defaultQuota is the quota that a 429 names if the error does not: it is per minute,
// and clears by waiting.
const defaultQuota = "GenerateRequestsPerMinutePerProjectPerModel"

func appendGeminiError(b []byte, e Error) []byte {
	if e.Status < 400 {
		e.Status = http.StatusInternalServerError // inside a stream; SDKs report this number
	}
	b = strconv.AppendInt(append(b, `{"error":{"code":`...), int64(e.Status), 10)
	b = gjson.AppendJSONString(append(b, `,"message":`...), e.Message)
	b = gjson.AppendJSONString(append(b, `,"status":`...), geminiStatus(e))
	if details := geminiDetails(e); len(details) > 0 {
		b = append(append(append(b, `,"details":[`...), strings.Join(details, ",")...), ']')
	}
	return append(b, `}}`...)
}

// geminiDetails are google.rpc's: which quota, how long to wait, the reason.
func geminiDetails(e Error) (details []string) {
	const kind = `{"@type":"type.googleapis.com/google.rpc.`
	switch {
	case e.Status == http.StatusTooManyRequests:
		quota := e.Code
		if !strings.Contains(quota, "Per") { // not one of Google's
			quota = defaultQuota
		}
		details = append(details, kind+`QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_requests","quotaId":`+
			string(gjson.AppendJSONString(nil, quota))+`}]}`)
	case e.Code != "":
		details = append(details, kind+`ErrorInfo","reason":`+
			string(gjson.AppendJSONString(nil, strings.ToUpper(e.Code)))+`,"domain":"googleapis.com"}`)
	}
	if e.RetryAfter > 0 {
		details = append(details, fmt.Sprintf(kind+`RetryInfo","retryDelay":"%ss"}`,
			strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64)))
	}
	return details
}

func geminiDecodeError(status int, body []byte) *Error {
	if validJSON(body) {
		doc := gjson.ParseBytes(body)
		if doc.IsArray() { // of a stream without alt=sse
			doc = doc.Get("0")
		}
		if e := doc.Get("error"); e.IsObject() || e.Type == gjson.String {
			return geminiErrorOf(status, e)
		}
	}
	return &Error{Status: status, Message: cutText(body, 200)}
}

func geminiErrorOf(status int, e gjson.Result) *Error {
	if !e.IsObject() {
		return &Error{Status: status, Message: e.String()}
	}
	out := &Error{Status: status, Type: e.Get("status").String(), Message: e.Get("message").String()}
	e.Get("details").ForEach(func(_, d gjson.Result) bool {
		out.Code = cmp.Or(out.Code, d.Get("violations.0.quotaId").String(), d.Get("reason").String())
		if wait, err := time.ParseDuration(d.Get("retryDelay").String()); err == nil {
			out.RetryAfter = wait
		}
		return true
	})
	return out
}

func appendGeminiModel(b []byte, id string) []byte {
	b = gjson.AppendJSONString(append(b, `{"name":`...), "models/"+id)
	b = gjson.AppendJSONString(append(b, `,"version":"001","displayName":`...), id)
	return append(b, `,"inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":`+
		`["generateContent","countTokens","embedContent"]}`...)
}

func geminiRenderModels(ids []string) []byte {
	b := []byte(`{"models":[`)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendGeminiModel(b, id)
	}
	return append(b, `]}`...)
}
