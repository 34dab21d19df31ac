package scenarios

import (
	"fmt"
	"maps"
	"slices"

	"github.com/agentchaos/chaos/reports"
)

// judged checks the steady state and the expectations.
func (c *checker) judged() {
	if st := c.s.SteadyState; st != nil {
		c.expectation("steadyState", Expectation{Config: st.Config, Metric: st.Metric, Is: st.Is})
	}
	for i, e := range c.s.Expect {
		c.expectation(fmt.Sprintf("expect[%d]", i), e)
	}
}

func (c *checker) expectation(path string, e Expectation) {
	known := make([]string, len(c.s.Configs))
	for i, cfg := range c.s.Configs {
		known[i] = cfg.Name
	}
	if e.Config != "" && !slices.Contains(known, e.Config) {
		c.unknown(path+".config", "config", e.Config, "configs", known)
	}
	if e.Metric == "" || e.Is == "" {
		return // reported as missing
	}
	m, err := reports.ParseMetric(e.Metric)
	if err != nil {
		c.report(path+".metric", "%v", err)
	} else {
		c.labels(path+".metric", m)
	}
	if (m.Name == "cost" || m.Name == "cost_per_success") && c.s.prices() == nil {
		c.report(path+".metric", "no model has a price; give those that are called one, such as price: {input: 2.50, output: 10}")
	}
	b, err2 := reports.ParseBound(e.Is)
	if err2 == nil && err == nil {
		err2 = reports.CheckBound(m, b)
	}
	if err2 != nil {
		c.report(path+".is", "%v", err2)
	}
	if e.AbortOnFail && err == nil && err2 == nil && (m.Name != "effective_reliability" || b.Op != ">=") {
		c.report(path+".abortOnFail", "is only for effective_reliability and >=")
	}
}

// labels checks the labels of a metric that name something in the file.
func (c *checker) labels(path string, m reports.Metric) {
	known := map[string][]string{"op": slices.Clone(operations)}
	for _, s := range c.s.Agent.Steps {
		known["op"] = append(known["op"], s.Name())
	}
	for _, f := range c.s.Faults {
		known["fault"] = append(known["fault"], f.Name)
	}
	known["target"] = c.targets()
	for label, words := range known {
		if v := m.Labels[label]; v != "" && !slices.Contains(words, v) {
			c.report(path, "there is no %s %q%s", label, v, didYouMean(v, slices.Compact(slices.Sorted(slices.Values(words)))))
		}
	}
}

// targets are those that breakers and reports can name.
func (c *checker) targets() []string {
	var all []string
	for name, models := range c.called() {
		if t, isTool := c.s.Tools[name]; isTool {
			for _, i := range t.Chain(name) {
				all = append(all, name+"/"+i.Name)
			}
			continue
		}
		for _, model := range models {
			all = append(all, name+"/"+model)
		}
	}
	return all
}

// prices warns of models that are called and have no price where others have one.
func (c *checker) prices() {
	known := c.s.prices()
	if known == nil {
		return
	}
	warned := map[string]bool{}
	called := c.called()
	for _, provider := range slices.Sorted(maps.Keys(called)) {
		if _, isTool := c.s.Tools[provider]; isTool {
			continue
		}
		for _, model := range called[provider] {
			target := provider + "/" + model
			if _, ok := known[target]; !ok && !warned[target] {
				warned[target] = true
				c.warn(join(join("providers", provider)+".models", model), "has no price, so reports count its tokens as free")
			}
		}
	}
}
