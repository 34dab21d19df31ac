package mockllm

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// always is the flaws of a tool whose every result has the same one.
func always(f flaw) *Flaws {
	w := &Flaws{Size: 10_000, Age: time.Hour}
	*map[flaw]*float64{crash: &w.Crash, empty: &w.Empty, stale: &w.Stale, drift: &w.Drift, oversized: &w.Oversized, flawless: new(float64)}[f] = 1
	return w
}

// flawed is a tool that answers after 20 ms.
func flawed(name, implementation string, flaws *Flaws, errorRate float64) *ToolServer {
	return NewTool(name, implementation, Tool{Latency: seed.Constant(20 * time.Millisecond), Flaws: flaws, ErrorRate: errorRate}, 42)
}

// checkResult tells what is wrong with a result of a tool at a time, given its flaw.
func checkResult(f flaw, result gjson.Result, now time.Time) string {
	if f == empty {
		if result.Type != gjson.Null {
			return "is not null"
		}
		return ""
	}
	text, score := result.Get("text"), result.Get("score")
	asOf, err := time.Parse(time.RFC3339, result.Get("asOf").String())
	age := now.Sub(asOf).Round(10 * time.Second)
	switch {
	case err != nil:
		return err.Error()
	case age != map[flaw]time.Duration{stale: time.Hour}[f]:
		return "is " + age.String() + " old"
	case f == drift:
		if text.Exists() || result.Get("content").Type != gjson.String || score.Type != gjson.String {
			return "has not drifted"
		}
	case text.Type != gjson.String || score.Type != gjson.Number:
		return "has another schema"
	case (len(text.Str) == 10_000) != (f == oversized):
		return "has the wrong size"
	}
	return ""
}

func TestFlawsOverHTTP(t *testing.T) {
	for _, f := range []flaw{flawless, empty, stale, drift, oversized} {
		synctest.Test(t, func(t *testing.T) {
			res := ask(flawed("web_search", "tavily", always(f), 0).Handler(), "POST", "/", "{}", seed.Key{Request: 1})
			body := read(t, res)
			if wrong := checkResult(f, gjson.Get(body, "result"), time.Now()); res.StatusCode != 200 || !json.Valid([]byte(body)) || wrong != "" {
				t.Errorf("%q: the result %s: %.200s", f, wrong, body)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r, _ := http.NewRequest("POST", "http://tool/", strings.NewReader("{}"))
		start := time.Now()
		_, err := exchange.Handler{Responder: flawed("web_search", "tavily", always(crash), 0)}.RoundTrip(r)
		if !errors.Is(err, io.EOF) || time.Since(start) != 20*time.Millisecond {
			t.Errorf("crash: %v after %v", err, time.Since(start))
		}
	})
}

// Each flaw comes as often as is asked for, and an attempt's is its key's.
func TestFlawsFollowTheirChances(t *testing.T) {
	const n = 20_000
	s := flawed("db", "main", &Flaws{Crash: 0.05, Empty: 0.1, Stale: 0.15, Drift: 0.2, Oversized: 0.25}, 0)
	got, again := map[flaw]int{}, map[flaw]int{}
	for i := range uint64(n) {
		got[s.call(seed.Key{Request: i}).wrong]++
		again[s.call(seed.Key{Request: n - 1 - i}).wrong]++
	}
	for f, p := range map[flaw]float64{crash: 0.05, empty: 0.1, stale: 0.15, drift: 0.2, oversized: 0.25, flawless: 0.25} {
		if want, sd := n*p, math.Sqrt(n*p*(1-p)); math.Abs(float64(got[f])-want) > 4*sd {
			t.Errorf("%q: %d, want %.0f ± %.0f", f, got[f], want, sd)
		}
	}
	if !maps.Equal(got, again) {
		t.Errorf("%v, then %v", got, again)
	}
}

func TestFlawsValidate(t *testing.T) {
	for path, f := range map[string]Flaws{
		"crash: must lie": {Crash: -0.1},
		"crash: the":      {Crash: 0.5, Drift: 0.6},
		"empty: ":         {Empty: 2},
		"oversized: ":     {Oversized: math.NaN()},
		"age: ":           {Age: -1},
		"size: ":          {Size: maxResult + 1},
	} {
		f.SetDefaults()
		if err := f.Validate(); err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s%v", path, err)
		}
	}
}
