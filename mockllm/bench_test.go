package mockllm

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}

func benchmark(b *testing.B, body string) {
	instant := seed.Constant(time.Nanosecond)
	h := provider(b, func(p *Provider) {
		p.Models["gpt-4o"] = Model{TTFT: instant, Gap: instant, Tokens: seed.Count{P50: 60, P99: 60}}
	}).Handler()
	r := httptest.NewRequest("POST", chatPath, nil)
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set(seed.Header, "1.1.1")
	reader := strings.NewReader(body)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		r.Body = io.NopCloser(reader)
		h.ServeHTTP(&discard{http.Header{}}, r)
	}
}

// BenchmarkStream is one streamed reply of 60 chunks.
func BenchmarkStream(b *testing.B) { benchmark(b, hello+`,"stream":true}`) }

// BenchmarkUnary is one whole reply of 60 tokens.
func BenchmarkUnary(b *testing.B) { benchmark(b, hello+`}`) }
