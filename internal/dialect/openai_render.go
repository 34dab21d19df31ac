package dialect

import (
	"strconv"

	"github.com/tidwall/gjson"
)

// openAIFingerprint stands for the backend's version. A real one changes with
// deployments; nothing depends on it.
const openAIFingerprint = `"fp_chaos00001"`

func openAIRenderReply(q Request, r Reply) []byte {
	if q.form == formResponses {
		return responsesRenderReply(q, r)
	}
	b := make([]byte, 0, 640+len(r.Text)+len(r.Text)/16+256*len(r.ToolCalls))
	b = appendOpenAIHead(b, "chat.completion", r)
	b = append(b, `{"index":0,"message":{"role":"assistant","content":`...)
	finish := r.Finish
	switch {
	case r.Finish == FinishContentFilter:
		b = gjson.AppendJSONString(append(b, `null,"refusal":`...), r.Text)
		finish = FinishStop
	case r.Text == "" && len(r.ToolCalls) > 0:
		b = append(b, `null,"refusal":null`...)
	default:
		b = append(gjson.AppendJSONString(b, r.Text), `,"refusal":null`...)
	}
	if len(r.ToolCalls) > 0 {
		b = appendOpenAIToolCalls(append(b, `,"tool_calls":`...), r.ToolCalls)
	}
	b = append(b, `},"logprobs":null,"finish_reason":`...)
	b = append(gjson.AppendJSONString(b, string(finish)), '}')
	for i, c := range r.More {
		b = strconv.AppendInt(append(b, `,{"index":`...), int64(i+1), 10)
		b = gjson.AppendJSONString(append(b, `,"message":{"role":"assistant","content":`...), c.Text)
		b = gjson.AppendJSONString(append(b, `,"refusal":null},"logprobs":null,"finish_reason":`...), string(c.Finish))
		b = append(b, '}')
	}
	b = appendOpenAIUsage(append(b, `],"usage":`...), r.Usage)
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
