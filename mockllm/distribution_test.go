package mockllm

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

const draws = 4000

// scripts asks for many replies without performing them.
func scripts(respond exchange.Responder, path, body string) []exchange.Script {
	all := make([]exchange.Script, draws)
	for i := range all {
		r := httptest.NewRequest("POST", path, nil)
		r.Header.Set("Authorization", "Bearer key")
		ctx := seed.WithKey(context.Background(), seed.Key{Request: uint64(i), Call: 1, Attempt: 1})
		all[i] = respond.Respond(ctx, &exchange.Request{HTTP: r, Body: []byte(body)})
	}
	return all
}

// checkQuantile holds a sample against the quantile that was asked for: of n draws
// the number below it is binomial, and must lie in that law's 99.9 % range.
func checkQuantile(t *testing.T, what string, sample []float64, p, want float64) {
	t.Helper()
	below := 0
	for _, v := range sample {
		if v < want {
			below++
		}
	}
	low, high := binomialRange(len(sample), p)
	if below < low || below > high {
		t.Errorf("%s: %d of %d draws are below %v, want %d to %d for p%v", what, below, len(sample), want, low, high, p*100)
	}
}

// binomialRange is the smallest range that holds 99.9 % of a binomial law.
func binomialRange(n int, p float64) (low, high int) {
	law := distuv.Binomial{N: float64(n), P: p}
	for low = 0; law.CDF(float64(low)) < 0.0005; low++ {
	}
	for high = low; law.CDF(float64(high)) < 0.9995; high++ {
	}
	return low, high
}

func TestDrawsMatchTheirQuantiles(t *testing.T) {
	var ttft, gap, tokens []float64
	respond := provider(t, nil)
	for _, s := range scripts(respond, chatPath, hello+`,"stream":true}`) {
		ttft = append(ttft, float64(s.Wait))
		n := 0
		for step := range s.Steps {
			if step.Kind == exchange.Content {
				n++
			}
			if step.Wait > 0 {
				gap = append(gap, float64(step.Wait))
			}
		}
		tokens = append(tokens, float64(n))
	}
	checkQuantile(t, "ttft", ttft, 0.5, float64(400*time.Millisecond))
	checkQuantile(t, "ttft", ttft, 0.99, float64(1200*time.Millisecond))
	checkQuantile(t, "gap", gap, 0.5, float64(15*time.Millisecond))
	// Counts are rounded; half a token below is where the continuous law is cut.
	checkQuantile(t, "tokens", tokens, cdf(60, 200, 59.5), 60)
	checkQuantile(t, "tokens", tokens, cdf(60, 200, 199.5), 200)

	slices.Sort(ttft)
	if compacted := slices.Compact(ttft); len(compacted) != draws {
		t.Errorf("%d of %d first-token times are tied", draws-len(compacted), draws)
	}
}

// cdf is the lognormal distribution function with the given quantiles.
func cdf(p50, p99, x float64) float64 {
	sigma := math.Log(p99/p50) / distuv.UnitNormal.Quantile(0.99)
	return distuv.UnitNormal.CDF(math.Log(x/p50) / sigma)
}

// The slow mode multiplies its share of the draws.
func TestSlowMode(t *testing.T) {
	respond := provider(t, func(p *Provider) {
		fast := seed.Constant(100 * time.Millisecond)
		fast.Slow = &seed.Slow{Share: 0.03, Factor: 8}
		p.Models["gpt-4o"] = Model{TTFT: fast}
	})
	slow := 0
	for _, s := range scripts(respond, chatPath, hello+`,"stream":true}`) {
		switch s.Wait {
		case 800 * time.Millisecond:
			slow++
		case 100 * time.Millisecond:
		default:
			t.Fatalf("first token after %v", s.Wait)
		}
	}
	if low, high := binomialRange(draws, 0.03); slow < low || slow > high {
		t.Errorf("%d of %d are slow, want %d to %d", slow, draws, low, high)
	}
}

// Errors come at their rate, each kind at its weight, and before the first token.
func TestProviderErrors(t *testing.T) {
	const rate = 0.2
	failing := provider(t, func(p *Provider) { p.ErrorRate = rate })
	healthy := scripts(provider(t, nil), chatPath, hello+"}")
	kinds, all := map[string]int{}, 0
	for i, s := range scripts(failing, chatPath, hello+"}") {
		if s.Status == 200 {
			if s.Wait != healthy[i].Wait {
				t.Fatal("an error rate changes the latency of what succeeds")
			}
			continue
		}
		all++
		kind := fmt.Sprint(s.Status)
		if s.Silent && s.End == exchange.Cut {
			kind = "cut"
		}
		kinds[kind]++
		if s.Wait <= 0 || s.Wait >= healthy[i].Wait {
			t.Errorf("an error after %v, where the answer took %v", s.Wait, healthy[i].Wait)
		}
	}
	if low, high := binomialRange(draws, rate); all < low || all > high {
		t.Errorf("%d of %d attempts failed, want %d to %d", all, draws, low, high)
	}
	for kind, share := range map[string]float64{"500": 0.5, "503": 0.3, "cut": 0.2} {
		if low, high := binomialRange(all, share); kinds[kind] < low || kinds[kind] > high {
			t.Errorf("%d of %d errors are %s, want %d to %d", kinds[kind], all, kind, low, high)
		}
	}
	if n := kinds["500"] + kinds["503"] + kinds["cut"]; n != all {
		t.Errorf("errors of other kinds: %v", kinds)
	}
}

// Without an error rate nothing fails, with 1 everything does.
func TestErrorRateBounds(t *testing.T) {
	for rate, want := range map[float64]int{0: 0, 1: draws} {
		failed := 0
		for _, s := range scripts(provider(t, func(p *Provider) { p.ErrorRate = rate }), chatPath, hello+"}") {
			if s.Status != 200 {
				failed++
			}
		}
		if failed != want {
			t.Errorf("rate %v: %d failed", rate, failed)
		}
	}
}

func TestToolDraws(t *testing.T) {
	config := Tool{ErrorRate: 0.05}
	config.SetDefaults()
	var latency []float64
	failed := 0
	for _, s := range scripts(NewTool("web_search", "tavily", config, 42), "/tools/web_search", `{"query":"x"}`) {
		if s.Status == 500 {
			failed++
			continue
		}
		latency = append(latency, float64(s.Wait))
	}
	checkQuantile(t, "latency", latency, 0.5, float64(50*time.Millisecond))
	checkQuantile(t, "latency", latency, 0.99, float64(200*time.Millisecond))
	if low, high := binomialRange(draws, 0.05); failed < low || failed > high {
		t.Errorf("%d of %d failed, want %d to %d", failed, draws, low, high)
	}
}
