package reports

import (
	"fmt"
	"slices"
	"strings"
)

// Price is what a model's tokens cost, in US dollars per million of them.
type Price struct {
	Input  float64 `json:"input"`
	Output float64 `json:"output"`
}

func (p Price) of(input, output int) float64 {
	return (float64(input)*p.Input + float64(output)*p.Output) / 1e6
}

const costText = "US dollars by the scenario's prices: for the attempt that answered a call the tokens that its reply reported; for any other that reached its model and was not refused with an error status the estimated prompt, and content events (one counts as one token)"

// spend adds up what the attempts of one call cost.
func (v *view) spend(c *Call, group []Attempt) {
	answered := -1
	for i := range group {
		if group[i].Class == "" && group[i].Target == c.Served {
			answered = i
		}
	}
	for i := range group {
		a := &group[i]
		price := v.run.Prices[a.Target]
		switch {
		case i == answered && c.Input+c.Output > 0:
			v.cost += price.of(c.Input, c.Output)
		case a.Reached && a.Status < 400:
			v.cost += price.of(c.Prompt, a.Content)
		}
	}
}

func cost(v *view, _ labels) sample {
	if v.run.Prices == nil {
		return missing("the scenario gives no prices")
	}
	return per(v.cost, v.requests)
}

func costPerSuccess(v *view, _ labels) sample {
	switch {
	case v.run.Prices == nil:
		return missing("the scenario gives no prices")
	case v.good() == 0 && v.cost > 0:
		s := missing("paid for answers and got none that was full")
		s.censored = true
		return s
	}
	return per(v.cost, v.good())
}

// whereThereArePrices lists a metric without labels, or not at all.
func whereThereArePrices(v *view) []labels {
	if v.run.Prices == nil {
		return nil
	}
	return []labels{nil}
}

// costLine says what each config's agent requests cost; "" without prices.
func (r *Report) costLine() string {
	var parts []string
	for i := range r.Configs {
		c := &r.Configs[i]
		if v := c.Metric("cost"); v.Known() {
			parts = append(parts, fmt.Sprintf("%s %s, %s", c.Name, amount(v.Value, v.Unit), amount(c.Metric("cost_per_success").Value, v.Unit)))
		}
	}
	if parts == nil {
		return ""
	}
	return "Cost of an agent request, and of one that got a full answer: " + strings.Join(parts, "; ") + "."
}

// priced tells whether a column has anything to show: those of costs have only where
// there are prices.
func (r *Report) priced(metric string) bool {
	return !strings.HasPrefix(metric, "cost") || slices.ContainsFunc(r.Configs, func(c ConfigReport) bool {
		_, ok := c.Metrics[metric]
		return ok
	})
}
