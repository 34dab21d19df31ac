package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// report builds the report of all runs; steady is the control run and apart the
// ablation, or nil.
func (r *runner) report(steady *reports.SteadyState, runs []*reports.Run, apart *reports.AblationInput) (*reports.Report, error) {
	raw, err := json.Marshal(r.s)
	if err != nil {
		return nil, fmt.Errorf("writing the scenario into the report: %w", err)
	}
	in := reports.Input{
		Meta: meta(r.began), Name: r.s.Name, Description: r.s.Description, Scenario: raw,
		Clock: r.s.Clock, SteadyState: steady, Runs: runs, PerCall: r.s.perCall(), Ablation: apart,
	}
	for _, c := range r.s.Configs {
		timeouts, err := json.Marshal(c.Timeouts)
		if err != nil {
			return nil, fmt.Errorf("comparing timeouts: %w", err)
		}
		in.Configs = append(in.Configs, reports.ConfigInfo{Name: c.Name, MaxAttempts: c.attempts(), Timeouts: string(timeouts)})
	}
	for _, f := range r.s.Faults {
		in.Faults = append(in.Faults, reports.FaultInfo{
			Name: f.Name, Type: f.Type, On: f.On.String(), At: f.At, For: f.For, Optional: f.Optional,
		})
	}
	for _, e := range r.s.Expect {
		expectation, err := expected(e.Config, e.Metric, e.Is)
		if err != nil {
			return nil, err
		}
		in.Expectations = append(in.Expectations, expectation)
	}
	return reports.Build(in), nil
}

func expected(config, metric, is string) (reports.Expectation, error) {
	m, err1 := reports.ParseMetric(metric)
	b, err2 := reports.ParseBound(is)
	return reports.Expectation{Config: config, Metric: m, Is: b}, errors.Join(err1, err2)
}

func meta(began time.Time) reports.Meta {
	m := reports.Meta{
		Started: began.UTC(), Ended: time.Now().UTC(), Version: Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(),
	}
	m.Host, _ = os.Hostname() // a report without it is as good
	return m
}

// Version is the version of this module as the binary was built: a tag, or devel.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// perCall lists the success probability of each step without any fault, for the
// arithmetic.
func (s *Scenario) perCall() []float64 {
	p := make([]float64, len(s.Agent.Steps))
	for i, step := range s.Agent.Steps {
		if step.Tool != "" {
			p[i] = 1 - s.Tools[step.Tool].Chain(step.Tool)[0].ErrorRate
		} else {
			p[i] = 1 - s.Providers[step.Provider].ErrorRate
		}
	}
	return p
}

// prices are those of the models that have one, by target; nil if none has.
func (s *Scenario) prices() map[string]reports.Price {
	var all map[string]reports.Price
	for provider, p := range s.Providers {
		for model, m := range p.Models {
			if m.Price == nil {
				continue
			}
			if all == nil {
				all = map[string]reports.Price{}
			}
			all[resilience.Target{Provider: provider, Model: model}.String()] = reports.Price(*m.Price)
		}
	}
	return all
}

// config finds a config by its name.
func (s *Scenario) config(name string) Config {
	for _, c := range s.Configs {
		if c.Name == name {
			return c
		}
	}
	return Config{Name: name}
}

// attempts is how many attempts a call may make at one target.
func (c Config) attempts() int {
	if c.Retry == nil {
		return 1
	}
	retry := *c.Retry
	(&resilience.Config{Retry: &retry}).SetDefaults()
	return retry.MaxAttempts
}

// class names the error class of a failed call or request.
func class(ctx context.Context, err error) resilience.Class {
	if errors.Is(context.Cause(ctx), errUnfinished) {
		return "unfinished"
	}
	return resilience.AsError(ctx, err).Class
}
