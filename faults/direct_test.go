package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

// seen is what a client and the endpoint observe of one request.
type seen struct {
	client  string // what came when, and how it ended
	attempt Attempt
	fired   map[string]int
}

// watch sends one request, directly or over a connection in memory, in virtual time.
func watch(t *testing.T, direct bool, spec Spec, patience time.Duration, lift time.Duration) (s seen) {
	t.Helper()
	err := virtual.Run(func() error {
		b := openOn(t, new(network.Memory), anOpenAI, quick(8), spec)
		if !b.Direct() {
			t.Error("no fault acts on connections, and yet there is a link")
		}
		b.Arm(time.Now())
		over := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.Dial(ctx) }}
		client := &http.Client{Transport: seed.Transport(over)}
		if direct {
			client.Transport = seed.Transport(b.Endpoint)
		}
		k := seed.Key{Request: 4, Call: 1, Attempt: 1}
		ctx, cancel := context.WithTimeout(seed.WithKey(context.Background(), k), patience)
		defer cancel()
		if lift > 0 {
			defer time.AfterFunc(lift, b.Lift).Stop()
		}
		s.client = observe(ctx, client, b.URL())
		over.CloseIdleConnections()
		b.await(k)
		var reached bool
		if s.attempt, reached = b.truth(t, k); !reached {
			t.Error("nothing was recorded")
		}
		s.fired = b.Fired()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func observe(ctx context.Context, client *http.Client, url string) string {
	began := time.Now()
	var events []string
	note := func(what string) { events = append(events, fmt.Sprintf("%s@%v", what, time.Since(began))) }
	end := func(err error) string {
		if errors.Is(err, context.DeadlineExceeded) {
			note("silent")
		} else {
			note(ending(err))
		}
		return strings.Join(events, " ")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err.Error()
	}
	reply, err := client.Do(r)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // there was no reply to end
	}
	if err != nil {
		return end(err)
	}
	defer reply.Body.Close()
	note(reply.Status)
	var at []time.Duration
	var texts []string // what came at each of those
	buf := make([]byte, 4096)
	for {
		n, err := reply.Body.Read(buf)
		now := time.Since(began)
		if last := len(at) - 1; n > 0 && last >= 0 && at[last] == now {
			texts[last] += string(buf[:n])
		} else if n > 0 {
			at, texts = append(at, now), append(texts, string(buf[:n]))
		}
		if err != nil {
			events = append(events, fmt.Sprintf("%q at %v", texts, at))
			return end(err)
		}
	}
}

// TestTheDirectPathIsTheConnections: without a connection client and endpoint observe
// the same as over one, at the same instants.
func TestTheDirectPathIsTheConnections(t *testing.T) {
	calm := Spec{Type: "outage", At: time.Hour}
	for _, c := range []struct {
		name     string
		spec     Spec
		patience time.Duration // of the client
		lift     time.Duration
	}{
		{name: "no fault", spec: calm},
		{name: "the client leaves", spec: calm, patience: 3*ms + ms/2},
		{name: "outage", spec: Spec{Type: "outage"}},
		{name: "rate limit", spec: Spec{Type: "rate_limit"}},
		{name: "delay", spec: Spec{Type: "delay", Params: &Delay{Delay: 300 * ms, Jitter: 200 * ms}}},
		{name: "leaves in a delay", spec: Spec{Type: "delay", Params: &Delay{Delay: 300 * ms}}, patience: 100 * ms},
		{name: "hang", spec: Spec{Type: "hang"}},
		{name: "stall", spec: Spec{Type: "stall"}},
		{name: "stall that ends", spec: Spec{Type: "stall", Params: &Stall{After: 2, Duration: time.Second}}},
		{name: "truncate", spec: Spec{Type: "truncate"}},
		{name: "reset", spec: Spec{Type: "reset"}},
		{name: "reset in the stream", spec: Spec{Type: "reset", Params: &Reset{After: 3}}},
		{name: "malformed", spec: Spec{Type: "malformed"}},
		{name: "hang that is lifted", spec: Spec{Type: "hang"}, lift: 5 * time.Second},
		{name: "stall that is lifted", spec: Spec{Type: "stall"}, lift: 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.patience == 0 {
				c.patience = time.Minute
			}
			over, direct := watch(t, false, c.spec, c.patience, c.lift), watch(t, true, c.spec, c.patience, c.lift)
			if over.client == "" || !reflect.DeepEqual(over, direct) {
				t.Errorf("over a connection %+v\ndirectly          %+v", over, direct)
			}
		})
	}
}

// TestTheDirectPathEndsItsContext: what a request's context holds goes with the reply.
func TestTheDirectPathEndsItsContext(t *testing.T) {
	for _, script := range []exchange.Script{{Silent: true, End: exchange.Reset}, {}} {
		var inner context.Context
		b := openBench(t, anOpenAI, exchange.ResponderFunc(func(ctx context.Context, _ *exchange.Request) exchange.Script {
			inner = ctx
			return script
		}))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL(), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		reply, err := b.RoundTrip(r)
		if (err != nil) != script.Silent {
			t.Errorf("got %v", err)
		}
		if err == nil {
			reply.Body.Close()
		}
		if inner.Err() == nil {
			t.Errorf("%v: the context goes on", script.End)
		}
	}
}
