package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

// storm is a load on three endpoints that have every toxic, in windows and drawn,
// and faults of the injector. All its instants are drawn at nanosecond grain.
type storm struct {
	mu    sync.Mutex
	lines []string
}

func (s *storm) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

const (
	stormRequests = 500
	stormLasts    = 60 * time.Second
)

func windowed(d, last time.Duration, chance float64, params any) Spec {
	kind := kindOf(params)
	return Spec{Name: fmt.Sprint(kind, d), Type: kind, At: d, For: last, Probability: &chance, Params: params}
}

// stormFaults are the faults of each endpoint.
var stormFaults = [][]Spec{
	{ // keep-alive, changed at the edges of overlapping windows
		windowed(5*time.Second, 9*time.Second, 1, &Latency{Latency: 300 * ms, Jitter: 200 * ms}),
		windowed(12*time.Second, 6*time.Second, 1, &Bandwidth{Rate: 1}),
		windowed(16*time.Second, 6*time.Second, 1, &Slicer{AverageSize: 30, SizeVariation: 20, Delay: 3 * ms, Stream: upstream}),
		windowed(20*time.Second, 7*time.Second, 1, &Timeout{Timeout: 700 * ms}),
		windowed(25*time.Second, 5*time.Second, 1, &ResetPeer{Timeout: 400 * ms}),
		windowed(31*time.Second, 5*time.Second, 1, &LimitData{Bytes: 700}),
		windowed(37*time.Second, 3*time.Second, 1, &Down{}),
		windowed(42*time.Second, 5*time.Second, 1, &Slicer{AverageSize: 20, SizeVariation: 10, Delay: 5 * ms}),
		windowed(44*time.Second, 8*time.Second, 1, &Latency{Latency: 100 * ms, Jitter: 100 * ms, Stream: upstream}),
	},
	{ // drawn by key
		windowed(0, 0, 0.2, &Latency{Latency: 500 * ms, Jitter: 400 * ms}),
		windowed(5*time.Second, 40*time.Second, 0.1, &Timeout{}),
		windowed(6*time.Second, 30*time.Second, 0.1, &ResetPeer{Timeout: 100 * ms, Stream: upstream}),
		windowed(7*time.Second, 30*time.Second, 0.1, &SlowClose{Delay: 300 * ms}),
		windowed(8*time.Second, 30*time.Second, 0.1, &LimitData{Bytes: 300}),
		windowed(9*time.Second, 30*time.Second, 0.2, &Bandwidth{Rate: 2}),
		windowed(10*time.Second, 30*time.Second, 0.3, &Slicer{AverageSize: 25, SizeVariation: 24, Delay: 7 * ms}),
	},
	{ // the listener comes and goes; the injector joins in
		windowed(4*time.Second, 2*time.Second, 1, &Down{}),
		windowed(14*time.Second, 4*time.Second, 1, &Down{}),
		windowed(30*time.Second, 1*time.Second, 1, &Down{}),
		{Type: "stall", Probability: ptr(0.05), Params: &Stall{After: 3}},
		{Type: "hang", Probability: ptr(0.05)},
		{Type: "reset", Probability: ptr(0.05), Params: &Reset{After: 2}},
		{Type: "truncate", Probability: ptr(0.05), Params: &Truncate{After: 2}},
		{Type: "delay", Probability: ptr(0.3), Params: &Delay{Delay: 200 * ms, Jitter: 100 * ms}},
	},
}

func ptr(p float64) *float64 { return &p }

// drawnStream answers with a stream whose instants are drawn by the request's key.
func drawnStream(ctx context.Context, _ *exchange.Request) exchange.Script {
	k, _ := seed.KeyFrom(ctx)
	draw := seed.New(9, "stream", k)
	s := streamOf(3 + draw.IntN(20))
	s.Wait = time.Duration(draw.Exp() * float64(300*ms))
	steps := s.Steps
	s.Steps = func(yield func(exchange.Step) bool) {
		for step := range steps {
			if step.Kind == exchange.Meta && draw.Chance(0.3) { // more than net/http writes at once
				step.Bytes = append(bytes.Repeat([]byte(": padding\n"), 600), step.Bytes...)
			}
			if step.Kind == exchange.Content {
				step.Wait = time.Duration(draw.Exp() * float64(60*ms))
			}
			if !yield(step) {
				return
			}
		}
	}
	return s
}

// run sends the load and gives everything that was observed, sorted.
func (s *storm) run() error {
	m, t0 := new(network.Memory), time.Now()
	var ends []*Endpoint
	for i, specs := range stormFaults {
		e, err := Open(context.Background(), Config{
			Network: m, Target: anOpenAI, Faults: specs, Seed: 7, Responder: exchange.ResponderFunc(drawnStream),
			Journal: func(a Attempt) {
				d := a.Delivery
				s.note("%v at %d: faults %v, %d bytes, %d events, terminal %v, end %v, %v %v %v %v", a.Key, i, a.Faults,
					d.Bytes, d.Content, d.Terminal, d.End, d.Start.Sub(t0), d.First.Sub(t0), d.Finish.Sub(t0), d.Left.Sub(t0))
			},
		})
		if err != nil {
			return err
		}
		e.Arm(t0)
		ends = append(ends, e)
	}
	clients := make([]*http.Client, len(ends))
	for i, e := range ends {
		clients[i] = &http.Client{Transport: seed.Transport(&http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) }, MaxIdleConnsPerHost: 100,
		})}
	}
	var load sync.WaitGroup
	for i := range uint64(stormRequests) {
		load.Go(func() { s.request(seed.Key{Request: i}, t0, clients[i%3], ends[i%3].URL()) })
	}
	load.Wait()
	for i, e := range ends {
		clients[i].CloseIdleConnections()
		if err := e.Close(); err != nil {
			return err
		}
		s.note("%d fired %v", i, e.Fired())
	}
	slices.Sort(s.lines)
	return nil
}

// request makes up to three attempts, of which some are aborted and some given up.
func (s *storm) request(k seed.Key, t0 time.Time, client *http.Client, url string) {
	draw := seed.New(3, "request", k)
	time.Sleep(time.Duration(draw.Float64() * float64(stormLasts)))
	for k.Attempt = 1; k.Attempt <= 3; k.Attempt++ {
		began := time.Now()
		n, first, err := s.attempt(k, client, url, time.Duration((1+4*draw.Float64())*float64(time.Second)), draw.Chance(0.2))
		s.note("%v: %v +%v +%v, %d bytes, %v", k, began.Sub(t0), first, time.Since(began), n, err)
		if err == nil {
			return
		}
		if draw.Chance(0.7) { // else at once
			time.Sleep(time.Duration(draw.Float64() * float64(time.Second)))
		}
	}
}

func (s *storm) attempt(k seed.Key, client *http.Client, url string, patience time.Duration, abort bool) (n int64, first time.Duration, err error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(seed.WithKey(context.Background(), k), patience)
	defer cancel()
	body := strings.Repeat("{}", 300)
	if k.Request%4 == 0 {
		body = strings.Repeat(body, 10)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	reply, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer reply.Body.Close()
	first = time.Since(began)
	if abort {
		n, err = io.CopyN(io.Discard, reply.Body, 100)
		return n, first, err
	}
	n, err = io.Copy(io.Discard, reply.Body)
	return n, first, err
}

// TestAStormRepeats: what clients and endpoints observe under every toxic is the same
// to the byte, whatever the number of processors.
func TestAStormRepeats(t *testing.T) {
	var want string
	for i := range 10 {
		s := new(storm)
		before := runtime.GOMAXPROCS(1 + i%2)
		err := virtual.Run(s.run)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(s.lines, "\n")
		if i == 0 {
			want = got
			for _, kind := range []string{"latency", "bandwidth", "slicer", "timeout", "reset_peer", "limit_data", "down", "slow_close", "stall"} {
				if !strings.Contains(got, "["+kind) && !strings.Contains(got, " "+kind) {
					t.Errorf("the storm has no %s", kind)
				}
			}
		}
		for j, line := range strings.Split(want, "\n") {
			if j >= len(s.lines) || s.lines[j] != line {
				t.Errorf("run %d, line %d:\n%s\nwas\n%s", i, j, s.lines[min(j, len(s.lines)-1)], line)
				break
			}
		}
	}
}
