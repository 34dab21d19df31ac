package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// port is held by a socket that is bound and never listens. Linux refuses
// connections to it, gives it to no other bind and to no outgoing connection.
type port struct {
	held *os.File
	addr *net.TCPAddr
}

func reserve(ctx context.Context, address string) (Port, error) {
	var resolver net.Resolver
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := resolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	ip := net.IP(ips[0].Unmap().AsSlice())
	return bind(&net.TCPAddr{IP: ip, Port: number})
}

func bind(addr *net.TCPAddr) (*port, error) {
	family, sockaddr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: addr.Port, Addr: [16]byte(addr.IP.To16())})
	if ip := addr.IP.To4(); ip != nil {
		family, sockaddr = unix.AF_INET, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(ip)}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	held := os.NewFile(uintptr(fd), "reserved port")
	if err := take(fd, sockaddr); err != nil {
		held.Close()
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		held.Close()
		return nil, os.NewSyscallError("getsockname", err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		addr.Port = name.Port
	case *unix.SockaddrInet6:
		addr.Port = name.Port
	}
	return &port{held: held, addr: addr}, nil
}

// take binds exclusively, so that a busy port is an error, and only then lets our
// own listener share it. SO_REUSEADDR is the second choice, for a port on which
// old connections linger: with it, others could listen beside a silent holder.
func take(fd int, sockaddr unix.Sockaddr) error {
	err := unix.Bind(fd, sockaddr)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		err = unix.Bind(fd, sockaddr)
	}
	if err != nil {
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

func (p *port) Addr() net.Addr { return p.addr }

func (p *port) Listen(ctx context.Context) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		if err == nil {
			err = failed
		}
		return err
	}}
	l, err := config.Listen(ctx, "tcp", p.addr.String())
	if err != nil {
		return nil, fmt.Errorf("listening on a reserved port: %w", err)
	}
	return l, nil
}

func (p *port) Close() error { return p.held.Close() }
