package mockllm

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

func TestWeather(t *testing.T) {
	phases := []Phase{
		{At: 10 * time.Second, For: 10 * time.Second, TTFT: 5},
		{At: 30 * time.Second, Ramp: 20 * time.Second, Gap: 3},
		{At: 15 * time.Second, For: 30 * time.Second, ErrorRate: 0.5, TTFT: 2},
		{At: 40 * time.Second, For: time.Minute, Ramp: 10 * time.Second, ErrorRate: 0.5},
	}
	for i := range phases {
		phases[i].SetDefaults()
	}
	for since, want := range map[time.Duration]weather{
		-time.Second:               {1, 1, 0},
		10*time.Second - 1:         {1, 1, 0},
		10 * time.Second:           {5, 1, 0},
		15 * time.Second:           {10, 1, 0.5},
		20 * time.Second:           {2, 1, 0.5},
		40 * time.Second:           {2, 2, 0.5},
		42 * time.Second:           {2, 2.2, 0.55},
		time.Minute:                {1, 3, 0.5},
		100*time.Second - 1:        {1, 3, 0.5},
		time.Hour:                  {1, 3, 0},
		290 * 365 * 24 * time.Hour: {1, 3, 0},
	} {
		if got := weatherAt(phases, since); !near(got.ttft, want.ttft) || !near(got.gap, want.gap) || !near(got.errorRate, want.errorRate) {
			t.Errorf("%v: got %+v, want %+v", since, got, want)
		}
	}
	if got := weatherAt(nil, 0); !reflect.DeepEqual(got, weather{1, 1, 0}) {
		t.Errorf("no phases: %+v", got)
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// A reply takes what its model takes at that time: the prompt's prefill, the phase's
// factors, counted from Begin.
func TestReplyTakesWhatItsModelTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := provider(t, func(p *Provider) {
			p.Models["gpt-4o"] = Model{
				TTFT: seed.Constant(100 * time.Millisecond), Gap: seed.Constant(10 * time.Millisecond),
				Tokens: seed.Count{P50: 3, P99: 3}, Prefill: 200 * time.Microsecond,
				Over: []Phase{{At: time.Minute, For: time.Minute, TTFT: 2, Gap: 3}, {At: time.Hour, ErrorRate: 1}},
			}
		})
		t0 := time.Now().Add(30 * time.Second)
		s.Begin(t0)
		var usage int
		took := func() time.Duration {
			start := time.Now()
			_, b := post(t, s, "key", seed.Key{Request: 1}, chats["openai"])
			if reply, err := dialect.Dialects["openai"].Decode(b); err == nil {
				usage = reply.Usage.Input
			}
			return time.Since(start)
		}
		at := func(since time.Duration, want time.Duration) {
			time.Sleep(time.Until(t0.Add(since)))
			if got := took(); got != want {
				t.Errorf("at %v: %v, want %v", since, got, want)
			}
		}
		took()
		ttft := 100*time.Millisecond + time.Duration(usage)*200*time.Microsecond
		at(-20*time.Second, ttft+20*time.Millisecond)
		at(61*time.Second, 2*ttft+60*time.Millisecond)
		at(2*time.Minute, ttft+20*time.Millisecond)
		time.Sleep(time.Hour)
		if _, failed := s.failure(&request{key: seed.Key{Request: 1}}, time.Second, weatherAt(s.models["gpt-4o"].Over, s.age()).errorRate); !failed {
			t.Error("no error in the phase of errors")
		}
	})
}

func TestPhaseValidate(t *testing.T) {
	for path, p := range map[string]Phase{
		"at: ":        {At: -1},
		"ramp: ":      {For: 1, Ramp: 2},
		"ttft: ":      {TTFT: -1},
		"gap: ":       {Gap: 1e7},
		"errorRate: ": {ErrorRate: 2},
	} {
		p.SetDefaults()
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s%v", path, err)
		}
	}
}
