package mockllm

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

func TestFirstRuleThatFits(t *testing.T) {
	yes, no := true, false
	user := func(texts ...string) *dialect.Request {
		q := &dialect.Request{Model: "gpt-4o"}
		for i, text := range texts {
			role := []string{"user", "assistant"}[i%2]
			q.Messages = append(q.Messages, dialect.Message{Role: role, Content: text})
		}
		return q
	}
	afterTool := user("weather?", "")
	afterTool.Messages = append(afterTool.Messages, dialect.Message{Role: "tool", Content: "21 degrees"})
	for _, c := range []struct {
		name    string
		rule    Rule
		q       *dialect.Request
		attempt uint64
		want    bool
	}{
		{"anything", Rule{}, user("x"), 1, true},
		{"no messages", Rule{}, &dialect.Request{}, 1, true},
		{"model", Rule{Model: "gpt-4o"}, user("x"), 1, true},
		{"another model", Rule{Model: "gpt-4o-mini"}, user("x"), 1, false},
		{"contains", Rule{Contains: "eat"}, user("weather?"), 1, true},
		{"contained before the last", Rule{Contains: "eat"}, user("weather?", "rain", "ok"), 1, false},
		{"matches", Rule{Matches: `(?i)^WEATHER\?$`}, user("weather?"), 1, true},
		{"does not match", Rule{Matches: `^eather`}, user("weather?"), 1, false},
		{"after a tool", Rule{AfterTool: &yes}, afterTool, 1, true},
		{"before a tool", Rule{AfterTool: &yes}, user("x"), 1, false},
		{"not after a tool", Rule{AfterTool: &no}, afterTool, 1, false},
		{"the tool's result is the last message", Rule{Contains: "21"}, afterTool, 1, true},
		{"turn", Rule{Turn: 2}, afterTool, 1, true},
		{"another turn", Rule{Turn: 2}, user("x"), 1, false},
		{"attempt", Rule{Attempt: 2}, user("x"), 2, true},
		{"another attempt", Rule{Attempt: 2}, user("x"), 1, false},
		{"all must hold", Rule{Model: "gpt-4o", Contains: "x", Turn: 2}, user("x"), 1, false},
	} {
		c.rule.Text = "a"
		if err := c.rule.Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := firstFit(compile([]Rule{c.rule}), seed.Key{Attempt: c.attempt}, c.q); (got != nil) != c.want {
			t.Errorf("%s: fits %v", c.name, got != nil)
		}
	}
	rules := compile([]Rule{{Contains: "y", Text: "1"}, {Contains: "x", Text: "2"}, {Text: "3"}})
	if got := firstFit(rules, seed.Key{}, user("x")); got != &rules[1] {
		t.Errorf("not the first that fits: %+v", got)
	}
}

// scripted is a provider with rules that answers at once.
func scripted(t *testing.T, name string, rules ...Rule) *ProviderServer {
	now := seed.Constant(time.Nanosecond)
	return provider(t, func(p *Provider) {
		p.Dialect, p.Replies = name, rules
		p.Models["gpt-4o"] = Model{TTFT: now, Gap: now, Tokens: seed.Count{P50: 3, P99: 3}}
	})
}

// Every dialect says what a rule says, whole and streamed.
func TestScriptedReplies(t *testing.T) {
	calls := []ScriptedCall{{Name: "get_weather", Arguments: `{"city": "Paris"}`}, {Name: "get_time"}}
	for name, body := range chats {
		for _, c := range []struct {
			rule   Rule
			text   string
			finish dialect.Finish
			calls  int
		}{
			{Rule{Text: "It is 21 °C in Paris."}, "It is 21 °C in Paris.", dialect.FinishStop, 0},
			{Rule{Refusal: "I won't."}, "I won't.", dialect.FinishContentFilter, 0},
			{Rule{ToolCalls: calls}, "", dialect.FinishToolCalls, 2},
			{Rule{Text: "Let me see.", ToolCalls: calls[:1]}, "Let me see.", dialect.FinishToolCalls, 1},
		} {
			synctest.Test(t, func(t *testing.T) {
				s := scripted(t, name, c.rule)
				_, b := post(t, s, "key", seed.Key{Request: 1}, body)
				reply, err := s.dialect.Decode(b)
				if err != nil || reply.Finish != c.finish || len(reply.ToolCalls) != c.calls || reply.Usage.Output == 0 {
					t.Fatalf("%s %+v: %s, %v", name, c.rule, b, err)
				}
				if reply.Text != c.text && c.finish != dialect.FinishContentFilter {
					t.Errorf("%s: says %q, want %q", name, reply.Text, c.text)
				}
				for i, call := range reply.ToolCalls {
					if call.Name != calls[i].Name || !json.Valid([]byte(call.Arguments)) || i == 0 && !strings.Contains(call.Arguments, "Paris") {
						t.Errorf("%s: calls %+v", name, call)
					}
				}
			})
		}
	}
}

func TestScriptedErrors(t *testing.T) {
	for name, body := range chats {
		synctest.Test(t, func(t *testing.T) {
			s := scripted(t, name, Rule{Attempt: 1, Error: &ScriptedError{Status: 503, Message: "not now", RetryAfter: 1500 * time.Millisecond}})
			res, b := post(t, s, "key", seed.Key{Attempt: 1}, body)
			if e := s.dialect.DecodeError(res.StatusCode, b); res.StatusCode != 503 || e.Message != "not now" || res.Header.Get("Retry-After") != "2" {
				t.Errorf("%s: %d %s %v", name, res.StatusCode, b, res.Header)
			}
			if res, b := post(t, s, "key", seed.Key{Attempt: 2}, body); res.StatusCode != 200 {
				t.Errorf("%s: the retry got %d %s", name, res.StatusCode, b)
			}
		})
	}
}

// An agent's loop closes: the model asks for a tool, gets its result, and answers.
func TestAgentLoopCloses(t *testing.T) {
	yes := true
	c := sdk(t, scripted(t, "openai",
		Rule{AfterTool: &yes, Contains: "21", Text: "It is 21 degrees in Paris."},
		Rule{Contains: "weather", ToolCalls: []ScriptedCall{{Name: "web_search", Arguments: `{"query":"weather Paris"}`}}},
	).Handler())
	q := toolParams()
	q.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is the weather in Paris?")}
	for turn := range 3 {
		reply, err := c.Chat.Completions.New(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		m := reply.Choices[0].Message
		if len(m.ToolCalls) == 0 {
			if turn != 1 || m.Content != "It is 21 degrees in Paris." || reply.Choices[0].FinishReason != "stop" {
				t.Errorf("turn %d: %s", turn, reply.RawJSON())
			}
			return
		}
		q.Messages = append(q.Messages, m.ToParam())
		for _, call := range m.ToolCalls {
			if call.Function.Name != "web_search" || call.Function.Arguments != `{"query":"weather Paris"}` {
				t.Errorf("calls %s", call.RawJSON())
			}
			q.Messages = append(q.Messages, openai.ToolMessage("21 degrees", call.ID))
		}
	}
	t.Error("the loop does not close")
}

func TestRuleValidate(t *testing.T) {
	for path, r := range map[string]Rule{
		"matches: ":                {Matches: "(", Text: "a"},
		"text: ":                   {},
		"text: a rule":             {Text: "a", Refusal: "b"},
		"toolCalls[0].name: ":      {ToolCalls: []ScriptedCall{{}}},
		"toolCalls[1].arguments: ": {ToolCalls: []ScriptedCall{{Name: "a"}, {Name: "b", Arguments: "[]"}}},
		"error.status: ":           {Error: &ScriptedError{Status: 200}},
		"error.retryAfter: ":       {Error: &ScriptedError{Status: 429, RetryAfter: -1}},
	} {
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s%v", path, err)
		}
	}
}
