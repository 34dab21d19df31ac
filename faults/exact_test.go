package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

// inBubble runs f with an endpoint in virtual time, armed at its beginning.
func inBubble(t *testing.T, r exchange.Responder, spec Spec, f func(b *bench, n *network.Memory)) {
	t.Helper()
	err := virtual.Run(func() error {
		n := new(network.Memory)
		b := openOn(t, n, anOpenAI, r, spec)
		b.Arm(time.Now())
		f(b, n)
		return b.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// arrivals reads a connection to the end of the reply and gives how many bytes had
// come at which instant.
func arrivals(conn net.Conn) string {
	began := time.Now()
	var all []byte
	var log []string
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			all = append(all, buf[:n]...)
			log = append(log, fmt.Sprintf("%d@%v", len(all), time.Since(began)))
		}
		if err != nil || bytes.HasSuffix(all, []byte("0\r\n\r\n")) {
			return strings.Join(log, " ")
		}
	}
}

// TestBandwidthIsExact: a chunk passes in pieces of 100 ms, and its last byte when
// all bytes so far are due at the rate.
func TestBandwidthIsExact(t *testing.T) {
	padded := exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
		s := streamOf(0)
		s.Wait = 0
		s.Steps = func(yield func(exchange.Step) bool) {
			_ = yield(exchange.Step{Kind: exchange.Content, Bytes: make([]byte, 2000)}) &&
				yield(exchange.Step{Wait: 10 * time.Second, Kind: exchange.Terminal, Bytes: make([]byte, 700)})
		}
		return s
	})
	inBubble(t, padded, Spec{Type: "bandwidth", Params: &Bandwidth{Rate: 5}}, func(b *bench, _ *network.Memory) {
		conn := b.send(t, seed.Key{})
		defer conn.Close()
		const head = 124 // header and the chunk's frame
		want := ""
		for n := 500; n < 2000+head; n += 500 {
			want += fmt.Sprintf("%d@%v ", n, time.Duration(n)*ms/5)
		}
		want += fmt.Sprintf("%d@%v ", 2000+head, (2000+head)*ms/5)
		want += fmt.Sprintf("%d@%v %d@%v", 2500+head, 10*time.Second+100*ms, 2712+head, 10*time.Second+712*ms/5)
		if got := arrivals(conn); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestJitterIsDrawnByTheConnection: the delay of a chunk is latency ± jitter, drawn
// in order from the connection's stream, and no chunk overtakes another.
func TestJitterIsDrawnByTheConnection(t *testing.T) {
	const latency, jitter = 300 * ms, 250 * ms
	inBubble(t, paced, Spec{Type: "latency", Params: &Latency{Latency: latency, Jitter: jitter}}, func(b *bench, _ *network.Memory) {
		seen := map[string]bool{}
		for index := range uint64(5) {
			first := seed.New(42, "fault/latency/latency", seed.Key{Request: index})
			draw := seed.New(first.Uint64(), "jitter", seed.Key{})
			want, last := "", time.Duration(0)
			for i, n := range []int{90, 97, 104, 116} {
				delay := time.Duration((300 + (2*draw.Float64()-1)*250) * float64(ms))
				last = max(last, time.Duration(i)*200*ms+delay)
				want += fmt.Sprintf(" %d@%v", n, last)
			}
			conn := b.send(t, seed.Key{Request: index})
			got := arrivals(conn)
			conn.Close()
			if got != want[1:] {
				t.Errorf("connection %d: got %s, want%s", index, got, want)
			}
			seen[got] = true
		}
		if len(seen) != 5 {
			t.Errorf("connections share their jitter: %v", seen)
		}
	})
}

// TestSlowCloseHoldsBackTheClientsEnd: the server learns later that its client left.
func TestSlowCloseHoldsBackTheClientsEnd(t *testing.T) {
	inBubble(t, paced, Spec{Type: "slow_close", Params: &SlowClose{Delay: 150 * ms, Stream: upstream}}, func(b *bench, _ *network.Memory) {
		began, k := time.Now(), seed.Key{Request: 1}
		conn := b.send(t, k)
		time.Sleep(300 * ms)
		conn.Close()
		b.await(k)
		if d := b.attempt(k).Delivery; d.Left.Sub(began) != 450*ms || d.Content != 2 {
			t.Errorf("left after %v, %+v", d.Left.Sub(began), d)
		}
	})
}

// TestADelayTakesAnIdleConnectionInPlace: a toxic that keeps data must not cost the
// request that is just being written.
func TestADelayTakesAnIdleConnectionInPlace(t *testing.T) {
	spec := Spec{Type: "latency", At: 5 * time.Second, Params: &Latency{Latency: 100 * ms}}
	inBubble(t, paced, spec, func(b *bench, _ *network.Memory) {
		first, second := seed.Key{Request: 1}, seed.Key{Request: 2}
		conn := b.send(t, first)
		plain := arrivals(conn)
		time.Sleep(4400 * ms) // to the instant of the edge
		if _, err := io.WriteString(conn, request(second)); err != nil {
			t.Fatal(err)
		}
		if late := arrivals(conn); late == plain || late == "" {
			t.Errorf("after the edge the same connection gives %q, before %q", late, plain)
		}
		conn.Close()
		b.await(second)
		if d := b.attempt(second); !d.Delivery.Terminal || fmt.Sprint(d.Faults) != "[latency]" {
			t.Errorf("%+v", d)
		}
	})
}

// TestARequestThatCrossesAnEdgeIsNamed: an idle connection closes at an edge just as
// its client writes the next request, which then fails by the fault.
func TestARequestThatCrossesAnEdgeIsNamed(t *testing.T) {
	spec := Spec{Type: "timeout", At: 5 * time.Second, Params: &Timeout{Timeout: ms}}
	inBubble(t, paced, spec, func(b *bench, _ *network.Memory) {
		first, second := seed.Key{Request: 1}, seed.Key{Request: 2}
		conn := b.send(t, first)
		arrivals(conn)
		began := time.Now()
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF || time.Since(began) != 4400*ms+1 {
			t.Errorf("the idle connection ends after %v by %v", time.Since(began), err)
		}
		if _, err := io.WriteString(conn, request(second)); err != nil {
			t.Fatal(err)
		}
		b.await(second)
		conn.Close()
		if named := b.attempt(second).Faults; fmt.Sprint(named) != "[timeout]" || b.Fired()["timeout"] != 1 || len(b.attempt(first).Faults) != 0 {
			t.Errorf("named %v, fired %v", named, b.Fired())
		}
	})
}

// TestAnIdleConnectionThatStaysIsCut: a client that does not close its side.
func TestAnIdleConnectionThatStaysIsCut(t *testing.T) {
	spec := Spec{Type: "timeout", At: 5 * time.Second, Params: &Timeout{Timeout: ms}}
	inBubble(t, paced, spec, func(b *bench, _ *network.Memory) {
		conn := b.send(t, seed.Key{})
		arrivals(conn)
		time.Sleep(4400*ms + changeTimeout + 2)
		if _, err := io.WriteString(conn, "x"); err == nil {
			t.Error("still open")
		}
		conn.Close()
		if b.Fired()["timeout"] != 0 {
			t.Errorf("fired %v without a request", b.Fired())
		}
	})
}

// TestLiftEndsHeldRequestsInTheOrderOfTheirKeys, one a nanosecond.
func TestLiftEndsHeldRequestsInTheOrderOfTheirKeys(t *testing.T) {
	inBubble(t, paced, Spec{Type: "hang"}, func(b *bench, _ *network.Memory) {
		for _, i := range []uint64{3, 1, 2} {
			b.send(t, seed.Key{Request: i})
		}
		time.Sleep(time.Second)
		lifted := time.Now()
		b.Lift()
		time.Sleep(time.Second)
		for i := range uint64(3) {
			if d := b.attempt(seed.Key{Request: i + 1}).Delivery; d.Finish.Sub(lifted) != time.Duration(i+1) || !d.Left.IsZero() {
				t.Errorf("request %d ended %v after the lift: %+v", i+1, d.Finish.Sub(lifted), d)
			}
		}
	})
}

// TestDownIsExact: to the nanosecond refused, closed and back on the same port.
func TestDownIsExact(t *testing.T) {
	inBubble(t, paced, Spec{Type: "down", At: 300 * ms, For: time.Second}, func(b *bench, n *network.Memory) {
		var live []net.Conn
		for i := range uint64(3) {
			live = append(live, b.send(t, seed.Key{Request: i}))
		}
		dial := func(want string) {
			t.Helper()
			conn, err := b.Dial(context.Background())
			if got := fmt.Sprint(err); got != want {
				t.Errorf("dial: %s, want %s", got, want)
			}
			if err == nil {
				conn.Close()
			}
		}
		time.Sleep(300*ms - 1)
		dial("<nil>")
		for i, conn := range live {
			began := time.Now()
			if _, err := io.Copy(io.Discard, conn); err != nil || time.Since(began) != time.Duration(btoi(i == 0))+1 {
				t.Errorf("connection %d ended %v after the one before, by %v", i, time.Since(began), err)
			}
		}
		dial("dial tcp: connect: connection refused")
		time.Sleep(time.Second - 3 - 1)
		dial("dial tcp: connect: connection refused")
		time.Sleep(2 * time.Nanosecond)
		dial("<nil>")
		if n := b.Fired()["down"]; n != 5 {
			t.Errorf("fired %d times: three connections were closed and two refused", n)
		}
		for _, conn := range live {
			conn.Close()
		}
	})
}
