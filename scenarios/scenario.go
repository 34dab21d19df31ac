package scenarios

import (
	"time"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/mockllm"
	"github.com/agentchaos/chaos/resilience"
)

// Scenario is one scenario file: a workload of agent requests, the providers and
// tools they call, what goes wrong with those, and the configs to compare. Load
// gives only valid ones; a Scenario is not changed afterwards and is safe for
// concurrent use.
type Scenario struct {
	// APIVersion is the version of the format.
	APIVersion string `yaml:"apiVersion" jsonschema:"required,enum=chaos/v1"`
	// Kind is the kind of document.
	Kind string `yaml:"kind" jsonschema:"required,enum=Scenario"`
	// Name is how reports call it: lower-case letters, digits and hyphens.
	Name string `yaml:"name" jsonschema:"required"`
	// Description says what the scenario shows and why.
	Description string `yaml:"description,omitempty"`
	// Labels select scenarios in test suites.
	Labels []string `yaml:"labels,omitempty"`
	// Seed is the first seed; every draw of a run comes from its seed.
	Seed uint64 `yaml:"seed,omitempty"`
	// Repeat is how many seeds run: seed, seed + 1, and so on; 1 by default.
	Repeat int `yaml:"repeat,omitempty" jsonschema:"minimum=1"`
	// Clock is wall (real time on real sockets, the default) or virtual.
	Clock string `yaml:"clock,omitempty" jsonschema:"enum=wall,enum=virtual"`
	// Workload is when agent requests arrive and for how long.
	Workload Workload `yaml:"workload" jsonschema:"required"`
	// Agent is what one agent request does.
	Agent Agent `yaml:"agent" jsonschema:"required"`
	// Providers are the mock model providers by name.
	Providers map[string]Provider `yaml:"providers,omitempty"`
	// Tools are the mock tools by name.
	Tools map[string]Tool `yaml:"tools,omitempty"`
	// Faults are what goes wrong, and when.
	Faults []faults.Spec `yaml:"faults,omitempty"`
	// Configs are the resilience configs to compare, in the order of the file.
	Configs []Config `yaml:"configs" jsonschema:"required"`
	// SteadyState is judged on a short control run without faults before the run.
	SteadyState *SteadyState `yaml:"steadyState,omitempty"`
	// Expect are the bounds that the run is judged by.
	Expect []Expectation `yaml:"expect,omitempty"`

	warnings []string
}

// Workload is when agent requests arrive: an open loop (arrival) or a closed one
// (closed), for a duration or a number of requests.
type Workload struct {
	// Arrival is an open loop: requests arrive whether or not the agent keeps up.
	Arrival *Arrivals `yaml:"arrival,omitempty"`
	// Closed is a closed loop: each user waits for its answer; latency then
	// excludes waiting users.
	Closed *Closed `yaml:"closed,omitempty"`
	// Duration is how long requests arrive after the warm-up.
	Duration time.Duration `yaml:"duration,omitempty"`
	// Requests is how many requests arrive after the warm-up, instead of a duration.
	Requests int `yaml:"requests,omitempty" jsonschema:"minimum=1"`
	// Warmup comes before the measured part; its requests are not counted.
	Warmup time.Duration `yaml:"warmup,omitempty"`
}

// Arrivals is an open loop's arrival process.
type Arrivals struct {
	// Process is poisson (the default), constant, or trace.
	Process string `yaml:"process,omitempty" jsonschema:"enum=poisson,enum=constant,enum=trace"`
	// Rate is the mean number of arrivals per time, such as 10/s or 600/m.
	Rate float64 `yaml:"rate,omitempty" unit:"rate"`
	// File is a trace in CSV (TIMESTAMP, ContextTokens, GeneratedTokens), relative to
	// the scenario file, or the name of a built-in one: azure-conversation.
	File string `yaml:"file,omitempty"`
	// Speed plays a trace that many times as fast; 1 by default.
	Speed float64 `yaml:"speed,omitempty"`

	trace []Arrival
}

// Closed is a closed loop.
type Closed struct {
	// Users is how many users there are.
	Users int `yaml:"users" jsonschema:"required,minimum=1"`
	// Think is how long a user waits after an answer before asking again.
	Think time.Duration `yaml:"think,omitempty"`
}

// Agent is what one agent request does: its calls, one after the other.
type Agent struct {
	// Steps are the calls of an agent request in order.
	Steps []Step `yaml:"steps" jsonschema:"required"`
}

// Step is one call of an agent request: of a model (llm) or of a tool (tool).
type Step struct {
	// LLM names a call of a model, such as plan.
	LLM string `yaml:"llm,omitempty"`
	// Tool is the tool to call; the step is named after it.
	Tool string `yaml:"tool,omitempty"`
	// Provider is the provider of the model.
	Provider string `yaml:"provider,omitempty"`
	// Model is the model to call.
	Model string `yaml:"model,omitempty"`
	// Stream asks for a streamed reply.
	Stream bool `yaml:"stream,omitempty"`
}

// Name is the step's name in reports: plan, web_search.
func (s Step) Name() string { return s.LLM + s.Tool }

// Op is llm or tool.
func (s Step) Op() string {
	if s.Tool != "" {
		return "tool"
	}
	return "llm"
}

// Target is the model that an llm step calls.
func (s Step) Target() resilience.Target {
	return resilience.Target{Provider: s.Provider, Model: s.Model}
}

// Provider is a mock model provider.
type Provider struct {
	mockllm.Provider `yaml:",inline"`
}

// Tool is a mock tool.
type Tool struct {
	// Idempotent tools may be called again after an unknown outcome; others are
	// never retried.
	Idempotent bool `yaml:"idempotent,omitempty"`
	// Timeout is a class of a config's timeouts (toolExecution by default, webSearch,
	// databaseQuery) or a duration.
	Timeout      string `yaml:"timeout,omitempty"`
	mockllm.Tool `yaml:",inline"`
	// Implementations are the ways to run it, the primary first; left out, there is
	// one of the tool's own name with its latency and errorRate.
	Implementations []Implementation `yaml:"implementations,omitempty"`
}

// Implementation is one way to run a tool.
type Implementation struct {
	// Name is its key in the file.
	Name         string `yaml:",key"`
	mockllm.Tool `yaml:",inline"`
}

// Chain lists the implementations of the tool called name: those of the file, or
// the one that stands for the tool itself.
func (t Tool) Chain(name string) []Implementation {
	if len(t.Implementations) > 0 {
		return t.Implementations
	}
	return []Implementation{{Name: name, Tool: t.Tool}}
}

// Config is one named resilience config.
type Config struct {
	// Name is its key in the file.
	Name              string `yaml:",key"`
	resilience.Config `yaml:",inline"`
}

// SteadyState is the bound that a control run without faults must meet.
type SteadyState struct {
	// Config is the config to judge.
	Config string `yaml:"config" jsonschema:"required"`
	// Metric is the metric to judge, such as effective_reliability.
	Metric string `yaml:"metric" jsonschema:"required"`
	// Is is the bound, such as ">= 90%".
	Is string `yaml:"is" jsonschema:"required"`
}

// Expectation is one bound that the run is judged by.
type Expectation struct {
	// Config is the config to judge.
	Config string `yaml:"config" jsonschema:"required"`
	// Metric is the metric to judge, such as latency.p95{op=agent_request}.
	Metric string `yaml:"metric" jsonschema:"required"`
	// Is is the bound, such as ">= 99%" or "< 12s".
	Is string `yaml:"is" jsonschema:"required"`
	// AbortOnFail ends a run early once it is refuted beyond doubt: only for
	// effective_reliability and >=. A run never ends early because it does well.
	AbortOnFail bool `yaml:"abortOnFail,omitempty"`
}

// SetDefaults fills what the file left out.
func (s *Scenario) SetDefaults() {
	s.Repeat = max(s.Repeat, 1)
	if s.Clock == "" {
		s.Clock = "wall"
	}
}

// SetDefaults fills what the file left out; implementations have their own.
func (t *Tool) SetDefaults() {
	if len(t.Implementations) == 0 {
		t.Tool.SetDefaults()
	}
}

// SetDefaults fills what the file left out.
func (a *Arrivals) SetDefaults() {
	if a.Process == "" {
		a.Process = "poisson"
	}
	if a.Process == "trace" && a.Speed == 0 {
		a.Speed = 1
	}
}

// Warnings lists what the file may say but probably does not mean, each with its
// position.
func (s *Scenario) Warnings() []string { return s.warnings }
