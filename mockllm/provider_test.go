package mockllm

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

const chatPath = "/v1/chat/completions"

var update = flag.Bool("update", false, "rewrite testdata")

// provider returns one with a single model of the given behaviour.
func provider(t testing.TB, change func(*Provider)) *ProviderServer {
	t.Helper()
	p := Provider{Models: map[string]Model{"gpt-4o": {}, "gpt-4o-mini": {}}}
	if change != nil {
		change(&p)
	}
	p.SetDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	return NewProvider("openai", p, 42)
}

// ask sends one request through the handler, keyed, and returns the whole answer.
func ask(h http.Handler, method, path, body string, key seed.Key, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set(seed.Header, key.String())
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const tools = `"tools":[{"type":"function","function":{"name":"web_search","description":"finds pages","parameters":` +
	`{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":5},"fresh":{"type":"boolean"}},"required":["query","limit"]}}}]`

const hello = `{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is a circuit breaker?"}]`

// The wire bytes of every kind of reply, with the instant of each write, are files
// in testdata; -update rewrites them.
func TestGolden(t *testing.T) {
	few := func(p *Provider) {
		p.Models["gpt-4o"] = Model{Tokens: seed.Count{P50: 5, P99: 5}}
	}
	for _, c := range []struct{ name, method, path, body string }{
		{"unary", "POST", "/v1/chat/completions", hello + `}`},
		{"stream", "POST", "/v1/chat/completions", hello + `,"stream":true}`},
		{"stream_usage", "POST", "/v1/chat/completions", hello + `,"stream":true,"stream_options":{"include_usage":true}}`},
		{"length", "POST", "/v1/chat/completions", hello + `,"max_tokens":3}`},
		{"tool_unary", "POST", "/v1/chat/completions", hello + `,"tool_choice":"required",` + tools + `}`},
		{"tool_stream", "POST", "/v1/chat/completions", hello + `,"stream":true,"stream_options":{"include_usage":true},"tool_choice":{"type":"function","function":{"name":"web_search"}},` + tools + `}`},
		{"tool_length", "POST", "/v1/chat/completions", hello + `,"max_completion_tokens":4,"tool_choice":"required",` + tools + `}`},
		{"models", "GET", "/v1/models", ""},
		{"model", "GET", "/v1/models/gpt-4o", ""},
		{"unknown_model", "POST", "/v1/chat/completions", strings.Replace(hello, "gpt-4o", "gpt-5", 1) + `}`},
		{"bad_json", "POST", "/v1/chat/completions", hello},
		{"not_found", "POST", "/v1/completions", hello + `}`},
		{"method", "GET", "/v1/chat/completions", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := perform(provider(t, few).Handler(), c.method, c.path, c.body)
				golden(t, c.name, got)
			})
		})
	}
}

// The other dialects' wire bytes, too; their files begin with the dialect's name.
func TestGoldenDialects(t *testing.T) {
	const (
		ask    = `"messages":[{"role":"user","content":"What is a circuit breaker?"}]`
		gemini = `{"contents":[{"role":"user","parts":[{"text":"What is a circuit breaker?"}]}]`
		one    = `{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}`
		claude = `{"model":"m1","max_tokens":2000,` + ask
		use    = `,"tools":[{"name":"web_search","input_schema":` + one + `}],"tool_choice":{"type":"any"}`
		call   = `,"tools":[{"functionDeclarations":[{"name":"web_search","parameters":` + one + `}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}`
		input  = `{"model":"m1","input":"What is a circuit breaker?"`
		tool   = `,"tools":[{"type":"function","name":"web_search","parameters":` + one + `}],"tool_choice":"required"`
		sse    = "/v1beta/models/m1:streamGenerateContent?alt=sse"
		whole  = "/v1beta/models/m1:generateContent"
	)
	for _, c := range []struct {
		dialect, name, path, body string
		header                    []string
	}{
		{"anthropic", "unary", "/v1/messages", claude + `}`, nil},
		{"anthropic", "unary_2026", "/v1/messages", claude + use + `}`, []string{"Anthropic-Version", "2026-10-21"}},
		{"anthropic", "stream", "/v1/messages", claude + `,"stream":true}`, nil},
		{"anthropic", "stream_thinking_2026", "/v1/messages", claude + `,"stream":true,"thinking":{"type":"adaptive"}}`, []string{"Anthropic-Version", "2026-10-21"}},
		{"anthropic", "stream_tool", "/v1/messages", claude + `,"stream":true` + use + `}`, nil},
		{"anthropic", "stream_error", "/v1/messages", claude + `,"stream":true}`, []string{Outcome, "failure"}},
		{"anthropic", "bad_json", "/v1/messages", claude, nil},
		{"anthropic", "unknown_model", "/v1/messages", strings.Replace(claude, "m1", "m9", 1) + `}`, nil},
		{"anthropic", "count", "/v1/messages/count_tokens", `{"model":"m1",` + ask + `}`, nil},
		{"gemini", "unary", whole, gemini + `}`, nil},
		{"gemini", "stream", sse, gemini + `}`, nil},
		{"gemini", "stream_array", "/v1beta/models/m1:streamGenerateContent", gemini + `}`, nil},
		{"gemini", "stream_tool", sse, gemini + call + `}`, nil},
		{"gemini", "stream_error", sse, gemini + `}`, []string{Outcome, "failure"}},
		{"gemini", "refusal", whole, gemini + `}`, []string{Outcome, "refusal"}},
		{"gemini", "bad_json", whole, gemini, nil},
		{"gemini", "embed", "/v1beta/models/m1:batchEmbedContents", `{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":3}]}`, nil},
		{"openai", "responses", "/v1/responses", input + `}`, nil},
		{"openai", "responses_stream", "/v1/responses", input + `,"stream":true,"stream_options":{"include_obfuscation":false}}`, nil},
		{"openai", "responses_tool", "/v1/responses", input + `,"stream":true` + tool + `}`, nil},
		{"openai", "responses_reasoning", "/v1/responses", input + `,"stream":true,"reasoning":{"summary":"auto"}}`, nil},
		{"openai", "responses_failed", "/v1/responses", input + `,"stream":true}`, []string{Outcome, "failure"}},
		{"openai", "embed", "/v1/embeddings", `{"model":"m1","input":"a","dimensions":3,"encoding_format":"base64"}`, nil},
		{"openai", "azure", "/openai/deployments/m1/chat/completions?api-version=2024-10-21", `{` + ask + `,"stream":true}`, nil},
		{"openai", "choices", "/v1/chat/completions", `{"model":"m1",` + ask + `,"n":2,"stream":true,"stream_options":{"include_usage":true}}`, nil},
		{"openai", "refusal", "/v1/chat/completions", `{"model":"m1",` + ask + `}`, []string{Outcome, "refusal"}},
	} {
		t.Run(c.dialect+"/"+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := perform(speaking(t, c.dialect, nil).Handler(), "POST", c.path, c.body, c.header...)
				golden(t, c.dialect+"_"+c.name, got)
			})
		})
	}
}

// perform writes down a reply as it is written: status, headers, and the bytes under
// the instant of their flush.
func perform(h http.Handler, method, path, body string, header ...string) string {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set(seed.Header, "7.1.1")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := &transcript{start: time.Now(), header: http.Header{}}
	h.ServeHTTP(w, r)
	w.Flush()
	return w.out.String()
}

type transcript struct {
	start  time.Time
	header http.Header
	out    bytes.Buffer
	held   bytes.Buffer
}

func (w *transcript) Header() http.Header { return w.header }

func (w *transcript) WriteHeader(status int) {
	fmt.Fprintf(&w.out, "@%v %d\n", time.Since(w.start), status)
	_ = w.header.Write(&w.out)
	w.out.WriteString("\n")
}

func (w *transcript) Write(b []byte) (int, error) { return w.held.Write(b) }

func (w *transcript) Flush() {
	if w.held.Len() > 0 {
		fmt.Fprintf(&w.out, "@%v\n%s\n", time.Since(w.start), w.held.Bytes())
		w.held.Reset()
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	got = strings.ReplaceAll(got, "\r\n", "\n")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs\n got:\n%s\nwant:\n%s", file, got, want)
	}
}

// The same key gives the same reply whatever came before; another key another.
func TestSameKeySameReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := hello + `,"stream":true}`
		reply := func(h http.Handler, n uint64) string {
			text := read(t, ask(h, "POST", "/v1/chat/completions", body, seed.Key{Request: n, Call: 1, Attempt: 1}))
			return regexp.MustCompile(`"created":\d+`).ReplaceAllString(text, "")
		}
		one := provider(t, nil).Handler()
		first, second := reply(one, 1), reply(one, 2)
		other := provider(t, nil).Handler()
		if got := reply(other, 2); got != second {
			t.Errorf("key 2 gave\n%s\nthen\n%s", second, got)
		}
		if got := reply(other, 1); got != first {
			t.Errorf("key 1 gave\n%s\nthen\n%s", first, got)
		}
		if first == second {
			t.Error("two keys gave one reply")
		}
	})
}

// A key in the context wins over the header, and a stranger's request gets a key of
// its own each time.
func TestWhereTheKeyComesFrom(t *testing.T) {
	s := provider(t, nil)
	request := func(header string) *exchange.Request {
		r := httptest.NewRequest("POST", chatPath, nil)
		if header != "" {
			r.Header.Set(seed.Header, header)
		}
		return &exchange.Request{HTTP: r, Body: []byte(hello)}
	}
	in := seed.Key{Request: 3, Call: 2, Attempt: 1}
	if got := s.key(seed.WithKey(context.Background(), in), request("9.9.9")); got != in {
		t.Errorf("context: %v", got)
	}
	if got := s.key(context.Background(), request("9.8.7")); got != (seed.Key{Request: 9, Call: 8, Attempt: 7}) {
		t.Errorf("header: %v", got)
	}
	a, b := s.key(context.Background(), request("")), s.key(context.Background(), request(""))
	if a.Request != b.Request || a.Attempt != 1 || b.Attempt != 2 {
		t.Errorf("stranger: %v, %v", a, b)
	}
}

func TestOutputTokensHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := provider(t, nil).Handler()
		for asked, want := range map[string]int{"1": 1, "7": 7, "601": 601} {
			res := ask(h, "POST", chatPath, hello+"}", seed.Key{}, OutputTokens, asked)
			reply, err := dialect.Dialects["openai"].Decode([]byte(read(t, res)))
			if err != nil || reply.Usage.Output != want || reply.Finish != dialect.FinishStop {
				t.Errorf("%s: %+v, %v", asked, reply, err)
			}
		}
		for _, asked := range []string{"0", "-1", "x", "100001", "1.5"} {
			if res := ask(h, "POST", chatPath, hello+"}", seed.Key{}, OutputTokens, asked); res.StatusCode != 400 {
				t.Errorf("%s: status %d", asked, res.StatusCode)
			}
		}
	})
}

// Usage counts what was sent: one token a piece of a stream.
func TestUsageIsTruthful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := provider(t, nil).Handler(), dialect.Dialects["openai"]
		for n := range uint64(50) {
			body := hello + `,"stream":true,"stream_options":{"include_usage":true}`
			if n%2 == 1 {
				body += `,"tool_choice":"required",` + tools
			}
			res := ask(h, "POST", chatPath, body+"}", seed.Key{Request: n})
			content, usage := 0, dialect.Usage{}
			for s := dialect.NewScanner(res.Body); ; {
				name, data, err := s.Next()
				if err != nil {
					break
				}
				ev, err := d.DecodeEvent(name, data)
				if err != nil {
					t.Fatal(err)
				}
				if ev.Kind == exchange.Content {
					content++
				}
				if ev.Usage != nil {
					usage = *ev.Usage
				}
			}
			if usage.Output != content || usage.Input < 10 {
				t.Errorf("%d: %d content events, usage %+v", n, content, usage)
			}
		}
	})
}

func TestStrictEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := provider(t, nil).Handler()
		chat := func(s string) [2]string { return [2]string{chatPath, s} }
		for name, c := range map[string]struct {
			request [2]string
			method  string
			header  []string
			status  int
			code    string
		}{
			"no key":        {chat(hello + "}"), "POST", []string{"Authorization", ""}, 401, "invalid_api_key"},
			"empty bearer":  {chat(hello + "}"), "POST", []string{"Authorization", "Bearer "}, 401, "invalid_api_key"},
			"basic":         {chat(hello + "}"), "POST", []string{"Authorization", "Basic eA=="}, 401, "invalid_api_key"},
			"wrong method":  {chat(hello + "}"), "PUT", nil, 405, ""},
			"post models":   {[2]string{"/v1/models", ""}, "POST", nil, 405, ""},
			"no such path":  {[2]string{"/v1/engines", ""}, "GET", nil, 404, ""},
			"root":          {[2]string{"/", ""}, "GET", nil, 404, ""},
			"models slash":  {[2]string{"/v1/models/", ""}, "GET", nil, 404, ""},
			"unknown model": {[2]string{"/v1/models/x", ""}, "GET", nil, 404, "model_not_found"},
			"chat unknown":  {chat(`{"model":"x","messages":[{"role":"user","content":"a"}]}`), "POST", nil, 404, "model_not_found"},
		} {
			res := ask(h, c.method, c.request[0], c.request[1], seed.Key{}, c.header...)
			body := read(t, res)
			e := dialect.Dialects["openai"].DecodeError(res.StatusCode, []byte(body))
			if res.StatusCode != c.status || e.Type != "invalid_request_error" || e.Code != c.code || res.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s: %d %s", name, res.StatusCode, body)
			}
			if (c.status == 405) != (res.Header.Get("Allow") != "") {
				t.Errorf("%s: Allow %q", name, res.Header.Get("Allow"))
			}
		}
	})
}

// A provider without models serves every model.
func TestAnyModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := provider(t, func(p *Provider) { p.Models = nil }).Handler()
		res := ask(h, "POST", chatPath, strings.Replace(hello, "gpt-4o", "org/any-model", 1)+"}", seed.Key{})
		if res.StatusCode != 200 {
			t.Errorf("status %d: %s", res.StatusCode, read(t, res))
		}
		if got := read(t, ask(h, "GET", "/v1/models", "", seed.Key{})); got != `{"object":"list","data":[]}` {
			t.Errorf("models: %s", got)
		}
		if res := ask(h, "GET", "/v1/models/org/any-model", "", seed.Key{}); res.StatusCode != 200 {
			t.Errorf("model: status %d", res.StatusCode)
		}
	})
}
