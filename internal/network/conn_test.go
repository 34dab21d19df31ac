package network

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/virtual"
)

// TestConnections holds both networks to one behaviour.
func TestConnections(t *testing.T) {
	cases := map[string]func(*testing.T, Network){
		"bytes arrive in order":         testBytes,
		"writes are buffered":           testBuffered,
		"half-close":                    testHalfClose,
		"reset is ECONNRESET":           testReset,
		"unread data makes a reset":     testUnread,
		"data comes before its reset":   testDataBeforeReset,
		"a reset wakes both ends":       testResetWakes,
		"writing after a reset":         testWriteAfterReset,
		"linger can be undone":          testNoLinger,
		"what a stalled reader missed":  testStall,
		"closed twice":                  testCloseTwice,
		"a port serves again":           testPortAgain,
		"dialling after the end":        testDialCanceled,
		"nobody listens is refused":     testRefused,
		"a closed listener refuses":     testClosedListener,
		"not accepted is reset":         testNotAccepted,
		"read deadline":                 testReadDeadline,
		"write deadline":                testWriteDeadline,
		"a moved deadline":              testMovedDeadline,
		"closed under a waiting reader": testCloseWakes,
		"listening twice":               testTwice,
	}
	networks := map[string]func() Network{
		"loopback": func() Network { return Loopback{} },
		"memory":   func() Network { return new(Memory) },
	}
	for name, f := range cases {
		for on, n := range networks {
			t.Run(name+"/"+on, func(t *testing.T) { f(t, n()) })
		}
		t.Run(name+"/memory in virtual time", func(t *testing.T) {
			if err := virtual.Run(func() error { f(t, new(Memory)); return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func pair(t *testing.T, n Network) (client, server net.Conn) {
	t.Helper()
	l := listen(t, n)
	defer l.Close()
	client, err := n.Dial(context.Background(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if server.RemoteAddr().String() != client.LocalAddr().String() {
		t.Fatalf("server sees %v, client is %v", server.RemoteAddr(), client.LocalAddr())
	}
	return client, server
}

func listen(t *testing.T, n Network) net.Listener {
	t.Helper()
	l, err := n.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testBytes(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer server.Close()
	want := strings.Repeat("0123456789", 300_000) // many windows
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := io.WriteString(client, want); err != nil {
			t.Error(err)
		}
		client.Close()
	})
	got, err := io.ReadAll(server)
	wg.Wait()
	if err != nil || string(got) != want {
		t.Fatalf("%d bytes of %d, %v", len(got), len(want), err)
	}
}

func testBuffered(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer server.Close()
	for range 100 { // nobody reads yet
		if _, err := client.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	if got, err := io.ReadAll(server); len(got) != 100_000 || err != nil {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func testHalfClose(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	defer server.Close()
	io.WriteString(client, "question")
	client.(interface{ CloseWrite() error }).CloseWrite()
	if got, err := io.ReadAll(server); string(got) != "question" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	io.WriteString(server, "answer")
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := client.Write([]byte("more")); err == nil {
		t.Fatal("wrote after CloseWrite")
	}
}

func testReset(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	server.(interface{ SetLinger(int) error }).SetLinger(0)
	server.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v", err)
	}
}

func testUnread(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	io.WriteString(client, "ignored")
	one := make([]byte, 1)
	if _, err := server.Read(one); err != nil { // it has arrived
		t.Fatal(err)
	}
	server.Close()
	if _, err := client.Read(one); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v", err)
	}
}

func reset(conn net.Conn) {
	conn.(interface{ SetLinger(int) error }).SetLinger(0)
	conn.Close()
}

func testDataBeforeReset(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	io.WriteString(server, "hello")
	reset(server)
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); string(got) != "hello" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	if _, err := client.Read(got); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v", err)
	}
}

func testResetWakes(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the far reader: %v", err)
		}
	})
	wg.Go(func() {
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the near reader: %v", err)
		}
	})
	time.Sleep(time.Millisecond)
	reset(server)
	wg.Wait()
}

func testWriteAfterReset(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	reset(server)
	client.Read(make([]byte, 1)) // it has arrived
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %v", err)
	}
}

func testNoLinger(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	server.(interface{ SetLinger(int) error }).SetLinger(0)
	server.(interface{ SetLinger(int) error }).SetLinger(-1)
	server.Close()
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("got %v", err)
	}
}

// testStall holds that a reader that was away gets what came meanwhile: the writer did not wait.
func testStall(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	defer server.Close()
	for range 3 {
		time.Sleep(time.Millisecond)
		io.WriteString(server, "token")
	}
	one := make([]byte, 1)
	if _, err := client.Read(one); err != nil {
		t.Fatal(err)
	}
	client.SetReadDeadline(time.Now().Add(time.Minute))
	rest := make([]byte, 14)
	if _, err := io.ReadFull(client, rest); string(one)+string(rest) != "tokentokentoken" || err != nil {
		t.Fatalf("%q%q, %v", one, rest, err)
	}
}

// testCloseTwice: what comes after Close can't change how the connection ended.
func testCloseTwice(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	server.Close()
	server.(interface{ SetLinger(int) error }).SetLinger(0)
	if err := server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("closed twice: %v", err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("got %v", err)
	}
}

func testPortAgain(t *testing.T, n Network) {
	ctx := context.Background()
	p, err := n.Reserve(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 3 {
		l, err := p.Listen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		client, err := n.Dial(ctx, p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.Close() // the connection goes on
		io.WriteString(client, "still here")
		client.Close()
		if got, err := io.ReadAll(server); string(got) != "still here" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		server.Close()
		if _, err := n.Dial(ctx, p.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("between two listeners: %v", err)
		}
	}
}

func testDialCanceled(t *testing.T, n Network) {
	l := listen(t, n)
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if conn, err := n.Dial(ctx, l.Addr().String()); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, %v", conn, err)
	}
}

func testRefused(t *testing.T, n Network) {
	p, err := n.Reserve(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := n.Dial(context.Background(), p.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("got %v", err)
	}
}

func testClosedListener(t *testing.T, n Network) {
	l := listen(t, n)
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("accept: %v", err)
	}
	if _, err := n.Dial(context.Background(), l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial: %v", err)
	}
}

func testNotAccepted(t *testing.T, n Network) {
	l := listen(t, n)
	client, err := n.Dial(context.Background(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	l.Close()
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Fatal("read from a connection that nobody accepted")
	}
}

func testReadDeadline(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	defer server.Close()
	client.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := client.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("got %v", err)
	}
	client.SetReadDeadline(time.Time{})
	io.WriteString(server, "x")
	if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("after lifting the deadline: %d, %v", n, err)
	}
	client.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a deadline in the past: %v", err)
	}
}

func testWriteDeadline(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	defer server.Close()
	client.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	var err error
	for range 100_000 { // nobody reads: it must block in the end
		if _, err = client.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func testMovedDeadline(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer client.Close()
	defer server.Close()
	client.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	client.SetReadDeadline(time.Now().Add(time.Hour))
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(30 * time.Millisecond)
		io.WriteString(server, "x")
	})
	_, err := client.Read(make([]byte, 1))
	wg.Wait()
	if err != nil {
		t.Fatalf("the deadline that was moved fired: %v", err)
	}
}

func testCloseWakes(t *testing.T, n Network) {
	client, server := pair(t, n)
	defer server.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(time.Millisecond)
		client.Close()
	})
	_, err := client.Read(make([]byte, 1))
	wg.Wait()
	if !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func testTwice(t *testing.T, n Network) {
	l := listen(t, n)
	defer l.Close()
	if _, err := n.Listen(context.Background(), l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v", err)
	}
}
