// Package network is the only place that knows whether a connection is a socket.
package network

import (
	"context"
	"fmt"
	"net"
)

// Network opens listeners and connections. Implementations are safe for
// concurrent use. Their connections may have a SetLinger(seconds int) error, which
// with 0 makes the next Close a reset.
type Network interface {
	// Listen listens on host:port; port 0 takes a free one.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to an address that Listen or a Port gave out.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Reserve takes host:port without listening on it; port 0 takes a free one.
	Reserve(ctx context.Context, address string) (Port, error)
}

// Port is an address that stays taken whether or not somebody listens on it:
// while nobody does, connecting to it is refused and nobody else can have it. It
// is safe for concurrent use.
type Port interface {
	Addr() net.Addr
	// Listen listens on the address; the listener before it must be closed.
	Listen(ctx context.Context) (net.Listener, error)
	// Close gives the address back; it leaves listeners alone.
	Close() error
}

// Loopback is TCP on this machine. The zero value is ready.
type Loopback struct{}

// Listen implements Network over TCP.
func (Loopback) Listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// Dial implements Network over TCP.
func (Loopback) Dial(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Reserve implements Network over TCP. Where the system cannot hold a port that
// nobody listens on, the port is only remembered and may be lost meanwhile.
func (Loopback) Reserve(ctx context.Context, address string) (Port, error) {
	port, err := reserve(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("reserving %s: %w", address, err)
	}
	return port, nil
}
