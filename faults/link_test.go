package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestDownRefusesAndRecoversOnItsPort(t *testing.T) {
	const opens, lasts = 150 * time.Millisecond, 400 * time.Millisecond
	b := openBench(t, anOpenAI, slow(), Spec{Type: "down", At: opens, For: lasts})
	address := b.URL()
	b.Arm(time.Now())
	k := seed.Key{Request: 1}
	if got := receive(b.send(t, k), 5*time.Second); got.end == "eof" || got.end == "silent" {
		t.Errorf("the connection at the edge ended by %q", got.end)
	}
	refused := 0
	for {
		conn, err := b.Dial(t.Context())
		if err == nil {
			conn.Close()
			if refused > 0 {
				break
			}
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dialling: %v, want refused", err)
		} else {
			refused++
			// Others may ask for ports meanwhile and must not get this one.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if "http://"+l.Addr().String() == address {
				t.Fatal("the port was given away")
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	conn := b.send(t, seed.Key{Request: 2})
	if got := receive(conn, patience); got.status != 200 || b.URL() != address {
		t.Errorf("after the window at %s: %+v", b.URL(), got)
	}
	conn.Close()
	a, _ := b.truth(t, k)
	if strings.Join(a.Faults, "") != "down" || a.Delivery.Left.IsZero() {
		t.Errorf("the attempt that was cut: %+v", a)
	}
	if n := b.Fired()["down"]; n <= refused {
		t.Errorf("fired %d times, refused %d and closed one", n, refused)
	}
}

// slow answers a stream that outlasts the tests.
func slow() exchange.ResponderFunc {
	return func(context.Context, *exchange.Request) exchange.Script {
		s := streamOf(1000)
		s.Wait = 0
		return s
	}
}

func TestLiftDuringDownListensAgain(t *testing.T) {
	b := openBench(t, anOpenAI, quick(1), Spec{Type: "down"})
	b.Arm(time.Now())
	for {
		conn, err := b.Dial(t.Context())
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	b.Lift()
	for {
		if conn, err := b.Dial(t.Context()); err == nil {
			conn.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := receive(b.send(t, seed.Key{}), 5*time.Second); got.status != 200 {
		t.Errorf("after the lift: %+v", got)
	}
}

func TestToxicsAreDrawnByKey(t *testing.T) {
	half := 0.5
	b := openBench(t, anOpenAI, quick(1), Spec{Name: "flaky", Type: "reset_peer", Params: &ResetPeer{Stream: upstream}, Probability: &half})
	b.Arm(time.Now())
	want, hits := 0, 0
	for i := range uint64(60) {
		k := seed.Key{Request: i, Call: 2, Attempt: 1}
		draw := seed.New(42, "fault/flaky", k)
		hit := draw.Chance(half)
		want += btoi(hit)
		got := receive(b.send(t, k), 5*time.Second)
		if (got.end == "reset") != hit {
			t.Fatalf("request %d: received %+v, drawn %v", i, got, hit)
		}
		if !hit && !got.single {
			t.Fatalf("a drawn toxic needs single-use connections: %+v", got)
		}
		hits += btoi(hit)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if n := b.Fired()["flaky"]; n != want || hits != want {
		t.Errorf("fired %d and hit %d times, want %d", n, hits, want)
	}
}

func TestIdleConnectionsCloseAtAnEdge(t *testing.T) {
	b := openBench(t, anOpenAI, quick(1), Spec{Type: "timeout", At: 200 * time.Millisecond})
	b.Arm(time.Now())
	conn := b.send(t, seed.Key{})
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	all, err := io.ReadAll(conn) // beyond the reply, until the connection ends
	if err != nil || !strings.HasSuffix(string(all), "0\r\n\r\n") {
		t.Errorf("read %q, %v: want the whole reply and then the end of the connection", all, err)
	}
}

func TestALiveConnectionGetsTheToxicOfItsWindow(t *testing.T) {
	b := openBench(t, anOpenAI, slow(), Spec{Type: "timeout", At: 100 * time.Millisecond, For: 200 * time.Millisecond})
	b.Arm(time.Now())
	k := seed.Key{Request: 1}
	// The window's end removes the toxic, which closes the connection.
	if got := receive(b.send(t, k), 10*time.Second); got.status != 200 || got.end != "closed" {
		t.Errorf("received %+v", got)
	}
	if a, _ := b.truth(t, k); strings.Join(a.Faults, "") != "timeout" {
		t.Errorf("recorded %+v", a)
	}
}

func TestALimitStrikesWithinAKeepAliveConnection(t *testing.T) {
	b := openBench(t, anOpenAI, quick(1), Spec{Type: "limit_data", Params: &LimitData{Bytes: 500}})
	b.Arm(time.Now())
	client := &http.Client{Transport: seed.Transport(&http.Transport{})}
	defer client.CloseIdleConnections()
	failed := 0
	for i := range uint64(20) {
		r, _ := http.NewRequestWithContext(seed.WithKey(t.Context(), seed.Key{Request: i}), http.MethodPost, b.URL(), strings.NewReader("{}"))
		reply, err := client.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, reply.Body)
			reply.Body.Close()
		}
		failed += btoi(err != nil)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	struck := 0
	for _, a := range b.attempts {
		struck += btoi(len(a.Faults) > 0)
	}
	if n := b.Fired()["limit_data"]; n == 0 || failed == 0 || struck != failed {
		t.Errorf("fired %d times, %d failures, %d attempts name it", n, failed, struck)
	}
}

// TestTogglingUnderAbortingClients is what deadlocks toxiproxy's own proxy: 30 %
// of the clients abort their streams while toxics come and go.
func TestTogglingUnderAbortingClients(t *testing.T) {
	var specs []Spec
	for i := range 12 {
		at := time.Duration(i) * 40 * time.Millisecond
		specs = append(specs,
			Spec{Name: fmt.Sprint("slow", i), Type: "latency", At: at, For: 30 * time.Millisecond, Params: &Latency{Latency: 20 * time.Millisecond}},
			Spec{Name: fmt.Sprint("thin", i), Type: "bandwidth", At: at + 10*time.Millisecond, For: 25 * time.Millisecond, Params: &Bandwidth{Rate: 1}},
			Spec{Name: fmt.Sprint("cut", i), Type: "slicer", At: at + 5*time.Millisecond, For: 30 * time.Millisecond, Params: &Slicer{AverageSize: 8}})
	}
	specs = append(specs, Spec{Type: "limit_data", At: 200 * time.Millisecond, For: 60 * time.Millisecond, Params: &LimitData{Bytes: 900}},
		Spec{Type: "reset_peer", At: 300 * time.Millisecond, For: 20 * time.Millisecond, Params: &ResetPeer{Timeout: 5 * time.Millisecond}},
		Spec{Type: "timeout", At: 400 * time.Millisecond, For: 20 * time.Millisecond})
	b := openBench(t, anOpenAI, quick(200), specs...)
	b.Arm(time.Now())
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.Dial(ctx) }}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	whole := 0
	for i := range 200 {
		time.Sleep(2 * time.Millisecond)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, b.URL(), strings.NewReader("{}"))
			reply, err := client.Do(r)
			if err != nil {
				return
			}
			defer reply.Body.Close()
			if i%10 < 3 {
				_, _ = io.CopyN(io.Discard, reply.Body, 100)
				return // closes a stream that is under way
			}
			if _, err := io.Copy(io.Discard, reply.Body); err == nil {
				mu.Lock()
				whole++
				mu.Unlock()
			} else if ctx.Err() != nil {
				t.Errorf("stream %d is wedged", i)
			}
		})
	}
	wg.Wait()
	client.CloseIdleConnections()
	if whole == 0 {
		t.Error("no stream came through")
	}
	t.Logf("%d of 140 streams came through whole", whole)
}

// TestAStalledClientCannotHoldUpAChange: its connection is closed instead.
func TestAStalledClientCannotHoldUpAChange(t *testing.T) {
	flood := exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
		return exchange.Bytes(200, "text/plain", make([]byte, 32<<20))
	})
	spec := Spec{Type: "bandwidth", For: 300 * time.Millisecond, Params: &Bandwidth{Rate: 1 << 20}}
	inBubble(t, flood, spec, func(b *bench, _ *network.Memory) {
		began, k := time.Now(), seed.Key{Request: 1}
		conn := b.send(t, k) // and never reads
		b.await(k)
		if left := b.attempt(k).Delivery.Left.Sub(began); left != 300*time.Millisecond+1+changeTimeout {
			t.Errorf("the client counts as gone after %v", left)
		}
		conn.Close()
	})
}
