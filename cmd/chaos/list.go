package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios"
)

// listing is what list shows, and the shape of list --json.
type listing struct {
	Scenarios []listedScenario     `json:"scenarios"`
	Faults    []faults.Kind        `json:"faults"`
	Metrics   []reports.MetricInfo `json:"metrics"`
}

type listedScenario struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Labels      []string `json:"labels"`
}

func listCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios that come with the program, the faults and the metrics",
		Args:  usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := gather()
			if err != nil {
				return err
			}
			if !asJSON {
				return l.print(c.OutOrStdout())
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(l)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func gather() (listing, error) {
	library, err := scenarios.Library()
	if err != nil {
		return listing{}, err
	}
	l := listing{Faults: faults.Kinds(), Metrics: reports.MetricNames()}
	for _, s := range library {
		l.Scenarios = append(l.Scenarios, listedScenario{s.Name, strings.TrimSpace(s.Description), s.Labels})
	}
	return l, nil
}

func (l listing) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "Scenarios (chaos run NAME)")
	for _, s := range l.Scenarios {
		fmt.Fprintf(t, "  %s\t%s\n", s.Name, firstSentence(s.Description))
	}
	fmt.Fprintln(t, "\nFaults (type: in a scenario file)")
	for _, k := range l.Faults {
		fmt.Fprintf(t, "  %s\t%s\n", k.Name, k.Doc)
	}
	fmt.Fprintln(t, "\nMetrics (metric: in an expectation)")
	for _, m := range l.Metrics {
		name := m.Name
		if len(m.Labels) > 0 {
			name += "{" + strings.Join(m.Labels, ",") + "}"
		}
		fmt.Fprintf(t, "  %s\t%s (%s)\n", name, m.Definition, m.Unit)
	}
	return t.Flush()
}

// firstSentence cuts a description down to one line.
func firstSentence(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if first, _, ok := strings.Cut(s, ". "); ok {
		return first + "."
	}
	return s
}
