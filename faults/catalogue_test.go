package faults_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/scenarios"
)

// An entry is one fault as it was seen in production: how a scenario makes it, or why
// no kind does.
type entry struct {
	id, seen string
	examples []string // keys of a fault in a scenario file
	reason   string
}

// catalogue is all that was seen to go wrong between agents and their providers: T the
// connection, H the status, S a 200 that is none, F the stream's form, C the content.
var catalogue = []entry{
	{"T01", "connection refused, or into a black hole", []string{"type: down", "type: timeout"}, ""},
	{"T02", "accepted, never answered", []string{"type: hang"}, ""},
	{"T03", "reset or closed before the response", []string{"type: reset", "type: cut"}, ""},
	{"T04", "an idle connection that the server has closed", []string{"type: reset"}, ""},
	{"T05", "silence without an end of the connection", []string{"{type: timeout, timeout: 0s}", "type: stall"}, ""},
	{"T06", "reset in mid-stream", []string{"{type: reset, after: 5}", "{type: reset_peer, timeout: 2s}"}, ""},
	{"T07", "closed without the end of its chunks", []string{"{type: cut, after: 5}", "{type: limit_data, bytes: 1000}"}, ""},
	{"T08", "HTTP/2 GOAWAY ENHANCE_YOUR_CALM", nil, "to come: HTTP/2"},
	{"T09", "HTTP/2 RST_STREAM, GOAWAY NO_ERROR", nil, "to come: HTTP/2"},
	{"T10", "a body shorter than its Content-Length", []string{"type: content_length"}, ""},
	{"T11", "headers later than a gateway waits", []string{"{type: status, status: 524, body: html, delay: 100s}"}, ""},
	{"T12", "a trickle", []string{"{type: bandwidth, rate: 1}", "{type: split, size: 1, gap: 1s}"}, ""},
	{"T13", "TLS or DNS fails", nil, "not on the wire: the client never reaches the target; down gives it the same lack of a connection"},
	{"H01", "429 with Retry-After in seconds", []string{"{type: rate_limit, retryAfter: 2s}"}, ""},
	{"H02", "429 without Retry-After", []string{"{type: rate_limit, form: none}"}, ""},
	{"H03", "429 with Retry-After as a date", []string{"{type: rate_limit, form: date}"}, ""},
	{"H04", "429 with a huge Retry-After", []string{"{type: rate_limit, form: huge}"}, ""},
	{"H05", "429 with a malformed, negative or past Retry-After", []string{"{type: rate_limit, form: garbage}", "{type: rate_limit, form: negative}", "{type: rate_limit, form: past}"}, ""},
	{"H06", "429 with retry-after-ms only", []string{"{type: rate_limit, form: ms}"}, ""},
	{"H07", "a quota is used up", []string{"type: quota"}, ""},
	{"H08", "a subscription's quota, with the time of its reset", []string{"{type: quota, reset: 5h}"}, ""},
	{"H09", "Gemini's limit per minute", []string{"{type: rate_limit, retryAfter: 30s}"}, ""},
	{"H10", "Gemini's quota per day", []string{"type: quota"}, ""},
	{"H11", "traffic that grows too fast", []string{"type: slow_down"}, ""},
	{"H12", "500", []string{"type: server_error"}, ""},
	{"H13", "503 overloaded", []string{"type: overloaded", "type: outage"}, ""},
	{"H14", "529 overloaded", []string{"type: overloaded"}, ""},
	{"H15", "5xx with a gateway's page", []string{"{type: status, status: 502, body: html}"}, ""},
	{"H16", "5xx without a body", []string{"{type: status, status: 503, body: empty}"}, ""},
	{"H17", "504", []string{"{type: status, status: 504}"}, ""},
	{"H18", "408, 409", []string{"{type: status, status: 408}", "{type: status, status: 409}"}, ""},
	{"H19", "401, for good or now and then", []string{"{type: status, status: 401}", "{type: status, status: 401, probability: 10%}"}, ""},
	{"H20", "403, in JSON or HTML", []string{"{type: status, status: 403}", "{type: status, status: 403, body: html}"}, ""},
	{"H21", "404: no such model", []string{"{type: status, status: 404}"}, ""},
	{"H22", "400: too long for the model", []string{"type: context_length"}, ""},
	{"H23", "413, in JSON or HTML", []string{"{type: status, status: 413}", "{type: status, status: 413, body: html}"}, ""},
	{"H24", "422", []string{"{type: status, status: 422}"}, ""},
	{"H25", "x-should-retry contradicts the status", []string{`{type: status, status: 429, shouldRetry: "false"}`}, ""},
	{"H26", "a quota as 400", []string{"{type: quota, status: 400}"}, ""},
	{"H27", "the body speaks of another status", []string{"{type: status, status: 500, says: 429}"}, ""},
	{"S01", "200 with an error's body", []string{"type: error_in_200"}, ""},
	{"S02", "the same to a request for a stream", []string{"{type: error_in_200, error: rate_limit}"}, ""},
	{"S03", "200 without choices", []string{"type: no_choices", "{type: no_choices, value: absent}"}, ""},
	{"S04", "200 without a body", []string{"type: empty_200"}, ""},
	{"S05", "200 with HTML", []string{"type: html_200"}, ""},
	{"S06", "a limit as 200 with an error event", []string{"{type: error_event, error: rate_limit, retryAfter: 2s}"}, ""},
	{"S07", "an error as first event", []string{"type: error_event"}, ""},
	{"S08", "an error in mid-stream", []string{"{type: error_event, after: 5}"}, ""},
	{"S09", "an error in mid-stream, then [DONE]", []string{"{type: error_event, after: 5, done: true}"}, ""},
	{"S10", "response.failed, or a flat error event", []string{"{type: error_event, after: 5}", "{type: error_event, after: 5, form: flat}"}, ""},
	{"S11", "response.incomplete", []string{"{type: finish, reason: length}"}, ""},
	{"S12", `"error":null in every event`, []string{"type: error_null"}, ""},
	{"S13", "an exception as Bedrock's", []string{"{type: error_event, form: frame}"}, ""},
	{"F01", "an early, clean end", []string{"type: truncate", "type: half_event"}, ""},
	{"F02", "[DONE] is missing", []string{"type: no_done"}, ""},
	{"F03", "the finish reason is never sent", []string{"type: no_finish"}, ""},
	{"F04", "silence in mid-stream", []string{"type: stall"}, ""},
	{"F05", "silence after the headers", []string{"{type: stall, after: 0}"}, ""},
	{"F06", "keep-alives and no content", []string{"type: ping_only"}, ""},
	{"F07", "the connection stays open after the end", []string{"type: linger"}, ""},
	{"F08", "comments", []string{"type: comments"}, ""},
	{"F09", "comments as data", []string{"{type: comments, as: data}"}, ""},
	{"F10", "a blank line after a comment with an id", []string{"{type: comments, as: id}"}, ""},
	{"F11", "letters split across chunks", []string{"{type: split, size: 1}"}, ""},
	{"F12", "events split across chunks, or many in one", []string{"{type: split, size: 20}", "{type: burst, size: 4096}"}, ""},
	{"F13", "CRLF, CR, no space, a byte order mark", []string{"type: lines", "{type: lines, form: cr}", "{type: lines, form: no_space}", "{type: lines, form: bom}"}, ""},
	{"F14", "a very long event", []string{"{type: huge_event, size: 70000}"}, ""},
	{"F15", "an event that is no JSON", []string{"{type: malformed, after: 5}"}, ""},
	{"F16", "null or nothing for data", []string{"type: null_event", "{type: null_event, data: empty}"}, ""},
	{"F17", "an unknown event", []string{"type: unknown_event"}, ""},
	{"F18", "no blank line after the last event", []string{"type: no_final_blank"}, ""},
	{"F19", "JSON instead of a stream, or a wrong content type", []string{"type: json_for_stream", "type: wrong_content_type"}, ""},
	{"F20", "HTML in mid-stream", []string{"type: html_mid"}, ""},
	{"F21", "a proxy that buffers", []string{"type: burst", "{type: burst, size: 16384}"}, ""},
	{"F22", "an event twice", []string{"type: duplicate"}, ""},
	{"F23", "the stream begins again in its middle", []string{"type: replay"}, ""},
	{"F24", "events lost or out of order", []string{"type: disorder", "{type: disorder, how: skip}"}, ""},
	{"F25", "content after the end", []string{"type: after_done"}, ""},
	{"F26", "Anthropic's events out of order", []string{"type: block_order", "{type: block_order, how: two_starts}", "{type: block_order, how: delta_first}", "{type: block_order, how: index_gap}"}, ""},
	{"F27", "many empty lines", []string{"type: blank_lines"}, ""},
	{"C01", "the answer is cut by its limit", []string{"{type: finish, reason: length}"}, ""},
	{"C02", "the answer is filtered in mid-stream", []string{"{type: finish, reason: content_filter}"}, ""},
	{"C02b", "the prompt is filtered", []string{"type: prompt_filtered"}, ""},
	{"C03", "a first chunk without a choice", []string{"type: choiceless"}, ""},
	{"C04", "a choice without a delta", []string{"{type: choiceless, where: middle}"}, ""},
	{"C05", "a last chunk without a choice", []string{"{type: choiceless, where: last}"}, ""},
	{"C06", "an empty answer", []string{"type: empty_completion"}, ""},
	{"C07", "a candidate without parts", []string{"type: empty_completion"}, ""},
	{"C08", "MALFORMED_FUNCTION_CALL", []string{"{type: finish, reason: malformed_call}"}, ""},
	{"C09", "SAFETY, RECITATION", []string{"{type: finish, reason: content_filter}", "{type: finish, reason: recitation}"}, ""},
	{"C10", "a refusal", []string{"{type: finish, reason: refusal}"}, ""},
	{"C11", "arguments of a tool call that are no JSON", []string{"type: tool_arguments"}, ""},
	{"C12", "arguments that are cut", []string{"{type: tool_arguments, how: truncated}"}, ""},
	{"C13", "cut arguments that a client repairs", nil, "not on the wire: the client does it; tool_arguments, how: truncated tempts it"},
	{"C14", "a call of a tool that nobody offered", []string{"type: tool_name"}, ""},
	{"C15", "tool calls without index, or all with 0", []string{"type: tool_index", "{type: tool_index, how: zero}"}, ""},
	{"C16", "a tool call that ends in stop", []string{"{type: finish, reason: stop, after: 1000}"}, ""},
	{"C17", "arguments against the schema", []string{"{type: tool_arguments, how: wrong_types}"}, ""},
	{"C18", "runaway repetition", []string{"{type: repetition, times: 1000}"}, ""},
	{"C19", "an unknown finish reason", []string{"{type: finish, reason: unknown}"}, ""},
	{"C20", "no usage, or zero", []string{"type: usage", "{type: usage, how: zero}"}, ""},
	{"C21", "no role in the first chunk", []string{"type: no_role"}, ""},
	{"C22", "another model's name", []string{"type: wrong_model"}, ""},
}

// more are examples of kinds that the catalogue has no id for.
var more = []string{
	"{type: latency, latency: 400ms, jitter: 100ms}", "{type: slow_close, delay: 2s}", "{type: slicer, average_size: 50, delay: 1ms}",
	"{type: delay, delay: 2s}", "{type: tool_error, status: 200}", "type: tool_empty", "type: tool_null", "type: tool_timeout",
	"type: tool_crash", "{type: tool_slow, delay: 10s}", "type: tool_schema", "{type: tool_stale, age: 48h}",
	"{type: tool_oversized, size: 5000000}", "type: tool_unknown_outcome",
}

// ids are those that there must be: all of the letter from 1 to the number.
func ids() []string {
	all := []string{"C02b"}
	for _, group := range []struct {
		letter string
		n      int
	}{{"T", 13}, {"H", 27}, {"S", 13}, {"F", 27}, {"C", 22}} {
		for i := range group.n {
			all = append(all, fmt.Sprintf("%s%02d", group.letter, i+1))
		}
	}
	slices.Sort(all)
	return all
}

func TestCatalogueIsWhole(t *testing.T) {
	var have []string
	for _, e := range catalogue {
		have = append(have, e.id)
		stated := strings.HasPrefix(e.reason, "to come: ") || strings.HasPrefix(e.reason, "not on the wire: ")
		if len(e.examples) == 0 && !stated || len(e.examples) > 0 && e.reason != "" {
			t.Errorf("%s has neither a kind nor a stated reason, or both", e.id)
		}
	}
	slices.Sort(have)
	if !slices.Equal(have, ids()) {
		t.Errorf("ids %v, want %v", have, ids())
	}
	shown := examples(t)
	for _, k := range faults.Kinds() {
		if len(shown[k.Name]) == 0 {
			t.Errorf("%s has no example", k.Name)
		}
	}
}

// flow is an example as a flow mapping.
func flow(example string) string {
	if strings.HasPrefix(example, "{") {
		return example
	}
	return "{" + example + "}"
}

// shown is an example of a kind with the ids that it makes.
type shown struct {
	line string
	ids  []string
}

// examples are all examples by their kinds, in the order of the tables.
func examples(t *testing.T) map[string][]shown {
	all := map[string][]shown{}
	add := func(example, id string) {
		var f struct{ Type string }
		if err := yaml.Unmarshal([]byte(flow(example)), &f); err != nil {
			t.Fatalf("%s: %v", example, err)
		}
		i := slices.IndexFunc(all[f.Type], func(s shown) bool { return s.line == flow(example) })
		if i < 0 {
			i = len(all[f.Type])
			all[f.Type] = append(all[f.Type], shown{line: flow(example)})
		}
		if id != "" {
			all[f.Type][i].ids = append(all[f.Type][i].ids, id)
		}
	}
	for _, e := range catalogue {
		for _, example := range e.examples {
			add(example, e.id)
		}
	}
	for _, example := range more {
		add(example, "")
	}
	return all
}

// targets are where a fault can go in the scenario that tries it.
var targets = []string{"openai", "anthropic", "gemini", "tools"}

// accepts tells which targets a scenario takes an example on.
func accepts(t *testing.T, example string) (on []string) {
	for _, target := range targets {
		where := "provider: " + target
		if target == "tools" {
			where = "tool: search"
		}
		text := fmt.Sprintf(`apiVersion: chaos/v1
kind: Scenario
name: example
workload: {arrival: {process: constant, rate: 1/s}, duration: 10s}
agent:
  steps: [{tool: search}, {llm: a, provider: openai, model: m}, {llm: b, provider: anthropic, model: m}, {llm: c, provider: gemini, model: m}]
providers: {openai: {models: {m: {}}}, anthropic: {dialect: anthropic, models: {m: {}}}, gemini: {dialect: gemini, models: {m: {}}}}
tools: {search: {}}
faults: [{on: {%s}, optional: true, %s}]
configs: {none: {}}
`, where, strings.Trim(flow(example), "{}"))
		_, err := scenarios.Load("example.yaml", []byte(text), func(string) (string, bool) { return "", false })
		switch {
		case err == nil:
			on = append(on, target)
		case !strings.Contains(err.Error(), "needs a ") && !strings.Contains(err.Error(), "is about what only") &&
			!strings.Contains(err.Error(), "has no such reason") && !strings.Contains(err.Error(), "as an object") && !strings.Contains(err.Error(), "only OpenAI") &&
			!strings.Contains(err.Error(), "one of"):
			t.Errorf("%s on %s: %v", example, target, err)
		}
	}
	return on
}

func TestDocs(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Faults\n\nMade from the code by `go test ./faults -update`. Each kind is a `type:` under `faults:` in a scenario file;\n" +
		"the ids are those of the faults seen in production, listed below. A kind is refused where it means\nnothing, and does nothing to a reply without what it is about: those of streams to a whole reply.\n\n" +
		"## Kinds\n\n| kind | does | example | on | ids |\n|---|---|---|---|---|\n")
	all := examples(t)
	docs := map[string]string{}
	for _, k := range faults.Kinds() {
		docs[k.Name] = k.Doc
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for i, s := range all[name] {
			kind, doc := "`"+name+"`", docs[name]
			if i > 0 {
				kind, doc = "", ""
			}
			on := accepts(t, s.line)
			if len(on) == 0 {
				t.Errorf("%s is refused everywhere", s.line)
			}
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", kind, doc, s.line, strings.Join(on, ", "), strings.Join(s.ids, " "))
		}
	}
	b.WriteString("\n## What was seen to go wrong\n\n| id | fault | made by |\n|---|---|---|\n")
	for _, e := range catalogue {
		made := e.reason
		for i, example := range e.examples {
			if i > 0 {
				made += ", "
			}
			made += "`" + flow(example) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", e.id, e.seen, made)
	}
	const file = "../docs/faults.md"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the code says (%v); go test ./faults -run TestDocs -update", file, err)
	}
}
