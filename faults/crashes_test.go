package faults

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/internal/virtual"
)

// trapped is a network that panics where it is told to.
type trapped struct {
	network.Memory
	where string
	set   atomic.Bool
}

func (n *trapped) at(where string) bool { return n.set.Load() && n.where == where }

func (n *trapped) Dial(ctx context.Context, address string) (net.Conn, error) {
	if n.at("dial") {
		panic("trapped: dial")
	}
	return n.Memory.Dial(ctx, address)
}

func (n *trapped) Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := n.Memory.Listen(ctx, address)
	if n.where != "server" {
		return l, err
	}
	return trappedListener{l, n}, err
}

func (n *trapped) Reserve(ctx context.Context, address string) (network.Port, error) {
	p, err := n.Memory.Reserve(ctx, address)
	return trappedPort{p, n}, err
}

type trappedPort struct {
	network.Port
	n *trapped
}

func (p trappedPort) Listen(ctx context.Context) (net.Listener, error) {
	if p.n.at("listen again") {
		panic("trapped: listen again")
	}
	l, err := p.Port.Listen(ctx)
	if p.n.where == "port" {
		return trappedListener{l, p.n}, err
	}
	return l, err
}

type trappedListener struct {
	net.Listener
	n *trapped
}

func (l trappedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && (l.n.at("port") || l.n.at("server")) {
		conn.Close()
		panic("trapped: " + l.n.where)
	}
	return conn, err
}

// TestPanicsComeBackFromClose: in virtual time a panic that nobody recovers ends the
// process.
func TestPanicsComeBackFromClose(t *testing.T) {
	for _, where := range []string{"dial", "listen again", "port", "server", "responder", "journal", "lift"} {
		t.Run(where, func(t *testing.T) {
			err := virtual.Run(func() error {
				n := &trapped{where: where}
				e, err := Open(context.Background(), Config{
					Network: n, Target: anOpenAI,
					Faults: []Spec{{Type: "down", At: time.Second, For: time.Second}, {Type: "latency", Params: &Latency{Latency: ms}}, {Type: "hang", Probability: ptr(0)}},
					Responder: exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
						if where == "responder" {
							panic("trapped: responder")
						}
						return streamOf(1)
					}),
					Journal: func(Attempt) {
						if where == "journal" {
							panic("trapped: journal")
						}
					},
				})
				if err != nil {
					return err
				}
				e.Arm(time.Now())
				n.set.Store(true)
				if where == "lift" {
					e.held[&flight{cancel: func(error) { panic("trapped: lift") }}] = true
				} else if where != "listen again" {
					conn, err := n.Memory.Dial(context.Background(), e.address)
					if err != nil {
						return err
					}
					defer conn.Close()
					_, _ = io.WriteString(conn, request(seed.Key{}))
				}
				time.Sleep(10 * time.Second)
				return e.Close()
			})
			if err == nil || !strings.Contains(err.Error(), "panic in an endpoint: trapped: "+where) {
				t.Errorf("got %v", err)
			}
		})
	}
}
