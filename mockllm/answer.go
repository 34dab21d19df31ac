package mockllm

import (
	"iter"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// OutputTokens is the request header that sets how many tokens the answer has,
// instead of a draw: a workload replays the counts of a real trace with it.
const OutputTokens = "Chaos-Output-Tokens"

// maxOutputTokens bounds what OutputTokens may ask for.
const maxOutputTokens = 100_000

// bytesPerToken is the usual estimate for English text and JSON.
const bytesPerToken = 4

// askedTokens reads OutputTokens; n is 0 if the header is absent.
func askedTokens(h http.Header) (n int, ok bool) {
	text := h.Get(OutputTokens)
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= maxOutputTokens
}

// answer is a reply whose text still lies in pieces of a token each.
type answer struct {
	reply  dialect.Reply
	pieces []string
}

// compose makes the answer to a request: a tool call where one is demanded, else
// text.
func (s *ProviderServer) compose(m *model, key seed.Key, q *dialect.Request, asked int) answer {
	ids := s.open("mock/id", key)
	a := answer{reply: dialect.Reply{
		ID:      "chatcmpl-" + letters(&ids, 29),
		Model:   q.Model,
		Created: time.Now(),
		Usage:   dialect.Usage{Input: inputTokens(q)},
	}}
	if tool := s.demanded(key, q); tool != nil {
		a.call(q, tool, "call_"+letters(&ids, 24), s.open("mock/arguments", key))
		return a
	}
	n := asked
	if n == 0 {
		draw := s.open(m.tokens, key)
		n = min(m.Tokens.Draw(&draw), maxOutputTokens)
	}
	a.reply.Finish = dialect.FinishStop
	if q.MaxTokens > 0 && n > q.MaxTokens {
		n, a.reply.Finish = q.MaxTokens, dialect.FinishLength
	}
	a.reply.Usage.Output = n
	draw := s.open(m.text, key)
	a.pieces = prose(&draw, n, a.reply.Finish == dialect.FinishStop)
	return a
}

// demanded returns the tool that the request wants called: the one that tool_choice
// names, or any for "required". After a tool's result the model answers.
func (s *ProviderServer) demanded(key seed.Key, q *dialect.Request) *dialect.Tool {
	last := q.Messages[len(q.Messages)-1]
	switch {
	case last.Role == "tool" || q.ToolChoice == "" || q.ToolChoice == "auto" || q.ToolChoice == "none":
		return nil
	case q.ToolChoice == "required":
		draw := s.open("mock/tool", key)
		return &q.Tools[draw.IntN(len(q.Tools))]
	}
	for i := range q.Tools {
		if q.Tools[i].Name == q.ToolChoice {
			return &q.Tools[i]
		}
	}
	return nil
}

// call makes the answer a call of a tool. The call's name counts as a token.
func (a *answer) call(q *dialect.Request, tool *dialect.Tool, id string, draw seed.Stream) {
	arguments := string(exampleArguments(tool.Parameters, &draw))
	a.reply.Finish = dialect.FinishToolCalls
	if room := bytesPerToken * (q.MaxTokens - 1); q.MaxTokens > 0 && len(arguments) > room {
		for room > 0 && !utf8.RuneStart(arguments[room]) {
			room--
		}
		arguments, a.reply.Finish = arguments[:room], dialect.FinishLength
	}
	a.reply.ToolCalls = []dialect.ToolCall{{ID: id, Name: tool.Name, Arguments: arguments}}
	a.reply.Usage.Output = 1 + countTokens(len(arguments))
}

// inputTokens estimates the prompt: its text and a frame of 3 tokens a message.
func inputTokens(q *dialect.Request) int {
	n := 3
	for _, m := range q.Messages {
		n += 3 + countTokens(len(m.Content))
		for _, c := range m.ToolCalls {
			n += 3 + countTokens(len(c.Name)+len(c.Arguments))
		}
	}
	for _, t := range q.Tools {
		n += 3 + countTokens(len(t.Name)+len(t.Description)+len(t.Parameters))
	}
	return n
}

func countTokens(bytes int) int { return (bytes + bytesPerToken - 1) / bytesPerToken }

// letters returns n random letters and digits.
func letters(s *seed.Stream, n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.IntN(len(alphabet))]
	}
	return string(b)
}

// whole is a unary reply as steps. A success is content and then, empty, what makes
// it complete; an error is neither.
func whole(status int, body []byte) iter.Seq[exchange.Step] {
	return func(yield func(exchange.Step) bool) {
		if status >= 300 {
			yield(exchange.Step{Kind: exchange.Meta, Bytes: body})
			return
		}
		_ = yield(exchange.Step{Kind: exchange.Content, Bytes: body}) && yield(exchange.Step{Kind: exchange.Terminal})
	}
}

// modelsSince is when every model says it was made: 2024-05-10.
const modelsSince = "1715299200"

func (s *ProviderServer) appendModel(b []byte, id string) []byte {
	b = gjson.AppendJSONString(append(b, `{"id":`...), id)
	b = append(b, `,"object":"model","created":`+modelsSince+`,"owned_by":`...)
	return append(gjson.AppendJSONString(b, s.name), '}')
}
