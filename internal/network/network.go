// Package network is the only place that knows whether a connection is a socket.
package network

import (
	"context"
	"net"
)

// Network opens listeners and connections. Implementations are safe for
// concurrent use.
type Network interface {
	// Listen listens on host:port; port 0 takes a free one.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to an address that Listen gave out.
	Dial(ctx context.Context, address string) (net.Conn, error)
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
