package faults

import (
	"net"
	"sync/atomic"
)

// peer is the server's side of a connection that came through a link.
type peer struct {
	net.Conn
	read, written atomic.Int64
	idle          atomic.Bool
	conn          *linkConn // the link's side; nil before the first request
	landed        *flight   // whose reply is being written out
}

// Read implements net.Conn.
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.read.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (p *peer) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	p.written.Add(int64(n))
	return n, err
}

// SetLinger lets the player reset the connection.
func (p *peer) SetLinger(seconds int) error {
	if c, ok := p.Conn.(interface{ SetLinger(int) error }); ok {
		return c.SetLinger(seconds)
	}
	return nil
}

// met tells whether a toxic that the connection had affects the reply just
// written, also if the link has not come to it yet; held says that a client waits
// for the connection's end.
func (p *peer) met(f *fault, held bool) bool {
	switch params := f.Params.(type) {
	case *LimitData:
		return f.stream == downstream && p.written.Load() > params.Bytes
	case *SlowClose:
		return f.stream == downstream && held
	}
	return true
}

// peers wraps what a listener accepts.
type peers struct{ net.Listener }

// Accept implements net.Listener.
func (l peers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &peer{Conn: c}, nil
}
