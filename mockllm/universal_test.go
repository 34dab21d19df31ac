package mockllm

import (
	"strings"
	"testing"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// Each request to the one address is answered in the dialect that it speaks.
func TestUniversal(t *testing.T) {
	h := NewUniversal(speaking(t, "openai", nil).config, 1).Handler()
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		want               string
	}{
		"OpenAI chat":        {"POST", "/v1/chat/completions", `{"model":"m1","messages":[{"role":"user","content":"a"}]}`, nil, 200, `"chat.completion"`},
		"OpenAI Responses":   {"POST", "/v1/responses", `{"model":"m1","input":"a"}`, nil, 200, `"object":"response"`},
		"OpenAI models":      {"GET", "/v1/models", "", nil, 200, `"object":"list"`},
		"OpenAI model":       {"GET", "/v1/models/m1", "", nil, 200, `"object":"model"`},
		"Azure":              {"POST", "/openai/deployments/m1/chat/completions?api-version=1", `{"messages":[{"role":"user","content":"a"}]}`, []string{"Authorization", "", "Api-Key", "k"}, 200, `"model":"m1"`},
		"Anthropic":          {"POST", "/v1/messages", `{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":"a"}]}`, nil, 200, `"type":"message"`},
		"Anthropic models":   {"GET", "/v1/models", "", []string{"Authorization", "", "X-Api-Key", "k"}, 200, `"first_id":"m1"`},
		"Anthropic model":    {"GET", "/v1/models/m1", "", []string{"Anthropic-Version", "2026-10-21"}, 200, `"type":"model"`},
		"Anthropic no key":   {"POST", "/v1/messages", "", []string{"Authorization", ""}, 401, `"authentication_error"`},
		"Gemini":             {"POST", "/v1beta/models/m1:generateContent?key=k", `{"contents":[{"parts":[{"text":"a"}]}]}`, []string{"Authorization", ""}, 200, `"candidates"`},
		"Gemini no key":      {"POST", "/v1beta/models/m1:generateContent", "", []string{"Authorization", ""}, 403, `"PERMISSION_DENIED"`},
		"Gemini models":      {"GET", "/v1beta/models", "", nil, 200, `"models/m1"`},
		"Gemini count":       {"POST", "/v1beta/models/m1:countTokens", `{"contents":[{"parts":[{"text":"a"}]}]}`, nil, 200, `"totalTokens"`},
		"Gemini embedding":   {"POST", "/v1beta/models/m1:embedContent", `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":2}`, nil, 200, `{"embedding":{"values":[`},
		"Gemini nothing":     {"POST", "/v1beta/models/m1:paint", "", nil, 404, `"NOT_FOUND"`},
		"nothing":            {"GET", "/", "", nil, 404, `"invalid_request_error"`},
		"Anthropic too big":  {"POST", "/v1/messages", strings.Repeat(" ", exchange.MaxBody+1), nil, 413, `"request_too_large"`},
		"OpenAI too big":     {"POST", "/v1/responses", strings.Repeat(" ", exchange.MaxBody+1), nil, 413, `"invalid_request_error"`},
		"Anthropic a method": {"GET", "/v1/messages", "", nil, 405, `"request_id":"req_`},
	} {
		res := ask(h, c.method, c.path, c.body, seed.Key{}, c.header...)
		if body := read(t, res); res.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}
