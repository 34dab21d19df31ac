package resilience

import (
	"slices"
	"time"
)

// Config is one resilience configuration. A pattern whose key is left out is
// switched off; an empty one takes the defaults.
type Config struct {
	Retry   *Retry   `yaml:"retry,omitempty" json:"retry,omitempty"`
	Breaker *Breaker `yaml:"breaker,omitempty" json:"breaker,omitempty"`
	// Fallback names the targets provider/model to try in order after the call's own.
	// Given, even empty, it also lets tools fall back to their next implementation.
	Fallback []string  `yaml:"fallback,omitempty" json:"fallback,omitempty"`
	Timeouts *Timeouts `yaml:"timeouts,omitempty" json:"timeouts,omitempty"`
	// Stream says what becomes of streams that break.
	Stream *Stream `yaml:"stream,omitempty" json:"stream,omitempty"`
	// Keys is how many API keys each provider has, used in turn; left out, there is
	// one, and nothing is done about a key that fails.
	Keys int `yaml:"keys,omitempty" json:"keys,omitempty" jsonschema:"minimum=1"`
	// Limits holds the calls of models to the provider's rate limits, per key.
	Limits *Limits `yaml:"limits,omitempty" json:"limits,omitempty"`
	// Queue lets calls of models wait for their turn.
	Queue *Queue `yaml:"queue,omitempty" json:"queue,omitempty"`
	// Hedge asks again, without waiting for a failure, when an answer is late: for the
	// first token of streams, and of tools that only read.
	Hedge *Hedge `yaml:"hedge,omitempty" json:"hedge,omitempty"`
	// Order is the composition, outermost first; what it does not name is off. By
	// default degrade, deadline, queue, chain, retry, hedge, keys, limits, breaker,
	// timeout. What stands before chain is one for the whole call, what stands after
	// it is one for each target.
	Order []string `yaml:"order,omitempty" json:"order,omitempty"`
	// Degrade answers below FULL service level instead of failing.
	Degrade bool `yaml:"degrade,omitempty" json:"degrade,omitempty"`
	// Client is what calls the models: strict (ours, the default) or sdk, the
	// official Go SDK of the dialect with its own retries off.
	Client string `yaml:"client,omitempty" json:"client,omitempty" jsonschema:"enum=strict,enum=sdk"`
}

// Retry repeats failed attempts at one target.
type Retry struct {
	MaxAttempts     int           `yaml:"maxAttempts,omitempty" json:"maxAttempts"`         // 3
	BaseDelay       time.Duration `yaml:"baseDelay,omitempty" json:"baseDelay"`             // 1s
	MaxDelay        time.Duration `yaml:"maxDelay,omitempty" json:"maxDelay"`               // 60s
	ExponentialBase float64       `yaml:"exponentialBase,omitempty" json:"exponentialBase"` // 2
	Jitter          string        `yaml:"jitter,omitempty" json:"jitter" jsonschema:"enum=none,enum=full,enum=equal,enum=decorrelated"`
	RetryAfterCap   time.Duration `yaml:"retryAfterCap,omitempty" json:"retryAfterCap"` // 120s
	// Budget is how many retries a target gets, as a share of its fresh calls. A share
	// of maxAttempts − 1 or more refuses nothing.
	Budget float64 `yaml:"budget,omitempty" json:"budget"` // 20 %
	// BudgetReserve is how many retries may be saved up; the budget begins with them.
	BudgetReserve float64 `yaml:"budgetReserve,omitempty" json:"budgetReserve"` // 10
}

// Stream says what becomes of streams that break.
type Stream struct {
	// OnBreak is what to do about a stream that breaks after its first content: fail
	// the call, restart it on the next target and discard what came, or have the next
	// target continue from it.
	OnBreak string `yaml:"onBreak,omitempty" json:"onBreak" jsonschema:"enum=fail,enum=restart,enum=continue"`
}

// Limits are the rate limits of one key, which calls wait for; 0 is no limit.
type Limits struct {
	// RPM is how many requests a minute the key may make.
	RPM int `yaml:"rpm,omitempty" json:"rpm,omitempty" jsonschema:"minimum=0"`
	// TPM is how many tokens a minute the key may use, input and output together.
	TPM int `yaml:"tpm,omitempty" json:"tpm,omitempty" jsonschema:"minimum=0"`
	// Concurrency is how many attempts may be under way with the key at a time.
	Concurrency int `yaml:"concurrency,omitempty" json:"concurrency,omitempty" jsonschema:"minimum=0"`
	// Adaptive finds the concurrency out, in place of a fixed one.
	Adaptive *Adaptive `yaml:"adaptive,omitempty" json:"adaptive,omitempty"`
}

// Queue lets calls wait while too many are under way.
type Queue struct {
	// Size is how many calls may wait; one more is refused. 100 by default.
	Size int `yaml:"size,omitempty" json:"size" jsonschema:"minimum=1"`
	// Concurrency is how many calls may be under way; 10 by default.
	Concurrency int `yaml:"concurrency,omitempty" json:"concurrency" jsonschema:"minimum=1"`
	// Order is whose turn it is: fifo, or priority, which grows with the wait.
	Order string `yaml:"order,omitempty" json:"order" jsonschema:"enum=fifo,enum=priority"`
}

// Hedge asks again when an answer is late; the first answer wins.
type Hedge struct {
	// After is how long to wait for the first answer: a duration such as 800ms, or a
	// quantile of the last answers such as p95, the default.
	After string `yaml:"after,omitempty" json:"after"`
	// Max is how many more attempts may be under way at once; 1 by default.
	Max int `yaml:"max,omitempty" json:"max" jsonschema:"minimum=1"`
}

// Breaker stops calls to a target that keeps failing.
type Breaker struct {
	Mode             string        `yaml:"mode,omitempty" json:"mode" jsonschema:"enum=adaptive,enum=consecutive,enum=absolute"`
	FailureThreshold int           `yaml:"failureThreshold,omitempty" json:"failureThreshold"` // 5
	FailureRate      float64       `yaml:"failureRate,omitempty" json:"failureRate"`           // 50 %
	MinimumCalls     int           `yaml:"minimumCalls,omitempty" json:"minimumCalls"`         // 20
	MonitoringWindow time.Duration `yaml:"monitoringWindow,omitempty" json:"monitoringWindow"` // 60s
	RecoveryTimeout  time.Duration `yaml:"recoveryTimeout,omitempty" json:"recoveryTimeout"`   // 30s
	OpenFactor       float64       `yaml:"openFactor,omitempty" json:"openFactor"`             // 2: each re-opening lasts longer
	OpenMax          time.Duration `yaml:"openMax,omitempty" json:"openMax"`                   // 5m
	HalfOpenMaxCalls int           `yaml:"halfOpenMaxCalls,omitempty" json:"halfOpenMaxCalls"` // 3
	SuccessThreshold int           `yaml:"successThreshold,omitempty" json:"successThreshold"` // 2
	Lease            time.Duration `yaml:"lease,omitempty" json:"lease"`                       // attempt timeout + 5s
}

// Timeouts bounds operations. Unary LLM attempts are bounded by LLMCall; streams by
// FirstToken, StreamIdle, ContentIdle and TotalRequest, never by LLMCall.
type Timeouts struct {
	LLMCall       time.Duration `yaml:"llmCall,omitempty" json:"llmCall"`             // 45s
	ToolExecution time.Duration `yaml:"toolExecution,omitempty" json:"toolExecution"` // 15s
	WebSearch     time.Duration `yaml:"webSearch,omitempty" json:"webSearch"`         // 10s
	DatabaseQuery time.Duration `yaml:"databaseQuery,omitempty" json:"databaseQuery"` // 5s
	TotalRequest  time.Duration `yaml:"totalRequest,omitempty" json:"totalRequest"`   // 120s
	FirstToken    time.Duration `yaml:"firstToken,omitempty" json:"firstToken"`       // 10s
	StreamIdle    time.Duration `yaml:"streamIdle,omitempty" json:"streamIdle"`       // 15s; any byte resets it
	ContentIdle   time.Duration `yaml:"contentIdle,omitempty" json:"contentIdle"`     // 60s; only content resets it
	Connect       time.Duration `yaml:"connect,omitempty" json:"connect"`             // 5s
}

// SetDefaults fills the fields left out of the patterns that are present.
func (c *Config) SetDefaults() {
	orElse(&c.Client, "strict")
	if c.Order == nil {
		c.Order = slices.Clone(defaultOrder)
	}
	if c.Retry != nil {
		c.Retry.SetDefaults()
	}
	if c.Breaker != nil {
		c.Breaker.SetDefaults()
	}
	if c.Timeouts != nil {
		c.Timeouts.SetDefaults()
	}
	if c.Stream != nil {
		c.Stream.SetDefaults()
	}
	if c.Limits != nil && c.Limits.Adaptive != nil {
		c.Limits.Adaptive.SetDefaults()
	}
	if c.Queue != nil {
		c.Queue.SetDefaults()
	}
	if c.Hedge != nil {
		c.Hedge.SetDefaults()
	}
}

// SetDefaults fills the fields left out.
func (q *Queue) SetDefaults() {
	orElse(&q.Size, 100)
	orElse(&q.Concurrency, 10)
	orElse(&q.Order, "fifo")
}

// SetDefaults fills the fields left out.
func (h *Hedge) SetDefaults() {
	orElse(&h.After, "p95")
	orElse(&h.Max, 1)
}

// SetDefaults fills the fields left out.
func (s *Stream) SetDefaults() { orElse(&s.OnBreak, "fail") }

// SetDefaults fills the fields left out.
func (r *Retry) SetDefaults() {
	orElse(&r.MaxAttempts, 3)
	orElse(&r.BaseDelay, time.Second)
	orElse(&r.MaxDelay, time.Minute)
	orElse(&r.ExponentialBase, 2)
	orElse(&r.Jitter, "full")
	orElse(&r.RetryAfterCap, 2*time.Minute)
	orElse(&r.Budget, 0.2)
	orElse(&r.BudgetReserve, 10)
}

// SetDefaults fills the fields left out, but for Lease: it depends on the target's
// attempt timeout.
func (b *Breaker) SetDefaults() {
	orElse(&b.Mode, "adaptive")
	orElse(&b.FailureThreshold, 5)
	orElse(&b.FailureRate, 0.5)
	orElse(&b.MinimumCalls, 20)
	orElse(&b.MonitoringWindow, time.Minute)
	orElse(&b.RecoveryTimeout, 30*time.Second)
	orElse(&b.OpenFactor, 2)
	orElse(&b.OpenMax, max(5*time.Minute, b.RecoveryTimeout))
	orElse(&b.HalfOpenMaxCalls, 3)
	orElse(&b.SuccessThreshold, 2)
}

// SetDefaults fills the fields left out.
func (t *Timeouts) SetDefaults() {
	orElse(&t.LLMCall, 45*time.Second)
	orElse(&t.ToolExecution, 15*time.Second)
	orElse(&t.WebSearch, 10*time.Second)
	orElse(&t.DatabaseQuery, 5*time.Second)
	orElse(&t.TotalRequest, 2*time.Minute)
	orElse(&t.FirstToken, 10*time.Second)
	orElse(&t.StreamIdle, 15*time.Second)
	orElse(&t.ContentIdle, time.Minute)
	orElse(&t.Connect, 5*time.Second)
}

func orElse[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}
