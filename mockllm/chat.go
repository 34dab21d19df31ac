package mockllm

import (
	"net/http"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// chat answers a chat request.
func (s *ProviderServer) chat(r *request) exchange.Script {
	q, bad := s.dialect.ParseRequest(r.Request)
	if bad != nil {
		return s.reject(r, *bad)
	}
	m := s.lookup(q.Model)
	if m == nil {
		return s.reject(r, s.dialect.Refusals.UnknownModel(q.Model))
	}
	if n := inputTokens(&q); m.Context > 0 && n > m.Context {
		return s.reject(r, s.dialect.Refusals.TooLong(n, m.Context))
	}
	asked, err := askedOf(r.HTTP.Header)
	if err != nil {
		return s.reject(r, invalid(http.StatusBadRequest, err.Error()))
	}
	draw := s.open(m.ttft, r.key)
	ttft := m.TTFT.Draw(&draw)
	if script, failed := s.failure(r, ttft); failed {
		return script
	}
	a := s.compose(m, r.key, &q, asked)
	gaps := s.open(m.gap, r.key)
	if a.reply.Err != nil {
		a.reply.Err.RequestID = s.requestID(r)
	}
	if q.Stream {
		return s.stream(r, &q, a, ttft, m.Gap, gaps)
	}
	for range a.reply.Usage.Output - 1 {
		ttft += m.Gap.Draw(&gaps)
	}
	a.reply.Text = strings.Join(a.pieces, "")
	var script exchange.Script
	if a.reply.Err != nil && !q.TellsFailure() {
		script = s.reject(r, *a.reply.Err)
	} else {
		script = s.json(r, http.StatusOK, s.dialect.RenderReply(q, a.reply))
	}
	script.Wait = ttft
	return script
}

// stream is the script of a streamed answer: the first token comes after ttft, the
// others each after a gap.
func (s *ProviderServer) stream(r *request, q *dialect.Request, a answer, ttft time.Duration, gap seed.Latency, gaps seed.Stream) exchange.Script {
	if a.reply.Err != nil {
		a.pieces = a.pieces[:(len(a.pieces)+1)/2]
	}
	steps := s.dialect.RenderStream(*q, a.reply, a.pieces)
	return exchange.Script{
		Header: s.header(r, q.ContentType()),
		Wait:   ttft,
		Steps: func(yield func(exchange.Step) bool) {
			first := true
			for _, step := range steps {
				if step.Kind == exchange.Content && !first {
					step.Wait = gap.Draw(&gaps)
				}
				first = first && step.Kind != exchange.Content
				if !yield(step) {
					return
				}
			}
		},
	}
}

// count answers how many tokens a chat request has.
func (s *ProviderServer) count(r *request) exchange.Script {
	q, bad := s.dialect.ParseRequest(r.Request)
	switch {
	case bad != nil:
		return s.reject(r, *bad)
	case s.lookup(q.Model) == nil:
		return s.reject(r, s.dialect.Refusals.UnknownModel(q.Model))
	}
	return s.json(r, http.StatusOK, s.dialect.RenderCount(inputTokens(&q)))
}
