package faults

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

// wire sends the subject's request to an endpoint with the fault, over a connection,
// and gives what a raw client received.
func (s subject) wire(t *testing.T, n network.Network, spec Spec, plain func() exchange.Script, patience time.Duration) received {
	r := exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script { return plain() })
	e, err := Open(context.Background(), Config{Network: n, Target: s.target, Faults: []Spec{spec}, Seed: 42, Responder: r,
		Inspect: func(r *exchange.Request) {
			if s.form != formTool {
				r.Model, r.Stream = "m", s.stream
			}
		}})
	if err != nil {
		t.Fatalf("%s: %v", spec.Type, err)
	}
	e.Arm(time.Now())
	conn, err := e.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: bench\r\nChaos-Key: %v\r\nContent-Length: %d\r\n\r\n%s", s.path, seed.Key{}, len(s.body), s.body)
	if err != nil {
		t.Fatal(err)
	}
	got := receive(conn, patience)
	conn.Close()
	if err := e.Close(); err != nil {
		t.Errorf("%s: %v", spec.Type, err)
	}
	return got
}

// expected is what a script must look like to a raw client.
func expected(s exchange.Script) (want received) {
	end := s.End
	if !s.Silent {
		want.status = max(s.Status, 200)
		var body strings.Builder
		if s.Steps != nil {
			for step := range s.Steps {
				body.Write(step.Bytes)
				if step.End != exchange.Close {
					end = step.End
					break
				}
			}
		}
		want.body = body.String()
	}
	want.end = map[exchange.End]string{exchange.Close: "eof", exchange.Cut: "closed", exchange.Reset: "reset", exchange.Hold: "silent"}[end]
	return want
}

// TestKindsOnTheWire: what a raw client receives, in virtual time, is what the golden
// script of every kind, form and mode says.
func TestKindsOnTheWire(t *testing.T) {
	err := virtual.Run(func() error {
		for _, s := range subjects() {
			every(t, func(spec Spec, title string) {
				if spec.Applies(s.target) != nil || timed[spec.Type] {
					return
				}
				script, fired := s.throw(t, spec)
				if !fired {
					return
				}
				want := expected(script)
				got := s.wire(t, new(network.Memory), spec, func() exchange.Script { return s.script(t) }, time.Hour)
				if got.status != want.status || got.body != want.body || got.end != want.end {
					t.Errorf("%s, %s: got %d %.200q %s, want %d %.200q %s", s.name, title, got.status, got.body, got.end, want.status, want.body, want.end)
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// timed are the kinds whose bytes depend on when they are sent, or never end.
var timed = map[string]bool{"ping_only": true, "error_event": true, "json_for_stream": true}

// TestKindsOnTheLoopback: the kinds that end a connection in another way do so on a
// socket too.
func TestKindsOnTheLoopback(t *testing.T) {
	all := subjects()
	stream, unary, tools := all[1], all[0], all[len(all)-1]
	for _, c := range []struct {
		s    subject
		spec Spec
	}{
		{stream, Spec{Type: "cut", Params: &Cut{After: 2}}},
		{stream, Spec{Type: "cut"}},
		{stream, Spec{Type: "half_event"}},
		{stream, Spec{Type: "no_final_blank"}},
		{stream, Spec{Type: "no_done"}},
		{stream, Spec{Type: "split", Params: &Split{Size: 150, Gap: time.Millisecond}}},
		{stream, Spec{Type: "burst"}},
		{stream, Spec{Type: "linger"}},
		{stream, Spec{Type: "html_mid"}},
		{unary, Spec{Type: "content_length"}},
		{unary, Spec{Type: "empty_200"}},
		{unary, Spec{Type: "html_200"}},
		{tools, Spec{Type: "tool_unknown_outcome"}},
		{tools, Spec{Type: "tool_crash"}},
		{tools, Spec{Type: "tool_timeout"}},
	} {
		c.spec.SetDefaults()
		t.Run(strings.TrimSpace(fmt.Sprintf("%s %+v", c.spec.Type, c.spec.Params)), func(t *testing.T) {
			t.Parallel()
			script, _ := c.s.throw(t, c.spec)
			want := expected(script)
			got := c.s.wire(t, network.Loopback{}, c.spec, func() exchange.Script {
				s := c.s.script(t)
				s.Wait = 0
				return s
			}, patienceFor(want.end))
			if got.status != want.status || got.body != want.body || got.end != want.end {
				t.Errorf("got %d %.200q %s, want %d %.200q %s", got.status, got.body, got.end, want.status, want.body, want.end)
			}
		})
	}
}

// TestKeepAlivesComeUntilTheClientLeaves, however long it stays.
func TestKeepAlivesComeUntilTheClientLeaves(t *testing.T) {
	s := subjects()[5] // Anthropic's stream
	err := virtual.Run(func() error {
		spec := Spec{Type: "ping_only", Params: &PingOnly{Every: 15 * time.Second}}
		got := s.wire(t, new(network.Memory), spec, func() exchange.Script { return s.script(t) }, 10*time.Minute)
		const ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
		if n := strings.Count(got.body, ping); n != 40 || got.end != "silent" || strings.Contains(got.body, "text_delta") {
			t.Errorf("%d pings in ten minutes, %s", n, got.end)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCorruptKinds: a fault that makes a reply wrong which seems complete says so in
// the ground truth, and no other does.
func TestCorruptKinds(t *testing.T) {
	for name := range corrupting {
		if _, ok := kinds[name]; !ok {
			t.Errorf("%s is no kind", name)
		}
	}
	s := subjects()[0]
	for name, want := range map[string]bool{"empty_completion": true, "no_choices": true, "tool_name": true, "wrong_model": false, "usage": false, "server_error": false} {
		var got Attempt
		r := exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script { return s.script(t) })
		e, err := Open(t.Context(), Config{Network: new(network.Memory), Target: s.target, Faults: []Spec{{Type: name}}, Responder: r,
			Journal: func(a Attempt) { got = a }})
		if err != nil {
			t.Fatal(err)
		}
		e.Arm(time.Now())
		request := s.request().HTTP
		request.RequestURI = ""
		reply, err := e.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, reply.Body)
		reply.Body.Close()
		e.Close()
		if got.Corrupt != want || !slices.Equal(got.Faults, []string{name}) {
			t.Errorf("%s: corrupt %v, want %v; faults %v", name, got.Corrupt, want, got.Faults)
		}
	}
}
