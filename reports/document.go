package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// SchemaVersion is the version of the report document: semver, for its readers.
const SchemaVersion = "1.1.0"

// Report is everything known after all runs of a scenario. It is plain data, safe
// for concurrent reading.
type Report struct {
	SchemaVersion string          `json:"schemaVersion"`
	Name          string          `json:"name"`
	Description   string          `json:"description,omitempty"`
	Scenario      json.RawMessage `json:"scenario,omitempty"`
	Clock         string          `json:"clock"` // wall or virtual
	Status        Status          `json:"status"`
	Reasons       []string        `json:"reasons,omitempty"` // why it is not passed
	// Meta is what differs between two runs of the same; nil to compare byte by byte.
	Meta         *Meta                 `json:"meta,omitempty"`
	Configs      []ConfigReport        `json:"configs"`
	Arithmetic   *Arithmetic           `json:"arithmetic,omitempty"`
	Ablation     *Ablation             `json:"ablation,omitempty"`
	Faults       []FaultCount          `json:"faults"`
	Windows      []Window              `json:"windows"`
	SteadyState  *Judgement            `json:"steadyState,omitempty"`
	Expectations []Judgement           `json:"expectations"`
	Alerts       []Alert               `json:"alerts"`
	Definitions  map[string]MetricInfo `json:"definitions"` // of every metric, by name

	input *Input // what it was built from; nil after Decode
}

// Input gives what the report was built from, to read only; ok is false for a report
// that was decoded.
func (r *Report) Input() (in Input, ok bool) {
	if r.input == nil {
		return Input{}, false
	}
	return *r.input, true
}

// Meta tells when, where and by what the runs were made.
type Meta struct {
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Host    string    `json:"host,omitempty"`
	System  string    `json:"system,omitempty"` // linux/amd64
	CPUs    int       `json:"cpus,omitempty"`
	Go      string    `json:"go,omitempty"`
	Version string    `json:"version,omitempty"` // of chaos
}

// ConfigReport is one config over all its seeds. Metrics are keyed as ParseMetric
// reads them.
type ConfigReport struct {
	Name    string           `json:"name"`
	Runs    []RunReport      `json:"runs"`
	Metrics map[string]Value `json:"metrics"`
	// Latency is that of the agent requests; nil if nothing was measured.
	Latency *Distribution `json:"latency,omitempty"`
}

// RunReport is one run; metrics that could not be measured are left out.
type RunReport struct {
	Seed     uint64             `json:"seed"`
	Duration float64            `json:"duration"` // seconds measured
	Closed   bool               `json:"closed,omitempty"`
	Metrics  map[string]float64 `json:"metrics"`
	Series   Series             `json:"series"`
	// Exemplars are some agent requests that did not end well, then the slowest.
	Exemplars []Exemplar `json:"exemplars,omitempty"`
}

// FaultCount is how often a fault fired in one run in which it could.
type FaultCount struct {
	Name     string `json:"name"`
	Config   string `json:"config"`
	Seed     uint64 `json:"seed"`
	Fired    int    `json:"fired"`
	Optional bool   `json:"optional,omitempty"`
}

// Window says when a fault was active, in seconds from the end of the warm-up.
type Window struct {
	Name   string  `json:"name"`
	Type   string  `json:"type,omitempty"`
	Target string  `json:"target,omitempty"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
}

// Judgement is a bound held against a metric.
type Judgement struct {
	Config   string `json:"config"`
	Metric   string `json:"metric"`
	Is       string `json:"is"`
	Observed Value  `json:"observed"`
	Verdict  string `json:"verdict"` // held or violated, by the point estimate
	// Resolved is false if the interval straddles the bound or there is none that
	// could tell.
	Resolved bool   `json:"resolved"`
	Reason   string `json:"reason,omitempty"`
}

// The verdicts of a Judgement.
const (
	Held     = "held"
	Violated = "violated"
)

// Config finds a config's part by its name; nil if there is none.
func (r *Report) Config(name string) *ConfigReport {
	for i := range r.Configs {
		if r.Configs[i].Name == name {
			return &r.Configs[i]
		}
	}
	return nil
}

// Metric finds a metric in the form that ParseMetric reads; Known is false if it is
// not among them.
func (c *ConfigReport) Metric(name string) Value {
	if v, ok := c.Metrics[name]; ok {
		return v
	}
	return combine(MetricInfo{}, nil)
}

// Encode writes the document as indented JSON. The same report gives the same bytes.
func (r *Report) Encode() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return out.Bytes(), nil
}

// Decode reads a document that Encode wrote; another major version is an error.
func Decode(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("decode the report: %w", err)
	}
	if len(r.SchemaVersion) < 2 || r.SchemaVersion[:2] != SchemaVersion[:2] {
		return nil, fmt.Errorf("decode the report: schema version %q, this chaos reads %s", r.SchemaVersion, SchemaVersion)
	}
	return &r, nil
}
