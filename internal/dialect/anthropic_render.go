package dialect

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// signature stands for what proves to Anthropic that reasoning is its own.
const signature = `"RW5jb2RlZCBieSBhIG1vY2s="`

// ping is the keep-alive that Anthropic sends after the first block begins.
const ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n"

func anthropicRenderReply(q Request, r Reply) []byte {
	b := make([]byte, 0, 768+len(r.Text)+len(r.Text)/8+len(r.Thinking)+256*len(r.ToolCalls))
	b = appendAnthropicHead(b, r)
	b = append(b, `,"content":[`...)
	first := true
	next := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	if r.Thinking != "" {
		next()
		b = gjson.AppendJSONString(append(b, `{"type":"thinking","thinking":`...), r.Thinking)
		b = append(b, `,"signature":`+signature+`}`...)
	}
	if r.Text != "" {
		next()
		b = append(gjson.AppendJSONString(append(b, `{"type":"text","text":`...), r.Text), '}')
	}
	for _, c := range r.ToolCalls {
		next()
		input := c.Arguments
		if !gjson.Valid(input) { // cut off by max_tokens
			input = "{}"
		}
		b = append(appendAnthropicUse(b, q, c, input), '}')
	}
	b = append(b, `],"stop_reason":`...)
	b = append(appendStop(b, r.Finish), `,"stop_sequence":null`...)
	b = appendNullable(b, q)
	b = appendAnthropicUsage(append(b, `,"usage":`...), q, r.Usage)
	return append(b, '}')
}

func appendAnthropicHead(b []byte, r Reply) []byte {
	b = gjson.AppendJSONString(append(b, `{"id":`...), r.ID)
	b = gjson.AppendJSONString(append(b, `,"type":"message","role":"assistant","model":`...), r.Model)
	return b
}

// appendNullable writes the fields that only the newer API always has.
func appendNullable(b []byte, q Request) []byte {
	if q.form == formNullable {
		b = append(b, `,"container":null,"diagnostics":null,"stop_details":null`...)
	}
	return b
}

func appendAnthropicUse(b []byte, q Request, c ToolCall, input string) []byte {
	b = gjson.AppendJSONString(append(b, `{"type":"tool_use","id":`...), c.ID)
	b = gjson.AppendJSONString(append(b, `,"name":`...), c.Name)
	b = append(append(b, `,"input":`...), input...)
	if q.form == formNullable {
		b = append(b, `,"caller":null`...)
	}
	return b
}

func appendStop(b []byte, f Finish) []byte {
	if reason := stopReasons[f]; reason != "" {
		return gjson.AppendJSONString(b, reason)
	}
	return appendOrNull(b, string(f))
}

func appendAnthropicUsage(b []byte, q Request, u Usage) []byte {
	b = strconv.AppendInt(append(b, `{"input_tokens":`...), int64(u.Input), 10)
	b = append(b, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":`...)
	b = strconv.AppendInt(b, int64(u.Output), 10)
	if q.form == formNullable {
		b = append(b, `,"cache_creation":null,"inference_geo":null,"output_tokens_details":null,"server_tool_use":null,"service_tier":"standard","speed":null`...)
	}
	return append(b, '}')
}

// messageEvents writes the stream of a message. Every event names its type twice.
type messageEvents struct {
	events
	q     Request
	block int
}

func anthropicRenderStream(q Request, r Reply, pieces []string) []exchange.Step {
	n, size := sizeOf(r, pieces)
	n += 12 + 2*len(r.ToolCalls)
	s := messageEvents{events: newEvents(n, n*160+size+1024), q: q}
	s.open("message_start")
	s.b = appendAnthropicHead(append(s.b, `,"message":`...), r)
	s.put(`,"content":[],"stop_reason":null,"stop_sequence":null`)
	s.b = appendNullable(s.b, q)
	s.b = appendAnthropicUsage(append(s.b, `,"usage":`...), q, Usage{Input: r.Usage.Input, Output: min(1, r.Usage.Output)})
	s.put("}")
	s.end(exchange.Meta)
	if r.Thinking != "" {
		s.thinking(r.Thinking)
	}
	if len(pieces) > 0 {
		s.text(pieces)
	}
	for _, c := range r.ToolCalls {
		s.tool(c)
	}
	if r.Err != nil {
		s.b = append(s.b, anthropicRenderEvent(*r.Err)...)
		s.close(exchange.Failure)
		return s.steps
	}
	s.open("message_delta")
	s.b = appendStop(append(s.b, `,"delta":{"stop_reason":`...), r.Finish)
	s.put(`,"stop_sequence":null`)
	if q.form == formNullable {
		s.put(`,"container":null,"stop_details":null`)
	}
	s.b = appendAnthropicUsage(append(s.b, `},"usage":`...), q, r.Usage)
	s.end(exchange.Meta)
	s.open("message_stop")
	s.end(exchange.Terminal)
	return s.steps
}

func (s *messageEvents) open(kind string) {
	s.put("event: ", kind, "\ndata: {\"type\":\"", kind, `"`)
}

func (s *messageEvents) end(kind exchange.Kind) {
	s.put("}\n\n")
	s.close(kind)
}

// about writes the index of the block.
func (s *messageEvents) about(kind string) {
	s.open(kind)
	s.b = strconv.AppendInt(append(s.b, `,"index":`...), int64(s.block), 10)
}

// start begins a block; a ping follows the first.
func (s *messageEvents) start(kind exchange.Kind, block string) {
	s.about("content_block_start")
	s.put(`,"content_block":`, block)
	s.end(kind)
	if s.block == 0 {
		s.put(ping)
		s.close(exchange.Ping)
	}
}

// delta writes a piece of the block; field is up to the piece's colon.
func (s *messageEvents) delta(field, piece string) {
	s.about("content_block_delta")
	s.b = append(gjson.AppendJSONString(append(s.b, field...), piece), '}')
	s.end(exchange.Content)
}

func (s *messageEvents) stop() {
	s.about("content_block_stop")
	s.end(exchange.Meta)
	s.block++
}

func (s *messageEvents) thinking(text string) {
	s.start(exchange.Meta, `{"type":"thinking","thinking":"","signature":""}`)
	for piece := range runes(text, thoughtPiece) {
		s.delta(`,"delta":{"type":"thinking_delta","thinking":`, piece)
	}
	s.about("content_block_delta")
	s.put(`,"delta":{"type":"signature_delta","signature":` + signature + `}`)
	s.end(exchange.Meta)
	s.stop()
}

func (s *messageEvents) text(pieces []string) {
	s.start(exchange.Meta, `{"type":"text","text":""}`)
	for _, p := range pieces {
		s.delta(`,"delta":{"type":"text_delta","text":`, p)
	}
	s.stop()
}

func (s *messageEvents) tool(c ToolCall) {
	s.start(exchange.Content, string(append(appendAnthropicUse(nil, s.q, c, "{}"), '}')))
	for piece := range runes(c.Arguments, argumentPiece) {
		s.delta(`,"delta":{"type":"input_json_delta","partial_json":`, piece)
	}
	s.stop()
}
