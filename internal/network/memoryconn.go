package network

import (
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes a connection buffers in each direction; a writer waits
// when its reader is that far behind.
const window = 256 << 10

// memoryConn is one end of a connection in memory: it reads from in and writes to
// out, which the other end does the other way round.
type memoryConn struct {
	in, out       *stream
	local, remote net.Addr
	mu            sync.Mutex
	abort         bool // Close is a reset
	closed        bool
}

func memoryPair(client, server net.Addr) (c, s *memoryConn) {
	up, down := newStream(), newStream()
	return &memoryConn{in: down, out: up, local: client, remote: server},
		&memoryConn{in: up, out: down, local: server, remote: client}
}

func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = &net.OpError{Op: "read", Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
	}
	return n, err
}

func (c *memoryConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
	}
	return n, err
}

// Close ends both directions. As with TCP, data that was not read makes it a reset.
func (c *memoryConn) Close() error {
	c.mu.Lock()
	abort, closed := c.abort, c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return &net.OpError{Op: "close", Net: "tcp", Source: c.local, Addr: c.remote, Err: net.ErrClosed}
	}
	if unread := c.in.closeRead(); unread || abort {
		c.out.reset()
		c.in.reset()
	}
	c.out.closeWrite()
	return nil
}

// CloseWrite sends what a FIN sends; reading goes on.
func (c *memoryConn) CloseWrite() error { c.out.closeWrite(); return nil }

// CloseRead stops reading.
func (c *memoryConn) CloseRead() error { c.in.closeRead(); return nil }

// SetLinger with 0 makes Close a reset; any other value undoes that.
func (c *memoryConn) SetLinger(seconds int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abort = seconds == 0
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.reader.set(c.in, t)
	c.out.writer.set(c.out, t)
	return nil
}
func (c *memoryConn) SetReadDeadline(t time.Time) error  { c.in.reader.set(c.in, t); return nil }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { c.out.writer.set(c.out, t); return nil }

// stream is one direction of a connection. A read gives bytes of one write only:
// what is read together then does not hang on whose turn it was, and whatever
// works on reads, as toxics do, repeats in virtual time.
type stream struct {
	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte // buf[off:] is written and not read
	off      int
	writes   []int // how many bytes of buf[off:] are of each write
	finished bool  // the writer is done
	unread   bool  // the reader is gone
	aborted  bool  // reset
	reader   deadline
	writer   deadline
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.unread:
			return 0, net.ErrClosed
		case s.reader.expired:
			return 0, os.ErrDeadlineExceeded
		case s.off < len(s.buf):
			return s.next(p), nil
		case s.aborted: // what came before a reset can still be read, as on Linux
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case s.finished:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

// next takes bytes of the oldest write that has some left.
func (s *stream) next(p []byte) int {
	n := copy(p, s.buf[s.off:s.off+s.writes[0]])
	if s.writes[0] -= n; s.writes[0] == 0 {
		s.writes = slices.Delete(s.writes, 0, 1)
	}
	if s.off += n; s.off == len(s.buf) {
		s.buf, s.off = s.buf[:0], 0
	}
	s.changed.Broadcast()
	return n
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.finished:
			return n, net.ErrClosed
		case s.aborted:
			return n, os.NewSyscallError("write", syscall.ECONNRESET)
		case s.unread:
			return n, os.NewSyscallError("write", syscall.EPIPE)
		case s.writer.expired:
			return n, os.ErrDeadlineExceeded
		}
		if room := window - (len(s.buf) - s.off); room > 0 && len(p) > 0 {
			if s.off > 0 && len(s.buf) == cap(s.buf) {
				s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
				s.off = 0
			}
			k := min(room, len(p))
			s.buf, s.writes = append(s.buf, p[:k]...), append(s.writes, k)
			n, p = n+k, p[k:]
			s.changed.Broadcast()
		}
		if len(p) == 0 {
			return n, nil
		}
		s.changed.Wait()
	}
}

// closeWrite marks the end of what is written.
func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.writer.stop()
	s.changed.Broadcast()
}

// closeRead ends reading and reports whether anything was left to read.
func (s *stream) closeRead() (left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left = s.off < len(s.buf)
	s.unread = true
	s.reader.stop()
	s.changed.Broadcast()
	return left
}

func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	s.changed.Broadcast()
}

// deadline is the reading or writing deadline of a stream, guarded by its mutex.
type deadline struct {
	timer   *time.Timer
	number  int // of the deadline set last: an older timer that still fires is void
	expired bool
}

func (d *deadline) set(s *stream, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.number++
	d.expired = !t.IsZero() && !t.After(time.Now())
	if d.expired {
		s.changed.Broadcast()
	} else if !t.IsZero() {
		number := d.number
		d.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.number == number {
				d.expired = true
				s.changed.Broadcast()
			}
		})
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
