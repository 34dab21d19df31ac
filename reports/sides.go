package reports

// ladder sets expected and measured reliability on one axis of nines.
type ladder struct {
	Naive place
	Ticks []tick
	Rows  []ladderRow
}

type ladderRow struct {
	Name        string
	Measured    mark
	Value       Value
	Expected    place
	HasExpected bool
	Text        string
	Explanation string
}

func ladderOf(r *Report) *ladder {
	a := r.Arithmetic
	if a == nil {
		return nil
	}
	values := []Value{{Value: a.Naive, Low: a.Naive, High: a.Naive}}
	for i := range r.Configs {
		values = append(values, r.Configs[i].reliability())
	}
	s, ticks := ninesScale(values)
	l := &ladder{Naive: across(s(a.Naive)), Ticks: s.ticks(ticks, "ratio")}
	for i := range r.Configs {
		c := &r.Configs[i]
		v := c.reliability()
		if !v.Known() {
			continue
		}
		row := ladderRow{Name: c.Name, Measured: s.mark(v), Value: v, Text: "measured " + withInterval(v)}
		if g, ok := a.Gaps[c.Name]; ok {
			row.Expected, row.HasExpected, row.Explanation = across(s(g.Expected)), true, g.Explanation
			row.Text += ", " + g.Against + " " + percent(g.Expected)
		}
		l.Rows = append(l.Rows, row)
	}
	return l
}

// column is a metric by which configs are set side by side.
type column struct {
	Title, Note string
	Ticks       []tick
	Cells       []mark
	Values      []Value
}

// columnTable names the metrics that configs are compared by at a glance; the first
// is left out where the arithmetic shows it.
var columnTable = []struct {
	title, note, metric string
	nines               bool
}{
	{"Effective reliability", "full answers, of all agent requests; each step to the right has ten times fewer failures", "effective_reliability", true},
	{"Latency p95", "of agent requests, from the scheduled arrival", "latency.p95{op=agent_request}", false},
	{"Attempts per call", "1 is no retry at all", "retry_amplification", false},
	{"Calls on a fallback", "served by another target than their first", "fallback_rate", false},
	{"Wasted tokens", "output tokens per run that helped nobody", "wasted_tokens", false},
	{"Cost of a success", "US dollars for all agent requests, over those that got a full answer", "cost_per_success", false},
}

func columnsOf(r *Report) []column {
	var out []column
	for _, def := range columnTable {
		c := column{Title: def.title, Note: def.note}
		anything := false
		for i := range r.Configs {
			v := r.Configs[i].Metric(def.metric)
			c.Values = append(c.Values, v)
			anything = anything || v.Known() && v.Value > 0
		}
		if !anything || def.nines && r.Arithmetic != nil {
			continue
		}
		s, ticks := linearScale(c.Values)
		if def.nines {
			s, ticks = ninesScale(c.Values)
		}
		c.Ticks = s.ticks(ticks, c.Values[0].Unit)
		for _, v := range c.Values {
			c.Cells = append(c.Cells, s.mark(v))
		}
		out = append(out, c)
	}
	return out
}
