package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agentchaos/chaos/faults"
)

func faultKinds() []string {
	var names []string
	for _, k := range faults.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// endpoints are the targets that faults can hit, sorted.
func (c *checker) endpoints() []faults.Target {
	var all []faults.Target
	for _, name := range slices.Sorted(maps.Keys(c.s.Providers)) {
		p := c.s.Providers[name]
		all = append(all, faults.Target{Provider: name, Dialect: p.Dialect, Models: slices.Sorted(maps.Keys(p.Models))})
	}
	for _, name := range slices.Sorted(maps.Keys(c.s.Tools)) {
		for _, i := range c.s.Tools[name].Chain(name) {
			all = append(all, faults.Target{Tool: name, Implementation: i.Name})
		}
	}
	return all
}

func (c *checker) faults() {
	length := c.s.Workload.measured()
	names := map[string]bool{}
	for i, f := range c.s.Faults {
		path := fmt.Sprintf("faults[%d]", i)
		if f.Name != "" {
			c.name(path+".name", f.Name, partName)
		}
		if f.Name != "" && names[f.Name] {
			c.report(path+".name", "there is a fault %q already; give each its own name", f.Name)
		}
		names[f.Name] = true
		if length > 0 && f.At >= length {
			c.report(path+".at", "begins at %s, when the run of %s is over", durationText(f.At), durationText(length))
		} else if length > 0 && f.At+f.For > length {
			c.warn(path+".for", "the run ends at %s, before this fault does at %s", durationText(length), durationText(f.At+f.For))
		}
		if c.selector(path+".on", f.On) && !c.broken(path) {
			c.applies(path, f)
		}
	}
}

// selector reports names in on that the file does not have.
func (c *checker) selector(path string, on faults.Selector) bool {
	before := len(c.problems)
	providerKnown := on.Provider == "" || c.provider(path+".provider", on.Provider)
	if on.Model != "" && providerKnown {
		c.model(path+".model", on.Provider, on.Model)
	}
	tool, toolKnown := c.s.Tools[on.Tool]
	if on.Tool != "" && !toolKnown {
		c.unknown(path+".tool", "tool", on.Tool, "tools", slices.Collect(maps.Keys(c.s.Tools)))
	}
	if on.Implementation != "" && toolKnown {
		var known []string
		for _, i := range tool.Chain(on.Tool) {
			known = append(known, i.Name)
		}
		if !slices.Contains(known, on.Implementation) {
			c.unknown(path+".implementation", "implementation", on.Implementation, join("tools", on.Tool), known)
		}
	}
	return len(c.problems) == before
}

// applies reports a fault that hits no endpoint, or one that it cannot hit.
func (c *checker) applies(path string, f faults.Spec) {
	met := false
	for _, t := range c.endpoints() {
		if !f.On.Covers(t) {
			continue
		}
		met = true
		if err := f.Applies(t); err != nil {
			c.invalid(path, err)
			return
		}
	}
	switch {
	case !met:
		c.report(path+".on", "matches no endpoint of this scenario")
	case !f.Optional && !c.reaches(f):
		c.warn(path+".on", "no step and no fallback calls what the fault %q hits; it cannot fire", f.Name)
	}
}

// reaches tells whether some config calls a target that the fault can hit.
func (c *checker) reaches(f faults.Spec) bool {
	for name, models := range c.called() {
		t := faults.Target{Provider: name, Models: models}
		if _, tool := c.s.Tools[name]; tool {
			t = faults.Target{Tool: name}
			f.On.Implementation = "" // which one answers depends on the config
		}
		if f.On.Covers(t) {
			return true
		}
	}
	return false
}

// called are the tools, and the providers with those of their models, that steps
// and fallbacks call.
func (c *checker) called() map[string][]string {
	called := map[string][]string{}
	for _, s := range c.s.Agent.Steps {
		called[s.Provider+s.Tool] = append(called[s.Provider+s.Tool], s.Model)
	}
	for _, cfg := range c.s.Configs {
		for _, target := range cfg.Fallback {
			provider, model, _ := strings.Cut(target, "/")
			called[provider] = append(called[provider], model)
		}
	}
	return called
}

// unused warns of providers and tools that nothing calls.
func (c *checker) unused() {
	called := c.called()
	for _, name := range slices.Sorted(maps.Keys(c.s.Providers)) {
		if called[name] == nil {
			c.warn(join("providers", name), "no step and no fallback calls it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.s.Tools)) {
		if called[name] == nil {
			c.warn(join("tools", name), "no step calls it")
		}
	}
}
