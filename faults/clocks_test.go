package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

const ms = time.Millisecond

// onBothClocks runs f over sockets and over memory in virtual time, where time is
// exact.
func onBothClocks(t *testing.T, f func(t *testing.T, n network.Network, exact bool)) {
	t.Helper()
	t.Run("wall", func(t *testing.T) {
		t.Parallel()
		f(t, network.Loopback{}, false)
	})
	t.Run("virtual", func(t *testing.T) {
		if err := virtual.Run(func() error { f(t, new(network.Memory), true); return nil }); err != nil {
			t.Fatal(err)
		}
	})
}

// paced answers with the events role, a, b and c, 200 ms apart.
var paced = exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
	return exchange.Script{
		Header: http.Header{"Content-Type": {"text/event-stream"}, "Date": nil},
		Steps: func(yield func(exchange.Step) bool) {
			_ = yield(exchange.Step{Kind: exchange.Meta, Bytes: []byte("role\n")}) &&
				yield(exchange.Step{Wait: 200 * ms, Kind: exchange.Content, Bytes: []byte("a\n")}) &&
				yield(exchange.Step{Wait: 200 * ms, Kind: exchange.Content, Bytes: []byte("b\n")}) &&
				yield(exchange.Step{Wait: 200 * ms, Kind: exchange.Terminal, Bytes: []byte("c\n")})
		},
	}
})

// trace reads a reply and writes down what came when: the status, each line of the
// body, how it ended, and the end of the connection if that was announced.
func (b *bench) trace(t *testing.T, k seed.Key, patience time.Duration) string {
	t.Helper()
	began := time.Now()
	var events []string
	note := func(what string) { events = append(events, what+"@"+time.Since(began).String()) }
	conn := b.send(t, k)
	defer conn.Close()
	_ = conn.SetReadDeadline(began.Add(patience))
	r := bufio.NewReader(conn)
	reply, err := http.ReadResponse(r, &http.Request{Method: http.MethodPost})
	if err != nil {
		note(ending(err))
		return strings.Join(events, " ")
	}
	note(reply.Status[:3])
	for body := bufio.NewReader(reply.Body); ; {
		line, err := body.ReadString('\n')
		if line != "" {
			note(strings.TrimSpace(line))
		}
		if err != nil {
			note(ending(err))
			break
		}
	}
	if reply.Close {
		_, err := r.ReadByte()
		note("connection " + ending(err))
	}
	return strings.Join(events, " ")
}

// ending names the error that a reply ended with.
func ending(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silent"
	case err == io.EOF:
		return "eof"
	}
	return "closed"
}

var instants = regexp.MustCompile(`@\S+`)

// TestToxicsOnBothClocks: every toxic does the same to a reply on both clocks, and in
// virtual time to the nanosecond. The first connection of a link acts 1 ns after an
// edge.
func TestToxicsOnBothClocks(t *testing.T) {
	all := func(late time.Duration) string {
		return fmt.Sprintf("200@%v role@%v a@%v b@%v c@%v eof@%v", late, late, late+200*ms, late+400*ms, late+600*ms, late+600*ms)
	}
	cases := []struct {
		params   any
		at, last time.Duration
		want     string
		missed   bool // the request never comes to the server
		unnamed  bool // it strikes after the reply
	}{
		{params: &Latency{Latency: 100 * ms}, want: all(100 * ms)},
		{params: &Latency{Latency: 100 * ms, Stream: upstream}, want: all(100 * ms)},
		{params: &Latency{Latency: 100 * ms}, at: 300 * ms, last: 250 * ms, want: "200@0s role@0s a@200ms b@500ms c@600ms eof@600ms"},
		{params: &Latency{Latency: 300 * ms}, at: 300 * ms, last: 200 * ms, want: "200@0s role@0s a@200ms b@500.000001ms c@600ms eof@600ms"},
		{params: &Bandwidth{Rate: 1}, want: "200@90ms role@90ms a@207ms b@407ms c@612ms eof@612ms"}, // 90, 7, 7 and 12 bytes
		{params: &Bandwidth{Rate: 1, Stream: upstream}, want: all(90 * ms)},
		{params: &Bandwidth{}, want: "silent@1h0m0s"},
		{params: &Bandwidth{}, at: 300 * ms, last: 250 * ms, want: "200@0s role@0s a@200ms b@550.000001ms c@600ms eof@600ms"},
		{params: &Bandwidth{Stream: upstream}, want: "silent@1h0m0s"}, // the request comes when its client is gone
		{params: &SlowClose{Delay: 100 * ms}, want: all(0) + " connection eof@700ms"},
		{params: &SlowClose{Delay: 100 * ms, Stream: upstream}, want: all(0) + " connection eof@600ms", unnamed: true},
		{params: &Timeout{Timeout: 100 * ms}, want: "closed@100ms"},
		{params: &Timeout{Timeout: 300 * ms}, want: "closed@900ms"}, // not while the server drips
		{params: &Timeout{Timeout: 100 * ms, Stream: upstream}, want: "closed@100ms", missed: true},
		{params: &Timeout{}, want: "silent@1h0m0s"},
		{params: &Timeout{}, at: 300 * ms, last: 250 * ms, want: "200@0s role@0s a@200ms closed@550.000001ms"},
		{params: &ResetPeer{}, want: "reset@0s"},
		{params: &ResetPeer{Timeout: 100 * ms}, want: "reset@100ms"},
		{params: &ResetPeer{Timeout: 100 * ms, Stream: upstream}, want: "reset@100ms", missed: true},
		{params: &ResetPeer{Timeout: 50 * ms}, at: 300 * ms, want: "200@0s role@0s a@200ms reset@450ms"},
		{params: &ResetPeer{Timeout: time.Hour}, at: 300 * ms, last: 250 * ms, want: "200@0s role@0s a@200ms reset@550.000001ms"},
		{params: &Slicer{AverageSize: 16, Delay: 10 * ms}, want: "200@70ms role@70ms a@200ms b@400ms c@600ms eof@600ms"}, // 90 bytes are 8 pieces
		{params: &Slicer{AverageSize: 16, Delay: 10 * ms, Stream: upstream}, want: all(70 * ms)},
		{params: &Slicer{AverageSize: 1, Delay: 100 * ms}, at: 300 * ms, last: 250 * ms, want: "200@0s role@0s a@200ms b@550.000001ms c@600ms eof@600ms"},
		{params: &LimitData{Bytes: 100}, want: "200@0s role@0s a@200ms closed@400ms"},
		{params: &LimitData{Bytes: 8}, at: 300 * ms, want: "200@0s role@0s a@200ms b@400ms closed@600ms"},
		{params: &LimitData{Bytes: 20, Stream: upstream}, want: "closed@0s", missed: true},
		{params: &Down{}, at: 300 * ms, want: "200@0s role@0s a@200ms closed@300.000001ms"},
	}
	for _, c := range cases {
		kind := kindOf(c.params)
		t.Run(fmt.Sprintf("%s/%+v/%v+%v", kind, c.params, c.at, c.last), func(t *testing.T) {
			t.Parallel()
			onBothClocks(t, func(t *testing.T, n network.Network, exact bool) {
				b := openOn(t, n, anOpenAI, paced, Spec{Type: kind, Params: c.params, At: c.at, For: c.last})
				b.Arm(time.Now())
				patience, want := 1500*ms, c.want
				if exact {
					patience = time.Hour
				} else {
					want = instants.ReplaceAllString(want, "")
				}
				k := seed.Key{Request: 3}
				got := b.trace(t, k, patience)
				if !exact {
					got = instants.ReplaceAllString(got, "")
				}
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if !c.missed {
					b.await(k)
				}
				a, reached := b.truth(t, k)
				named := strings.Join(a.Faults, " ") == kind
				if reached == c.missed || named == (c.missed || c.unnamed) || b.Fired()[kind] != 1 {
					t.Errorf("reached %v, named %v, fired %v", reached, a.Faults, b.Fired())
				}
			})
		})
	}
}

// await waits for an attempt to be recorded, which may be after its client left.
func (b *bench) await(k seed.Key) {
	for range 500 {
		if !b.attempt(k).Delivery.Start.IsZero() {
			return
		}
		time.Sleep(10 * ms)
	}
}

// attempt gives what is recorded of an attempt so far.
func (b *bench) attempt(k seed.Key) Attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.attempts[k]
}

func kindOf(params any) string {
	if t, ok := params.(toxic); ok {
		return t.toxic().Type
	}
	return "down"
}
