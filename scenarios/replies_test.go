package scenarios

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/mockllm"
)

func noEnv(string) (string, bool) { return "", false }

func TestLoadReplies(t *testing.T) {
	got, err := LoadReplies("replies.yaml", []byte(`
replies:
  - {afterTool: true, text: It is 21 degrees in Paris.}
  - {contains: weather, toolCalls: [{name: get_weather, arguments: '{"city": "Paris"}'}]}
  - {attempt: 1, error: {status: 429, retryAfter: 2s}}
`), noEnv)
	yes := true
	want := []mockllm.Rule{
		{AfterTool: &yes, Text: "It is 21 degrees in Paris."},
		{Contains: "weather", ToolCalls: []mockllm.ScriptedCall{{Name: "get_weather", Arguments: `{"city": "Paris"}`}}},
		{Attempt: 1, Error: &mockllm.ScriptedError{Status: 429, RetryAfter: 2 * time.Second}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Every mistake in a file of replies is told with its place.
func TestLoadRepliesMistakes(t *testing.T) {
	_, err := LoadReplies("replies.yaml", []byte(`replies:
  - {text: a, matches: "("}
  - {}
  - {text: a, sometimes: true}
`), noEnv)
	for _, want := range []string{
		"replies.yaml:2:24: replies[0].matches: error parsing regexp",
		"replies.yaml:3:5: replies[1].text: a rule answers with",
		`replies.yaml:4:15: replies[2]: unknown key "sometimes"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err := LoadReplies("replies.yaml", []byte("{}"), noEnv); err == nil || !strings.Contains(err.Error(), `the key "replies" is missing`) {
		t.Errorf("no replies: %v", err)
	}
}

// What a scenario says of its mocks' behaviour holds in a run: of two calls a second
// on one slot of one second, with nobody waiting, half meet an overload; and a key's
// rate limit turns away what exceeds it.
func TestBehaviourInAScenario(t *testing.T) {
	const file = `
apiVersion: chaos/v1
kind: Scenario
name: behaviour
clock: virtual
workload: {arrival: {process: constant, rate: 2/s}, requests: 20}
agent: {steps: [{llm: answer, provider: openai, model: m}]}
providers:
  openai:
    BEHAVIOUR
    models: {m: {ttft: 700ms, gap: 1ms, tokens: {p50: 1, p99: 1}}}
configs: {none: {}}
`
	for behaviour, want := range map[string]float64{
		"capacity: {concurrency: 1}":                    0.5,
		"capacity: {concurrency: 1, queue: 20}":         1,
		"rateLimit: {rpm: 60, burst: 1s}":               0.5,
		"replies: [{attempt: 1, error: {status: 500}}]": 0,
		"replies: [{text: Hello.}]":                     1,
	} {
		s, err := Load("behaviour.yaml", []byte(strings.Replace(file, "BEHAVIOUR", behaviour, 1)), noEnv)
		if err != nil {
			t.Fatalf("%s: %v", behaviour, err)
		}
		report, err := Run(t.Context(), s, Options{})
		if err != nil {
			t.Fatalf("%s: %v", behaviour, err)
		}
		if got := report.Configs[0].Metrics["effective_reliability"].Value; got != want {
			t.Errorf("%s: effective reliability %v, want %v", behaviour, got, want)
		}
	}
}
