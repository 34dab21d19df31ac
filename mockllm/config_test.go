package mockllm

import (
	"math"
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
	if p.Dialect != "openai" || p.Models["a"] != want {
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
		Models:    map[string]Model{"b": {Tokens: seed.Count{P50: -1}}, "a": {TTFT: bad, Gap: bad}},
	}
	tool := Tool{Latency: bad, ErrorRate: math.NaN()}
	for what, c := range map[string]struct {
		err   error
		paths []string
	}{
		"provider": {p.Validate(), []string{"dialect: ", "errorRate: ", "models.a.ttft: ", "models.a.gap: ", "models.b.tokens: "}},
		"tool":     {tool.Validate(), []string{"latency: ", "errorRate: "}},
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
