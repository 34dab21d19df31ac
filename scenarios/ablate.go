package scenarios

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// notPatterns are the keys of a config that say how it works, not what it does.
var notPatterns = map[string]bool{"client": true, "order": true}

// variant is a config with one pattern more or less.
type variant struct {
	pattern, change string
	config          Config
}

// variants takes a config apart: nothing at all, each pattern alone, all but each
// pattern, and the config itself.
func variants(c Config) []variant {
	naive := resilience.Config{Client: c.Client}
	all := []variant{{change: reports.AblationNaive, config: Config{c.Name + ": nothing", naive}}}
	var removed []variant
	full := reflect.ValueOf(c.Config)
	for i := range full.NumField() {
		pattern, _, _ := strings.Cut(full.Type().Field(i).Tag.Get("yaml"), ",")
		if notPatterns[pattern] || full.Field(i).IsZero() {
			continue
		}
		with, without := naive, c.Config
		reflect.ValueOf(&with).Elem().Field(i).Set(full.Field(i))
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		all = append(all, variant{pattern, reports.AblationAdded, Config{c.Name + ": only " + pattern, with}})
		removed = append(removed, variant{pattern, reports.AblationRemoved, Config{c.Name + ": no " + pattern, without}})
	}
	return append(append(all, removed...), variant{change: reports.AblationFull, config: c})
}

// ablation runs the variants of the config that Options.Ablate names, under the same
// seeds; variants that are a config of the scenario have run already.
func (r *runner) ablation(ctx context.Context, first uint64, runs []*reports.Run) (*reports.AblationInput, error) {
	if r.o.Ablate == "" || ctx.Err() != nil {
		return nil, nil
	}
	all := variants(r.s.config(r.o.Ablate))
	taken := *r.s
	taken.Configs = nil
	for _, v := range all {
		if r.s.like(v.config) == "" {
			taken.Configs = append(taken.Configs, v.config)
		}
	}
	apart := &runner{s: &taken, o: r.o}
	more, err := apart.seeds(ctx, first)
	if err != nil {
		return nil, err
	}
	in := &reports.AblationInput{Config: r.o.Ablate}
	for _, v := range all {
		step := reports.AblationRuns{Pattern: v.pattern, Change: v.change}
		name := v.config.Name
		if ran := r.s.like(v.config); ran != "" {
			name = ran
		}
		for _, run := range append(runs[:len(runs):len(runs)], more...) {
			if run.Config == name {
				step.Runs = append(step.Runs, run)
			}
		}
		in.Steps = append(in.Steps, step)
	}
	return in, nil
}

// like is the name of the config of the scenario that is the same as c but for its
// name; "" if there is none.
func (s *Scenario) like(c Config) string {
	for _, other := range s.Configs {
		if reflect.DeepEqual(other.Config, c.Config) {
			return other.Name
		}
	}
	return ""
}

// CheckAblate refuses an ablation of a config that the scenario does not have, or of
// one without any pattern; "" is no ablation and always fine.
func (s *Scenario) CheckAblate(name string) error {
	if name == "" {
		return nil
	}
	var names []string
	for _, c := range s.Configs {
		if c.Name == name {
			if len(variants(c)) == 2 {
				return fmt.Errorf("config %s of %s has no pattern to take away", name, s.Name)
			}
			return nil
		}
		names = append(names, c.Name)
	}
	return fmt.Errorf("%s has no config %q to take apart, only %s", s.Name, name, strings.Join(names, ", "))
}
