package dialect

import (
	"strconv"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// openAIFingerprint stands for the backend's version. A real one changes with
// deployments; nothing depends on it.
const openAIFingerprint = `"fp_chaos00001"`

// argumentPiece is the size in bytes of the pieces in which the arguments of a tool
// call are streamed: about one token.
const argumentPiece = 4

func openAIRenderReply(r Reply) []byte {
	b := make([]byte, 0, 640+len(r.Text)+len(r.Text)/16+256*len(r.ToolCalls))
	b = appendOpenAIHead(b, "chat.completion", r)
	b = append(b, `{"index":0,"message":{"role":"assistant","content":`...)
	if r.Text == "" && len(r.ToolCalls) > 0 {
		b = append(b, "null"...)
	} else {
		b = gjson.AppendJSONString(b, r.Text)
	}
	b = append(b, `,"refusal":null`...)
	if len(r.ToolCalls) > 0 {
		b = appendOpenAIToolCalls(append(b, `,"tool_calls":`...), r.ToolCalls)
	}
	b = append(b, `},"logprobs":null,"finish_reason":`...)
	b = gjson.AppendJSONString(b, string(r.Finish))
	b = appendOpenAIUsage(append(b, `}],"usage":`...), r.Usage)
	return append(b, '}')
}

// appendOpenAIHead writes a reply or chunk up to and including the bracket that
// opens its choices.
func appendOpenAIHead(b []byte, object string, r Reply) []byte {
	b = gjson.AppendJSONString(append(b, `{"id":`...), r.ID)
	b = append(append(append(b, `,"object":"`...), object...), `","created":`...)
	b = strconv.AppendInt(b, r.Created.Unix(), 10)
	b = gjson.AppendJSONString(append(b, `,"model":`...), r.Model)
	return append(b, `,"system_fingerprint":`+openAIFingerprint+`,"choices":[`...)
}

func appendOpenAIUsage(b []byte, u Usage) []byte {
	b = strconv.AppendInt(append(b, `{"prompt_tokens":`...), int64(u.Input), 10)
	b = strconv.AppendInt(append(b, `,"completion_tokens":`...), int64(u.Output), 10)
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), int64(u.Input+u.Output), 10)
	return append(b, `,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`...)
}

// openAIChunks writes the events of one stream one behind the other into b; the
// steps are windows of it. What is the same in every chunk is in head and tail.
type openAIChunks struct {
	head, tail []byte // around the delta of a chunk without a finish reason
	b          []byte
	from       int // where the event begins that is being written
	steps      []exchange.Step
}

func openAIRenderStream(q Request, r Reply, pieces []string) []exchange.Step {
	head := appendOpenAIHead(append(make([]byte, 0, 256), "data: "...), "chat.completion.chunk", r)
	choices := len(head)
	head = append(head, `{"index":0,"delta":`...)
	null := ""
	if q.IncludeUsage {
		null = `,"usage":null`
	}
	c := openAIChunks{head: head, tail: []byte(`,"logprobs":null,"finish_reason":null}]` + null + "}\n\n")}
	c.reserve(r, pieces)
	c.delta(exchange.Meta, `{"role":"assistant","content":"","refusal":null}`)
	for _, p := range pieces {
		c.text(p)
	}
	for i, call := range r.ToolCalls {
		c.tool(i, call)
	}
	c.open()
	c.b = gjson.AppendJSONString(append(c.b, `{},"logprobs":null,"finish_reason":`...), string(r.Finish))
	c.b = append(append(append(c.b, `}]`...), null...), "}\n\n"...)
	c.close(exchange.Terminal)
	if q.IncludeUsage {
		c.b = append(append(c.b, head[:choices]...), `],"usage":`...)
		c.b = append(appendOpenAIUsage(c.b, r.Usage), "}\n\n"...)
		c.close(exchange.Trailer)
	}
	c.b = append(c.b, "data: [DONE]\n\n"...)
	c.close(exchange.Trailer)
	return c.steps
}

// reserve allocates room for the whole stream.
func (c *openAIChunks) reserve(r Reply, pieces []string) {
	events, size := len(pieces)+4, 512
	for _, p := range pieces {
		size += len(p)
	}
	for _, call := range r.ToolCalls {
		events += 1 + (len(call.Arguments)+argumentPiece-1)/argumentPiece
		size += len(call.ID) + len(call.Name) + 2*len(call.Arguments) + 64
	}
	each := len(c.head) + len(c.tail) + len(`{"content":""}`)
	if len(r.ToolCalls) > 0 {
		each += len(`{"tool_calls":[{"index":0,"function":{"arguments":""}}]}`)
	}
	c.b = make([]byte, 0, events*each+size)
	c.steps = make([]exchange.Step, 0, events)
}

func (c *openAIChunks) open() { c.b = append(c.b, c.head...) }

func (c *openAIChunks) close(kind exchange.Kind) {
	c.steps = append(c.steps, exchange.Step{Kind: kind, Bytes: c.b[c.from:len(c.b):len(c.b)]})
	c.from = len(c.b)
}

func (c *openAIChunks) delta(kind exchange.Kind, delta string) {
	c.open()
	c.b = append(append(c.b, delta...), c.tail...)
	c.close(kind)
}

func (c *openAIChunks) text(piece string) {
	c.open()
	c.b = gjson.AppendJSONString(append(c.b, `{"content":`...), piece)
	c.b = append(append(c.b, '}'), c.tail...)
	c.close(exchange.Content)
}

// tool writes a call: first its id and name, then its arguments in pieces.
func (c *openAIChunks) tool(index int, call ToolCall) {
	c.open()
	c.b = strconv.AppendInt(append(c.b, `{"tool_calls":[{"index":`...), int64(index), 10)
	c.b = gjson.AppendJSONString(append(c.b, `,"id":`...), call.ID)
	c.b = gjson.AppendJSONString(append(c.b, `,"type":"function","function":{"name":`...), call.Name)
	c.b = append(append(c.b, `,"arguments":""}}]}`...), c.tail...)
	c.close(exchange.Content)
	for rest := call.Arguments; rest != ""; {
		n := min(argumentPiece, len(rest))
		for n < len(rest) && !utf8.RuneStart(rest[n]) {
			n++
		}
		c.open()
		c.b = strconv.AppendInt(append(c.b, `{"tool_calls":[{"index":`...), int64(index), 10)
		c.b = gjson.AppendJSONString(append(c.b, `,"function":{"arguments":`...), rest[:n])
		c.b = append(append(c.b, `}}]}`...), c.tail...)
		c.close(exchange.Content)
		rest = rest[n:]
	}
}
