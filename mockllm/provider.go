package mockllm

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// ProviderServer answers as one model provider. It is an exchange.Responder and
// safe for concurrent use.
type ProviderServer struct {
	name      string
	errors    string // the name of its draw
	config    Provider
	seed      uint64
	dialect   *dialect.Dialect
	models    map[string]*model
	strangers seed.Strangers
}

// model is a Model with the names of its draws.
type model struct {
	Model
	ttft, gap, tokens, text string
}

// NewProvider returns the provider called name, whose config has its defaults and
// is valid. It panics if the dialect is unknown.
func NewProvider(name string, p Provider, seed uint64) *ProviderServer {
	s := &ProviderServer{
		name:    name,
		errors:  "mock/error/" + name,
		config:  p,
		seed:    seed,
		dialect: dialect.Dialects[p.Dialect],
	}
	if s.dialect == nil {
		panic("mockllm: provider " + name + " has an unknown dialect " + p.Dialect)
	}
	s.models = make(map[string]*model, len(p.Models))
	for id, m := range p.Models {
		s.models[id] = s.newModel(id, m)
	}
	return s
}

func (s *ProviderServer) newModel(id string, m Model) *model {
	at := s.name + "/" + id
	return &model{m, "mock/ttft/" + at, "mock/gap/" + at, "mock/tokens/" + at, "mock/text/" + at}
}

// Handler serves the provider over HTTP.
func (s *ProviderServer) Handler() http.Handler {
	return exchange.Handler{Responder: s, Inspect: s.Inspect}
}

// Inspect fills Model and Stream of a request to the provider.
func (s *ProviderServer) Inspect(r *exchange.Request) {
	if r.HTTP.Method == http.MethodPost {
		s.dialect.Inspect(r)
	}
}

// chatPath and modelsPath are where OpenAI's endpoints live.
const (
	chatPath   = "/v1/chat/completions"
	modelsPath = "/v1/models"
)

// Respond implements exchange.Responder.
func (s *ProviderServer) Respond(ctx context.Context, r *exchange.Request) exchange.Script {
	path, method := r.HTTP.URL.Path, http.MethodGet
	id, isModel := strings.CutPrefix(path, modelsPath+"/")
	isModel = isModel && id != ""
	switch {
	case path == chatPath:
		method = http.MethodPost
	case path != modelsPath && !isModel:
		return s.reject(s.key(ctx, r), invalid(http.StatusNotFound, "", "there is nothing at "+path))
	}
	key := s.key(ctx, r)
	switch {
	case r.HTTP.Method != method:
		script := s.reject(key, invalid(http.StatusMethodNotAllowed, "", path+" answers to "+method+" only"))
		script.Header["Allow"] = []string{method}
		return script
	case !authorized(r.HTTP.Header):
		return s.reject(key, invalid(http.StatusUnauthorized, "invalid_api_key", "the Authorization header has no API key"))
	case path == chatPath:
		return s.chat(key, r)
	case isModel:
		return s.showModel(key, id)
	}
	return s.listModels(key)
}

// key names the attempt of a request.
func (s *ProviderServer) key(ctx context.Context, r *exchange.Request) seed.Key {
	if k, ok := seed.KeyFrom(ctx); ok {
		return k
	}
	return s.strangers.Key(r.HTTP, r.Body)
}

func authorized(h http.Header) bool {
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(key) != ""
}

// lookup finds a model; a provider without models has every model.
func (s *ProviderServer) lookup(id string) *model {
	if m := s.models[id]; m != nil || len(s.models) > 0 {
		return m
	}
	var m Model
	m.SetDefaults()
	return s.newModel(id, m)
}

func (s *ProviderServer) showModel(key seed.Key, id string) exchange.Script {
	if s.lookup(id) == nil {
		return s.reject(key, unknownModel(id))
	}
	return s.json(key, http.StatusOK, s.appendModel(nil, id))
}

func (s *ProviderServer) listModels(key seed.Key) exchange.Script {
	ids := make([]string, 0, len(s.models))
	for id := range s.models {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	body := []byte(`{"object":"list","data":[`)
	for i, id := range ids {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendModel(body, id)
	}
	return s.json(key, http.StatusOK, append(body, "]}"...))
}

// chat answers a chat request.
func (s *ProviderServer) chat(key seed.Key, r *exchange.Request) exchange.Script {
	q, bad := s.dialect.ParseRequest(r)
	if bad != nil {
		return s.reject(key, *bad)
	}
	m := s.lookup(q.Model)
	if m == nil {
		return s.reject(key, unknownModel(q.Model))
	}
	asked, ok := askedTokens(r.HTTP.Header)
	if !ok {
		return s.reject(key, invalid(http.StatusBadRequest, "", OutputTokens+" must be a whole number from 1 to 100000"))
	}
	draw := s.open(m.ttft, key)
	ttft := m.TTFT.Draw(&draw)
	if script, failed := s.failure(key, ttft); failed {
		return script
	}
	a := s.compose(m, key, &q, asked)
	gaps := s.open(m.gap, key)
	if q.Stream {
		return s.stream(key, &q, a, ttft, m.Gap, gaps)
	}
	for range a.reply.Usage.Output - 1 {
		ttft += m.Gap.Draw(&gaps)
	}
	a.reply.Text = strings.Join(a.pieces, "")
	script := s.json(key, http.StatusOK, s.dialect.RenderReply(a.reply))
	script.Wait = ttft
	return script
}

// stream is the script of a streamed answer: the first token comes after ttft, the
// others each after a gap.
func (s *ProviderServer) stream(key seed.Key, q *dialect.Request, a answer, ttft time.Duration, gap seed.Latency, gaps seed.Stream) exchange.Script {
	steps := s.dialect.RenderStream(*q, a.reply, a.pieces)
	return exchange.Script{
		Header: s.header(key, "text/event-stream; charset=utf-8"),
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

func (s *ProviderServer) open(purpose string, key seed.Key) seed.Stream {
	return seed.New(s.seed, purpose, key)
}

// header is what every reply carries.
func (s *ProviderServer) header(key seed.Key, contentType string) http.Header {
	h := make(http.Header, 4)
	h["Content-Type"] = []string{contentType}
	draw := s.open("mock/request-id", key)
	s.dialect.Header(h, "req_"+letters(&draw, 32), dialect.Limit{}, dialect.Limit{})
	return h
}

// json is the script of a whole reply.
func (s *ProviderServer) json(key seed.Key, status int, body []byte) exchange.Script {
	return exchange.Script{
		Status: status,
		Header: s.header(key, "application/json"),
		Steps:  whole(status, body),
	}
}

func (s *ProviderServer) reject(key seed.Key, e dialect.Error) exchange.Script {
	return s.json(key, e.Status, s.dialect.RenderError(e))
}
