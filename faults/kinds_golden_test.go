package faults

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/faults.md")

// A subject is a form of reply, whole or as a stream.
type subject struct {
	name, form, path, body string
	target                 Target
	stream                 bool
}

const question = `"model":"m","messages":[{"role":"user","content":"Hi"}]`

// subjects are every form in every mode.
func subjects() []subject {
	provider := func(d string) Target { return Target{Provider: d, Dialect: d, Models: []string{"m"}} }
	functions := `,"tools":[{"type":"function","function":{"name":"search"}}]`
	return []subject{
		{"openai-unary", formChat, "/v1/chat/completions", `{` + question + functions + `}`, provider("openai"), false},
		{"openai-stream", formChat, "/v1/chat/completions", `{` + question + functions + `,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`, provider("openai"), true},
		{"responses-unary", formResponses, "/v1/responses", `{"model":"m","input":"Hi","tools":[{"type":"function","name":"search"}]}`, provider("openai"), false},
		{"responses-stream", formResponses, "/v1/responses", `{"model":"m","input":"Hi","tools":[{"type":"function","name":"search"}],"stream":true,"stream_options":{"include_obfuscation":false}}`, provider("openai"), true},
		{"anthropic-unary", formAnthropic, "/v1/messages", `{"max_tokens":99,` + question + `,"tools":[{"name":"search","input_schema":{"type":"object"}}]}`, provider("anthropic"), false},
		{"anthropic-stream", formAnthropic, "/v1/messages", `{"max_tokens":99,"stream":true,` + question + `,"tools":[{"name":"search","input_schema":{"type":"object"}}]}`, provider("anthropic"), true},
		{"gemini-unary", formGemini, "/v1beta/models/m:generateContent", `{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}`, provider("gemini"), false},
		{"gemini-stream", formGemini, "/v1beta/models/m:streamGenerateContent?alt=sse", `{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}`, provider("gemini"), true},
		{"tool", formTool, "/", `{}`, Target{Tool: "search", Implementation: "tavily"}, false},
	}
}

func (s subject) request() *exchange.Request {
	r := httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body))
	return &exchange.Request{HTTP: r, Body: []byte(s.body), Model: "m", Stream: s.stream}
}

// script is the subject's reply without a fault.
func (s subject) script(t *testing.T) exchange.Script {
	if s.form == formTool {
		body := `{"tool":"search","implementation":"tavily","result":{"text":"Found it.","score":0.5,"asOf":"2000-01-01T00:00:00Z"}}`
		return unaryOf(body)
	}
	d := dialect.Dialects[s.target.Dialect]
	q, bad := d.ParseRequest(s.request())
	if bad != nil {
		t.Fatalf("%s: %v", s.name, bad)
	}
	r := dialect.Reply{
		ID: d.ReplyPrefix(q) + "1", Model: "m", Created: time.Unix(946684800, 0), Text: "One two thrée.",
		Finish: dialect.FinishToolCalls, Usage: dialect.Usage{Input: 7, Output: 9},
		ToolCalls: []dialect.ToolCall{{ID: "call_1", Name: "search", Arguments: `{"q":"fish"}`}, {ID: "call_2", Name: "search", Arguments: `{"q":"sea"}`}},
	}
	if !s.stream {
		return unaryOf(string(d.RenderReply(q, r)))
	}
	steps := d.RenderStream(q, r, []string{"One", " two", " th", "rée", "."})
	for i := range steps {
		if steps[i].Kind == exchange.Content {
			steps[i].Wait = 10 * time.Millisecond
		}
	}
	return exchange.Script{Header: http.Header{"Content-Type": {q.ContentType()}}, Wait: time.Second, Steps: slices.Values(steps)}
}

func unaryOf(body string) exchange.Script {
	steps := []exchange.Step{{Kind: exchange.Content, Bytes: []byte(body)}, {Kind: exchange.Terminal}}
	return exchange.Script{Header: http.Header{"Content-Type": {"application/json"}}, Wait: time.Second, Steps: slices.Values(steps)}
}

// variants are parameters besides the defaults, which variants of "split" replace: a
// piece for each byte is too much to read.
var variants = map[string][]any{
	"rate_limit": {&RateLimit{time.Second, "date"}, &RateLimit{time.Second, "ms"}, &RateLimit{Form: "none"}, &RateLimit{Form: "garbage"},
		&RateLimit{Form: "huge"}, &RateLimit{Form: "negative"}, &RateLimit{Form: "past"}},
	"status": {&Status{Status: 500}, &Status{Status: 401}, &Status{Status: 404}, &Status{Status: 413, Body: "html"}, &Status{Status: 422},
		&Status{Status: 502, Body: "html"}, &Status{Status: 503, Body: "empty"}, &Status{Status: 504}, &Status{Status: 408}, &Status{Status: 403},
		&Status{Status: 429, ShouldRetry: "false"}, &Status{Status: 500, Says: 429}, &Status{Status: 524, Body: "html", Delay: 100 * time.Second}},
	"quota":          {&Quota{Status: 400}, &Quota{Reset: 5 * time.Hour}},
	"error_in_200":   {&ErrorIn200{Error: "rate_limit"}},
	"no_choices":     {&NoChoices{Value: "absent"}},
	"error_event":    {&ErrorEvent{After: 2, Error: "server_error"}, &ErrorEvent{After: 2, Done: true}, &ErrorEvent{After: 1, Form: "flat", Error: "rate_limit", RetryAfter: 2 * time.Second}, &ErrorEvent{Form: "frame"}},
	"cut":            {&Cut{After: 1}},
	"reset":          {&Reset{After: 1}},
	"linger":         {&Linger{Duration: time.Minute}},
	"comments":       {&Comments{As: "data"}, &Comments{As: "id"}},
	"lines":          {&Lines{Form: "cr"}, &Lines{Form: "bom"}, &Lines{Form: "no_space"}},
	"split":          {&Split{Size: 100, Gap: time.Millisecond}},
	"burst":          {&Burst{Size: 700}},
	"null_event":     {&NullEvent{Data: "empty"}},
	"disorder":       {&Disorder{How: "skip"}},
	"block_order":    {&BlockOrder{How: "two_starts"}, &BlockOrder{How: "delta_first"}, &BlockOrder{How: "index_gap"}},
	"finish":         {&Finish{"content_filter", 2}, &Finish{"refusal", 2}, &Finish{"recitation", 2}, &Finish{"malformed_call", 2}, &Finish{"stop", 99}, &Finish{"unknown", 99}},
	"choiceless":     {&Choiceless{Where: "middle"}, &Choiceless{Where: "last"}},
	"usage":          {&UsageWrong{How: "zero"}},
	"tool_arguments": {&ToolArguments{How: "truncated"}, &ToolArguments{How: "wrong_types"}},
	"tool_index":     {&ToolIndex{How: "zero"}},
	"tool_error":     {&ToolError{Status: 200}},
	"delay":          {&Delay{Delay: time.Second}},
	"server_error":   {&ServerError{Status: 502}},
	"repetition":     {&Repetition{After: 1, Times: 3}},
	"half_event":     {&HalfEvent{After: 0}},
	"stall":          {&Stall{After: 1, Duration: time.Minute}},
}

// every calls f for every kind of the injector with all its variants.
func every(t *testing.T, f func(spec Spec, title string)) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[name].layer == LayerToxic {
			continue
		}
		standard, _ := NewParams(name)
		all := append([]any{standard}, variants[name]...)
		if name == "split" || standard.(parameters).Validate() != nil { // something must be given
			all = all[1:]
		}
		if len(all) == 0 {
			t.Errorf("%s: no variant to test", name)
		}
		for _, p := range all {
			spec := Spec{Type: name, Params: p}
			spec.SetDefaults()
			if err := p.(parameters).Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f(spec, strings.TrimSpace(name+" "+strings.Trim(fmt.Sprintf("%+v", p), "&{}")))
		}
	}
}

// throw lets a fault act on the subject.
func (s subject) throw(t *testing.T, spec Spec) (out exchange.Script, fired bool) {
	stream := seed.New(42, "fault/"+spec.Name, seed.Key{})
	stream.Chance(spec.chance())
	c := &cast{target: s.target, model: "m", request: s.request(), draw: stream.Float64, fired: func() { fired = true }}
	if s.form == formTool {
		c.model = ""
	}
	if p, ok := spec.Params.(replacement); ok {
		if script, answered := p.reply(c); answered {
			return collected(script), fired
		}
	}
	script := s.script(t)
	if p, ok := spec.Params.(rewrite); ok {
		script = p.rewrite(c, script)
	}
	return collected(script), fired
}

// collected pulls a script's steps, up to a number that only endless ones reach.
func collected(s exchange.Script) exchange.Script {
	if s.Silent || s.Steps == nil {
		return s
	}
	var steps []exchange.Step
	for step := range s.Steps {
		if steps = append(steps, step); step.End != exchange.Close || len(steps) == 300 {
			break
		}
	}
	s.Steps = slices.Values(steps)
	return s
}

// written is a script in words, its steps as "= i" where they are the plain reply's.
func written(s, plain exchange.Script) string {
	var b strings.Builder
	if s.Silent {
		fmt.Fprintf(&b, "after %v no reply, %v\n", s.Wait, s.End)
		return b.String()
	}
	fmt.Fprintf(&b, "after %v status %d\n", s.Wait, max(s.Status, 200))
	for _, k := range slices.Sorted(maps.Keys(s.Header)) {
		if !slices.Equal(s.Header[k], plain.Header[k]) {
			fmt.Fprintf(&b, "%s: %s\n", k, strings.Join(s.Header[k], ", "))
		}
	}
	var old []exchange.Step
	if plain.Steps != nil {
		old = slices.Collect(plain.Steps)
	}
	last, times, end := "", 0, s.End
	line := func(text string) {
		if text == last {
			times++
			return
		}
		if times > 1 {
			fmt.Fprintf(&b, "  the same, %d times in all\n", times)
		}
		if last, times = text, 1; text != "" {
			b.WriteString(text)
		}
	}
	if s.Steps != nil {
		at := 0
		for step := range s.Steps {
			i := slices.IndexFunc(old, func(o exchange.Step) bool {
				return o.Kind == step.Kind && o.Wait == step.Wait && bytes.Equal(o.Bytes, step.Bytes) && step.End == exchange.Close
			})
			if at < len(old) && i >= 0 && old[at].Kind == step.Kind && old[at].Wait == step.Wait && bytes.Equal(old[at].Bytes, step.Bytes) {
				i = at
			}
			if i >= 0 {
				at = i + 1
				line(fmt.Sprintf("= %d\n", i))
				continue
			}
			text := fmt.Sprintf("%q", step.Bytes)
			if i := slices.IndexFunc(old, func(o exchange.Step) bool { return len(step.Bytes) > 0 && bytes.Equal(o.Bytes, step.Bytes) }); i >= 0 {
				text, at = fmt.Sprintf("the bytes of %d", i), i+1
			}
			if len(text) > 1500 {
				text = fmt.Sprintf("%s ... %s, %d bytes", text[:120], text[len(text)-60:], len(step.Bytes))
			}
			line(fmt.Sprintf("+%v %v %s\n", step.Wait, step.Kind, text))
			if step.End != exchange.Close {
				end = step.End
			}
		}
	}
	line("")
	fmt.Fprintf(&b, "%v\n", end)
	return joined(b.String())
}

// joined shortens runs of unchanged steps: = 1 to 5.
func joined(text string) string {
	var out []string
	from, to := -1, -1
	flush := func() {
		switch {
		case from >= 0 && from == to:
			out = append(out, fmt.Sprintf("= %d", from))
		case from >= 0:
			out = append(out, fmt.Sprintf("= %d to %d", from, to))
		}
		from, to = -1, -1
	}
	for _, l := range strings.Split(text, "\n") {
		var i int
		if n, _ := fmt.Sscanf(l, "= %d", &i); n == 1 {
			if from >= 0 && i == to+1 {
				to = i
				continue
			}
			flush()
			from, to = i, i
			continue
		}
		flush()
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

// TestKinds holds every kind, in every form and mode of reply, to golden scripts.
func TestKinds(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b strings.Builder
				none := exchange.Script{}
				fmt.Fprintf(&b, "-- no fault --\n%s", written(s.script(t), none))
				every(t, func(spec Spec, title string) {
					if err := spec.Applies(s.target); err != nil {
						fmt.Fprintf(&b, "\n-- %s --\nrefused: %v\n", title, err)
						return
					}
					got, fired := s.throw(t, spec)
					text, plain := written(got, s.script(t)), written(s.script(t), s.script(t))
					if !fired {
						if text != plain {
							t.Errorf("%s changed the reply and did not say that it fired:\n%s", title, text)
						}
						text = "no effect\n"
					} else if text == plain {
						t.Errorf("%s says that it fired and changed nothing", title)
					}
					fmt.Fprintf(&b, "\n-- %s --\n%s", title, text)
				})
				golden(t, filepath.Join("testdata", s.name+".golden"), []byte(b.String()))
			})
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := errorsOf(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code makes (%v); go test ./faults -update, and read the difference", file, err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
