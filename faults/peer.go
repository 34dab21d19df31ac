package faults

import (
	"net"
	"slices"
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

// impending names the toxics that will have their effect on the reply just
// written, though the link may not have come to it yet.
func (p *peer) impending(known []string, closing bool) []string {
	var names []string
	if f := p.conn.log.find("limit_data", downstream); f != nil && p.written.Load() >= f.Params.(*LimitData).Bytes {
		names = append(names, f.Name)
	}
	if f := p.conn.log.find("slow_close", downstream); f != nil && closing {
		names = append(names, f.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(known, name) })
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
