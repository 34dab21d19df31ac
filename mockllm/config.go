// Package mockllm is a model provider and its tools, as an agent meets them over
// HTTP: the endpoints and replies of real dialects, with first-token times, gaps,
// token counts and errors drawn from keyed distributions. One seed gives one
// behaviour, whatever order requests arrive in.
package mockllm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// Provider is how one model provider behaves while no fault hits it.
type Provider struct {
	// Dialect names the wire format it speaks; openai by default.
	Dialect string `yaml:"dialect,omitempty" json:"dialect,omitempty" jsonschema:"enum=openai,enum=anthropic,enum=gemini"`
	// ErrorRate is the chance per attempt of an error of the provider's own.
	ErrorRate float64 `yaml:"errorRate,omitempty" json:"errorRate,omitempty" jsonschema:"minimum=0,maximum=1"`
	// RateLimit is how much each API key may ask of it; left out, there is no limit.
	RateLimit *RateLimit `yaml:"rateLimit,omitempty" json:"rateLimit,omitempty"`
	// Capacity is how much it can do at once; left out, there is no bound.
	Capacity *Capacity `yaml:"capacity,omitempty" json:"capacity,omitempty"`
	// Replies are scripted replies; the first that fits a request answers it.
	Replies []Rule `yaml:"replies,omitempty" json:"replies,omitempty"`
	// Models are the models it serves. Without any it serves every model, with the
	// default behaviour.
	Models map[string]Model `yaml:"models,omitempty" json:"models,omitempty"`
}

// Model is how fast and how much one model answers.
type Model struct {
	TTFT   seed.Latency `yaml:"ttft,omitempty" json:"ttft"`     // to the first token; p50 400ms, p99 1200ms
	Gap    seed.Latency `yaml:"gap,omitempty" json:"gap"`       // between two tokens; p50 15ms
	Tokens seed.Count   `yaml:"tokens,omitempty" json:"tokens"` // of an answer; p50 60, p99 200
	// Prefill is added to TTFT for each token of the request; 0 by default.
	Prefill time.Duration `yaml:"prefill,omitempty" json:"prefill,omitempty"`
	// Over are times in which it is slower or fails more often.
	Over []Phase `yaml:"over,omitempty" json:"over,omitempty"`
	// Context is how many tokens a request may have; 0: any number.
	Context int `yaml:"context,omitempty" json:"context,omitempty" jsonschema:"minimum=0"`
	// Price is what its tokens cost; reports tell costs where a model has one.
	Price *Price `yaml:"price,omitempty" json:"price,omitempty"`
}

// Price is what tokens cost, in US dollars per million of them.
type Price struct {
	// Input is the price of a request's tokens.
	Input float64 `yaml:"input,omitempty" json:"input" jsonschema:"minimum=0"`
	// Output is the price of an answer's tokens.
	Output float64 `yaml:"output,omitempty" json:"output" jsonschema:"minimum=0"`
}

// Validate reports negative prices.
func (p *Price) Validate() error {
	return errors.Join(wrap("input", notNegative(p.Input)), wrap("output", notNegative(p.Output)))
}

// Tool is how one implementation of a tool behaves while no fault hits it.
type Tool struct {
	Latency   seed.Latency `yaml:"latency,omitempty" json:"latency"` // p50 50ms, p99 200ms
	ErrorRate float64      `yaml:"errorRate,omitempty" json:"errorRate,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Flaws are how often it gives a bad result, or none.
	Flaws *Flaws `yaml:"flaws,omitempty" json:"flaws,omitempty"`
}

// SetDefaults fills what was left out. It changes the values of Models in place.
func (p *Provider) SetDefaults() {
	if p.Dialect == "" {
		p.Dialect = "openai"
	}
	if p.RateLimit != nil {
		p.RateLimit.SetDefaults()
	}
	if p.Capacity != nil {
		p.Capacity.SetDefaults()
	}
	for name, m := range p.Models {
		m.SetDefaults()
		p.Models[name] = m
	}
}

// SetDefaults fills what was left out with a healthy hosted model's figures.
func (m *Model) SetDefaults() {
	if m.TTFT.IsZero() {
		m.TTFT = seed.Latency{P50: 400 * time.Millisecond, P99: 1200 * time.Millisecond}
	}
	if m.Gap.IsZero() {
		m.Gap = seed.Latency{P50: 15 * time.Millisecond}
	}
	if m.Tokens.IsZero() {
		m.Tokens = seed.Count{P50: 60, P99: 200}
	}
	for i := range m.Over {
		m.Over[i].SetDefaults()
	}
}

// SetDefaults fills what was left out.
func (t *Tool) SetDefaults() {
	if t.Latency.IsZero() {
		t.Latency = seed.Latency{P50: 50 * time.Millisecond, P99: 200 * time.Millisecond}
	}
	if t.Flaws != nil {
		t.Flaws.SetDefaults()
	}
}

// Validate reports every mistake, each beginning with the path of its field.
func (p *Provider) Validate() error {
	var errs []error
	if dialect.Dialects[p.Dialect] == nil {
		errs = append(errs, fmt.Errorf("dialect: %q is unknown; there is %s",
			p.Dialect, slices.Sorted(maps.Keys(dialect.Dialects))))
	}
	errs = append(errs, validateRate(p.ErrorRate))
	if p.RateLimit != nil {
		errs = append(errs, under("rateLimit.", p.RateLimit.Validate())...)
	}
	if p.Capacity != nil {
		errs = append(errs, under("capacity.", p.Capacity.Validate())...)
	}
	for i := range p.Replies {
		errs = append(errs, under(fmt.Sprintf("replies[%d].", i), p.Replies[i].Validate())...)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Models)) {
		m := p.Models[name]
		errs = append(errs, validateAt("models."+name+".", &m)...)
	}
	return errors.Join(errs...)
}

func validateAt(prefix string, m *Model) []error {
	errs := []error{
		wrap(prefix+"ttft", m.TTFT.Validate()),
		wrap(prefix+"gap", m.Gap.Validate()),
		wrap(prefix+"tokens", m.Tokens.Validate()),
		wrap(prefix+"context", notNegative(m.Context)),
		wrap(prefix+"prefill", notNegative(m.Prefill)),
	}
	if m.Price != nil {
		errs = append(errs, under(prefix+"price.", m.Price.Validate())...)
	}
	for i := range m.Over {
		errs = append(errs, under(fmt.Sprintf("%sover[%d].", prefix, i), m.Over[i].Validate())...)
	}
	return errs
}

// Validate reports every mistake, each beginning with the name of its field.
func (m *Model) Validate() error { return errors.Join(validateAt("", m)...) }

// Validate reports every mistake, each beginning with the name of its field.
func (t *Tool) Validate() error {
	errs := []error{wrap("latency", t.Latency.Validate()), validateRate(t.ErrorRate)}
	if t.Flaws != nil {
		errs = append(errs, under("flaws.", t.Flaws.Validate())...)
	}
	return errors.Join(errs...)
}

func validateRate(rate float64) error {
	if rate >= 0 && rate <= 1 {
		return nil
	}
	return errors.New("errorRate: must lie in [0, 1]")
}

func notNegative[N int | float64 | time.Duration](n N) error {
	if n >= 0 {
		return nil
	}
	return errors.New("must not be negative")
}

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// under puts a path before each of several joined errors.
func under(path string, err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, fmt.Errorf("%s%w", path, e))
	}
	return all
}
