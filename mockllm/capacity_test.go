package mockllm

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// erlangC is the mean wait in an M/M/c queue: arrivals per second, mean service in
// seconds.
func erlangC(c int, arrivals, service float64) float64 {
	a, blocked := arrivals*service, 1.0 // Erlang B by its recursion
	for k := 1; k <= c; k++ {
		blocked = a * blocked / (float64(k) + a*blocked)
	}
	waits := blocked / (1 - a/float64(c)*(1-blocked))
	return waits / (float64(c)/service - arrivals)
}

// simulate gives the mean wait in seconds of n requests that come and are served at
// random, through a capacity in virtual time.
func simulate(slots int, arrivals, service float64, n int, run uint64) (mean float64) {
	c := newCapacity(Capacity{Concurrency: slots, Queue: n, LoadFactor: 1, Abandoned: "drop"})
	draw := seed.New(run, "queue", seed.Key{})
	exp := func(mean float64) time.Duration {
		return time.Duration(-math.Log(1-draw.Float64()) * mean * float64(time.Second))
	}
	waits := make([]float64, n)
	var all sync.WaitGroup
	for i := range n {
		time.Sleep(exp(1 / arrivals))
		start, work := time.Now(), exp(service)
		ticket, _ := c.enter()
		all.Go(func() {
			ticket.begin(context.Background())
			waits[i] = time.Since(start).Seconds()
			time.Sleep(work)
			ticket.leave(false)
		})
	}
	all.Wait()
	return stat.Mean(waits[n/10:], nil)
}

// The waits are those of the theory, within the interval of 20 independent runs.
func TestQueueFollowsErlang(t *testing.T) {
	for _, q := range []struct {
		slots, requests   int
		arrivals, service float64
	}{{1, 4000, 0.5, 1}, {1, 4000, 0.7, 1}, {4, 4000, 3, 1}, {16, 12_000, 70, 0.2}} {
		t.Run(fmt.Sprintf("c=%d", q.slots), func(t *testing.T) {
			means := make([]float64, 20)
			for i := range means {
				synctest.Test(t, func(t *testing.T) {
					means[i] = simulate(q.slots, q.arrivals, q.service, q.requests, uint64(i))
				})
			}
			mean, sd := stat.MeanStdDev(means, nil)
			half := distuv.StudentsT{Sigma: 1, Nu: 19}.Quantile(0.995) * sd / math.Sqrt(20)
			if want := erlangC(q.slots, q.arrivals, q.service); math.Abs(mean-want) > half || half > want/5 {
				t.Errorf("waited %.4f ± %.4f s, theory says %.4f s", mean, half, want)
			}
		})
	}
}

// crowded is a provider of one slot whose replies take exactly a second each: half of
// it to the first of two tokens.
func crowded(t *testing.T, queue int, abandoned string) exchange.Handler {
	half := seed.Constant(500 * time.Millisecond)
	s := provider(t, func(p *Provider) {
		p.Capacity = &Capacity{Concurrency: 1, Queue: queue, Abandoned: abandoned}
		p.Models["gpt-4o"] = Model{TTFT: half, Gap: half, Tokens: seed.Count{P50: 2, P99: 2}}
	})
	return exchange.Handler{Responder: s, Inspect: s.Inspect}
}

// visit is a request that begins at some time and leaves after its patience, if any.
type visit struct{ at, patience time.Duration }

// outcomes sends visits and tells of each when it ended, and how.
func outcomes(h exchange.Handler, stream bool, visits []visit) []string {
	start, out := time.Now(), make([]string, len(visits))
	var all sync.WaitGroup
	for i, v := range visits {
		all.Go(func() {
			time.Sleep(v.at)
			ctx := seed.WithKey(context.Background(), seed.Key{Request: uint64(i)})
			if v.patience > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, v.patience)
				defer cancel()
			}
			r, _ := http.NewRequestWithContext(ctx, "POST", "http://mock"+chatPath, strings.NewReader(fmt.Sprintf(`%s,"stream":%v}`, hello, stream)))
			r.Header.Set("Authorization", "Bearer key")
			res, err := h.RoundTrip(r)
			end := "left"
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			if err == nil {
				end = fmt.Sprint(res.StatusCode)
			}
			out[i] = fmt.Sprintf("%s %v", end, time.Since(start))
		})
	}
	all.Wait()
	return out
}

// A reply's wait includes its time in the queue; who leaves frees the slot or the
// place in the queue, or does not; who finds no place is told so at once.
func TestCapacity(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name, abandoned string
		queue           int
		visits          []visit
		want            []string
	}{
		{"in turn", "drop", 2, []visit{{0, 0}, {1, 0}, {2, 0}}, []string{"200 1s", "200 2s", "200 3s"}},
		{"full", "drop", 1, []visit{{0, 0}, {1, 0}, {2, 0}, {s + 1, 0}}, []string{"200 1s", "200 2s", "503 2ns", "200 3s"}},
		{"left at work, dropped", "drop", 2, []visit{{0, s / 4}, {1, 0}}, []string{"left 250ms", "200 1.25s"}},
		{"left at work, kept", "keep", 2, []visit{{0, s / 4}, {1, 0}}, []string{"left 250ms", "200 2s"}},
		{"left between tokens, dropped", "drop", 2, []visit{{0, 3 * s / 4}, {1, 0}}, []string{"left 750ms", "200 1.75s"}},
		{"left in the queue, dropped", "drop", 2, []visit{{0, 0}, {1, s / 4}, {2, 0}}, []string{"200 1s", "left 250.000001ms", "200 2s"}},
		{"left in the queue, kept", "keep", 2, []visit{{0, 0}, {1, s / 4}, {2, 0}}, []string{"200 1s", "left 250.000001ms", "200 3s"}},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", c.name, stream), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					want := slices.Clone(c.want)
					for i := range want {
						want[i] = strings.Replace(want[i], "250.000001ms", (s/4 + 1).String(), 1)
					}
					if got := outcomes(crowded(t, c.queue, c.abandoned), stream, c.visits); !slices.Equal(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// Gaps grow with the load, linearly from one request alone to all slots in use.
func TestLoadFactor(t *testing.T) {
	for alone, want := range map[int]time.Duration{1: time.Second, 3: 1250 * time.Millisecond, 5: 1500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			h := crowded(t, 0, "drop")
			h.Responder.(*ProviderServer).capacity.config = Capacity{Concurrency: 5, LoadFactor: 2, Abandoned: "drop"}
			got := outcomes(h, true, make([]visit, alone))
			for _, end := range got {
				if end != "200 "+want.String() {
					t.Errorf("%d at once: %q, want %v", alone, got, want)
				}
			}
		})
	}
}

// A reply that a fault replaces does not keep its slot, even unplayed.
func TestReplacedReplyFreesItsSlot(t *testing.T) {
	h := crowded(t, 1, "drop")
	s := h.Responder.(*ProviderServer)
	script := func() exchange.Script {
		r, _ := http.NewRequest("POST", chatPath, nil)
		r.Header.Set("Authorization", "Bearer key")
		return s.Respond(context.Background(), &exchange.Request{HTTP: r, Body: []byte(hello + "}")})
	}
	first, second := script(), script()
	if third := script(); third.Status != 503 {
		t.Errorf("third: %d", third.Status)
	}
	second.Done(exchange.Delivery{End: exchange.Reset})
	first.Done(exchange.Delivery{End: exchange.Reset})
	if s.capacity.busy != 0 || s.capacity.queue.Len() != 0 {
		t.Errorf("%d busy, %d waiting", s.capacity.busy, s.capacity.queue.Len())
	}
}

func TestCapacityOverloadedInTheProvidersWay(t *testing.T) {
	for name, want := range map[string]int{"openai": 503, "anthropic": 529, "gemini": 503} {
		s := provider(t, func(p *Provider) { p.Dialect = name })
		if got := s.dialect.Refusals.Overloaded.Status; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
