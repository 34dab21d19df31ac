package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// promUnits is how Prometheus names end, by unit.
var promUnits = map[string]string{"ratio": "_ratio", "s": "_seconds", "1/s": "_per_second", "attempts/call": "_ratio"}

// Prometheus writes the report in the text exposition format, for the textfile
// collector or a Pushgateway: every metric as gauges with the labels scenario and
// config, the bounds of its interval as two more, whether each expectation held, and
// the status.
func Prometheus(r *Report) ([]byte, error) {
	var out bytes.Buffer
	families := map[string][]string{}
	help := map[string]string{}
	add := func(name, about string, value float64, labels ...string) {
		if known(value) {
			help[name] = about
			families[name] = append(families[name], name+promLabels(labels)+" "+strconv.FormatFloat(rounded(value), 'g', -1, 64))
		}
	}
	for _, metric := range r.metricOrder() {
		m, err := ParseMetric(metric)
		if err != nil {
			continue // a metric of a later version
		}
		name := "chaos_" + strings.ReplaceAll(m.Name, ".", "_") + promUnits[m.Info().Unit]
		for i := range r.Configs {
			v, ok := r.Configs[i].Metrics[metric]
			if !ok {
				continue
			}
			labels := []string{"scenario", r.Name, "config", r.Configs[i].Name}
			for _, key := range m.Info().Labels {
				if value := m.Labels[key]; value != "" {
					labels = append(labels, key, value)
				}
			}
			add(name, m.Info().Definition, v.Value, labels...)
			add(name+"_low", "lower end of the 95 % interval of "+name, v.Low, labels...)
			add(name+"_high", "upper end of the 95 % interval of "+name, v.High, labels...)
		}
	}
	for _, j := range r.Expectations {
		held := 0.0
		if j.Verdict == Held {
			held = 1
		}
		add("chaos_expectation_held", "1 if the expectation held", held, "scenario", r.Name, "config", j.Config, "metric", j.Metric, "is", j.Is)
	}
	add("chaos_status", "1 for the status that the runs came to", 1, "scenario", r.Name, "status", string(r.Status))
	if r.Meta != nil {
		add("chaos_ended_timestamp_seconds", "when the runs ended", float64(r.Meta.Ended.Unix()), "scenario", r.Name)
	}
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s gauge\n", name, promText(help[name]), name)
		lines := slices.Compact(families[name])
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.Bytes(), nil
}

// promLabels writes pairs of name and value.
func promLabels(pairs []string) string {
	parts := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, pairs[i]+`="`+strings.ReplaceAll(promText(pairs[i+1]), `"`, `\"`)+`"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func promText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(strings.ToValidUTF8(text, "�"))
}
