package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// Config says what an endpoint stands for and what happens to it.
type Config struct {
	// Network is nil for network.Loopback.
	Network network.Network
	// Address is host:port on loopback; 127.0.0.1:0 by default.
	Address string
	Target  Target
	// Faults are in the order of the file; those that can't hit Target are ignored.
	Faults []Spec
	// Seed is the run's.
	Seed uint64
	// Responder answers as the target does without faults.
	Responder exchange.Responder
	// Inspect fills Model and Stream of a request; nil leaves them zero.
	Inspect func(*exchange.Request)
	// Journal gets the ground truth of every attempt that reached the endpoint, at
	// the latest before Close returns; nil drops it. It is called concurrently.
	Journal func(Attempt)
}

// Endpoint is one injection point: an HTTP server in which the injector sits
// before the target's responder, and in front of it a link if the target has
// faults on connections. It is safe for concurrent use.
type Endpoint struct {
	config    Config
	address   string
	clock     *clock
	fired     *counts
	crash     *crashes
	injected  []*fault
	link      *link // nil without faults on connections
	server    *http.Server
	handler   exchange.Handler
	strangers seed.Strangers
	serving   sync.WaitGroup // the server's accept loop
	conns     sync.WaitGroup // its connections
	lifting   sync.WaitGroup
	closing   sync.Once

	mu     sync.Mutex
	lifted bool
	held   map[*flight]bool
}

// Open starts an endpoint. Its faults wait until it is armed. Close ends it.
func Open(ctx context.Context, config Config) (*Endpoint, error) {
	if config.Network == nil {
		config.Network = network.Loopback{}
	}
	if config.Address == "" {
		config.Address = "127.0.0.1:0"
	}
	if err := onLoopback(config.Address); err != nil {
		return nil, err
	}
	e := &Endpoint{config: config, clock: newClock(), fired: &counts{n: map[string]int{}}, crash: new(crashes), held: map[*flight]bool{}}
	toxics, err := e.sort()
	if err != nil {
		return nil, err
	}
	e.handler = exchange.Handler{Responder: e, Inspect: config.Inspect}
	e.server = &http.Server{Handler: http.HandlerFunc(e.serve), ErrorLog: log.New(io.Discard, "", 0)}
	if err := e.listen(ctx, toxics); err != nil {
		return nil, fmt.Errorf("opening the endpoint on %s: %w", config.Address, err)
	}
	return e, nil
}

// sort splits the faults that can hit the target by their layer.
func (e *Endpoint) sort() (toxics []*fault, err error) {
	for i, spec := range e.config.Faults {
		if !spec.On.Covers(e.config.Target) {
			continue
		}
		spec.SetDefaults()
		err := errors.Join(spec.Validate(), spec.Applies(e.config.Target))
		p, ok := spec.Params.(parameters)
		if ok {
			err = errors.Join(err, p.Validate())
		}
		if err != nil {
			return nil, fmt.Errorf("fault %s: %w", spec.Name, err)
		}
		f := &fault{Spec: spec}
		if t, ok := p.(toxic); ok {
			f.toxic = t.toxic()
			f.toxic.Name = fmt.Sprintf("%d", i)
			f.stream = f.toxic.Stream
		}
		e.fired.n[spec.Name] += 0
		if kinds[spec.Type].layer == LayerToxic {
			toxics = append(toxics, f)
		} else {
			e.injected = append(e.injected, f)
		}
	}
	return toxics, nil
}

func (e *Endpoint) listen(ctx context.Context, toxics []*fault) error {
	if len(toxics) == 0 {
		l, err := e.config.Network.Listen(ctx, e.config.Address)
		if err != nil {
			return err
		}
		e.address = l.Addr().String()
		e.listenHTTP(l)
		return nil
	}
	host, _, _ := net.SplitHostPort(e.config.Address)
	l, err := e.config.Network.Listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	e.link = &link{
		net: e.config.Network, target: l.Addr().String(), faults: toxics,
		seed: e.config.Seed, clock: e.clock, fired: e.fired, crash: e.crash,
	}
	if err := e.link.open(ctx, e.config.Address); err != nil {
		return errors.Join(err, l.Close())
	}
	e.address = e.link.port.Addr().String()
	e.server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, c)
	}
	// A toxic that is drawn per attempt, or that acts on the end of a connection,
	// needs a connection per attempt.
	single := slices.ContainsFunc(toxics, func(f *fault) bool { return f.chance() < 1 || f.Type == "slow_close" })
	e.server.SetKeepAlivesEnabled(!single)
	e.listenHTTP(peers{l})
	return nil
}

type peerKey struct{}

func (e *Endpoint) listenHTTP(l net.Listener) {
	e.server.ConnState = func(c net.Conn, state http.ConnState) { e.crash.guard(func() { e.observe(c, state) }) }
	e.serving.Go(func() {
		e.crash.guard(func() { _ = e.server.Serve(l) }) // always ErrServerClosed
	})
}

// observe follows the server's connections.
func (e *Endpoint) observe(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		e.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		defer e.conns.Done()
	}
	if p, ok := c.(*peer); ok {
		if state != http.StateNew && state != http.StateActive {
			e.settle(p, state == http.StateClosed)
		}
		p.idle.Store(state == http.StateIdle)
	}
}

// serve gives every request its flight.
func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request) {
	f := new(flight)
	f.ctx, f.cancel = context.WithCancelCause(context.WithValue(r.Context(), flightKey{}, f))
	defer f.cancel(nil)
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { // net/http would drop it silently
				e.crash.add(p)
			}
			panic(http.ErrAbortHandler)
		}
	}()
	if p, ok := r.Context().Value(peerKey{}).(*peer); ok {
		f.peer = p
		if p.conn == nil {
			if p.conn = e.link.find(p.RemoteAddr().String()); p.conn != nil {
				p.conn.peer.Store(p)
			}
		}
	}
	e.handler.ServeHTTP(w, r.WithContext(f.ctx))
}

// RoundTrip implements http.RoundTripper for an endpoint whose Direct is true.
func (e *Endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	f := new(flight)
	f.ctx, f.cancel = context.WithCancelCause(context.WithValue(r.Context(), flightKey{}, f))
	reply, err := e.handler.RoundTrip(r.WithContext(f.ctx))
	if err != nil {
		f.cancel(nil)
	}
	return reply, err
}

// Direct tells whether requests may be answered by RoundTrip, without a connection:
// if no fault acts on those.
func (e *Endpoint) Direct() bool { return e.link == nil }

// URL is the endpoint's base URL, without a slash at its end.
func (e *Endpoint) URL() string { return "http://" + e.address }

// Dial connects to the endpoint and counts a refusal as an effect of down.
func (e *Endpoint) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := e.config.Network.Dial(ctx, e.address)
	if e.link != nil && errors.Is(err, syscall.ECONNREFUSED) {
		if name := e.link.refusal(); name != "" {
			e.fired.add(name)
		}
	}
	return conn, err
}

// Arm starts the timeline: fault windows count from t0. Only the first call counts.
func (e *Endpoint) Arm(t0 time.Time) { e.clock.start(t0) }

// Lift turns all faults off and ends what they hold: one request after the other,
// a nanosecond apart and in the order of their keys. It may be called repeatedly.
func (e *Endpoint) Lift() {
	e.clock.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lifted {
		return
	}
	e.lifted = true
	held := slices.SortedFunc(maps.Keys(e.held), byKey)
	e.lifting.Go(func() {
		e.crash.guard(func() {
			for _, f := range held {
				time.Sleep(time.Nanosecond)
				f.cancel(errLifted)
			}
		})
	})
}

// Fired tells by fault name how often each had an effect, faults without one
// included: attempts, and for down connections closed and refused.
func (e *Endpoint) Fired() map[string]int {
	e.fired.mu.Lock()
	defer e.fired.mu.Unlock()
	return maps.Clone(e.fired.n)
}

// Close lifts the faults, closes every connection and waits for all goroutines. Its
// error names what panicked in them.
func (e *Endpoint) Close() (err error) {
	e.closing.Do(func() {
		e.Lift()
		e.lifting.Wait()
		if e.link != nil {
			err = e.link.close()
		}
		err = errors.Join(err, e.server.Close())
		e.serving.Wait()
		e.conns.Wait()
		err = errors.Join(err, e.crash.err())
	})
	return err
}

// onLoopback refuses addresses that others could reach.
func onLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("endpoint address %q: %w", address, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("endpoint address %q: must be on loopback", address)
	}
	return nil
}
