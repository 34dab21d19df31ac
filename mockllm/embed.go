package mockllm

import (
	"hash/fnv"
	"math"
	"net/http"

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
	draw := s.open(m.ttft, r.key)
	ttft := m.TTFT.Draw(&draw)
	if script, failed := s.failure(r, ttft); failed {
		return script
	}
	vectors := make([][]float32, len(q.Texts))
	tokens := q.Tokens
	for i, text := range q.Texts {
		vectors[i] = s.vector(text, q.Dimensions)
		if q.Tokens == 0 {
			tokens += countTokens(len(text))
		}
	}
	script := s.json(r, http.StatusOK, s.dialect.RenderEmbedding(q, vectors, tokens))
	script.Wait = ttft
	return script
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
