package reports

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// benchUnits are the units of a benchmark line: per cent and milliseconds, because
// benchstat would write a ratio of 0.95 as 950m.
var benchUnits = []struct {
	unit, metric, better string
	scale                float64
}{
	{"reliability-%", "effective_reliability", higher, 100},
	{"answered-%", "answered_rate", higher, 100},
	{"false-success-%", "false_success_rate", lower, 100},
	{"fallback-%", "fallback_rate", lower, 100},
	{"p50-ms", "latency.p50{op=agent_request}", lower, 1000},
	{"p95-ms", "latency.p95{op=agent_request}", lower, 1000},
	{"p99-ms", "latency.p99{op=agent_request}", lower, 1000},
	{"attempts/call", "retry_amplification", lower, 1},
	{"good/s", "goodput", higher, 1},
	{"wasted-tokens", "wasted_tokens", lower, 1},
	{"USD/success", "cost_per_success", lower, 1},
}

// Bench writes the report as a Go benchmark's output, one line a config and seed, for
// benchstat: benchstat -ignore /seed -col /config report.bench.
func Bench(r *Report) ([]byte, error) {
	var out bytes.Buffer
	for _, u := range benchUnits {
		fmt.Fprintf(&out, "Unit %s better=%s\n", u.unit, u.better)
	}
	if r.Meta != nil && r.Meta.Version != "" {
		fmt.Fprintf(&out, "chaos: %s\n", benchWord(r.Meta.Version))
	}
	fmt.Fprintf(&out, "clock: %s\n", benchWord(r.Clock))
	for _, c := range r.Configs {
		for _, run := range c.Runs {
			n := 0
			for _, requests := range run.Series.Requests {
				n += requests
			}
			if n == 0 {
				continue
			}
			fmt.Fprintf(&out, "BenchmarkChaos/scenario=%s/config=%s/seed=%d\t%d", benchWord(r.Name), benchWord(c.Name), run.Seed, n)
			for _, u := range benchUnits {
				if x, ok := run.Metrics[u.metric]; ok {
					fmt.Fprintf(&out, "\t%s %s", decimal(x*u.scale), u.unit)
				}
			}
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), nil
}

// benchWord keeps a name from being taken for several words or parts.
func benchWord(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' {
			return '_'
		}
		return r
	}, text)
}
