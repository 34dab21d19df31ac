package mockllm

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// instantly is a provider that does not wait, so that it can be fuzzed.
func instantly(t testing.TB) http.Handler {
	now := seed.Constant(time.Nanosecond)
	return provider(t, func(p *Provider) {
		p.Models["gpt-4o"] = Model{TTFT: now, Gap: now, Tokens: seed.Count{P50: 3, P99: 3}}
	}).Handler()
}

// nonsense are bodies that a provider must refuse with 400.
var nonsense = map[string]string{
	"empty":                   ``,
	"not JSON":                `hello`,
	"cut":                     `{"model":"gpt-4o","messages":[`,
	"array":                   `[]`,
	"null":                    `null`,
	"number":                  `7`,
	"two documents":           `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}]} {}`,
	"no model":                `{"messages":[{"role":"user","content":"a"}]}`,
	"model number":            `{"model":4,"messages":[{"role":"user","content":"a"}]}`,
	"no messages":             `{"model":"gpt-4o"}`,
	"empty messages":          `{"model":"gpt-4o","messages":[]}`,
	"messages object":         `{"model":"gpt-4o","messages":{}}`,
	"message text":            `{"model":"gpt-4o","messages":["a"]}`,
	"no role":                 `{"model":"gpt-4o","messages":[{"content":"a"}]}`,
	"unknown role":            `{"model":"gpt-4o","messages":[{"role":"robot","content":"a"}]}`,
	"no content":              `{"model":"gpt-4o","messages":[{"role":"user"}]}`,
	"content number":          `{"model":"gpt-4o","messages":[{"role":"user","content":4}]}`,
	"part without type":       `{"model":"gpt-4o","messages":[{"role":"user","content":[{"text":"a"}]}]}`,
	"part without text":       `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text"}]}]}`,
	"empty assistant":         `{"model":"gpt-4o","messages":[{"role":"assistant"}]}`,
	"tool calls object":       `{"model":"gpt-4o","messages":[{"role":"assistant","tool_calls":{}}]}`,
	"answer to nothing":       `{"model":"gpt-4o","messages":[{"role":"tool","tool_call_id":"c","content":"a"}]}`,
	"stream text":             `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"stream":"yes"}`,
	"options without stream":  `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"stream_options":{"include_usage":true}}`,
	"options text":            `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"stream":true,"stream_options":"usage"}`,
	"include_usage number":    `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"stream":true,"stream_options":{"include_usage":1}}`,
	"max_tokens zero":         `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"max_tokens":0}`,
	"max_tokens text":         `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"max_tokens":"9"}`,
	"max_tokens half":         `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"max_completion_tokens":1.5}`,
	"too many choices":        `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"n":129}`,
	"format of no kind":       `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"response_format":{"type":"yaml"}}`,
	"format without schema":   `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}`,
	"hot":                     `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"temperature":2.5}`,
	"top_p text":              `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"top_p":"1"}`,
	"tools object":            `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":{}}`,
	"tool without name":       `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{}}]}`,
	"tool parameters text":    `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","parameters":"x"}}]}`,
	"choice without tools":    `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tool_choice":"required"}`,
	"choice of unknown tool":  `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}}`,
	"choice number":           `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":1}`,
	"choice of unknown words": `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"perhaps"}`,
}

// sense are unusual bodies that a provider must answer.
var sense = map[string]string{
	"minimal":           `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}]}`,
	"unknown fields":    `{"model":"gpt-4o","messages":[{"role":"user","content":"a","name":"b"}],"brand_new":{"x":[1]},"seed":1,"stop":["x"]}`,
	"nulls":             `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"stream":null,"max_tokens":null,"tools":null,"tool_choice":null,"stream_options":null,"temperature":null,"n":null}`,
	"parts":             `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}]}`,
	"empty text":        `{"model":"gpt-4o","messages":[{"role":"user","content":""}]}`,
	"assistant prefill": `{"model":"gpt-4o","messages":[{"role":"developer","content":"a"},{"role":"assistant","content":"b"}]}`,
	"tool result":       `{"model":"gpt-4o","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}`,
	"allowed tools":     `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}}`,
	"escaped model":     `{"model":"gpt\u002d4o","messages":[{"role":"user","content":"a"}]}`,
}

func TestNonsenseIsRefused(t *testing.T) {
	h := instantly(t)
	for name, body := range nonsense {
		res := ask(h, "POST", chatPath, body, seed.Key{})
		text := read(t, res)
		e := dialect.Dialects["openai"].DecodeError(res.StatusCode, []byte(text))
		if res.StatusCode != 400 || e.Type != "invalid_request_error" || !json.Valid([]byte(text)) {
			t.Errorf("%s: %d %s", name, res.StatusCode, text)
		}
	}
	for name, body := range sense {
		if res := ask(h, "POST", chatPath, body, seed.Key{}); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, res.StatusCode, read(t, res))
		} else if reply, err := dialect.Dialects["openai"].Decode([]byte(read(t, res))); err != nil || reply.Text == "" {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
	}
}

// FuzzRequest: no request makes the provider panic, and what encoding/json cannot
// read as a chat request is not answered with a success. A refusal is an envelope.
func FuzzRequest(f *testing.F) {
	for _, bodies := range []map[string]string{nonsense, sense} {
		for _, body := range bodies {
			f.Add("POST", chatPath, body)
		}
	}
	f.Add("GET", "/v1/models/a%2Fb", "")
	f.Add("POST", chatPath, hello+`,"stream":true,"tool_choice":"required",`+tools+`}`)
	h := instantly(f)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://mock"+path, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			t.Skip()
		}
		r.Header.Set("Authorization", "Bearer key")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == 200 && strings.HasPrefix(r.URL.Path, "/v1/models") && method == "GET" {
			return
		}
		var q struct {
			Model    string
			Messages []struct{ Role string }
		}
		sensible := json.Unmarshal([]byte(body), &q) == nil && q.Model != "" && len(q.Messages) > 0
		if w.Code == 200 && (!sensible || r.URL.Path != chatPath || method != "POST") {
			t.Errorf("%s %s %s was answered: %s", method, path, body, w.Body)
		}
		if w.Code != 200 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %s was refused without an envelope: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}
