package dialect

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// openAI is OpenAI's chat completions API. Base URLs end in /v1.
var openAI = Dialect{
	Name:         "openai",
	Inspect:      openAIInspect,
	ParseRequest: openAIParseRequest,
	RenderReply:  openAIRenderReply,
	RenderStream: openAIRenderStream,
	RenderError:  openAIRenderError,
	RenderEvent:  openAIRenderEvent,
	Header:       openAIHeader,
	Encode:       openAIEncode,
	Decode:       openAIDecode,
	DecodeEvent:  openAIDecodeEvent,
	DecodeError:  openAIDecodeError,
}

func openAIInspect(r *exchange.Request) {
	if model := gjson.GetBytes(r.Body, "model"); model.Type == gjson.String {
		r.Model = model.Str
	}
	r.Stream = gjson.GetBytes(r.Body, "stream").Type == gjson.True
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

func openAIHeader(h http.Header, requestID string, requests, tokens Limit) {
	h["X-Request-Id"] = []string{requestID}
	openAILimit(h, "Requests", requests)
	openAILimit(h, "Tokens", tokens)
}

func openAILimit(h http.Header, what string, l Limit) {
	if l.Limit == 0 {
		return
	}
	h["X-Ratelimit-Limit-"+what] = []string{strconv.Itoa(l.Limit)}
	h["X-Ratelimit-Remaining-"+what] = []string{strconv.Itoa(l.Remaining)}
	h["X-Ratelimit-Reset-"+what] = []string{l.Reset.Round(time.Millisecond).String()}
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
