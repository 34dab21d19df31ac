package resilience

import "time"

// Config is one resilience configuration. A pattern whose key is left out is
// switched off; an empty one takes the defaults.
type Config struct {
	Retry   *Retry   `yaml:"retry,omitempty" json:"retry,omitempty"`
	Breaker *Breaker `yaml:"breaker,omitempty" json:"breaker,omitempty"`
	// Fallback names the targets provider/model to try in order after the call's own.
	// Given, even empty, it also lets tools fall back to their next implementation.
	Fallback []string  `yaml:"fallback,omitempty" json:"fallback,omitempty"`
	Timeouts *Timeouts `yaml:"timeouts,omitempty" json:"timeouts,omitempty"`
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
	if c.Retry != nil {
		c.Retry.SetDefaults()
	}
	if c.Breaker != nil {
		c.Breaker.SetDefaults()
	}
	if c.Timeouts != nil {
		c.Timeouts.SetDefaults()
	}
}

// SetDefaults fills the fields left out.
func (r *Retry) SetDefaults() {
	orElse(&r.MaxAttempts, 3)
	orElse(&r.BaseDelay, time.Second)
	orElse(&r.MaxDelay, time.Minute)
	orElse(&r.ExponentialBase, 2)
	orElse(&r.Jitter, "full")
	orElse(&r.RetryAfterCap, 2*time.Minute)
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
