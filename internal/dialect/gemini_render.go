package dialect

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// finishReasons are Gemini's words for why a model stopped. A call of a function is a
// stop like any other.
var finishReasons = map[Finish]string{
	FinishStop: "STOP", FinishLength: "MAX_TOKENS", FinishToolCalls: "STOP", FinishContentFilter: "SAFETY",
}

// geminiChunks writes replies and chunks, which have one shape.
type geminiChunks struct {
	events
	q Request
	r Reply
	// before and after stand around a chunk: SSE's framing, or an array's.
	before, after string
	tail          string // of a chunk that is not the last
}

func geminiRenderReply(q Request, r Reply) []byte {
	c := geminiChunks{q: q, r: r}
	c.b = make([]byte, 0, 640+len(r.Text)+len(r.Text)/8+len(r.Thinking)+256*len(r.ToolCalls))
	if r.Finish == FinishContentFilter && r.Text == "" {
		c.blocked()
		return c.b
	}
	c.begin()
	first := true
	if r.Thinking != "" {
		c.b = comma(c.b, &first)
		c.part(r.Thinking, true)
	}
	if r.Text != "" {
		c.b = comma(c.b, &first)
		c.part(r.Text, false)
	}
	for _, call := range r.ToolCalls {
		c.b = comma(c.b, &first)
		c.call(call)
	}
	c.finish()
	return c.b
}

func geminiRenderStream(q Request, r Reply, pieces []string) []exchange.Step {
	c := geminiChunks{q: q, r: r, before: "data: ", after: geminiEnd}
	if q.form == formArray {
		c.before, c.after = "[", ""
	}
	c.tail = string(c.appendTail(nil, Usage{Input: r.Usage.Input}))
	n, size := sizeOf(r, pieces)
	n += 3
	c.events = newEvents(n, n*(192+len(c.tail))+size+512)
	for piece := range runes(r.Thinking, thoughtPiece) {
		c.chunk(piece, true)
	}
	for _, piece := range pieces {
		c.chunk(piece, false)
	}
	for i := range r.ToolCalls[:max(0, len(r.ToolCalls)-1)] {
		c.put(c.before)
		c.begin()
		c.call(r.ToolCalls[i])
		c.put(`],"role":"model"},"index":0}`, c.tail, c.after)
		c.done(exchange.Content)
	}
	c.last()
	if q.form == formArray && r.Err == nil {
		c.put("]")
		c.close(exchange.Trailer)
	}
	return c.steps
}

// last writes the chunk that ends the answer, with the last call.
func (c *geminiChunks) last() {
	c.put(c.before)
	switch n := len(c.r.ToolCalls); {
	case c.r.Err != nil:
		c.b = appendGeminiError(c.b, *c.r.Err)
		c.put(c.after)
		if c.q.form == formArray {
			c.put("]")
		}
		c.done(exchange.Failure)
		return
	case c.r.Finish == FinishContentFilter && len(c.steps) == 0:
		c.blocked()
	case n > 0:
		c.begin()
		c.call(c.r.ToolCalls[n-1])
		c.finish()
	default:
		c.begin()
		c.part("", false)
		c.finish()
	}
	c.put(c.after)
	c.done(exchange.Terminal)
}

// done ends a chunk; what follows it in an array begins with a comma.
func (c *geminiChunks) done(kind exchange.Kind) {
	c.close(kind)
	if c.q.form == formArray {
		c.before = ",\r\n"
	}
}

func (c *geminiChunks) chunk(piece string, thought bool) {
	c.put(c.before)
	c.begin()
	c.part(piece, thought)
	c.put(`],"role":"model"},"index":0}`, c.tail, c.after)
	c.done(exchange.Content)
}

func (c *geminiChunks) begin() { c.put(`{"candidates":[{"content":{"parts":[`) }

func (c *geminiChunks) part(text string, thought bool) {
	c.b = gjson.AppendJSONString(append(c.b, `{"text":`...), text)
	if thought {
		c.put(`,"thought":true`)
	}
	c.put("}")
}

func (c *geminiChunks) call(call ToolCall) {
	args := call.Arguments
	if !gjson.Valid(args) { // cut off
		args = "{}"
	}
	c.b = gjson.AppendJSONString(append(c.b, `{"functionCall":{"id":`...), call.ID)
	c.b = gjson.AppendJSONString(append(c.b, `,"name":`...), call.Name)
	c.put(`,"args":`, args, `}}`)
}

// finish ends the last chunk, or a whole reply.
func (c *geminiChunks) finish() {
	reason := finishReasons[c.r.Finish]
	if reason == "" {
		reason = string(c.r.Finish)
	}
	c.b = gjson.AppendJSONString(append(c.b, `],"role":"model"},"finishReason":`...), reason)
	c.put(`,"index":0}`)
	c.b = c.appendTail(c.b, c.r.Usage)
}

// appendTail closes the candidates and adds usage, model and id.
func (c *geminiChunks) appendTail(b []byte, u Usage) []byte {
	return c.appendMeta(append(b, ']'), u)
}

func (c *geminiChunks) appendMeta(b []byte, u Usage) []byte {
	b = strconv.AppendInt(append(b, `,"usageMetadata":{"promptTokenCount":`...), int64(u.Input), 10)
	thoughts := 0
	if u.Output > 0 {
		thoughts = (len(c.r.Thinking) + thoughtPiece - 1) / thoughtPiece
		b = strconv.AppendInt(append(b, `,"candidatesTokenCount":`...), int64(u.Output-thoughts), 10)
	}
	if thoughts > 0 {
		b = strconv.AppendInt(append(b, `,"thoughtsTokenCount":`...), int64(thoughts), 10)
	}
	b = strconv.AppendInt(append(b, `,"totalTokenCount":`...), int64(u.Input+u.Output), 10)
	b = gjson.AppendJSONString(append(b, `},"modelVersion":`...), c.r.Model)
	return append(gjson.AppendJSONString(append(b, `,"responseId":`...), c.r.ID), '}')
}

// blocked is the answer to a prompt that is refused: no candidates at all.
func (c *geminiChunks) blocked() {
	c.put(`{"promptFeedback":{"blockReason":"SAFETY"}`)
	c.b = c.appendMeta(c.b, Usage{Input: c.r.Usage.Input})
}
