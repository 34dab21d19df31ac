// Package faults injects what really goes wrong between an agent and its
// providers and tools, on a timeline, and keeps the ground truth of every attempt.
//
// TCP-level faults are toxiproxy's toxics in a link in front of the endpoint;
// HTTP-level faults are functions from script to script in the injector. Nothing
// else injects faults.
package faults

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Spec is one fault of a scenario file.
type Spec struct {
	// Name is how reports call it; by default its type.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// On selects what it hits; an empty selector hits everything.
	On Selector `yaml:"on,omitempty" json:"on"`
	// Type is one of Kinds.
	Type string `yaml:"type" json:"type"`
	// At is when the window opens, counted from the end of the warm-up.
	At time.Duration `yaml:"at,omitempty" json:"at"`
	// For is how long it stays open; 0 means to the end of the run.
	For time.Duration `yaml:"for,omitempty" json:"for,omitempty"`
	// Probability is the chance per attempt; nil means 1.
	Probability *float64 `yaml:"probability,omitempty" json:"probability,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Optional faults may stay unfired without making the run inconclusive.
	Optional bool `yaml:"optional,omitempty" json:"optional,omitempty"`
	// Params are the kind's own parameters, of the type that NewParams gives.
	Params any `yaml:"-" json:"params,omitempty"`
}

// SetDefaults names the fault after its type and gives it its kind's parameters
// if it has none.
func (s *Spec) SetDefaults() {
	if s.Name == "" {
		s.Name = s.Type
	}
	if s.Params == nil {
		s.Params, _ = NewParams(s.Type)
	}
}

// Validate reports what is wrong with the fault itself, each error beginning with
// the field's path; the parameters validate themselves. Whether it can hit its
// targets is for Applies.
func (s *Spec) Validate() error {
	k, ok := kinds[s.Type]
	if !ok {
		return fmt.Errorf("type: unknown fault %q", s.Type)
	}
	var errs []error
	if s.At < 0 {
		errs = append(errs, errors.New("at: must not be negative"))
	}
	if s.For < 0 {
		errs = append(errs, errors.New("for: must not be negative"))
	}
	if p := s.Probability; p != nil && !(*p >= 0 && *p <= 1) {
		errs = append(errs, errors.New("probability: must lie in [0, 1]"))
	}
	if s.Type == "down" && s.chance() < 1 {
		errs = append(errs, errors.New("probability: down closes the listener, for everybody or not at all"))
	}
	if k.layer == LayerToxic && s.On.Model != "" {
		errs = append(errs, fmt.Errorf("on.model: %s acts on connections, which do not know the model", s.Type))
	}
	if s.On.Tool != "" && (s.On.Provider != "" || s.On.Model != "") {
		errs = append(errs, errors.New("on: a tool has neither provider nor model"))
	}
	if s.On.Implementation != "" && s.On.Tool == "" {
		errs = append(errs, errors.New("on.implementation: needs a tool"))
	}
	return errors.Join(errs...)
}

// Applies reports why the fault cannot hit a target that its selector covers.
func (s *Spec) Applies(t Target) error {
	if err := kinds[s.Type].needs.meets(s.Type, t); err != nil {
		return err
	}
	if p, ok := s.Params.(suited); ok {
		return p.suits(t)
	}
	return nil
}

// chance is the probability per attempt.
func (s *Spec) chance() float64 {
	if s.Probability == nil {
		return 1
	}
	return *s.Probability
}

// Selector says which attempts a fault hits: those that match every field given.
type Selector struct {
	Provider       string `yaml:"provider,omitempty" json:"provider,omitempty"`
	Model          string `yaml:"model,omitempty" json:"model,omitempty"`
	Tool           string `yaml:"tool,omitempty" json:"tool,omitempty"`
	Implementation string `yaml:"implementation,omitempty" json:"implementation,omitempty"`
}

// Target is what an endpoint stands for: a provider with its models, or one
// implementation of a tool.
type Target struct {
	Provider       string
	Tool           string
	Implementation string
	// Dialect is a key of dialect.Dialects; "" for tools.
	Dialect string
	// Models are those that the provider offers; empty means any.
	Models []string
}

// String names the target as reports do: openai, web_search/tavily.
func (t Target) String() string {
	if t.Tool != "" {
		return t.Tool + "/" + t.Implementation
	}
	return t.Provider
}

// String gives the selector in words: provider openai, model gpt-4o.
func (s Selector) String() string {
	var words []string
	for _, w := range [...][2]string{
		{"provider", s.Provider}, {"model", s.Model}, {"tool", s.Tool}, {"implementation", s.Implementation},
	} {
		if w[1] != "" {
			words = append(words, w[0]+" "+w[1])
		}
	}
	if len(words) == 0 {
		return "everything"
	}
	return strings.Join(words, ", ")
}
