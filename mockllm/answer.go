package mockllm

import (
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// Outcome is the request header that sets how the answer ends, for tests: "refusal"
// (the model refuses) or "failure" (the answer breaks off, or fails as a whole).
const Outcome = "Chaos-Outcome"

// asked is what a request's headers, and the rules, say about the answer.
type asked struct {
	tokens  int    // 0: drawn
	outcome string // "", refusal or failure
	rule    *rule  // that answers instead; nil: none
}

func askedOf(h http.Header) (a asked, err error) {
	switch a.outcome = h.Get(Outcome); a.outcome {
	case "", "refusal", "failure":
	default:
		return a, errors.New(Outcome + " must be refusal or failure")
	}
	text := h.Get(OutputTokens)
	if text == "" {
		return a, nil
	}
	if a.tokens, err = strconv.Atoi(text); err != nil || a.tokens < 1 || a.tokens > maxOutputTokens {
		return a, errors.New(OutputTokens + " must be a whole number from 1 to 100000")
	}
	return a, nil
}

// answer is a reply whose text still lies in pieces of a token each.
type answer struct {
	reply  dialect.Reply
	pieces []string
}

// compose makes the answer to a request: a tool call where one is demanded, else
// text, or JSON where that is.
func (s *ProviderServer) compose(m *model, key seed.Key, q *dialect.Request, want asked) answer {
	ids := s.open("mock/id", key)
	a := answer{reply: dialect.Reply{
		ID:      s.dialect.ReplyPrefix(*q) + letters(&ids, 29),
		Model:   q.Model,
		Created: time.Now(),
		Usage:   dialect.Usage{Input: inputTokens(q)},
	}}
	if want.outcome == "failure" {
		failed := broken
		a.reply.Err = &failed
	}
	if q.Thinking {
		draw := s.open("mock/thinking", key)
		a.think(q, prose(&draw, 8+draw.IntN(17), true))
	}
	if want.rule != nil {
		draw := s.open("mock/arguments", key)
		a.follow(want.rule, q, &ids, &draw, s.dialect.CallPrefix)
		return a
	}
	if tool := s.demanded(key, q); tool != nil && want.outcome != "refusal" {
		a.call(q, tool, s.dialect.CallPrefix+letters(&ids, 24), s.open("mock/arguments", key))
		return a
	}
	lengths, words := s.open(m.tokens, key), s.open(m.text, key)
	for i := range max(1, q.Choices) {
		n := want.tokens
		if n == 0 {
			n = min(m.Tokens.Draw(&lengths), maxOutputTokens)
		}
		pieces, finish := speak(q, n, want.outcome == "refusal", &words)
		a.reply.Usage.Output += len(pieces)
		if i == 0 {
			a.pieces, a.reply.Finish = pieces, finish
			continue
		}
		a.reply.More = append(a.reply.More, dialect.Choice{Text: strings.Join(pieces, ""), Pieces: pieces, Finish: finish})
	}
	return a
}

// speak makes an answer of n tokens, or fewer if the request allows no more. JSON has
// its own length.
func speak(q *dialect.Request, n int, refuse bool, words *seed.Stream) ([]string, dialect.Finish) {
	pieces, finish := []string(nil), dialect.FinishStop
	switch {
	case refuse:
		return slices.Clone(refusal[:]), dialect.FinishContentFilter
	case len(q.JSON) > 0:
		pieces = cut(string(exampleJSON(q.JSON, words)))
		n = len(pieces)
	}
	if q.MaxTokens > 0 && n > q.MaxTokens {
		n, finish = q.MaxTokens, dialect.FinishLength
	}
	if pieces != nil {
		return pieces[:n], finish
	}
	return prose(words, n, finish == dialect.FinishStop), finish
}

// refusal is what a model says that refuses.
var refusal = [...]string{"I", "'m", " sorry", ",", " but", " I", " can't", " help", " with", " that", "."}

// cut splits text into pieces of about a token each.
func cut(text string) (pieces []string) {
	for text != "" {
		n := min(bytesPerToken, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return pieces
}

// think lets the answer show its reasoning, which counts as output, unless too few
// tokens are allowed for both.
func (a *answer) think(q *dialect.Request, words []string) {
	text := strings.Join(words, "")
	n := countTokens(len(text))
	if q.MaxTokens > 0 && n >= q.MaxTokens {
		return
	}
	a.reply.Thinking = text
	a.reply.Usage.Output += n
	if q.MaxTokens > 0 {
		q.MaxTokens -= n
	}
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
	a.reply.Usage.Output += 1 + countTokens(len(arguments))
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
