package faults

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// pipe is one direction of a connection, as toxiproxy's link reads and writes it.
type pipe struct {
	conn    *linkConn
	from    net.Conn
	to      net.Conn
	head    []byte // already read
	stream  string
	read    atomic.Int64 // bytes taken from from
	written atomic.Int64 // bytes given to to, or swallowed
	ended   atomic.Bool  // from has nothing more
	reset   atomic.Bool  // from was reset
	failed  bool         // to is gone; only the writing goroutine touches it
	closing sync.Once
}

// source is the pipe's reading end.
type source struct{ *pipe }

// Read implements io.Reader. After an error the reading end is closed.
func (p source) Read(b []byte) (n int, err error) {
	if len(p.head) > 0 {
		n = copy(b, p.head)
		p.head = p.head[n:]
	} else {
		n, err = p.from.Read(b)
		if n > 0 && p.stream == upstream {
			p.conn.log.touch()
		}
	}
	p.read.Add(int64(n))
	if err != nil {
		p.reset.Store(errors.Is(err, syscall.ECONNRESET))
		p.ended.Store(true)
		p.conn.sourceEnded(p.pipe)
	}
	return n, err
}

// sink is the pipe's writing end. It never fails: what nobody takes is swallowed,
// so that no toxic waits in a send to nobody.
type sink struct{ *pipe }

// Write implements io.Writer.
func (p sink) Write(b []byte) (int, error) {
	if !p.failed {
		if _, err := p.to.Write(b); err != nil {
			p.failed = true
			_ = p.to.Close() // whoever reads from it ends, too
			if p.stream == downstream {
				p.conn.left()
			}
		}
	}
	p.written.Add(int64(len(b)))
	return len(b), nil
}

// Close implements io.Closer: the source ended, or a toxic closed the chain.
func (p sink) Close() error {
	p.closing.Do(func() { p.conn.sinkClosed(p.pipe) })
	return nil
}

// sourceEnded is called once per pipe.
func (c *linkConn) sourceEnded(p *pipe) {
	if p.stream == upstream {
		if f := c.log.find("slow_close", upstream); f != nil {
			c.link.fired.add(f.Name)
		}
		c.left()
	}
	c.part()
}

// sinkClosed is called once per pipe.
func (c *linkConn) sinkClosed(p *pipe) {
	early := !p.ended.Load() || p.read.Load() > p.written.Load()
	if f := c.log.find("limit_data", p.stream); f != nil && early {
		c.link.fired.add(f.Name)
	}
	if p.reset.Load() || early && c.log.find("reset_peer", p.stream) != nil {
		linger(p.to)
		linger(p.from)
		_ = p.from.Close()
	} else if to, ok := p.to.(interface{ CloseWrite() error }); ok && p.stream == upstream && !early {
		_ = to.CloseWrite() // the server closes, once it has seen what came before
		c.part()
		return
	}
	_ = p.to.Close()
	c.part()
}

// left tells that nobody waits for the reply any more.
func (c *linkConn) left() { c.leave.Do(func() { close(c.gone) }) }

func (c *linkConn) part() {
	if c.open.Add(-1) == 0 {
		close(c.ended)
	}
}

// linger makes the next Close of a connection a reset, where it can.
func linger(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
}
