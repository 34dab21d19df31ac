package mockllm

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

func TestDefaults(t *testing.T) {
	p := Provider{Models: map[string]Model{"a": {Gap: seed.Constant(time.Millisecond)}}}
	p.SetDefaults()
	want := Model{
		TTFT:   seed.Latency{P50: 400 * time.Millisecond, P99: 1200 * time.Millisecond},
		Gap:    seed.Constant(time.Millisecond),
		Tokens: seed.Count{P50: 60, P99: 200},
	}
	if p.Dialect != "openai" || !reflect.DeepEqual(p.Models["a"], want) {
		t.Errorf("%+v", p)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	tool := Tool{}
	tool.SetDefaults()
	if err := tool.Validate(); err != nil || tool.Latency.P50 != 50*time.Millisecond {
		t.Errorf("%+v, %v", tool, err)
	}
}

func TestValidateReportsEveryMistake(t *testing.T) {
	bad := seed.Latency{P50: 2, P99: 1}
	p := Provider{
		Dialect:   "morse",
		ErrorRate: 1.5,
		RateLimit: &RateLimit{RPM: -1},
		Capacity:  &Capacity{LoadFactor: 1, Abandoned: "drop"},
		Replies:   []Rule{{Text: "a"}, {Matches: "(", Text: "b"}},
		Models: map[string]Model{
			"b": {Tokens: seed.Count{P50: -1}, Over: []Phase{{TTFT: 1, Gap: 1}, {TTFT: 1, Gap: -1}}},
			"a": {TTFT: bad, Gap: bad, Prefill: -1},
		},
	}
	tool := Tool{Latency: bad, ErrorRate: math.NaN(), Flaws: &Flaws{Crash: 0.6, Empty: 0.6}}
	for what, c := range map[string]struct {
		err   error
		paths []string
	}{
		"provider": {p.Validate(), []string{"dialect: ", "errorRate: ", "rateLimit.rpm: ", "capacity.concurrency: ",
			"replies[1].matches: ", "models.a.ttft: ", "models.a.gap: ", "models.a.prefill: ", "models.b.tokens: ", "models.b.over[1].gap: "}},
		"tool": {tool.Validate(), []string{"latency: ", "errorRate: ", "flaws.crash: "}},
	} {
		lines := strings.Split(c.err.Error(), "\n")
		if len(lines) != len(c.paths) {
			t.Errorf("%s: %q", what, lines)
			continue
		}
		for i, path := range c.paths {
			if !strings.HasPrefix(lines[i], path) {
				t.Errorf("%s: %q does not begin with %q", what, lines[i], path)
			}
		}
	}
}
