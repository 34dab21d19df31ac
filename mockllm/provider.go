package mockllm

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
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
	unnamed   Model // every model, if there are no models
	rules     []rule
	limits    *limits     // nil: none
	plenty    http.Header // plenty as replies state it, if that is always the same
	capacity  *capacity   // nil: unlimited
	began     atomic.Int64
	strangers seed.Strangers
}

// model is a Model with the names of its draws.
type model struct {
	Model
	ttft, gap, tokens, text string

	usual int // tokens of an answer, at most, but for one in a hundred
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
	if !s.dialect.Dated {
		s.plenty = make(http.Header)
		s.dialect.Header(s.plenty, "", plenty)
	}
	s.Begin(time.Now())
	s.unnamed.SetDefaults()
	s.rules = compile(p.Replies)
	if p.RateLimit != nil {
		s.limits = newLimits(*p.RateLimit)
	}
	if p.Capacity != nil {
		s.capacity = newCapacity(*p.Capacity)
	}
	s.models = make(map[string]*model, len(p.Models))
	for id, m := range p.Models {
		s.models[id] = s.newModel(id, m)
	}
	return s
}

func (s *ProviderServer) newModel(id string, m Model) *model {
	at := s.name + "/" + id
	return &model{m, "mock/ttft/" + at, "mock/gap/" + at, "mock/tokens/" + at, "mock/text/" + at, m.Tokens.Usual()}
}

// Begin sets the instant from which the phases of the models count; it is that of
// NewProvider until then.
func (s *ProviderServer) Begin(t0 time.Time) { s.began.Store(t0.UnixNano()) }

// age is the time since Begin.
func (s *ProviderServer) age() time.Duration {
	return time.Duration(time.Now().UnixNano() - s.began.Load())
}

// Handler serves the provider over HTTP.
func (s *ProviderServer) Handler() http.Handler {
	return exchange.Handler{Responder: s, Inspect: s.Inspect, TooLarge: s.tooLarge}
}

// Inspect fills Model and Stream of a request to the provider.
func (s *ProviderServer) Inspect(r *exchange.Request) {
	if r.HTTP.Method == http.MethodPost {
		s.dialect.Inspect(r)
	}
}

// request is one that is being answered.
type request struct {
	*exchange.Request
	key     seed.Key // names the attempt
	route   dialect.Route
	account credential     // zero if there are no rate limits
	limits  dialect.Limits // as its reply states them
}

// Respond implements exchange.Responder.
func (s *ProviderServer) Respond(ctx context.Context, r *exchange.Request) exchange.Script {
	path := r.HTTP.URL.Path
	q := &request{Request: r, key: s.key(ctx, r), route: s.dialect.Route(path), limits: plenty}
	method := q.route.Endpoint.Method()
	switch {
	case q.route.Endpoint == dialect.None:
		return s.reject(q, invalid(http.StatusNotFound, "there is nothing at "+path))
	case r.HTTP.Method != method:
		script := s.reject(q, invalid(http.StatusMethodNotAllowed, path+" answers to "+method+" only"))
		script.Header["Allow"] = []string{method}
		return script
	case s.dialect.APIKey(r.HTTP) == "":
		return s.reject(q, s.dialect.Refusals.NoKey)
	}
	if s.limits != nil {
		q.account = hashKey(s.dialect.APIKey(r.HTTP))
		q.limits = s.limits.state(time.Now(), q.account)
	}
	switch q.route.Endpoint {
	case dialect.Count:
		return s.count(q)
	case dialect.Embeddings:
		return s.embed(q)
	case dialect.ListModels:
		return s.json(q, http.StatusOK, s.dialect.RenderModels(slices.Sorted(maps.Keys(s.models))))
	case dialect.ShowModel:
		return s.showModel(q)
	}
	return s.chat(q)
}

// key names the attempt of a request.
func (s *ProviderServer) key(ctx context.Context, r *exchange.Request) seed.Key {
	if k, ok := seed.KeyFrom(ctx); ok {
		return k
	}
	return s.strangers.Key(r.HTTP, r.Body)
}

// lookup finds a model; a provider without models has every model.
func (s *ProviderServer) lookup(id string) *model {
	if m := s.models[id]; m != nil || len(s.models) > 0 {
		return m
	}
	return s.newModel(id, s.unnamed)
}

func (s *ProviderServer) showModel(q *request) exchange.Script {
	if s.lookup(q.route.Model) == nil {
		return s.reject(q, s.dialect.Refusals.UnknownModel(q.route.Model))
	}
	return s.json(q, http.StatusOK, s.dialect.RenderModel(q.route.Model))
}

func (s *ProviderServer) open(purpose string, key seed.Key) seed.Stream {
	return seed.New(s.seed, purpose, key)
}

// plenty are rate limits that nobody reaches.
var plenty = dialect.Limits{
	Requests: dialect.Limit{Limit: 10_000, Remaining: 9_999, Reset: 6 * time.Millisecond},
	Tokens:   dialect.Limit{Limit: 30_000_000, Remaining: 29_999_000, Reset: 2 * time.Millisecond},
	Input:    dialect.Limit{Limit: 20_000_000, Remaining: 19_999_500, Reset: 2 * time.Millisecond},
	Output:   dialect.Limit{Limit: 10_000_000, Remaining: 9_999_500, Reset: 2 * time.Millisecond},
}

func (s *ProviderServer) requestID(q *request) string {
	draw := s.open("mock/request-id", q.key)
	return "req_" + letters(&draw, 32)
}

// header is what every reply carries.
func (s *ProviderServer) header(q *request, contentType string) http.Header {
	h := make(http.Header, 1+len(s.plenty))
	limits := q.limits
	if limits.Whole = q.route.Azure; s.plenty != nil && limits == plenty {
		maps.Copy(h, s.plenty)
		limits = dialect.Limits{}
	}
	s.dialect.Header(h, s.requestID(q), limits)
	h["Content-Type"] = []string{contentType}
	return h
}

// json is the script of a whole reply.
func (s *ProviderServer) json(q *request, status int, body []byte) exchange.Script {
	return exchange.Script{
		Status: status,
		Header: s.header(q, "application/json"),
		Steps:  whole(status, body),
	}
}

func (s *ProviderServer) reject(q *request, e dialect.Error) exchange.Script {
	e.RequestID = s.requestID(q)
	script := s.json(q, e.Status, s.dialect.RenderError(e))
	retryAfter(script.Header, e.RetryAfter)
	return script
}

func (s *ProviderServer) tooLarge(r *http.Request) exchange.Script {
	q := &request{Request: &exchange.Request{HTTP: r}, limits: plenty}
	q.key = s.key(r.Context(), q.Request)
	return s.reject(q, s.dialect.Refusals.TooLarge)
}
