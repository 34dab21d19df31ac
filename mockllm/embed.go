package mockllm

import (
	"hash/fnv"
	"math"
	"net/http"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// embed answers a request for embeddings, after the time of a first token.
func (s *ProviderServer) embed(r *request) exchange.Script {
	q, bad := s.dialect.ParseEmbedding(r.Request)
	if bad != nil {
		return s.reject(r, *bad)
	}
	m := s.lookup(q.Model)
	if m == nil {
		return s.reject(r, s.dialect.Refusals.UnknownModel(q.Model))
	}
	usage := dialect.Usage{Input: q.Tokens}
	if q.Tokens == 0 {
		for _, text := range q.Texts {
			usage.Input += countTokens(len(text))
		}
	}
	j, refusal, ok := s.admit(r, q.Model, usage)
	if !ok {
		return refusal
	}
	now := weatherAt(m.Over, s.age())
	ttft := s.firstToken(m, r.key, usage.Input, now)
	if script, failed := s.failure(r, ttft, now.errorRate); failed {
		return s.carry(r, j, script, product{time: script.Wait})
	}
	vectors := make([][]float32, len(q.Texts))
	for i, text := range q.Texts {
		vectors[i] = s.vector(text, q.Dimensions)
	}
	script := s.json(r, http.StatusOK, s.dialect.RenderEmbedding(q, vectors, usage.Input))
	script.Wait = ttft
	return s.carry(r, j, script, product{time: ttft, usage: usage})
}

// vector is a text's embedding: of length 1, the same for the same text, and about
// at right angles to every other's.
func (s *ProviderServer) vector(text string, dimensions int) []float32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	draw := s.open("mock/embedding/"+s.name, seed.Key{Request: h.Sum64()})
	v := make([]float32, dimensions)
	square := 0.0
	for i := range v {
		f := draw.Float64() - 0.5
		v[i] = float32(f)
		square += f * f
	}
	length := float32(math.Sqrt(square))
	for i := range v {
		v[i] /= length
	}
	return v
}
