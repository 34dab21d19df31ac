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
	input := inputTokens(&q)
	if m.Context > 0 && input > m.Context {
		return s.reject(r, s.dialect.Refusals.TooLong(input, m.Context))
	}
	want, err := askedOf(r.HTTP.Header)
	if err != nil {
		return s.reject(r, invalid(http.StatusBadRequest, err.Error()))
	}
	j, refusal, ok := s.admit(r, q.Model, dialect.Usage{Input: input, Output: m.estimate(&q)})
	if !ok {
		return refusal
	}
	now := weatherAt(m.Over, s.age())
	ttft := s.firstToken(m, r.key, input, now)
	if script, failed := s.failure(r, ttft, now.errorRate); failed {
		return s.carry(r, j, script, product{time: script.Wait})
	}
	if want.rule = firstFit(s.rules, r.key, &q); want.rule != nil && want.rule.Error != nil {
		script := s.reject(r, want.rule.Error.error())
		script.Wait = ttft
		return s.carry(r, j, script, product{time: ttft})
	}
	a := s.compose(m, r.key, &q, want)
	if a.reply.Err != nil {
		a.reply.Err.RequestID = s.requestID(r)
	}
	if q.Stream {
		return s.stream(r, j, &q, a, m, ttft, now)
	}
	gaps := s.gaps(m, r.key, a.reply.Usage.Output-1, now)
	a.reply.Text = strings.Join(a.pieces, "")
	var script exchange.Script
	if a.reply.Err != nil && !q.TellsFailure() {
		script = s.reject(r, *a.reply.Err)
	} else {
		script = s.json(r, http.StatusOK, s.dialect.RenderReply(q, a.reply))
	}
	script.Wait = ttft + gaps
	return s.carry(r, j, script, product{script.Wait, gaps, a.reply.Usage})
}

// estimate is how many tokens the answer may have, as far as the provider knows.
func (m *model) estimate(q *dialect.Request) int {
	n := m.usual
	if q.MaxTokens > 0 {
		n = q.MaxTokens
	}
	return min(n, maxOutputTokens) * max(1, q.Choices)
}

// firstToken draws the time to the first token.
func (s *ProviderServer) firstToken(m *model, key seed.Key, input int, now weather) time.Duration {
	draw := s.open(m.ttft, key)
	return stretched(m.TTFT.Draw(&draw)+time.Duration(input)*m.Prefill, now.ttft)
}

// gaps is the sum of the first n gaps of an answer.
func (s *ProviderServer) gaps(m *model, key seed.Key, n int, now weather) (sum time.Duration) {
	if m.Gap == seed.Constant(m.Gap.P50) {
		return time.Duration(max(0, n)) * stretched(m.Gap.P50, now.gap)
	}
	draw := s.open(m.gap, key)
	for range n {
		sum += stretched(m.Gap.Draw(&draw), now.gap)
	}
	return sum
}

// stream is the script of a streamed answer: the first token comes after ttft, the
// others each after a gap, as long as the load at its beginning makes it.
func (s *ProviderServer) stream(r *request, j job, q *dialect.Request, a answer, m *model, ttft time.Duration, now weather) exchange.Script {
	if a.reply.Err != nil {
		a.pieces = a.pieces[:(len(a.pieces)+1)/2]
	}
	steps := s.dialect.RenderStream(*q, a.reply, a.pieces)
	gaps := s.open(m.gap, r.key)
	script := exchange.Script{
		Header: s.header(r, q.ContentType()),
		Wait:   ttft,
		Steps: func(yield func(exchange.Step) bool) {
			first := true
			for _, step := range steps {
				if step.Kind == exchange.Content && !first {
					step.Wait = stretched(m.Gap.Draw(&gaps), now.gap*s.stretch())
				}
				first = first && step.Kind != exchange.Content
				if !yield(step) {
					return
				}
			}
		},
	}
	p := product{time: ttft, usage: a.reply.Usage}
	if s.keeps() {
		p.time += s.gaps(m, r.key, a.reply.Usage.Output-1, now)
	}
	return s.carry(r, j, script, p)
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
