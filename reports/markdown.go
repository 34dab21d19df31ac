package reports

import (
	"fmt"
	"strings"
)

// markdownLimit keeps a summary far below what CI systems accept of one step.
const markdownLimit = 64 << 10

// Markdown writes the report as GitHub-flavoured Markdown of less than 64 KB; what
// is too much is left out and said so.
func Markdown(r *Report) string {
	m := &markdown{}
	m.printf("## %s %s\n\n**%s**\n\n", statusSigns[r.Status].mark, escape(r.Name), escape(r.Verdict()))
	m.printf("%s\n\n", escape(r.facts()))
	if r.Description != "" {
		m.printf("> %s\n\n", escape(strings.Join(strings.Fields(r.Description), " ")))
	}
	if len(r.Reasons) > 1 {
		for _, reason := range r.Reasons {
			m.printf("- %s\n", escape(reason))
		}
		m.printf("\n")
	}
	m.expectations(r)
	if r.measured() {
		m.outcomes(r)
		m.arithmetic(r)
		m.falls(r)
		m.details("Faults", m.faults(r))
		m.details("Alerts", m.alerts(r))
		m.details("All metrics", m.metrics(r))
	}
	return m.String()
}

type markdown struct{ strings.Builder }

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

// escape keeps a text from being read as Markdown, HTML or the end of a cell.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "~", `\~`, "`", "\\`", "[", `\[`, "\n", " ").Replace(text)
}

// row writes one line of a table; its cells are escaped already.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// rule is the line below a table's head: the first so many columns to the left, the
// others to the right.
func rule(left, right int) string {
	return "|" + strings.Repeat(":--|", left) + strings.Repeat("--:|", right) + "\n"
}

func (m *markdown) expectations(r *Report) {
	all := r.Expectations
	if r.SteadyState != nil {
		all = append([]Judgement{*r.SteadyState}, all...)
	}
	if len(all) == 0 {
		return
	}
	m.printf("### Expectations\n\n%s%s", row("", "config", "metric", "wanted", "observed", "95 % interval"), rule(4, 2))
	for i, j := range all {
		control := i == 0 && r.SteadyState != nil
		mark := markOf(j, control).mark
		m.WriteString(row(escape(mark), escape(label(r, i, j)), "`"+j.Metric+"`", "`"+j.Is+"`", amount(j.Observed.Value, j.Observed.Unit), escape(evidence(j, control))))
	}
	m.printf("\n")
}

func (m *markdown) outcomes(r *Report) {
	m.printf("### Configs\n\n%s%s", row("config", "effective reliability", "answered", "fallback", "degraded", "failed", "p50", "p95", "p99", "tries/call", "breaker opened"), rule(1, 10))
	for i := range r.Configs {
		c := &r.Configs[i]
		m.WriteString(row(escape(c.Name), "**"+amount(c.reliability().Value, "ratio")+"** "+interval(c.reliability()), c.show("answered_rate"),
			c.show("outcome_rate{outcome=fallback}"), c.show("outcome_rate{outcome=degraded}"), c.show("outcome_rate{outcome=failed}"),
			c.show("latency.p50{op=agent_request}"), c.show("latency.p95{op=agent_request}"), c.show("latency.p99{op=agent_request}"),
			c.show("retry_amplification"), c.show("breaker_transitions{to=open}")))
	}
	m.printf("\nLatency counts from the scheduled arrival; ! means n too small for this percentile.\n\n")
	if line := r.costLine(); line != "" {
		m.printf("%s\n\n", escape(line))
	}
}

func (m *markdown) arithmetic(r *Report) {
	a := r.Arithmetic
	if a == nil {
		return
	}
	m.printf("### Arithmetic\n\n%s at %s each would succeed together %s of the time.\n\n", plural(a.Calls, "call"), percent(a.PerCall), percent(a.Naive))
	m.WriteString(row("config", "expected", "measured", "difference") + rule(1, 3))
	for i := range r.Configs {
		name := r.Configs[i].Name
		if g, ok := a.Gaps[name]; ok {
			m.WriteString(row(escape(name), percent(g.Expected)+" ("+g.Against+")", withInterval(a.Measured[name]), points(g.Difference)))
		}
	}
	m.printf("\n")
	for i := range r.Configs {
		if g, ok := a.Gaps[r.Configs[i].Name]; ok {
			m.printf("- %s\n", escape(g.Explanation))
		}
	}
	m.printf("\n")
}

// details folds a part away, and leaves it out if it would make the summary too long.
func (m *markdown) details(title, body string) {
	switch {
	case body == "":
	case m.Len()+len(body)+200 > markdownLimit:
		m.printf("%s: too long for this summary, see report.json.\n\n", title)
	default:
		m.printf("<details><summary>%s</summary>\n\n%s\n</details>\n\n", title, body)
	}
}

func (m *markdown) faults(r *Report) string {
	if len(r.Windows) == 0 {
		return ""
	}
	cells := []string{"fault", "what", "when"}
	for i := range r.Configs {
		cells = append(cells, escape(r.Configs[i].Name))
	}
	out := row(cells...) + rule(3, len(r.Configs))
	for _, w := range r.Windows {
		cells = []string{escape(w.Name), escape(w.Type + " on " + w.Target), fmt.Sprintf("%s–%s s", plain(w.From), plain(w.To))}
		for i := range r.Configs {
			cells = append(cells, r.fired(w.Name, r.Configs[i].Name))
		}
		out += row(cells...)
	}
	return out
}

func (m *markdown) alerts(r *Report) string {
	var out strings.Builder
	for _, line := range r.alertLines() {
		fmt.Fprintf(&out, "- %s\n", escape(line))
	}
	return out.String()
}

func (m *markdown) metrics(r *Report) string {
	var out strings.Builder
	cells := []string{"metric"}
	for i := range r.Configs {
		cells = append(cells, escape(r.Configs[i].Name))
	}
	out.WriteString(row(cells...) + rule(1, len(r.Configs)))
	for _, name := range r.metricOrder() {
		cells = []string{"`" + name + "`"}
		for i := range r.Configs {
			v := r.Configs[i].Metric(name)
			cells = append(cells, withInterval(v))
		}
		out.WriteString(row(cells...))
	}
	return out.String()
}
