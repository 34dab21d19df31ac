package mockllm

import (
	"context"
	"time"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// TB is what Start needs of a *testing.T, of Ginkgo's GinkgoT, or the like.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// URLs are the base URLs of one server as the official SDKs want them.
type URLs struct{ OpenAI, Anthropic, Gemini string }

// Start serves a provider in every dialect at a free port of the loopback until the
// test ends. Any API key will do. A provider without models serves every model and
// answers at once; Replies script what it says:
//
//	urls := mockllm.Start(t, mockllm.Provider{Replies: []mockllm.Rule{{Text: "Hello."}}})
//	client := openai.NewClient(option.WithBaseURL(urls.OpenAI), option.WithAPIKey("any"))
func Start(t TB, p Provider) URLs {
	t.Helper()
	p.SetDefaults()
	if err := p.Validate(); err != nil {
		t.Fatalf("mockllm: %v", err)
	}
	u := NewUniversal(p, startSeed)
	for _, s := range [...]*ProviderServer{u.openai, u.anthropic, u.gemini} {
		s.unnamed.TTFT, s.unnamed.Gap = seed.Constant(time.Nanosecond), seed.Constant(time.Nanosecond)
	}
	server, err := Listen(context.Background(), network.Loopback{}, "127.0.0.1:0", u.Handler())
	if err != nil {
		t.Fatalf("mockllm: %v", err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return URLs{OpenAI: server.URL() + "/v1", Anthropic: server.URL(), Gemini: server.URL()}
}

// startSeed makes tests repeat.
const startSeed = 1
