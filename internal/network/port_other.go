//go:build !linux

package network

import (
	"context"
	"fmt"
	"net"
	"time"
)

// port is only remembered: between two listeners somebody else may take it.
type port struct{ addr net.Addr }

func reserve(ctx context.Context, address string) (Port, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &port{addr: l.Addr()}, l.Close()
}

func (p *port) Addr() net.Addr { return p.addr }

// Listen tries for a second: whoever took an ephemeral port may let it go.
func (p *port) Listen(ctx context.Context) (net.Listener, error) {
	var err error
	for range 20 {
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", p.addr.String()); err == nil {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("listening again on %s: %w", p.addr, err)
}

func (p *port) Close() error { return nil }
