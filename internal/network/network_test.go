package network

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
)

func TestPortIsKept(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux can hold a port without listening")
	}
	ctx := t.Context()
	port, err := Loopback{}.Reserve(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	for range 3 {
		refused(ctx, t, port)
		storm(ctx, t, port)
		answers(ctx, t, port)
	}
}

func refused(ctx context.Context, t *testing.T, port Port) {
	t.Helper()
	conn, err := Loopback{}.Dial(ctx, port.Addr().String())
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial while nobody listens: %v, want connection refused", err)
	}
}

// storm has others ask for ports, named and any, and for outgoing connections.
func storm(ctx context.Context, t *testing.T, port Port) {
	t.Helper()
	if l, err := (Loopback{}).Listen(ctx, port.Addr().String()); err == nil {
		l.Close()
		t.Fatal("somebody else may listen on the reserved port")
	}
	if _, err := (Loopback{}).Reserve(ctx, port.Addr().String()); err == nil {
		t.Fatal("the port can be reserved twice")
	}
	target, err := Loopback{}.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	for range 300 {
		l, err := Loopback{}.Listen(ctx, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := Loopback{}.Dial(ctx, target.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if taken := port.Addr().String(); l.Addr().String() == taken || c.LocalAddr().String() == taken {
			t.Fatalf("the reserved port %s was given away", taken)
		}
	}
}

func answers(ctx context.Context, t *testing.T, port Port) {
	t.Helper()
	l, err := port.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := Loopback{}.Dial(ctx, port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(server, "hello"); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "hello" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
}

func TestBusyPortIsAnError(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := (Loopback{}).Reserve(t.Context(), busy.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("reserving a busy port: %v, want address in use", err)
	}
}
