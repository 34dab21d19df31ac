// Package faults injects what really goes wrong between an agent and its
// providers and tools, on a timeline, and keeps the ground truth of every attempt.
//
// TCP-level faults are toxiproxy's toxics in a link in front of the endpoint;
// HTTP-level faults are functions from script to script in the injector. Nothing
// else injects faults.
package faults

import "time"

// Spec is one fault of a scenario file.
type Spec struct {
	// Name is how reports call it; by default type and position.
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

// Selector says which attempts a fault hits: those that match every field given.
type Selector struct {
	Provider       string `yaml:"provider,omitempty" json:"provider,omitempty"`
	Model          string `yaml:"model,omitempty" json:"model,omitempty"`
	Tool           string `yaml:"tool,omitempty" json:"tool,omitempty"`
	Implementation string `yaml:"implementation,omitempty" json:"implementation,omitempty"`
}
