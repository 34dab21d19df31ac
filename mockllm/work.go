package mockllm

import (
	"context"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// job is an admitted request: what it was charged and its place among the others.
type job struct {
	estimate dialect.Usage
	ticket   *ticket // nil: the provider's capacity is unlimited
}

// admit charges a request by estimate and gives it a place; if either is not to be
// had, ok is false and refusal is what is answered.
func (s *ProviderServer) admit(r *request, model string, estimate dialect.Usage) (j job, refusal exchange.Script, ok bool) {
	j.estimate = estimate
	if s.limits != nil {
		var v verdict
		v, r.limits = s.limits.admit(time.Now(), r.account, r.key, estimate)
		if v.reason != admitted {
			return j, s.throttle(r, model, v), false
		}
	}
	if s.capacity != nil {
		if j.ticket, ok = s.capacity.enter(); !ok {
			s.settle(r, j, dialect.Usage{})
			return j, s.reject(r, s.dialect.Refusals.Overloaded), false
		}
	}
	return j, exchange.Script{}, true
}

func (s *ProviderServer) settle(r *request, j job, used dialect.Usage) {
	if s.limits != nil {
		s.limits.settle(time.Now(), r.account, j.estimate, used)
	}
}

// product is what a job takes and makes.
type product struct {
	time  time.Duration // from the start of the work to its end, under no load
	gaps  time.Duration // the part of the script's Wait that load stretches
	usage dialect.Usage // all tokens; none of an error
}

// carry lets the script of a job wait for its slot, and give back the slot and what
// was charged too much when it ends.
func (s *ProviderServer) carry(r *request, j job, script exchange.Script, p product) exchange.Script {
	if s.limits == nil && j.ticket == nil {
		return script
	}
	if j.ticket != nil {
		j.ticket.service = p.time
		script.Start = func(ctx context.Context) (time.Duration, bool) {
			ok := j.ticket.begin(ctx)
			return stretched(p.gaps, s.capacity.stretch()-1), ok
		}
	}
	return script.OnDone(func(d exchange.Delivery) {
		gone := !d.Left.IsZero()
		if j.ticket != nil {
			j.ticket.leave(gone)
		}
		used := p.usage
		if !d.Terminal && !(gone && s.keeps()) {
			used.Output = min(used.Output, d.Content)
		}
		s.settle(r, j, used)
	})
}

// keeps tells whether work goes on whose client left.
func (s *ProviderServer) keeps() bool {
	return s.capacity != nil && s.capacity.config.Abandoned == "keep"
}

// stretch is the factor of the gaps under the load of now.
func (s *ProviderServer) stretch() float64 {
	if s.capacity == nil {
		return 1
	}
	return s.capacity.stretch()
}
