package mockllm

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/network"
)

// readHeaderTimeout bounds how long a client may take to send a request's header.
const readHeaderTimeout = 10 * time.Second

// Server serves a handler on a listener of its own until Close. It is safe for
// concurrent use.
type Server struct {
	http     http.Server
	url      string
	serving  sync.WaitGroup // the accept loop
	conns    sync.WaitGroup // connections that net/http owns
	requests sync.WaitGroup // handlers, which may outlive a hijacked connection
}

// Listen opens address (host:port; port 0 takes a free one) and serves h there.
// The context bounds the opening only.
func Listen(ctx context.Context, n network.Network, address string, h http.Handler) (*Server, error) {
	l, err := n.Listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("listening for the mock: %w", err)
	}
	s := &Server{url: "http://" + reachable(l.Addr().String())}
	s.http = http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.requests.Add(1)
			defer s.requests.Done()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnState:         s.track,
	}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // ends with ErrServerClosed
	return s, nil
}

// URL is where the server is reached: http://host:port, without a path.
func (s *Server) URL() string { return s.url }

// Close closes the listener and every connection and waits until nothing runs any
// more. Calling it again does nothing.
func (s *Server) Close() error {
	err := s.http.Close()
	s.serving.Wait()
	s.conns.Wait()
	s.requests.Wait()
	return err
}

// track counts connections. net/http reports StateNew in the accept loop, so
// nothing is added once that has ended.
func (s *Server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

// reachable replaces a host that means every interface by one to connect to.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}
