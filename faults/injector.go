package faults

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// Attempt is the ground truth of one attempt that reached an endpoint.
type Attempt struct {
	Key    seed.Key
	Target Target
	Model  string // asked for; "" for tools
	// Faults names those that had an effect on it, injector's and toxics.
	Faults []string
	// Delivery is what the endpoint wrote; a toxic may have kept some of it back.
	Delivery exchange.Delivery
	// Corrupt tells that a fault made a seemingly complete reply wrong.
	Corrupt bool
}

// errLifted ends the requests that a fault holds when the faults are lifted. Without
// a connection the client gets it, and takes it for what a connection would give.
var errLifted = fmt.Errorf("faults: lifted: %w", io.ErrUnexpectedEOF)

// flight is one request on its way through an endpoint.
type flight struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	peer    *peer     // nil without a link
	began   time.Time // when its first byte reached the link
	attempt Attempt
}

// byKey orders flights.
func byKey(f, g *flight) int {
	a, b := f.attempt.Key, g.attempt.Key
	return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Attempt, b.Attempt))
}

type flightKey struct{}

// Respond implements exchange.Responder: it asks the target's responder, unless a
// fault answers instead, and rewrites the reply by every fault that is active,
// selected and drawn, in the order of the file.
func (e *Endpoint) Respond(ctx context.Context, r *exchange.Request) exchange.Script {
	f := ctx.Value(flightKey{}).(*flight)
	key := e.strangers.Key(r.HTTP, r.Body)
	f.attempt = Attempt{Key: key, Target: e.config.Target, Model: r.Model}
	if f.peer != nil && f.peer.conn != nil {
		f.began = f.peer.conn.log.take()
	}
	drawn := e.draw(f, r)
	s, answered := exchange.Script{}, false
	for _, d := range drawn {
		if p, ok := d.params.(replacement); ok && !answered {
			if s, answered = p.reply(&d.cast); answered {
				e.hold(f, d.params)
			}
		}
	}
	if !answered {
		s = e.config.Responder.Respond(seed.WithKey(ctx, key), r)
	}
	for _, d := range drawn {
		if p, ok := d.params.(rewrite); ok {
			s = p.rewrite(&d.cast, s)
			e.hold(f, d.params)
		}
	}
	return s.OnDone(func(d exchange.Delivery) { e.landed(f, d) })
}

// thrown is a fault that was drawn for an attempt.
type thrown struct {
	params any
	cast   cast
}

func (e *Endpoint) draw(f *flight, r *exchange.Request) []thrown {
	var drawn []thrown
	for _, fault := range e.clock.now().active(e.injected) {
		if !fault.On.Matches(e.config.Target, f.attempt.Model) {
			continue
		}
		stream := seed.New(e.config.Seed, "fault/"+fault.Name, f.attempt.Key)
		if !stream.Chance(fault.chance()) {
			continue
		}
		done := false
		drawn = append(drawn, thrown{fault.Params, cast{
			target:  e.config.Target,
			model:   f.attempt.Model,
			request: r,
			draw:    stream.Float64,
			fired: func() {
				if done {
					return
				}
				done = true
				e.fired.add(fault.Name)
				f.attempt.Faults = append(f.attempt.Faults, fault.Name)
				f.attempt.Corrupt = f.attempt.Corrupt || corrupting[fault.Type]
			},
		}})
	}
	return drawn
}

// hold makes Lift end the request if the fault may keep it waiting.
func (e *Endpoint) hold(f *flight, params any) {
	switch params.(type) {
	case *Hang, *Stall, *Linger, *PingOnly, *ToolTimeout:
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lifted {
		f.cancel(errLifted)
		return
	}
	e.held[f] = true
}

// landed completes the ground truth of an attempt. Behind a link it waits for the
// server to have written the reply's last byte.
func (e *Endpoint) landed(f *flight, d exchange.Delivery) {
	e.mu.Lock()
	delete(e.held, f)
	e.mu.Unlock()
	if context.Cause(f.ctx) == errLifted {
		d.Left = time.Time{} // it was us who left
	}
	f.attempt.Delivery = d
	f.cancel(nil)
	if f.peer == nil {
		e.journal(f.attempt)
		return
	}
	f.peer.landed = f
}

func (e *Endpoint) journal(a Attempt) {
	if e.config.Journal != nil {
		e.config.Journal(a)
	}
}

// settle adds the toxics that an attempt met, once its reply is written.
func (e *Endpoint) settle(p *peer, closing bool) {
	f := p.landed
	if f == nil {
		return
	}
	p.landed = nil
	if p.conn != nil {
		held := closing && f.attempt.Delivery.Left.IsZero() // somebody waits for the end
		for _, t := range p.conn.log.since(f.began) {
			if !p.met(t, held) {
				continue
			}
			f.attempt.Faults = append(f.attempt.Faults, t.Name)
			if !countsItself(t) || t.Type == "slow_close" {
				e.fired.add(t.Name)
			}
		}
	}
	e.journal(f.attempt)
}
