package dialect

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// openAIChunks writes the chunks of a chat completion. What is the same in every
// chunk of a choice lies in head, between the index and the delta, and in tail.
type openAIChunks struct {
	events
	head, tail string
	pad        pad
	obfuscate  bool
}

// azureFilterChunk is what Azure sends first: how the prompt fared in its filters.
// [K]: the shape as it is known, not measured.
const azureFilterChunk = `data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":` +
	`[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},` +
	`"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},` +
	`"violence":{"filtered":false,"severity":"safe"}}}]}` + "\n\n"

func openAIRenderStream(q Request, r Reply, pieces []string) []exchange.Step {
	if q.form == formResponses {
		return responsesRenderStream(q, r, pieces)
	}
	head := string(appendOpenAIHead(append(make([]byte, 0, 256), "data: "...), "chat.completion.chunk", r))
	c := openAIChunks{head: head + `{"index":`, pad: newPad(r.ID), obfuscate: q.Obfuscate}
	c.tail = "}]"
	if q.IncludeUsage {
		c.tail += `,"usage":null`
	}
	n, size := sizeOf(r, pieces)
	n += 5 + len(r.More)
	each := len(c.head) + len(c.tail) + len(`0,"delta":{"content":""},"logprobs":null,"finish_reason":null`)
	if len(r.ToolCalls) > 0 {
		each += len(`{"tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"","arguments":""}}]}`)
	}
	if q.Obfuscate {
		each += padWidth + len(`,"obfuscation":""`)
	}
	size += n * each
	if q.form == formAzure {
		size += len(azureFilterChunk)
	}
	c.events = newEvents(n, size)
	if q.form == formAzure {
		c.put(azureFilterChunk)
		c.close(exchange.Meta)
	}
	c.choices(r, pieces)
	if r.Err != nil {
		c.b = append(c.b, openAIRenderEvent(*r.Err)...)
		c.close(exchange.Failure)
		return c.steps
	}
	if q.IncludeUsage {
		c.put(head, `],"usage":`)
		c.b = appendOpenAIUsage(c.b, r.Usage)
		c.finish("")
		c.close(exchange.Trailer)
	}
	c.put("data: [DONE]\n\n")
	c.close(exchange.Trailer)
	return c.steps
}

// choices writes the answers, a piece of each in turn.
func (c *openAIChunks) choices(r Reply, pieces []string) {
	c.delta(0, exchange.Meta, `{"role":"assistant","content":"","refusal":null}`)
	for i := range r.More {
		c.delta(i+1, exchange.Meta, `{"role":"assistant","content":"","refusal":null}`)
	}
	field, finish := `{"content":`, r.Finish
	if finish == FinishContentFilter {
		field, finish = `{"refusal":`, FinishStop
	}
	longest := len(pieces)
	for _, more := range r.More {
		longest = max(longest, len(more.Pieces))
	}
	for at := range longest {
		if at < len(pieces) {
			c.text(0, field, pieces[at])
		}
		for i, more := range r.More {
			if at < len(more.Pieces) {
				c.text(i+1, `{"content":`, more.Pieces[at])
			}
		}
	}
	for i, call := range r.ToolCalls {
		c.tool(i, call)
	}
	if r.Err != nil {
		return
	}
	for i, more := range r.More {
		c.stop(i+1, more.Finish, exchange.Meta)
	}
	c.stop(0, finish, exchange.Terminal)
}

func (c *openAIChunks) open(choice int) {
	c.put(c.head)
	c.b = strconv.AppendInt(c.b, int64(choice), 10)
	c.put(`,"delta":`)
}

// end ends a chunk that has no finish reason; piece is what it brought.
func (c *openAIChunks) end(kind exchange.Kind, piece string) {
	c.put(`,"logprobs":null,"finish_reason":null`, c.tail)
	c.finish(piece)
	c.close(kind)
}

// finish writes what stands last in a chunk: letters that hide how long the piece is.
func (c *openAIChunks) finish(piece string) {
	if c.obfuscate {
		c.put(`,"obfuscation":"`)
		c.b = c.pad.append(c.b, len(piece))
		c.put(`"`)
	}
	c.put("}\n\n")
}

func (c *openAIChunks) delta(choice int, kind exchange.Kind, delta string) {
	c.open(choice)
	c.put(delta)
	c.end(kind, "")
}

func (c *openAIChunks) text(choice int, field, piece string) {
	c.open(choice)
	c.b = gjson.AppendJSONString(append(c.b, field...), piece)
	c.put("}")
	c.end(exchange.Content, piece)
}

func (c *openAIChunks) stop(choice int, why Finish, kind exchange.Kind) {
	c.open(choice)
	c.put(`{},"logprobs":null,"finish_reason":`)
	c.b = gjson.AppendJSONString(c.b, string(why))
	c.put(c.tail)
	c.finish("")
	c.close(kind)
}

// tool writes a call: first its id and name, then its arguments in pieces.
func (c *openAIChunks) tool(index int, call ToolCall) {
	c.open(0)
	c.b = strconv.AppendInt(append(c.b, `{"tool_calls":[{"index":`...), int64(index), 10)
	c.b = gjson.AppendJSONString(append(c.b, `,"id":`...), call.ID)
	c.b = gjson.AppendJSONString(append(c.b, `,"type":"function","function":{"name":`...), call.Name)
	c.put(`,"arguments":""}}]}`)
	c.end(exchange.Content, "")
	for piece := range runes(call.Arguments, argumentPiece) {
		c.open(0)
		c.b = strconv.AppendInt(append(c.b, `{"tool_calls":[{"index":`...), int64(index), 10)
		c.b = gjson.AppendJSONString(append(c.b, `,"function":{"arguments":`...), piece)
		c.put(`}}]}`)
		c.end(exchange.Content, piece)
	}
}

// padWidth is the length up to which pieces and their letters are filled up.
const padWidth = 16

// pad gives letters to hide lengths behind. It depends on nothing but its seed.
type pad struct{ state uint64 }

func newPad(seed string) pad {
	p := pad{14695981039346656037} // FNV-1a
	for i := range len(seed) {
		p.state = (p.state ^ uint64(seed[i])) * 1099511628211
	}
	return p
}

// append adds 1 to padWidth letters, so that together with n other bytes they are a
// multiple of padWidth.
func (p *pad) append(b []byte, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789AB"
	for range padWidth - n%padWidth {
		p.state = p.state*6364136223846793005 + 1442695040888963407
		b = append(b, letters[p.state>>58])
	}
	return b
}
