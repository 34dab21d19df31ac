package dialect

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// response writes the parts of a Response, whole or in its stream. Its items are the
// reasoning, then a message, then calls.
type response struct {
	q          Request
	r          Reply
	id         string // without its prefix; the items' ids are made of it
	hasText    bool
	refusal    bool
	incomplete bool
}

func newResponse(q Request, r Reply) response {
	return response{
		q: q, r: r, id: strings.TrimPrefix(r.ID, "resp_"),
		hasText:    r.Text != "" || len(r.ToolCalls) == 0,
		refusal:    r.Finish == FinishContentFilter,
		incomplete: r.Finish == FinishLength,
	}
}

func responsesRenderReply(q Request, r Reply) []byte {
	s := newResponse(q, r)
	b := make([]byte, 0, 1024+len(q.echo)+len(r.Text)+len(r.Text)/8+len(r.Thinking)+256*len(r.ToolCalls))
	return s.append(b, s.status(), true)
}

// status is how the response ends.
func (s *response) status() string {
	switch {
	case s.r.Err != nil:
		return "failed"
	case s.incomplete:
		return "incomplete"
	}
	return "completed"
}

// append writes the response; final ones have their output and usage.
func (s *response) append(b []byte, status string, final bool) []byte {
	created := s.r.Created.Unix()
	b = gjson.AppendJSONString(append(b, `{"id":`...), s.r.ID)
	b = strconv.AppendInt(append(b, `,"object":"response","created_at":`...), created, 10)
	b = append(append(append(b, `,"status":"`...), status...), `","background":false,"error":`...)
	if e := s.r.Err; e != nil && final {
		b = gjson.AppendJSONString(append(b, `{"code":`...), responsesCode(e))
		b = append(gjson.AppendJSONString(append(b, `,"message":`...), e.Message), '}')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"incomplete_details":`...)
	if status == "incomplete" {
		b = append(b, `{"reason":"max_output_tokens"}`...)
	} else {
		b = append(b, "null"...)
	}
	b = gjson.AppendJSONString(append(b, `,"model":`...), s.r.Model)
	b = append(b, `,"output":[`...)
	if final && s.r.Err == nil {
		b = s.appendItems(b)
	}
	b = append(append(b, ']'), s.q.echo...)
	b = append(b, `,"service_tier":"default","usage":`...)
	if !final || s.r.Err != nil {
		return append(b, "null}"...)
	}
	u, thought := s.r.Usage, (len(s.r.Thinking)+thoughtPiece-1)/thoughtPiece
	b = strconv.AppendInt(append(b, `{"input_tokens":`...), int64(u.Input), 10)
	b = strconv.AppendInt(append(b, `,"input_tokens_details":{"cached_tokens":0},"output_tokens":`...), int64(u.Output), 10)
	b = strconv.AppendInt(append(b, `,"output_tokens_details":{"reasoning_tokens":`...), int64(thought), 10)
	b = strconv.AppendInt(append(b, `},"total_tokens":`...), int64(u.Input+u.Output), 10)
	return append(b, `}}`...)
}

// responsesCode gives an error one of the codes that a Response may have.
func responsesCode(e *Error) string {
	if e.Status == 429 || e.Code == "rate_limit_exceeded" {
		return "rate_limit_exceeded"
	}
	return "server_error"
}

func (s *response) appendItems(b []byte) []byte {
	first := true
	next := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	if s.r.Thinking != "" {
		next()
		b = s.appendReasoning(b, true)
	}
	if s.hasText {
		next()
		b = s.appendMessage(b, true)
	}
	for i := range s.r.ToolCalls {
		next()
		b = s.appendCall(b, i, true)
	}
	return b
}

func (s *response) appendReasoning(b []byte, final bool) []byte {
	b = append(append(append(b, `{"id":"rs_`...), s.id...), `","type":"reasoning","summary":[`...)
	if final {
		b = s.appendSummary(b, s.r.Thinking)
	}
	return append(b, `]}`...)
}

func (s *response) appendSummary(b []byte, text string) []byte {
	return append(gjson.AppendJSONString(append(b, `{"type":"summary_text","text":`...), text), '}')
}

func (s *response) appendMessage(b []byte, final bool) []byte {
	b = append(append(append(b, `{"id":"msg_`...), s.id...), `","type":"message","status":"`...)
	b = append(append(b, s.itemStatus(final)...), `","role":"assistant","content":[`...)
	if final {
		b = s.appendPart(b, s.r.Text)
	}
	return append(b, `]}`...)
}

func (s *response) itemStatus(final bool) string {
	switch {
	case !final:
		return "in_progress"
	case s.incomplete:
		return "incomplete"
	}
	return "completed"
}

// appendPart writes the one part of the message.
func (s *response) appendPart(b []byte, text string) []byte {
	if s.refusal {
		return append(gjson.AppendJSONString(append(b, `{"type":"refusal","refusal":`...), text), '}')
	}
	b = append(b, `{"type":"output_text","annotations":[],"logprobs":[],"text":`...)
	return append(gjson.AppendJSONString(b, text), '}')
}

// callID names the item of a call, which has a call_id besides.
func (s *response) appendCallID(b []byte, i int) []byte {
	return strconv.AppendInt(append(append(append(b, `fc_`...), s.id...), '_'), int64(i), 10)
}

func (s *response) appendCall(b []byte, i int, final bool) []byte {
	call := s.r.ToolCalls[i]
	arguments := ""
	if final {
		arguments = call.Arguments
	}
	b = s.appendCallID(append(b, `{"id":"`...), i)
	b = append(append(append(b, `","type":"function_call","status":"`...), s.itemStatus(final)...), '"')
	b = gjson.AppendJSONString(append(b, `,"arguments":`...), arguments)
	b = gjson.AppendJSONString(append(b, `,"call_id":`...), call.ID)
	return append(gjson.AppendJSONString(append(b, `,"name":`...), call.Name), '}')
}
