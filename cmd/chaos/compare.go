package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/reports"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	baseline string
	format   string
	failOn   string
	metrics  []string
	force    bool
	noColor  bool
}

func compareCommand() *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare REPORT...",
		Short: "Compare configs, within a report or across reports",
		Long: `Compare the configs of one report with its first one (or with --baseline), or
several reports config by config with the first report.

A REPORT is a report.json or the folder it is in. Seeds that both sides have are
paired. Reports whose workload, agent, providers, tools, faults or clock differ are
refused; --force compares them with a warning.

Exit codes: 0 compared, 1 worse as --fail-on says, 2 usage or reports that cannot be
compared.`,
		Example: `  chaos compare results
  chaos compare before/report.json after/report.json --fail-on worse
  chaos compare results --baseline retry --format html > compare.html`,
		Args: usage(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return compare(c, args, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "config that the others of the same report are compared with")
	flags.StringVar(&f.format, "format", "text", "text, markdown, html or json, on standard output")
	flags.StringVar(&f.failOn, "fail-on", "", "worse: exit 1 if anything is worse by a --metric")
	flags.StringSliceVar(&f.metrics, "metric", []string{"effective_reliability"}, "metrics that --fail-on looks at")
	flags.BoolVar(&f.force, "force", false, "compare also what was not made under the same conditions")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, whatever the terminal can do")
	return c
}

// check refuses flags that make no sense.
func (f compareFlags) check(args int) error {
	if f.failOn != "" && f.failOn != "worse" {
		return usageError{fmt.Errorf("--fail-on must be worse, not %q", f.failOn)}
	}
	if f.baseline != "" && args > 1 {
		return usageError{errors.New("--baseline takes one report: of several, the first is the baseline")}
	}
	for _, metric := range f.metrics {
		if known := reports.ComparedMetrics(); !slices.Contains(known, metric) {
			return usageError{fmt.Errorf("--metric: %q is not compared, want one of %v", metric, known)}
		}
	}
	if comparisonForms[f.format] == nil {
		return usageError{fmt.Errorf("--format must be text, markdown, html or json, not %q", f.format)}
	}
	return nil
}

func compare(c *cobra.Command, args []string, f compareFlags) error {
	if err := f.check(len(args)); err != nil {
		return err
	}
	var all []*reports.Report
	for _, path := range args {
		_, r, err := openReport(path)
		if err != nil {
			return usageError{err}
		}
		all = append(all, r)
	}
	comparison, err := reports.Compare(reports.CompareOptions{Labels: args, Baseline: f.baseline, Force: f.force}, all...)
	if err != nil {
		return usageError{err}
	}
	if err := comparisonForms[f.format](c.OutOrStdout(), comparison, f.noColor); err != nil {
		return err
	}
	if f.failOn == "worse" && comparison.Worse(f.metrics...) {
		return verdict(exitViolated)
	}
	return nil
}

// comparisonForms are the forms that compare can write.
var comparisonForms = map[string]func(w io.Writer, c *reports.Comparison, noColor bool) error{
	"text": func(w io.Writer, c *reports.Comparison, noColor bool) error {
		width, ok := terminalWidth(w)
		if !ok {
			width = defaultWidth
		}
		return c.RenderTerminal(w, colored(w, noColor, os.Getenv), width)
	},
	"markdown": func(w io.Writer, c *reports.Comparison, _ bool) error {
		_, err := io.WriteString(w, c.Markdown())
		return err
	},
	"html": func(w io.Writer, c *reports.Comparison, _ bool) error { return put(w, c.HTML) },
	"json": func(w io.Writer, c *reports.Comparison, _ bool) error { return put(w, c.Encode) },
}

// put writes what make makes.
func put(w io.Writer, make func() ([]byte, error)) error {
	data, err := make()
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}
