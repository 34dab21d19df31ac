package reports

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// promUnits is how Prometheus names end, by unit.
var promUnits = map[string]string{"ratio": "_ratio", "s": "_seconds", "1/s": "_per_second", "attempts/call": "_ratio", "USD": "_usd"}

// exposition collects families of gauges.
type exposition struct {
	lines map[string][]string
	help  map[string]string
}

// add takes a sample; labels are pairs of name and value.
func (x *exposition) add(name, help string, value float64, labels ...string) {
	if known(value) {
		x.help[name] = help
		x.lines[name] = append(x.lines[name], name+promLabels(labels)+" "+strconv.FormatFloat(rounded(value), 'g', -1, 64))
	}
}

// Prometheus writes the report in the text exposition format, for the textfile
// collector or a Pushgateway: every metric as gauges with the labels scenario and
// config, the bounds of its interval as two more, whether each expectation held, and
// the status.
func Prometheus(r *Report) ([]byte, error) {
	x := &exposition{map[string][]string{}, map[string]string{}}
	for _, metric := range r.metricOrder() {
		if m, err := ParseMetric(metric); err == nil { // else one of a later version
			x.addMetric(r, m)
		}
	}
	for _, j := range r.Expectations {
		held := 0.0
		if j.Verdict == Held {
			held = 1
		}
		x.add("chaos_expectation_held", "1 if the expectation held", held, "scenario", r.Name, "config", j.Config, "metric", j.Metric, "is", j.Is)
	}
	x.add("chaos_status", "1 for the status that the runs came to", 1, "scenario", r.Name, "status", string(r.Status))
	if r.Meta != nil {
		x.add("chaos_ended_timestamp_seconds", "when the runs ended", float64(r.Meta.Ended.Unix()), "scenario", r.Name)
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(x.lines)) {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s gauge\n", name, promText(x.help[name]), name)
		out.WriteString(strings.Join(slices.Compact(x.lines[name]), "\n") + "\n")
	}
	return out.Bytes(), nil
}

func (x *exposition) addMetric(r *Report, m Metric) {
	info := m.Info()
	name := "chaos_" + strings.ReplaceAll(m.Name, ".", "_") + promUnits[info.Unit]
	for i := range r.Configs {
		v, ok := r.Configs[i].Metrics[m.String()]
		if !ok {
			continue
		}
		labels := []string{"scenario", r.Name, "config", r.Configs[i].Name}
		for _, key := range info.Labels {
			if value := m.Labels[key]; value != "" {
				labels = append(labels, key, value)
			}
		}
		x.add(name, info.Definition, v.Value, labels...)
		x.add(name+"_low", "lower end of the 95 % interval of "+name, v.Low, labels...)
		x.add(name+"_high", "upper end of the 95 % interval of "+name, v.High, labels...)
	}
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
