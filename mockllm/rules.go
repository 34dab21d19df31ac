package mockllm

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// Rule is a scripted reply: conditions, all of which must hold of a request, and what
// is answered then. The first rule that fits wins; where none does, the provider
// answers as it does without rules. An agent loop in two rules:
//
//	replies:
//	  - {afterTool: true, text: "It is 21 degrees in Paris."}
//	  - {contains: weather, toolCalls: [{name: get_weather, arguments: '{"city": "Paris"}'}]}
//
// Everything a rule looks at lies in the request and its key, so that one request
// gets one answer, in whatever order requests arrive.
type Rule struct {
	// Model is the model asked for.
	Model string `yaml:"model,omitempty" json:"model,omitempty"`
	// Contains is a part of the last message's text.
	Contains string `yaml:"contains,omitempty" json:"contains,omitempty"`
	// Matches is a regular expression (RE2) for the last message's text.
	Matches string `yaml:"matches,omitempty" json:"matches,omitempty"`
	// AfterTool tells whether the last message is a tool's result.
	AfterTool *bool `yaml:"afterTool,omitempty" json:"afterTool,omitempty"`
	// Turn is the model's turn in the conversation: 1 before it has said anything, 2
	// after its first answer.
	Turn int `yaml:"turn,omitempty" json:"turn,omitempty" jsonschema:"minimum=1"`
	// Attempt is how often the same call was made: 1 the first time, 2 when it is
	// retried. A request without a key is the same call if its body is the same.
	Attempt int `yaml:"attempt,omitempty" json:"attempt,omitempty" jsonschema:"minimum=1"`

	// Text is the answer; with ToolCalls it comes before them.
	Text string `yaml:"text,omitempty" json:"text,omitempty"`
	// ToolCalls are the tools that the model asks for.
	ToolCalls []ScriptedCall `yaml:"toolCalls,omitempty" json:"toolCalls,omitempty"`
	// Refusal is a refusal's text.
	Refusal string `yaml:"refusal,omitempty" json:"refusal,omitempty"`
	// Error is answered instead of a reply.
	Error *ScriptedError `yaml:"error,omitempty" json:"error,omitempty"`
}

// ScriptedCall is a call of a tool in a scripted reply.
type ScriptedCall struct {
	// Name is the tool's.
	Name string `yaml:"name" json:"name" jsonschema:"required"`
	// Arguments are a JSON object as text; left out, they are an example that fits the
	// tool's parameters.
	Arguments string `yaml:"arguments,omitempty" json:"arguments,omitempty"`
}

// ScriptedError is an error in the provider's envelope.
type ScriptedError struct {
	// Status is the HTTP status.
	Status int `yaml:"status" json:"status" jsonschema:"required,minimum=400,maximum=599"`
	// Type is the provider's word for the kind of error.
	Type string `yaml:"type,omitempty" json:"type,omitempty"`
	// Code is the provider's word for the cause.
	Code string `yaml:"code,omitempty" json:"code,omitempty"`
	// Message is for people.
	Message string `yaml:"message,omitempty" json:"message,omitempty"`
	// RetryAfter is sent in whole seconds, if set.
	RetryAfter time.Duration `yaml:"retryAfter,omitempty" json:"retryAfter,omitempty"`
}

// Validate reports every mistake, each beginning with the path of its field.
func (r *Rule) Validate() error {
	var errs []error
	if _, err := regexp.Compile(r.Matches); err != nil {
		errs = append(errs, fmt.Errorf("matches: %w", err))
	}
	answers := 0
	for _, has := range []bool{r.Text != "" || len(r.ToolCalls) > 0, r.Refusal != "", r.Error != nil} {
		if has {
			answers++
		}
	}
	if answers != 1 {
		errs = append(errs, errors.New("text: a rule answers with text and toolCalls, with a refusal, or with an error"))
	}
	for i, c := range r.ToolCalls {
		at := fmt.Sprintf("toolCalls[%d].", i)
		if c.Name == "" {
			errs = append(errs, errors.New(at+"name: is missing"))
		}
		var object map[string]json.RawMessage
		if c.Arguments != "" && json.Unmarshal([]byte(c.Arguments), &object) != nil {
			errs = append(errs, errors.New(at+"arguments: must be a JSON object as text"))
		}
	}
	if e := r.Error; e != nil && (e.Status < 400 || e.Status > 599) {
		errs = append(errs, errors.New("error.status: must lie in [400, 599]"))
	}
	if e := r.Error; e != nil && e.RetryAfter < 0 {
		errs = append(errs, errors.New("error.retryAfter: must not be negative"))
	}
	return errors.Join(errs...)
}

// rule is a Rule ready for use.
type rule struct {
	Rule
	matches *regexp.Regexp // nil: anything
}

// compile panics on a rule that is not valid.
func compile(all []Rule) []rule {
	rules := make([]rule, len(all))
	for i, r := range all {
		rules[i].Rule = r
		if r.Matches != "" {
			rules[i].matches = regexp.MustCompile(r.Matches)
		}
	}
	return rules
}

// firstFit gives the rule that answers a request, nil if none does.
func firstFit(rules []rule, key seed.Key, q *dialect.Request) *rule {
	for i := range rules {
		if rules[i].fits(key, q) {
			return &rules[i]
		}
	}
	return nil
}

func (r *rule) fits(key seed.Key, q *dialect.Request) bool {
	var last dialect.Message
	if len(q.Messages) > 0 {
		last = q.Messages[len(q.Messages)-1]
	}
	switch {
	case r.Model != "" && r.Model != q.Model:
	case !strings.Contains(last.Content, r.Contains):
	case r.matches != nil && !r.matches.MatchString(last.Content):
	case r.AfterTool != nil && *r.AfterTool != (last.Role == "tool"):
	case r.Turn != 0 && r.Turn != turn(q):
	case r.Attempt != 0 && uint64(r.Attempt) != key.Attempt:
	default:
		return true
	}
	return false
}

// turn counts the turns of the model, the one to come included. What it says in
// several messages without another's between them is one turn.
func turn(q *dialect.Request) int {
	n, before := 1, ""
	for _, m := range q.Messages {
		if m.Role == "assistant" && before != "assistant" {
			n++
		}
		before = m.Role
	}
	return n
}

// error is a scripted error as a dialect renders it.
func (e *ScriptedError) error() dialect.Error {
	kind := e.Type
	switch {
	case kind != "":
	case e.Status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case e.Status < 500:
		kind = "invalid_request_error"
	default:
		kind = "server_error"
	}
	return dialect.Error{
		Status: e.Status, Type: kind, Code: e.Code, RetryAfter: e.RetryAfter,
		Message: cmp.Or(e.Message, http.StatusText(e.Status), "error"),
	}
}

// follow makes the answer what the rule says. Calls of tools come after the text and
// are never cut short.
func (a *answer) follow(r *rule, q *dialect.Request, ids, arguments *seed.Stream, prefix string) {
	a.reply.Finish = dialect.FinishStop
	if r.Refusal != "" {
		a.reply.Finish = dialect.FinishContentFilter
	}
	a.pieces = cut(r.Text + r.Refusal) // one of them is empty
	if q.MaxTokens > 0 && len(a.pieces) > q.MaxTokens {
		a.pieces, a.reply.Finish = a.pieces[:q.MaxTokens], dialect.FinishLength
	}
	a.reply.Usage.Output += len(a.pieces)
	for _, c := range r.ToolCalls {
		call := dialect.ToolCall{ID: prefix + letters(ids, 24), Name: c.Name, Arguments: c.Arguments}
		if call.Arguments == "" {
			call.Arguments = string(exampleArguments(parameters(q, c.Name), arguments))
		}
		a.reply.ToolCalls = append(a.reply.ToolCalls, call)
		a.reply.Usage.Output += 1 + countTokens(len(call.Arguments))
		a.reply.Finish = dialect.FinishToolCalls
	}
}

// parameters are those of a declared tool; nil if it is not declared.
func parameters(q *dialect.Request, tool string) json.RawMessage {
	for i := range q.Tools {
		if q.Tools[i].Name == tool {
			return q.Tools[i].Parameters
		}
	}
	return nil
}
