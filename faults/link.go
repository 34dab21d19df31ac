package faults

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"

	"github.com/agentchaos/chaos/internal/network"
)

// dialTimeout bounds connecting to the endpoint's own server.
const dialTimeout = 5 * time.Second

// retryPause is the wait after a failed accept or listen: out of descriptors, say.
const retryPause = 10 * time.Millisecond

// link is the way into an endpoint that has faults on connections: toxiproxy's
// links behind an accept loop of our own. Every connection follows the timeline
// by itself; the link only opens and closes the listener.
type link struct {
	net    network.Network
	target string // address of the endpoint's server
	faults []*fault
	seed   uint64
	clock  *clock
	fired  *counts
	crash  *crashes
	server *toxiproxy.ApiServer
	port   network.Port
	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	listener  net.Listener // nil while down
	refusedBy string       // the down fault that closed the listener last
	closed    bool
	accepted  int
	byAddr    map[string]*linkConn // by the address that the server sees
}

// open listens on address; close ends what it starts.
func (l *link) open(ctx context.Context, address string) error {
	port, err := l.net.Reserve(ctx, address)
	if err != nil {
		return err
	}
	listener, err := port.Listen(ctx)
	if err != nil {
		return errors.Join(err, port.Close())
	}
	l.server = newServer()
	l.port = port
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.byAddr = map[string]*linkConn{}
	l.listen(listener) // before follow, which would listen in its place
	l.start(l.follow)
	return nil
}

func (l *link) listen(listener net.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = listener.Close()
		return
	}
	l.listener = listener
	l.start(func() { l.accept(listener) })
}

// start begins a goroutine that close waits for.
func (l *link) start(f func()) { l.wg.Go(func() { l.crash.guard(f) }) }

// follow opens and closes the listener as the down faults want it.
func (l *link) follow() {
	down := slices.DeleteFunc(slices.Clone(l.faults), func(f *fault) bool { return f.Type != "down" })
	armed, lifted := l.clock.armed, l.clock.lifted
	for {
		now := l.clock.now()
		again := l.obey(now.active(down))
		wait, ok := l.clock.until(down, now)
		if again {
			wait, ok = retryPause, true
		}
		alarm, stop := after(wait, ok)
		select {
		case <-alarm:
		case <-armed:
			armed = nil
		case <-lifted:
			lifted = nil
		case <-l.ctx.Done():
			stop()
			return
		}
		stop()
	}
}

// obey asks to be called again soon if it could not listen.
func (l *link) obey(down []*fault) (again bool) {
	l.mu.Lock()
	listener := l.listener
	if len(down) > 0 {
		l.listener, l.refusedBy = nil, down[0].Name
	}
	l.mu.Unlock()
	switch {
	case len(down) > 0 && listener != nil:
		_ = listener.Close()
	case len(down) == 0 && listener == nil:
		listener, err := l.port.Listen(l.ctx)
		if err != nil {
			return true
		}
		l.listen(listener)
	}
	return false
}

func (l *link) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil:
			l.admit(client)
			continue
		}
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(retryPause):
		}
	}
}

func (l *link) admit(client net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = client.Close()
		return
	}
	if l.listener == nil {
		l.fired.add(l.refusedBy)
		_ = client.Close()
		return
	}
	c := newLinkConn(l, client, l.accepted)
	l.accepted++
	l.start(c.run)
}

// refusal names the down fault by which a connection was refused just now, when its
// window may be over already; "" if there was none.
func (l *link) refusal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusedBy
}

// register makes a connection known by the address that the server sees.
func (l *link) register(c *linkConn, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byAddr[address] = c
}

func (l *link) forget(c *linkConn, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byAddr[address] == c {
		delete(l.byAddr, address)
	}
}

func (l *link) find(address string) *linkConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byAddr[address]
}

// close ends the listener and every connection and waits for their goroutines.
func (l *link) close() error {
	l.mu.Lock()
	l.closed = true
	listener := l.listener
	l.mu.Unlock()
	l.cancel() // every connection closes itself
	if listener != nil {
		_ = listener.Close()
	}
	l.wg.Wait()
	return l.port.Close()
}

// after is a timer that never fires unless ok.
func after(wait time.Duration, ok bool) (alarm <-chan time.Time, stop func()) {
	if !ok {
		return nil, func() {}
	}
	timer := time.NewTimer(wait)
	return timer.C, func() { timer.Stop() }
}
