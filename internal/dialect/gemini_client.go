package dialect

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

func geminiEncode(h http.Header, apiKey string, q Request) (string, []byte) {
	h["Content-Type"] = []string{"application/json"}
	h["X-Goog-Api-Key"] = []string{apiKey}
	b := make([]byte, 0, openAISize(q))
	b = appendGeminiContents(append(b, `{"contents":[`...), q.Messages)
	b = append(b, ']')
	if system := systemOf(q.Messages); system != "" {
		b = gjson.AppendJSONString(append(b, `,"systemInstruction":{"parts":[{"text":`...), system)
		b = append(b, `}]}`...)
	}
	b = appendGeminiTools(b, q)
	b = append(appendGeminiConfig(b, q), '}')
	path := geminiBase + "/" + url.PathEscape(q.Model) + ":generateContent"
	if q.Stream {
		path = geminiBase + "/" + url.PathEscape(q.Model) + ":streamGenerateContent?alt=sse"
	}
	return path, b
}

// appendGeminiContents writes the turns; results of functions that follow each other
// become one turn of the user.
func appendGeminiContents(b []byte, messages []Message) []byte {
	first, results := true, false
	names := map[string]string{}
	for _, m := range messages {
		for _, c := range m.ToolCalls {
			names[c.ID] = c.Name
		}
		switch m.Role {
		case "system", "developer":
			continue
		case "tool":
			if results {
				b = append(b[:len(b)-2], ',') // reopen the turn
			} else {
				b = append(comma(b, &first), `{"role":"user","parts":[`...)
			}
			b = append(appendGeminiResult(b, m, names[m.ToolCallID]), `]}`...)
			results = true
			continue
		}
		results = false
		b = appendGeminiTurn(comma(b, &first), m)
	}
	return b
}

func appendGeminiResult(b []byte, m Message, name string) []byte {
	b = gjson.AppendJSONString(append(b, `{"functionResponse":{"id":`...), m.ToolCallID)
	b = gjson.AppendJSONString(append(b, `,"name":`...), name)
	b = append(b, `,"response":`...)
	if gjson.Valid(m.Content) && gjson.Parse(m.Content).IsObject() {
		b = append(b, m.Content...)
	} else {
		b = append(gjson.AppendJSONString(append(b, `{"output":`...), m.Content), '}')
	}
	return append(b, `}}`...)
}

func appendGeminiTurn(b []byte, m Message) []byte {
	role := "user"
	if m.Role == "assistant" {
		role = "model"
	}
	b = append(append(append(b, `{"role":"`...), role...), `","parts":[`...)
	first := true
	if m.Content != "" || len(m.ToolCalls) == 0 {
		b = append(gjson.AppendJSONString(append(comma(b, &first), `{"text":`...), m.Content), '}')
	}
	for _, c := range m.ToolCalls {
		b = gjson.AppendJSONString(append(comma(b, &first), `{"functionCall":{"id":`...), c.ID)
		b = gjson.AppendJSONString(append(b, `,"name":`...), c.Name)
		args := c.Arguments
		if !gjson.Valid(args) || !gjson.Parse(args).IsObject() {
			args = "{}"
		}
		b = append(append(append(b, `,"args":`...), args...), `}}`...)
	}
	return append(b, `]}`...)
}

func appendGeminiTools(b []byte, q Request) []byte {
	if len(q.Tools) == 0 {
		return b
	}
	b = append(b, `,"tools":[{"functionDeclarations":`...)
	for i, t := range q.Tools {
		b = append(b, "[,"[min(i, 1)])
		b = gjson.AppendJSONString(append(b, `{"name":`...), t.Name)
		if t.Description != "" {
			b = gjson.AppendJSONString(append(b, `,"description":`...), t.Description)
		}
		if len(t.Parameters) > 0 {
			b = append(append(b, `,"parametersJsonSchema":`...), t.Parameters...)
		}
		b = append(b, '}')
	}
	b = append(b, `]}]`...)
	mode, name := "", ""
	switch q.ToolChoice {
	case "":
		return b
	case "auto":
		mode = "AUTO"
	case "none":
		mode = "NONE"
	case "required":
		mode = "ANY"
	default:
		mode, name = "ANY", q.ToolChoice
	}
	b = append(append(append(b, `,"toolConfig":{"functionCallingConfig":{"mode":"`...), mode...), '"')
	if name != "" {
		b = append(gjson.AppendJSONString(append(b, `,"allowedFunctionNames":[`...), name), ']')
	}
	return append(b, `}}`...)
}

func appendGeminiConfig(b []byte, q Request) []byte {
	if q.MaxTokens == 0 && !q.Thinking && len(q.JSON) == 0 {
		return b
	}
	first := true
	b = append(b, `,"generationConfig":{`...)
	if q.MaxTokens > 0 {
		b = strconv.AppendInt(append(comma(b, &first), `"maxOutputTokens":`...), int64(q.MaxTokens), 10)
	}
	if q.Thinking {
		b = append(comma(b, &first), `"thinkingConfig":{"includeThoughts":true}`...)
	}
	if len(q.JSON) > 0 {
		b = append(comma(b, &first), `"responseMimeType":"application/json"`...)
		if !isEmptyObject(q.JSON) {
			b = append(append(b, `,"responseJsonSchema":`...), q.JSON...)
		}
	}
	return append(b, '}')
}

func geminiDecode(body []byte) (Reply, error) {
	doc, err := replyObject(body)
	if err != nil {
		return Reply{}, err
	}
	if e := doc.Get("error"); isError(e) {
		return Reply{}, geminiErrorOf(http.StatusOK, e)
	}
	r := Reply{ID: doc.Get("responseId").String(), Model: doc.Get("modelVersion").String()}
	ev, thinking, err := geminiChunk(doc)
	switch {
	case err != nil:
		return Reply{}, err
	case ev.Finish == "":
		return Reply{}, errors.New("dialect: reply has no candidate with a finishReason")
	}
	r.Text, r.Thinking, r.Finish = ev.Text, thinking, ev.Finish
	for _, d := range ev.Tools {
		r.ToolCalls = append(r.ToolCalls, ToolCall{d.ID, d.Name, d.Arguments})
	}
	if ev.Usage != nil {
		r.Usage = *ev.Usage
	}
	return r, nil
}

// geminiDecodeEvent reads one chunk. Its events have no event line; a chunk with a
// finishReason, or one that blocks the prompt, is terminal.
func geminiDecodeEvent(name string, data []byte) (Event, error) {
	if name == Comment {
		return Event{Kind: exchange.Ping}, nil
	}
	doc, err := replyObject(data)
	if err != nil {
		return Event{}, err
	}
	if e := doc.Get("error"); isError(e) {
		e := geminiErrorOf(http.StatusOK, e)
		return Event{Kind: exchange.Failure, Err: e}, e
	}
	ev, _, err := geminiChunk(doc)
	return ev, err
}

// geminiChunk reads the first candidate of a chunk or a reply.
func geminiChunk(doc gjson.Result) (ev Event, thinking string, err error) {
	top := fields(doc, "candidates", "promptFeedback", "usageMetadata")
	candidates, usage := top[0], top[2]
	if candidates.Exists() && !candidates.IsArray() {
		return ev, "", errors.New("dialect: candidates is not an array")
	}
	candidate := candidates.Get("0")
	switch {
	case candidate.Exists() && !candidate.IsObject():
		return ev, "", errors.New("dialect: candidate is not an object")
	case !candidate.Exists() && top[1].Get("blockReason").Str != "":
		ev.Kind, ev.Finish = exchange.Terminal, FinishContentFilter
	case !candidate.Exists() && !usage.IsObject():
		return ev, "", errors.New("dialect: chunk has no candidates")
	}
	f := fields(candidate, "content", "finishReason", "index")
	if f[2].Int() != 0 {
		return ev, "", nil
	}
	if thinking, err = geminiParts(&ev, f[0]); err != nil {
		return ev, "", err
	}
	if f[1].Type != gjson.String && f[1].Type != gjson.Null {
		return ev, "", errors.New("dialect: finishReason is not a string")
	}
	if reason := f[1].Str; reason != "" && reason != "FINISH_REASON_UNSPECIFIED" {
		ev.Kind, ev.Finish = exchange.Terminal, geminiFinish(reason, len(ev.Tools) > 0)
	}
	if usage.IsObject() && (ev.Kind == exchange.Terminal || !candidate.Exists()) {
		u := fields(usage, "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
		ev.Usage = &Usage{Input: int(u[0].Int()), Output: int(u[1].Int() + u[2].Int())}
	}
	return ev, thinking, nil
}

// geminiParts adds the parts of a candidate's content, which may have none.
func geminiParts(ev *Event, content gjson.Result) (thinking string, err error) {
	parts := content.Get("parts")
	if content.Exists() && !content.IsObject() || parts.Exists() && !parts.IsArray() {
		return "", errors.New("dialect: content has no array of parts")
	}
	parts.ForEach(func(_, part gjson.Result) bool {
		f := fields(part, "text", "thought", "functionCall")
		call := f[2]
		switch {
		case !part.IsObject() || f[0].Exists() && f[0].Type != gjson.String:
			err = errors.New("dialect: part is not an object with a text")
		case call.Exists() && (call.Get("name").Str == "" || call.Get("args").Exists() && !call.Get("args").IsObject()):
			err = errors.New("dialect: functionCall has no name or no object of args")
		case call.Exists():
			args := call.Get("args").Raw
			if args == "" {
				args = "{}"
			}
			ev.Tools = append(ev.Tools, ToolDelta{Index: WholeCall, ID: call.Get("id").Str, Name: call.Get("name").Str, Arguments: args})
		case f[1].Type == gjson.True:
			thinking += f[0].Str
		default:
			ev.Text += f[0].Str
		}
		return err == nil
	})
	if ev.Text != "" || len(ev.Tools) > 0 || thinking != "" {
		ev.Kind = exchange.Content
	}
	return thinking, err
}

// geminiFinish reads a finish reason; one it does not know stays as it is.
func geminiFinish(reason string, called bool) Finish {
	switch reason {
	case "STOP":
		if called {
			return FinishToolCalls
		}
		return FinishStop
	case "MAX_TOKENS":
		return FinishLength
	case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
		"IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return FinishContentFilter
	}
	return Finish(reason)
}
