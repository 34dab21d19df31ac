package mockllm

import (
	"context"
	"net/http"
	"strings"

	"github.com/agentchaos/chaos/internal/exchange"
)

// Universal serves every dialect at one address, as the official SDKs find it:
// OpenAI under /v1 (and Azure's paths), Anthropic under /v1/messages, Gemini under
// /v1beta. /v1/models is Anthropic's for a request with an Anthropic-Version or
// X-Api-Key header. It is safe for concurrent use.
type Universal struct{ openai, anthropic, gemini *ProviderServer }

// NewUniversal returns a server whose providers all behave like p, which has its
// defaults and is valid; its Dialect does not matter.
func NewUniversal(p Provider, seed uint64) *Universal {
	speak := func(name string) *ProviderServer {
		p.Dialect = name
		return NewProvider(name, p, seed)
	}
	return &Universal{speak("openai"), speak("anthropic"), speak("gemini")}
}

// Handler serves the providers over HTTP.
func (u *Universal) Handler() http.Handler {
	return exchange.Handler{
		Responder: u,
		Inspect:   func(r *exchange.Request) { u.provider(r.HTTP).Inspect(r) },
		TooLarge:  func(r *http.Request) exchange.Script { return u.provider(r).tooLarge(r) },
	}
}

// Respond implements exchange.Responder.
func (u *Universal) Respond(ctx context.Context, r *exchange.Request) exchange.Script {
	return u.provider(r.HTTP).Respond(ctx, r)
}

// provider is the one that a request means.
func (u *Universal) provider(r *http.Request) *ProviderServer {
	path, h := r.URL.Path, r.Header
	switch {
	case strings.HasPrefix(path, "/v1beta/"):
		return u.gemini
	case path == "/v1/messages", strings.HasPrefix(path, "/v1/messages/"):
		return u.anthropic
	case strings.HasPrefix(path, "/v1/models") && (h.Get("Anthropic-Version") != "" || h.Get("X-Api-Key") != ""):
		return u.anthropic
	}
	return u.openai
}
