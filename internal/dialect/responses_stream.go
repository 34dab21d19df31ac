package dialect

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// responseEvents writes the stream of a Response. Every event has its type twice and
// the next sequence number; there is no [DONE].
type responseEvents struct {
	events
	response
	number int // of the next event
	item   int // output_index
	pad    pad
}

func responsesRenderStream(q Request, r Reply, pieces []string) []exchange.Step {
	if r.Text == "" {
		r.Text = strings.Join(pieces, "")
	}
	n, size := sizeOf(r, pieces)
	n += 16 + 3*len(r.ToolCalls)
	s := responseEvents{events: newEvents(n, 0), response: newResponse(q, r), pad: newPad(r.ID)}
	s.b = make([]byte, 0, n*320+4*size+3*(600+len(q.echo)))
	for _, kind := range [...]string{"created", "in_progress"} {
		s.open("response.", kind)
		s.put(`,"response":`)
		s.b = s.append(s.b, "in_progress", false)
		s.end(exchange.Meta)
	}
	if r.Thinking != "" {
		s.reasoning()
	}
	if s.hasText {
		s.message(pieces)
	}
	for i := range r.ToolCalls {
		s.call(i)
	}
	status, kind := s.status(), exchange.Terminal
	if r.Err != nil {
		kind = exchange.Failure
	}
	s.open("response.", status)
	s.put(`,"response":`)
	s.b = s.append(s.b, status, true)
	s.end(kind)
	return s.steps
}

// open begins an event of the type that the two parts make.
func (s *responseEvents) open(family, kind string) {
	s.put("event: ", family, kind, "\ndata: {\"type\":\"", family, kind, `","sequence_number":`)
	s.b = strconv.AppendInt(s.b, int64(s.number), 10)
	s.number++
}

func (s *responseEvents) end(kind exchange.Kind) {
	s.put("}\n\n")
	s.close(kind)
}

// at says which item an event is about: that with the prefix, or a call.
func (s *responseEvents) at(prefix string, call int) {
	s.put(`,"item_id":"`)
	if prefix == "" {
		s.b = s.appendCallID(s.b, call)
	} else {
		s.put(prefix, s.id)
	}
	s.put(`","output_index":`)
	s.b = strconv.AppendInt(s.b, int64(s.item), 10)
}

// output writes an event about a whole item.
func (s *responseEvents) output(kind string, step exchange.Kind, item func([]byte) []byte) {
	s.open("response.output_item.", kind)
	s.put(`,"output_index":`)
	s.b = strconv.AppendInt(s.b, int64(s.item), 10)
	s.put(`,"item":`)
	s.b = item(s.b)
	s.end(step)
}

// delta writes a piece of text, with letters that hide how long it is.
func (s *responseEvents) delta(piece string) {
	s.b = gjson.AppendJSONString(append(s.b, `,"delta":`...), piece)
	if s.q.Obfuscate {
		s.put(`,"obfuscation":"`)
		s.b = s.pad.append(s.b, len(piece))
		s.put(`"`)
	}
}

func (s *responseEvents) reasoning() {
	s.output("added", exchange.Meta, func(b []byte) []byte { return s.appendReasoning(b, false) })
	part := func(kind, text string) {
		s.open("response.reasoning_summary_part.", kind)
		s.at("rs_", 0)
		s.put(`,"summary_index":0,"part":`)
		s.b = s.appendSummary(s.b, text)
		s.end(exchange.Meta)
	}
	part("added", "")
	for piece := range runes(s.r.Thinking, thoughtPiece) {
		s.open("response.reasoning_summary_text.", "delta")
		s.at("rs_", 0)
		s.put(`,"summary_index":0`)
		s.delta(piece)
		s.end(exchange.Content)
	}
	s.open("response.reasoning_summary_text.", "done")
	s.at("rs_", 0)
	s.b = gjson.AppendJSONString(append(s.b, `,"summary_index":0,"text":`...), s.r.Thinking)
	s.end(exchange.Meta)
	part("done", s.r.Thinking)
	s.output("done", exchange.Meta, func(b []byte) []byte { return s.appendReasoning(b, true) })
	s.item++
}

func (s *responseEvents) message(pieces []string) {
	s.output("added", exchange.Meta, func(b []byte) []byte { return s.appendMessage(b, false) })
	part := func(kind, text string) {
		s.open("response.content_part.", kind)
		s.at("msg_", 0)
		s.put(`,"content_index":0,"part":`)
		s.b = s.appendPart(s.b, text)
		s.end(exchange.Meta)
	}
	family, field, probabilities := "response.output_text.", `,"text":`, `,"logprobs":[]`
	if s.refusal {
		family, field, probabilities = "response.refusal.", `,"refusal":`, ""
	}
	part("added", "")
	for _, piece := range pieces {
		s.open(family, "delta")
		s.at("msg_", 0)
		s.put(`,"content_index":0`, probabilities)
		s.delta(piece)
		s.end(exchange.Content)
	}
	if s.r.Err != nil {
		return
	}
	s.open(family, "done")
	s.at("msg_", 0)
	s.put(`,"content_index":0`, probabilities)
	s.b = gjson.AppendJSONString(append(s.b, field...), s.r.Text)
	s.end(exchange.Meta)
	part("done", s.r.Text)
	s.output("done", exchange.Meta, func(b []byte) []byte { return s.appendMessage(b, true) })
	s.item++
}

func (s *responseEvents) call(i int) {
	const family = "response.function_call_arguments."
	call := s.r.ToolCalls[i]
	s.output("added", exchange.Content, func(b []byte) []byte { return s.appendCall(b, i, false) })
	for piece := range runes(call.Arguments, argumentPiece) {
		s.open(family, "delta")
		s.at("", i)
		s.delta(piece)
		s.end(exchange.Content)
	}
	s.open(family, "done")
	s.at("", i)
	s.b = gjson.AppendJSONString(append(s.b, `,"name":`...), call.Name)
	s.b = gjson.AppendJSONString(append(s.b, `,"arguments":`...), call.Arguments)
	s.end(exchange.Meta)
	s.output("done", exchange.Meta, func(b []byte) []byte { return s.appendCall(b, i, true) })
	s.item++
}
