package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/mockllm"
)

// bench is everything that one config meets in one run: a mock and its faults for
// every provider and every implementation of every tool. No two configs share one.
type bench struct {
	direct    bool // answer without connections where that is allowed
	endpoints []*faults.Endpoint
	providers []*mockllm.ProviderServer
	byAddress map[string]*faults.Endpoint
	byTarget  map[string]*faults.Endpoint // provider, or tool/implementation

	mu     sync.Mutex
	truths map[seed.Key]faults.Attempt
}

// openBench starts the endpoints of s; it closes what it opened if one of them can't
// be.
func openBench(ctx context.Context, s *Scenario, number uint64, net network.Network) (*bench, error) {
	b := &bench{
		byAddress: map[string]*faults.Endpoint{},
		byTarget:  map[string]*faults.Endpoint{},
		truths:    map[seed.Key]faults.Attempt{},
	}
	open := func(target faults.Target, r exchange.Responder, inspect func(*exchange.Request)) error {
		e, err := faults.Open(ctx, faults.Config{
			Network: net, Target: target, Faults: s.Faults, Seed: number,
			Responder: r, Inspect: inspect, Journal: b.journal,
		})
		if err != nil {
			return fmt.Errorf("opening the endpoint of %s: %w", target, err)
		}
		b.endpoints = append(b.endpoints, e)
		b.byAddress[strings.TrimPrefix(e.URL(), "http://")] = e
		b.byTarget[target.String()] = e
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Providers)) {
		p := s.Providers[name]
		server := mockllm.NewProvider(name, p.Provider, number)
		b.providers = append(b.providers, server)
		errs = append(errs, open(faults.Target{Provider: name, Dialect: p.Dialect, Models: slices.Sorted(maps.Keys(p.Models))}, server, server.Inspect))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tools)) {
		for _, i := range s.Tools[name].Chain(name) {
			server := mockllm.NewTool(name, i.Name, i.Tool, number)
			errs = append(errs, open(faults.Target{Tool: name, Implementation: i.Name}, server, nil))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) journal(a faults.Attempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.truths[a.Key] = a
}

// arm starts the timeline of every fault, and of every provider's load, at t0.
func (b *bench) arm(t0 time.Time) {
	for _, s := range b.providers {
		s.Begin(t0)
	}
	for _, e := range b.endpoints {
		e.Arm(t0)
	}
}

// fired counts by fault name how often each had an effect.
func (b *bench) fired() map[string]int {
	all := map[string]int{}
	for _, e := range b.endpoints {
		for name, n := range e.Fired() {
			all[name] += n
		}
	}
	return all
}

// close lifts every fault and ends every server; it waits for their goroutines.
func (b *bench) close() error {
	errs := make([]error, len(b.endpoints))
	var wg sync.WaitGroup
	for i, e := range b.endpoints {
		wg.Go(func() { errs[i] = e.Close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// direct is the way from an agent to the bench in virtual time: endpoints without
// faults on connections answer without a connection, with the same records.
type direct struct {
	b    *bench
	next http.RoundTripper
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if e := d.b.byAddress[r.URL.Host]; e != nil && e.Direct() {
		return e.RoundTrip(r)
	}
	return d.next.RoundTrip(r)
}

// transport is the way from an agent to the bench: connections are dialled through
// the endpoints, which count refusals, and every request carries its key.
func (b *bench) transport(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if connect > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, connect)
				defer cancel()
			}
			e, ok := b.byAddress[address]
			if !ok {
				return nil, fmt.Errorf("dialling %s: not an endpoint of this bench", address)
			}
			return e.Dial(ctx)
		},
		// The default of two idle connections a host would measure dial storms.
		MaxIdleConnsPerHost: 4096,
		DisableCompression:  true,
	}
}

type outputTokensKey struct{}

// withOutputTokens asks the mock, by a header, for a reply of n tokens.
func withOutputTokens(ctx context.Context, n int) context.Context {
	if n == 0 {
		return ctx
	}
	return context.WithValue(ctx, outputTokensKey{}, n)
}

// tokenHeader writes what withOutputTokens asked for.
type tokenHeader struct{ next http.RoundTripper }

func (t tokenHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	if n, ok := r.Context().Value(outputTokensKey{}).(int); ok {
		r = r.Clone(r.Context())
		r.Header.Set(mockllm.OutputTokens, strconv.Itoa(n))
	}
	return t.next.RoundTrip(r)
}
