package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/agentchaos/chaos/resilience"
)

// Explain says in words what a run of s under o does, what goes wrong and when, what
// is expected of it, and what so many agent requests can decide.
func (s *Scenario) Explain(o Options) string {
	e := &explanation{s: s, seeds: s.seeds(o), requests: s.Workload.expected()}
	e.line("%s", s.Name)
	if s.Description != "" {
		e.line("  %s", strings.Join(strings.Fields(s.Description), " "))
	}
	e.agent()
	e.workload(o)
	e.faults()
	e.configs()
	e.expectations()
	return e.String()
}

// expected is how many agent requests a run measures, about; 0 if only the run tells.
func (w Workload) expected() int {
	switch {
	case w.Requests > 0:
		return w.Requests
	case w.Arrival == nil:
		return 0
	case w.Arrival.Process != "trace":
		return int(math.Round(w.Arrival.Rate * w.Duration.Seconds()))
	}
	n := 0
	for _, a := range w.Arrival.trace {
		if at := time.Duration(float64(a.At) / w.Arrival.Speed); at >= w.Warmup && at < w.Warmup+w.Duration {
			n++
		}
	}
	return n
}

type explanation struct {
	strings.Builder
	s               *Scenario
	seeds, requests int
}

func (e *explanation) line(format string, args ...any) {
	fmt.Fprintf(e, strings.TrimRight(format, " ")+"\n", args...)
}

func (e *explanation) agent() {
	e.line("\nAgent: a request makes these calls, one after the other")
	naive := 1.0
	for i, p := range e.s.perCall() {
		naive *= p
		step := e.s.Agent.Steps[i]
		what := "model " + step.Target().String()
		if step.Stream {
			what += ", streamed"
		}
		if step.Tool != "" {
			var chain []string
			for _, one := range e.s.Tools[step.Tool].Chain(step.Tool) {
				chain = append(chain, one.Name)
			}
			what = "tool " + strings.Join(chain, ", then ")
		}
		e.line("  %d. %-14s %s; %s fail without any fault", i+1, step.Name(), what, share(1-p))
	}
	e.line("  All of them succeed together %s of the time, without faults and without help.", share(naive))
}

func (e *explanation) workload(o Options) {
	w := e.s.Workload
	how := "arrive as in the trace"
	switch {
	case w.Closed != nil:
		how = fmt.Sprintf("come from %d users who wait for their answers and think for %s", w.Closed.Users, durationText(w.Closed.Think))
	case w.Arrival.Process != "trace":
		how = fmt.Sprintf("arrive at %g/s (%s)", w.Arrival.Rate, w.Arrival.Process)
	}
	if w.Duration > 0 {
		how += " for " + durationText(w.Duration)
	}
	if w.Warmup > 0 {
		how += ", after a warm-up of " + durationText(w.Warmup)
	}
	e.line("\nWorkload: agent requests %s", how)
	many := "as many as the users get to, for each"
	if e.requests > 0 {
		many = fmt.Sprintf("about %d for each", e.requests)
	}
	first := e.s.Seed
	if o.Seed != nil {
		first = *o.Seed
	}
	seeds := fmt.Sprintf("seed %d", first)
	if e.seeds > 1 {
		seeds = fmt.Sprintf("seeds %d to %d", first, first+uint64(e.seeds)-1)
	}
	e.line("  %s config and seed; %s.", many, seeds)
}

// chartWidth is how many columns a fault's timeline has.
const chartWidth = 32

func (e *explanation) faults() {
	if len(e.s.Faults) == 0 {
		e.line("\nFaults: none")
		return
	}
	length := e.s.Workload.measured()
	for _, f := range e.s.Faults {
		length = max(length, f.At+f.For, time.Second)
	}
	e.line("\nFaults: from 0 to %s after the warm-up", durationText(length))
	for _, f := range e.s.Faults {
		to, until := length, "the end"
		if f.For > 0 {
			to = f.At + f.For
			until = durationText(to)
		}
		from := int(chartWidth * f.At / length)
		cells := max(1, int(math.Round(chartWidth*float64(to)/float64(length)))-from)
		chart := strings.Repeat("·", from) + strings.Repeat("█", cells) + strings.Repeat("·", max(0, chartWidth-from-cells))
		often := ""
		if f.Probability != nil {
			often = ", for " + share(*f.Probability) + " of the attempts"
		}
		e.line("  %-14s %s  %s on %s from %s to %s%s", f.Name, chart, f.Type, f.On, durationText(f.At), until, often)
	}
}

func (e *explanation) configs() {
	e.line("\nConfigs")
	var usual resilience.Config
	usual.SetDefaults()
	defaults := fieldsOf(reflect.ValueOf(usual))
	for _, c := range e.s.Configs {
		e.line("  %s", c.Name)
		nothing := true
		for i, f := range fieldsOf(reflect.ValueOf(c.Config)) {
			if !f.value.IsZero() && !reflect.DeepEqual(f.value.Interface(), defaults[i].value.Interface()) {
				nothing = false
				e.line("    %-10s %s", f.key, inWords(encode(f.value, f.tag)))
			}
		}
		if nothing {
			e.line("    nothing: every failure is the user's")
		}
	}
}

// inWords writes what encode gives: maxAttempts 3, jitter full.
func inWords(v any) string {
	var words []string
	switch v := v.(type) {
	case object:
		for _, p := range v {
			words = append(words, p.key+" "+inWords(p.value))
		}
	case []any:
		for _, one := range v {
			words = append(words, inWords(one))
		}
	case bool:
		return "on"
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

func share(x float64) string { return fmt.Sprintf("%.4g %%", 100*x) }

func (e *explanation) expectations() {
	e.line("\nExpected")
	if len(e.s.Expect) == 0 {
		e.line("  nothing: the run only measures")
	}
	for _, x := range e.s.Expect {
		e.line("  %s: %s %s", x.Config, x.Metric, x.Is)
		if one, err := expected(x.Config, x.Metric, x.Is); err == nil {
			e.line("    %s", e.decides(one))
		}
		if x.AbortOnFail {
			e.line("    A run that refutes this ends early.")
		}
	}
	if e.s.bursts() {
		e.line("\nFaults come in windows, and requests that arrive in the same window fail together: they say\nless than as many that fail alone, and the numbers above are too good by that.")
		if e.seeds < 10 {
			e.line("Seeds are what counts then: run at least ten (--repeat 10), which give a t interval over seeds.")
		}
	}
}
