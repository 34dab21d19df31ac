package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// bench is an endpoint under test and its journal.
type bench struct {
	*Endpoint
	mu       sync.Mutex
	attempts map[seed.Key]Attempt
}

var (
	anOpenAI = Target{Provider: "openai", Dialect: "openai", Models: []string{"gpt-4o"}}
	aTool    = Target{Tool: "search", Implementation: "tavily"}
)

// openBench opens an endpoint for tests and checks that it leaves nothing behind.
func openBench(t testing.TB, target Target, r exchange.Responder, specs ...Spec) *bench {
	t.Helper()
	before := runtime.NumGoroutine()
	b := openOn(t, network.Loopback{}, target, r, specs...)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		noneLeft(t, before)
	})
	return b
}

// openOn opens an endpoint on a network; the test closes it.
func openOn(t testing.TB, n network.Network, target Target, r exchange.Responder, specs ...Spec) *bench {
	t.Helper()
	b := &bench{attempts: map[seed.Key]Attempt{}}
	e, err := Open(context.Background(), Config{
		Network: n, Target: target, Faults: specs, Seed: 42, Responder: r,
		Inspect: func(r *exchange.Request) { r.Model = "gpt-4o" },
		Journal: func(a Attempt) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.attempts[a.Key] = a
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Endpoint = e
	return b
}

// noneLeft waits for the goroutines to be as few as before.
func noneLeft(t testing.TB, before int) {
	t.Helper()
	for range 300 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

// truth closes the endpoint and gives what it recorded of an attempt.
func (b *bench) truth(t testing.TB, k seed.Key) (a Attempt, reached bool) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a, reached = b.attempts[k]
	return a, reached
}

// quick answers a stream of n content events at once.
func quick(n int) exchange.ResponderFunc {
	return func(context.Context, *exchange.Request) exchange.Script {
		s := streamOf(n)
		s.Wait = 0
		steps := s.Steps
		s.Steps = func(yield func(exchange.Step) bool) {
			for step := range steps {
				step.Wait = min(step.Wait, time.Millisecond)
				if !yield(step) {
					return
				}
			}
		}
		return s
	}
}

// send writes a request on a new connection.
func (b *bench) send(t testing.TB, k seed.Key) net.Conn {
	t.Helper()
	conn, err := b.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request(k)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func request(k seed.Key) string {
	return "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nChaos-Key: " + k.String() + "\r\nContent-Length: 2\r\n\r\n{}"
}

// received is what a raw client got before the reply ended or it gave up.
type received struct {
	status int
	header http.Header
	single bool // the server closes the connection after the reply
	body   string
	// end is eof, reset, closed (no clean end) or silent.
	end string
}

// patience is how long the raw client waits for a silent server: nothing that is
// asserted depends on its length but that silence is seen at all.
const patience = 300 * time.Millisecond

// patienceFor is long where the reply is to end.
func patienceFor(end string) time.Duration {
	if end == "silent" {
		return patience
	}
	return 20 * time.Second
}

func receive(conn net.Conn, patience time.Duration) received {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	reply, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodPost})
	got := received{}
	if err == nil {
		got.status, got.header, got.single = reply.StatusCode, reply.Header, reply.Close
		var body []byte
		body, err = io.ReadAll(reply.Body)
		got.body = string(body)
	}
	var timeout net.Error
	switch {
	case err == nil:
		got.end = "eof"
	case errors.Is(err, syscall.ECONNRESET):
		got.end = "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		got.end = "silent"
	default:
		got.end = "closed"
	}
	return got
}

const aToken = `data: {"t":[1]}`

func TestInjectorKinds(t *testing.T) {
	cases := []struct {
		spec     Spec
		target   Target
		status   int
		end      string
		tokens   int
		contains string
		terminal bool
		reports  exchange.End
	}{
		{spec: Spec{Type: "outage"}, target: anOpenAI, status: 503, end: "eof", contains: "server_error", terminal: true},
		{spec: Spec{Type: "outage"}, target: aTool, status: 503, end: "eof", contains: `"error"`, terminal: true},
		{spec: Spec{Type: "rate_limit", Params: &RateLimit{RetryAfter: 1500 * time.Millisecond}}, target: anOpenAI, status: 429, end: "eof", contains: "try again in 1.5s.", terminal: true},
		{spec: Spec{Type: "server_error", Params: &ServerError{Status: 502}}, target: anOpenAI, status: 502, end: "eof", contains: "server_error", terminal: true},
		{spec: Spec{Type: "overloaded"}, target: anOpenAI, status: 503, end: "eof", contains: "server_is_overloaded", terminal: true},
		{spec: Spec{Type: "delay", Params: &Delay{Delay: time.Millisecond}}, target: anOpenAI, status: 200, end: "eof", tokens: 8, terminal: true},
		{spec: Spec{Type: "hang"}, target: anOpenAI, end: "silent", reports: exchange.Hold},
		{spec: Spec{Type: "stall"}, target: anOpenAI, status: 200, end: "silent", tokens: 5, reports: exchange.Hold},
		{spec: Spec{Type: "truncate"}, target: anOpenAI, status: 200, end: "eof", tokens: 5},
		{spec: Spec{Type: "reset"}, target: anOpenAI, end: "reset", reports: exchange.Reset},
		{spec: Spec{Type: "reset", Params: &Reset{After: 3}}, target: anOpenAI, status: 200, end: "reset", tokens: 3, reports: exchange.Reset},
		{spec: Spec{Type: "malformed"}, target: anOpenAI, status: 200, end: "eof", tokens: 7, contains: `data: {"t":[1] `, terminal: true},
	}
	for _, c := range cases {
		for _, linked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/linked=%v", c.spec.Type, c.target.name(), linked), func(t *testing.T) {
				specs := []Spec{c.spec}
				if linked { // a link in the path whose toxic never becomes active
					specs = append(specs, Spec{Type: "latency", At: time.Hour, Params: &Latency{Latency: time.Second}})
				}
				b := openBench(t, c.target, quick(8), specs...)
				b.Arm(time.Now())
				k := seed.Key{Request: 7, Call: 1, Attempt: 2}
				got := receive(b.send(t, k), patienceFor(c.end))
				if got.status != c.status || got.end != c.end || !strings.Contains(got.body, c.contains) {
					t.Errorf("received %+v, want status %d, end %s, %q in it", got, c.status, c.end, c.contains)
				}
				if n := strings.Count(got.body, aToken); n != c.tokens && c.end != "reset" {
					t.Errorf("received %d tokens, want %d: %s", n, c.tokens, got.body)
				}
				b.Lift()
				a, reached := b.truth(t, k)
				if !reached || strings.Join(a.Faults, " ") != c.spec.Type || a.Corrupt != (c.spec.Type == "malformed") {
					t.Fatalf("recorded %+v (reached %v), want the fault %s", a, reached, c.spec.Type)
				}
				d := a.Delivery
				if d.Status != c.status || d.Terminal != c.terminal || d.End != c.reports {
					t.Errorf("delivered %+v, want status %d, terminal %v, end %v", d, c.status, c.terminal, c.reports)
				}
				if c.end == "eof" && d.Bytes != int64(len(got.body)) {
					t.Errorf("delivered %d bytes, received %d", d.Bytes, len(got.body))
				}
				if n := b.Fired()[c.spec.Type]; n != 1 {
					t.Errorf("fired %d times, want once", n)
				}
			})
		}
	}
}

func TestRateLimitHeaders(t *testing.T) {
	for _, target := range []Target{anOpenAI, aTool} {
		b := openBench(t, target, quick(1), Spec{Type: "rate_limit", Params: &RateLimit{RetryAfter: 1500 * time.Millisecond}})
		b.Arm(time.Now())
		h := receive(b.send(t, seed.Key{}), patienceFor("eof")).header
		if h.Get("Retry-After") != "2" || h.Get("Retry-After-Ms") != "1500" {
			t.Errorf("%s: Retry-After %q and Retry-After-Ms %q, want 2 and 1500", target.name(), h.Get("Retry-After"), h.Get("Retry-After-Ms"))
		}
		found := false
		for name := range h {
			found = found || strings.HasPrefix(name, "X-Ratelimit-")
		}
		if !found {
			t.Errorf("%s: no rate-limit headers in %v", target.name(), h)
		}
	}
}

func TestLiftReleasesWhatIsHeld(t *testing.T) {
	for _, kind := range []string{"hang", "stall"} {
		b := openBench(t, anOpenAI, quick(8), Spec{Type: kind})
		b.Arm(time.Now())
		k := seed.Key{Request: 1}
		conn := b.send(t, k)
		for b.Fired()[kind] == 0 {
			time.Sleep(time.Millisecond)
		}
		b.Lift()
		b.Lift()
		if got := receive(conn, 10*time.Second); got.end == "silent" || got.end == "eof" {
			t.Errorf("%s: the client sees %q after the lift", kind, got.end)
		}
		if a, _ := b.truth(t, k); !a.Delivery.Left.IsZero() || a.Delivery.Terminal {
			t.Errorf("%s: recorded %+v: the client did not leave, nor was the reply complete", kind, a.Delivery)
		}
	}
}

func TestNothingFiresUnarmedOrUnreached(t *testing.T) {
	b := openBench(t, anOpenAI, quick(3), Spec{Type: "outage"}, Spec{Type: "latency", Params: &Latency{Latency: time.Hour}})
	if got := receive(b.send(t, seed.Key{}), 5*time.Second); got.status != 200 {
		t.Errorf("unarmed: %+v", got)
	}
	late := openBench(t, anOpenAI, quick(3), Spec{Type: "stall"})
	late.Arm(time.Now())
	if got := receive(late.send(t, seed.Key{}), 5*time.Second); got.end != "eof" || late.Fired()["stall"] != 0 {
		t.Errorf("three events cannot stall after five: %+v, fired %v", got, late.Fired())
	}
}

func TestReplacedRepliesDoNotAskTheTarget(t *testing.T) {
	b := openBench(t, anOpenAI, exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
		t.Error("the mock was asked")
		return exchange.Script{}
	}), Spec{Type: "outage"}, Spec{Type: "rate_limit"})
	b.Arm(time.Now())
	if got := receive(b.send(t, seed.Key{}), 5*time.Second); got.status != 503 || b.Fired()["rate_limit"] != 0 {
		t.Errorf("received %d, fired %v: want the first of the two", got.status, b.Fired())
	}
}

func TestTheKeyTravelsToTheTarget(t *testing.T) {
	want := seed.Key{Request: 3, Call: 2, Attempt: 1}
	b := openBench(t, anOpenAI, exchange.ResponderFunc(func(ctx context.Context, _ *exchange.Request) exchange.Script {
		if k, ok := seed.KeyFrom(ctx); !ok || k != want {
			t.Errorf("key %v, %v", k, ok)
		}
		return exchange.Bytes(200, "text/plain", []byte("ok"))
	}))
	receive(b.send(t, want), 5*time.Second)
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"outside":          {Address: "0.0.0.0:0"},
		"a name":           {Address: "example.com:80"},
		"no port":          {Address: "127.0.0.1"},
		"a crashing toxic": {Faults: []Spec{{Type: "slicer", Params: &Slicer{}}}},
		"a stalled tool":   {Target: aTool, Faults: []Spec{{Type: "stall"}}},
	} {
		if e, err := Open(t.Context(), c); err == nil {
			e.Close()
			t.Errorf("%s was opened", name)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, specs := range [][]Spec{nil, {{Type: "down"}}} {
		if e, err := Open(t.Context(), Config{Address: busy.Addr().String(), Faults: specs}); err == nil {
			e.Close()
			t.Error("a busy port was opened")
		}
	}
}

// TestInjectedRate holds the count of 5,000 attempts at 5 % inside the two-sided
// 99.9 % interval of the binomial distribution, which is 203 to 302.
func TestInjectedRate(t *testing.T) {
	p := 0.05
	hits := func(seed1 uint64) (drawn map[seed.Key]bool) {
		e, err := Open(t.Context(), Config{
			Target: anOpenAI, Seed: seed1,
			Faults:    []Spec{{Type: "server_error", Probability: &p}},
			Responder: exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script { return exchange.Script{} }),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.Arm(time.Now())
		drawn = map[seed.Key]bool{}
		client := &http.Client{Transport: seed.Transport(&http.Transport{})}
		defer client.CloseIdleConnections()
		for i := range uint64(5000) {
			k := seed.Key{Request: i, Call: 1, Attempt: 1}
			r, _ := http.NewRequestWithContext(seed.WithKey(t.Context(), k), http.MethodPost, e.URL(), strings.NewReader("{}"))
			reply, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, reply.Body)
			reply.Body.Close()
			if reply.StatusCode == 500 {
				drawn[k] = true
			}
		}
		if n := e.Fired()["server_error"]; n != len(drawn) {
			t.Errorf("fired %d times, received %d errors", n, len(drawn))
		}
		return drawn
	}
	first, again, other := hits(1), hits(1), hits(2)
	if n := len(first); n < 203 || n > 302 {
		t.Errorf("%d of 5,000 attempts hit at 5 %%", n)
	}
	same := func(a, b map[seed.Key]bool) bool {
		for k := range a {
			if !b[k] {
				return false
			}
		}
		return len(a) == len(b)
	}
	if !same(first, again) {
		t.Error("two endpoints under one seed draw differently")
	}
	if same(first, other) {
		t.Error("two seeds draw alike")
	}
}

func TestDialectsAreRegistered(t *testing.T) {
	if dialect.Dialects["openai"] == nil {
		t.Fatal("no openai dialect: refusals would use the tools' envelope")
	}
}
