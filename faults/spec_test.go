package faults

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	half, two := 0.5, 2.0
	openai := Target{Provider: "openai", Dialect: "openai", Models: []string{"gpt-4o"}}
	search := Target{Tool: "search", Implementation: "tavily"}
	cases := []struct {
		name   string
		spec   Spec
		target Target
		want   string // paths at which errors begin, in order
	}{
		{"fine", Spec{Type: "stall"}, openai, ""},
		{"bare timeout on a tool", Spec{Type: "timeout"}, search, ""},
		{"unknown", Spec{Type: "meteor"}, openai, "type"},
		{"negative times", Spec{Type: "outage", At: -1, For: -1}, openai, "at for"},
		{"probability", Spec{Type: "outage", Probability: &two}, openai, "probability"},
		{"half down", Spec{Type: "down", Probability: &half}, openai, "probability"},
		{"toxic on a model", Spec{Type: "latency", On: Selector{Model: "gpt-4o"}, Params: &Latency{Latency: time.Second}}, openai, "on.model"},
		{"tool and model", Spec{Type: "outage", On: Selector{Tool: "search", Model: "gpt-4o"}}, search, "on"},
		{"implementation alone", Spec{Type: "outage", On: Selector{Implementation: "tavily"}}, search, "on.implementation"},
		{"stall on a tool", Spec{Type: "stall"}, search, "type"},
		{"truncate on a tool", Spec{Type: "truncate"}, search, "type"},
		{"overloaded tool", Spec{Type: "overloaded"}, search, "type"},
		{"rate limit on a tool", Spec{Type: "rate_limit"}, search, ""},
		{"retryAfter", Spec{Type: "rate_limit", Params: &RateLimit{RetryAfter: -1}}, openai, "retryAfter"},
		{"status", Spec{Type: "server_error", Params: &ServerError{Status: 404}}, openai, "status"},
		{"delay", Spec{Type: "delay"}, openai, "delay"},
		{"after", Spec{Type: "stall", Params: &Stall{After: -1, Duration: -1}}, openai, "after duration"},
		{"latency missing", Spec{Type: "latency"}, openai, "latency"},
		{"jitter above latency", Spec{Type: "latency", Params: &Latency{Latency: time.Second, Jitter: 2 * time.Second}}, openai, "jitter"},
		{"latency too fine", Spec{Type: "latency", Params: &Latency{Latency: time.Microsecond}}, openai, "latency"},
		{"bandwidth missing", Spec{Type: "bandwidth"}, openai, "rate"},
		{"bandwidth negative", Spec{Type: "bandwidth", Params: &Bandwidth{Rate: -5}}, openai, "rate"},
		{"black hole", Spec{Type: "bandwidth", Params: &Bandwidth{Rate: 0}}, openai, ""},
		{"slicer missing", Spec{Type: "slicer"}, openai, "average_size"},
		{"slicer varies too much", Spec{Type: "slicer", Params: &Slicer{AverageSize: 5, SizeVariation: 6}}, openai, "size_variation"},
		{"limit missing", Spec{Type: "limit_data"}, openai, "bytes"},
		{"slow close missing", Spec{Type: "slow_close"}, openai, "delay"},
		{"timeout negative", Spec{Type: "timeout", Params: &Timeout{Timeout: -time.Second}}, openai, "timeout"},
		{"reset peer negative", Spec{Type: "reset_peer", Params: &ResetPeer{Timeout: -time.Second}}, openai, "timeout"},
		{"direction", Spec{Type: "reset_peer", Params: &ResetPeer{Stream: "sideways"}}, openai, "stream"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.spec.SetDefaults()
			err := errors.Join(c.spec.Validate(), c.spec.Applies(c.target))
			if p, ok := c.spec.Params.(parameters); ok {
				err = errors.Join(err, p.Validate())
			}
			if got := paths(err); got != c.want {
				t.Errorf("errors at %q, want %q: %v", got, c.want, err)
			}
		})
	}
}

// paths gives the field paths at which the lines of an error begin.
func paths(err error) string {
	if err == nil {
		return ""
	}
	var all []string
	for line := range strings.Lines(err.Error()) {
		path, _, _ := strings.Cut(line, ":")
		all = append(all, path)
	}
	return strings.Join(all, " ")
}

func TestEveryKindHasCheckedParams(t *testing.T) {
	if len(Kinds()) != len(kinds) {
		t.Fatalf("%d kinds listed, %d in the table", len(Kinds()), len(kinds))
	}
	for _, k := range Kinds() {
		params, ok := NewParams(k.Name)
		if !ok {
			t.Fatalf("no parameters for %s", k.Name)
		}
		_, isToxic := params.(toxic)
		_, replaces := params.(replacement)
		_, rewrites := params.(rewrite)
		if inLink := isToxic || k.Name == "down"; inLink != (k.Layer == LayerToxic) || inLink == (replaces || rewrites) {
			t.Errorf("%s is of layer %s, but its parameters are not (toxic %v, replaces %v, rewrites %v)",
				k.Name, k.Layer, isToxic, replaces, rewrites)
		}
	}
}

func TestSetDefaults(t *testing.T) {
	s := Spec{Type: "rate_limit"}
	s.SetDefaults()
	if p, ok := s.Params.(*RateLimit); s.Name != "rate_limit" || !ok || p.RetryAfter != time.Second {
		t.Errorf("defaults are %q, %+v", s.Name, s.Params)
	}
}

func TestTimeline(t *testing.T) {
	window := Spec{At: 6, For: 8}
	for now, want := range map[time.Duration]struct {
		active bool
		edge   time.Duration
	}{-5: {false, 6}, 5: {false, 6}, 6: {true, 14}, 13: {true, 14}, 14: {false, 0}, 99: {false, 0}} {
		edge, _ := window.Next(now)
		if window.Active(now) != want.active || edge != want.edge {
			t.Errorf("at %d: active %v, next edge %d, want %+v", now, window.Active(now), edge, want)
		}
	}
	open := Spec{At: 6}
	if _, more := open.Next(6); more || !open.Active(1<<40) {
		t.Error("a window without for must stay open")
	}
}

func TestSelector(t *testing.T) {
	openai := Target{Provider: "openai", Models: []string{"gpt-4o"}}
	tavily := Target{Tool: "search", Implementation: "tavily"}
	cases := []struct {
		s               Selector
		t               Target
		model           string
		covers, matches bool
	}{
		{Selector{}, openai, "gpt-4o", true, true},
		{Selector{}, tavily, "", true, true},
		{Selector{Provider: "openai"}, openai, "gpt-4o", true, true},
		{Selector{Provider: "openai"}, tavily, "", false, false},
		{Selector{Model: "gpt-4o"}, openai, "gpt-4o", true, true},
		{Selector{Model: "gpt-4o"}, openai, "gpt-4o-mini", true, false},
		{Selector{Model: "gemini"}, openai, "gpt-4o", false, false},
		{Selector{Model: "gpt-4o"}, tavily, "", false, false},
		{Selector{Tool: "search"}, tavily, "", true, true},
		{Selector{Tool: "search", Implementation: "brave"}, tavily, "", false, false},
		{Selector{Tool: "search", Implementation: "tavily"}, tavily, "", true, true},
	}
	for _, c := range cases {
		if covers, matches := c.s.Covers(c.t), c.s.Matches(c.t, c.model); covers != c.covers || matches != c.matches {
			t.Errorf("%+v on %+v asking for %q: covers %v, matches %v", c.s, c.t, c.model, covers, matches)
		}
	}
}
