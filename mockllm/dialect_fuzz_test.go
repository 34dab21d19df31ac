package mockllm

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// bodies are requests to one path of a dialect: those that must be refused with 400,
// and unusual ones that must be answered. HI stands for a user's turn.
type bodies struct {
	path            string
	nonsense, sense []string
}

var dialectBodies = map[string][]bodies{
	"openai": {
		{"/v1/responses", []string{
			``, `[]`, `{"input":"a"}`, `{"model":"m1"}`, `{"model":"m1","input":[]}`, `{"model":"m1","input":4}`, `{"model":"m1","input":["a"]}`,
			`{"model":"m1","input":[{}]}`, `{"model":"m1","input":[{"role":"robot","content":"a"}]}`, `{"model":"m1","input":[{"role":"user"}]}`,
			`{"model":"m1","input":[{"type":"function_call_output","call_id":"x","output":"a"}]}`, `{"model":"m1","input":[{"type":"function_call","name":"f"}]}`,
			`{"model":"m1","input":"a","instructions":4}`, `{"model":"m1","input":"a","stream":"yes"}`, `{"model":"m1","input":"a","tools":[{}]}`,
			`{"model":"m1","input":"a","tools":[{"type":"function"}]}`, `{"model":"m1","input":"a","tool_choice":"required"}`,
			`{"model":"m1","input":"a","text":{"format":{"type":"json_schema"}}}`, `{"model":"m1","input":"a","max_output_tokens":0}`,
			`{"model":"m1","input":"a","reasoning":4}`, `{"model":"m1","input":"a","temperature":3}`,
		}, []string{
			`{"model":"m1","input":"a"}`, `{"model":"m1","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}],"brand_new":1}`,
			`{"model":"m1","input":"a","instructions":null,"stream":null,"tools":null,"reasoning":null,"text":null}`,
			`{"model":"m1","previous_response_id":"r","input":[{"type":"function_call_output","call_id":"x","output":"a"}]}`,
			`{"model":"m1","input":"a","tools":[{"type":"web_search"}]}`, "{\"model\":\"m1\",\"input\":\"a\",\"metadata\":{\n\"a\":\"b\"},\"stream\":true}",
			`{"model":"m1","input":[{"type":"item_reference","id":"x"},{"role":"user","content":"a"}]}`,
		}},
		{"/v1/embeddings", []string{
			``, `{}`, `{"model":"m1"}`, `{"model":"m1","input":""}`, `{"model":"m1","input":[]}`, `{"model":"m1","input":[""]}`, `{"model":"m1","input":{}}`,
			`{"model":"m1","input":[1.5]}`, `{"model":"m1","input":[[]]}`, `{"model":"m1","input":"a","dimensions":0}`, `{"model":"m1","input":"a","dimensions":9999}`,
			`{"model":"m1","input":"a","encoding_format":"hex"}`, `{"input":"a"}`, `{"model":"m1","input":[` + strings.Repeat(`"a",`, 2048) + `"a"]}`,
		}, []string{
			`{"model":"m1","input":"a"}`, `{"model":"m1","input":[1,2,3],"dimensions":2}`, `{"model":"m1","input":[[1],[2,3]],"dimensions":2,"user":"u"}`,
		}},
	},
	"anthropic": {
		{"/v1/messages", []string{
			``, `null`, `{}`, `{"model":"m1","max_tokens":9}`, `{"max_tokens":9,"messages":[HI]}`, `{"model":"m1","messages":[HI]}`,
			`{"model":"m1","max_tokens":0,"messages":[HI]}`, `{"model":"m1","max_tokens":9,"messages":[]}`, `{"model":"m1","max_tokens":9,"messages":{}}`,
			`{"model":"m1","max_tokens":9,"messages":["a"]}`, `{"model":"m1","max_tokens":9,"messages":[{"role":"system","content":"a"}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user"}]}`, `{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":""}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[]}]}`, `{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{}]}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text"}]}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_use","id":"x","name":"f","input":{}}]}]}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"system":4}`, `{"model":"m1","max_tokens":9,"messages":[HI],"temperature":1.5}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"stream":1}`, `{"model":"m1","max_tokens":9,"messages":[HI],"thinking":{"type":"deep"}}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"thinking":{"type":"enabled","budget_tokens":1024}}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"tool_choice":{"type":"any"}}`, `{"model":"m1","max_tokens":9,"messages":[HI],"tools":[{"name":""}]}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"output_config":{"format":{"type":"json"}}}`,
		}, []string{
			`{"model":"m1","max_tokens":9,"messages":[HI],"brand_new":{}}`, `{"model":"m1","max_tokens":9,"messages":[HI,HI,{"role":"assistant","content":"b"}]}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}`,
			`{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}`,
			`{"model":"m1","max_tokens":9,"messages":[HI],"tools":[{"type":"web_search_20250305","name":"web_search"}]}`,
			`{"model":"m1","max_tokens":9,"messages":[HI,{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"r"},{"type":"text","text":"go on"}]}]}`,
		}},
		{"/v1/messages/count_tokens", []string{`{}`, `{"model":"m1"}`, `{"model":"m1","messages":[]}`}, []string{`{"model":"m1","messages":[HI]}`}},
	},
	"gemini": {
		{"/v1beta/models/m1:generateContent", []string{
			``, `[]`, `{}`, `{"contents":[]}`, `{"contents":4}`, `{"contents":[{}]}`, `{"contents":[{"parts":[]}]}`, `{"contents":[{"parts":[{}]}]}`,
			`{"contents":[{"role":"assistant","parts":[{"text":"a"}]}]}`, `{"contents":[{"parts":[{"text":4}]}]}`, `{"contents":["a"]}`,
			`{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}`, `{"contents":[HI],"generationConfig":{"candidateCount":2}}`,
			`{"contents":[HI],"generationConfig":{"temperature":3}}`, `{"contents":[HI],"generationConfig":4}`, `{"contents":[HI],"generationConfig":{"responseMimeType":"text/html"}}`,
			`{"contents":[HI],"generationConfig":{"responseSchema":{"type":"STRING"}}}`, `{"contents":[HI],"tools":[{"functionDeclarations":[{}]}]}`,
			`{"contents":[HI],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`, `{"contents":[HI],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}`,
		}, []string{
			`{"contents":[HI]}`, `{"contents":HI,"safetySettings":[]}`, `{"contents":[HI],"system_instruction":{"parts":{"text":"s"}},"generation_config":{"max_output_tokens":9}}`,
			`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":""}}]}]}`, `{"contents":[HI],"tools":[{"googleSearch":{}}]}`,
			`{"contents":[HI,{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"a":1}}}]}]}`,
		}},
		{"/v1beta/models/m1:streamGenerateContent", []string{`{}`, `x`}, []string{`{"contents":[HI]}`}},
		{"/v1beta/models/m1:countTokens", []string{`{}`}, []string{`{"contents":[HI]}`, `{"generateContentRequest":{"model":"models/m1","contents":[HI]}}`}},
		{"/v1beta/models/m1:batchEmbedContents", []string{`{}`, `{"requests":[]}`, `{"requests":[{}]}`, `{"requests":[{"content":{"parts":[{"text":""}]}}]}`,
			`{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":9999}]}`}, []string{`{"requests":[{"content":{"parts":[{"text":"a"}]}}]}`}},
	},
}

func filled(name, body string) string {
	hi := `{"role":"user","content":"a"}`
	if name == "gemini" {
		hi = `{"role":"user","parts":[{"text":"a"}]}`
	}
	return strings.ReplaceAll(body, "HI", hi)
}

func TestEveryDialectRefusesNonsense(t *testing.T) {
	for name, paths := range dialectBodies {
		h, d := speaking(t, name, nil).Handler(), dialect.Dialects[name]
		for _, p := range paths {
			for _, body := range p.nonsense {
				res := ask(h, "POST", p.path, filled(name, body), seed.Key{})
				text := read(t, res)
				if e := d.DecodeError(res.StatusCode, []byte(text)); res.StatusCode != 400 || e.Type == "" || e.Message == "" {
					t.Errorf("%s %.200s: %d %s", p.path, body, res.StatusCode, text)
				}
			}
			for _, body := range p.sense {
				res := ask(h, "POST", p.path, filled(name, body), seed.Key{})
				if text := read(t, res); res.StatusCode != 200 || !strings.Contains(body, `"stream":true`) && !json.Valid([]byte(text)) {
					t.Errorf("%s %s: %d %s", p.path, body, res.StatusCode, text)
				}
			}
		}
	}
}

// FuzzDialects: no request to any dialect panics, what is no JSON object gets no
// success, a refusal is an envelope that the client reads, and so is a success.
func FuzzDialects(f *testing.F) {
	for name, paths := range dialectBodies {
		for _, p := range paths {
			for _, body := range append(p.nonsense, p.sense...) {
				f.Add(name, "POST", p.path, filled(name, body))
			}
		}
	}
	handlers := map[string]http.Handler{}
	for name := range dialect.Dialects {
		handlers[name] = speaking(f, name, nil).Handler()
	}
	f.Fuzz(func(t *testing.T, name, method, path, body string) {
		r, err := http.NewRequest(method, "http://mock"+path, strings.NewReader(body))
		if err != nil || handlers[name] == nil || !strings.HasPrefix(path, "/") {
			t.Skip()
		}
		r.Header.Set("Authorization", "Bearer key")
		w := httptest.NewRecorder()
		handlers[name].ServeHTTP(w, r)
		d, text := dialect.Dialects[name], w.Body.Bytes()
		var object map[string]json.RawMessage
		switch route := d.Route(r.URL.Path); {
		case w.Code != 200:
			if e := d.DecodeError(w.Code, text); !json.Valid(text) || e.Message == "" && e.Type == "" {
				t.Errorf("%s %s: refused with %d %s", path, body, w.Code, text)
			}
		case method == "GET" && (route.Endpoint == dialect.ListModels || route.Endpoint == dialect.ShowModel):
		case method != "POST" || route.Endpoint == dialect.None || json.Unmarshal([]byte(body), &object) != nil:
			t.Errorf("%s %s %s was answered: %s", method, path, body, text)
		case w.Header().Get("Content-Type") == "application/json" && !json.Valid(text):
			t.Errorf("%s %s: the answer is no JSON: %s", path, body, text)
		}
	})
}
