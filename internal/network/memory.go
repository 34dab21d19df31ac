package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// Memory is a network inside the process, for virtual time: its connections behave
// as TCP on loopback does (buffered, with deadlines, half-close, reset and refusal)
// and deliver at once. Each Memory is a network of its own. The zero value is ready.
type Memory struct {
	mu     sync.Mutex
	ports  map[int]*memoryPort
	next   int    // the last free port given out
	dialed uint64 // connections so far; gives each client an address of its own
}

const (
	firstPort = 10000
	lastPort  = 65535
)

// Listen implements Network.
func (m *Memory) Listen(ctx context.Context, address string) (net.Listener, error) {
	p, err := m.take(address)
	if err != nil {
		return nil, err
	}
	l, err := p.Listen(ctx)
	if err != nil {
		return nil, err
	}
	l.(*memoryListener).owns = true
	return l, nil
}

// Reserve implements Network.
func (m *Memory) Reserve(_ context.Context, address string) (Port, error) { return m.take(address) }

// Dial implements Network. It succeeds as soon as somebody listens, before the
// connection is accepted.
func (m *Memory) Dial(ctx context.Context, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fail(err)
	}
	m.mu.Lock()
	var l *memoryListener
	if p := m.ports[to.Port]; p != nil {
		l = p.listener
	}
	m.dialed++
	n := m.dialed
	m.mu.Unlock()
	// 127.a.b.c:port, so that no two clients ever share an address.
	ip := net.IPv4(127, byte(n>>32), byte(n>>24), byte(n>>16))
	from := &net.TCPAddr{IP: ip, Port: int(n & 0xffff)}
	client, server := memoryPair(from, to)
	if l == nil || !l.deliver(server) {
		return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	return client, nil
}

func (m *Memory) take(address string) (*memoryPort, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening in memory: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ports == nil {
		m.ports = map[int]*memoryPort{}
	}
	number := addr.Port
	for tries := 0; addr.Port == 0 && (number == 0 || m.ports[number] != nil); tries++ {
		if tries > lastPort-firstPort {
			return nil, inUse()
		}
		m.next = (m.next + 1) % (lastPort - firstPort + 1)
		number = firstPort + m.next
	}
	if m.ports[number] != nil {
		return nil, inUse()
	}
	p := &memoryPort{m: m, addr: &net.TCPAddr{IP: addr.IP, Port: number}}
	m.ports[number] = p
	return p, nil
}

func inUse() error {
	return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
}

type memoryPort struct {
	m        *Memory
	addr     *net.TCPAddr
	listener *memoryListener // guarded by m.mu
}

func (p *memoryPort) Addr() net.Addr { return p.addr }

func (p *memoryPort) Listen(context.Context) (net.Listener, error) {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if p.listener != nil || p.m.ports[p.addr.Port] != p {
		return nil, inUse()
	}
	l := &memoryListener{port: p}
	l.changed = sync.NewCond(&l.mu)
	p.listener = l
	return l, nil
}

func (p *memoryPort) Close() error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if p.m.ports[p.addr.Port] == p {
		delete(p.m.ports, p.addr.Port)
	}
	return nil
}

type memoryListener struct {
	port    *memoryPort
	owns    bool // the port goes with the listener
	mu      sync.Mutex
	changed *sync.Cond
	queue   []*memoryConn
	closed  bool
}

func (l *memoryListener) Addr() net.Addr { return l.port.addr }

func (l *memoryListener) deliver(c *memoryConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.queue = append(l.queue, c)
	l.changed.Signal()
	return true
}

func (l *memoryListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 {
		if l.closed {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.port.addr, Err: net.ErrClosed}
		}
		l.changed.Wait()
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close ends the listener; connections that nobody accepted are reset.
func (l *memoryListener) Close() error {
	l.port.m.mu.Lock()
	if l.port.listener == l {
		l.port.listener = nil
	}
	l.port.m.mu.Unlock()
	l.mu.Lock()
	already := l.closed
	l.closed = true
	waiting := l.queue
	l.queue = nil
	l.changed.Broadcast()
	l.mu.Unlock()
	for _, c := range waiting {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	if already {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.port.addr, Err: net.ErrClosed}
	}
	if l.owns {
		return l.port.Close()
	}
	return nil
}
