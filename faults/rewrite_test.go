package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// streamOf is a reply of n content events, one second apart.
func streamOf(n int) exchange.Script {
	return exchange.Script{
		Header: http.Header{"Content-Type": {"text/event-stream"}},
		Wait:   time.Second,
		Steps: func(yield func(exchange.Step) bool) {
			if !yield(exchange.Step{Kind: exchange.Meta, Bytes: []byte("data: {\"role\":1}\n\n")}) {
				return
			}
			for range n {
				if !yield(exchange.Step{Wait: time.Second, Kind: exchange.Content, Bytes: []byte("data: {\"t\":[1]}\n\n")}) {
					return
				}
			}
			_ = yield(exchange.Step{Kind: exchange.Terminal, Bytes: []byte("data: {\"end\":1}\n\n")}) &&
				yield(exchange.Step{Kind: exchange.Trailer, Bytes: []byte("data: [DONE]\n\n")})
		},
	}
}

// transcript writes a script down: one line of waits, bytes and ends.
func transcript(s exchange.Script) string {
	var b strings.Builder
	if s.Silent {
		return "silent " + s.End.String()
	}
	b.WriteString(s.Wait.String())
	if s.Steps != nil {
		for step := range s.Steps {
			if step.Wait > 0 {
				b.WriteString(" +" + step.Wait.String())
			}
			if len(step.Bytes) > 0 {
				b.WriteString(" " + strings.TrimSuffix(strings.ReplaceAll(string(step.Bytes), "\n", "¶"), "¶¶"))
			}
			if step.End != exchange.Close {
				return b.String() + " " + step.End.String()
			}
		}
	}
	return b.String() + " " + s.End.String()
}

func TestRewrites(t *testing.T) {
	const (
		role = `1s data: {"role":1}`
		tok  = ` +1s data: {"t":[1]}`
		end  = ` data: {"end":1} data: [DONE] close`
	)
	unary := exchange.Bytes(200, "application/json", []byte(`{"a":[1]}`))
	cases := []struct {
		name  string
		p     any
		in    exchange.Script
		want  string
		fired bool
	}{
		{"delay", &Delay{Delay: 2 * time.Second}, streamOf(1), `3s data: {"role":1}` + tok + end, true},
		{"delay with jitter drawn 0.75", &Delay{Delay: 2 * time.Second, Jitter: time.Second}, streamOf(0), `3.5s data: {"role":1}` + end, true},
		{"stall", &Stall{After: 2}, streamOf(3), role + tok + tok + " hold", true},
		{"stall at once", &Stall{}, streamOf(3), "1s hold", true},
		{"stall before the end", &Stall{After: 3}, streamOf(3), role + tok + tok + tok + " hold", true},
		{"stall too late", &Stall{After: 4}, streamOf(3), role + tok + tok + tok + end, false},
		{"stall for a while", &Stall{After: 1, Duration: time.Minute}, streamOf(2), role + tok + ` +1m1s data: {"t":[1]}` + end, true},
		{"stall of a unary reply", &Stall{After: 5}, unary, `0s {"a":[1]} close`, false},
		{"truncate", &Truncate{After: 2}, streamOf(3), role + tok + tok + " close", true},
		{"truncate before the end", &Truncate{After: 3}, streamOf(3), role + tok + tok + tok + " close", true},
		{"truncate too late", &Truncate{After: 4}, streamOf(3), role + tok + tok + tok + end, false},
		{"reset", &Reset{After: 1}, streamOf(3), role + tok + " +1ms reset", true},
		{"reset at once", &Reset{}, streamOf(3), "silent reset", true},
		{"reset too late", &Reset{After: 9}, streamOf(1), role + tok + end, false},
		{"malformed", &Malformed{After: 1}, streamOf(2), role + tok + ` +1s data: {"t":[1] ` + end, true},
		{"malformed end", &Malformed{After: 2}, streamOf(2), role + tok + tok + ` data: {"end":1  data: [DONE] close`, true},
		{"malformed too late", &Malformed{After: 3}, streamOf(2), role + tok + tok + end, false},
		{"malformed body", &Malformed{}, unary, `0s {"a":[1]  close`, true},
		{"malformed text", &Malformed{}, exchange.Bytes(200, "text/plain", []byte("4")), "0s 4 close", false},
		{"hang", &Hang{}, exchange.Script{}, "silent hold", true},
		{"stall of a hang", &Stall{}, exchange.Script{Silent: true, End: exchange.Hold}, "silent hold", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fired := false
			thrown := &cast{draw: func() float64 { return 0.75 }, fired: func() { fired = true }}
			s, answered := exchange.Script{}, false
			if p, ok := c.p.(replacement); ok {
				s, answered = p.reply(thrown)
			}
			if p, ok := c.p.(rewrite); ok && !answered {
				s = p.rewrite(thrown, c.in)
			}
			if got := transcript(s); got != c.want || fired != c.fired {
				t.Errorf("fired %v\n got %s\nwant %s", fired, got, c.want)
			}
		})
	}
}

func TestTruncateDropsTheLength(t *testing.T) {
	s := exchange.Bytes(200, "application/json", []byte(`{}`))
	s.Header.Set("Content-Length", "2")
	got := Truncate{}.rewrite(&cast{fired: func() {}}, s)
	if got.Header.Get("Content-Length") != "" || s.Header.Get("Content-Length") != "2" {
		t.Errorf("lengths %q and %q: want none in the truncated reply, and the original's untouched",
			got.Header.Get("Content-Length"), s.Header.Get("Content-Length"))
	}
}
