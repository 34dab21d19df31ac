package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios"
)

// runFlags are the flags of run.
type runFlags struct {
	seed       uint64
	repeat     int
	clock      string
	ablate     string
	sequential bool
	out        string
	records    bool
	strict     bool
	progress   string
	noColor    bool
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run SCENARIO...",
		Short: "Run scenarios and report",
		Long: `Run scenarios one after the other and report. Every scenario is checked before
the first one starts.

The report's table goes to standard output, its files to a folder of their own. Of
several scenarios the most telling exit code counts: 130 over 3, 1, 4 and 0.
A first Ctrl-C ends the run early with a partial report; a second one kills.`,
		Example: `  chaos run provider-outage
  chaos run my-scenario.yaml --repeat 10 --out results
  chaos run provider-outage --clock virtual --repeat 10
  chaos run provider-outage --clock virtual --repeat 10 --ablate full
  chaos run five-calls --out - | jq .status`,
		Args:              usage(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeScenario,
		RunE: func(c *cobra.Command, args []string) error {
			return runScenarios(c, args, f)
		},
	}
	flags := c.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "seed of the first repetition, instead of the scenario's")
	flags.IntVar(&f.repeat, "repeat", 0, "how many seeds to run, instead of the scenario's number")
	flags.StringVar(&f.clock, "clock", "", "wall (real sockets in real time) or virtual (hours in seconds, the same every time), instead of the scenario's")
	flags.StringVar(&f.ablate, "ablate", "", "a config to take apart: what each of its patterns buys, alone and in the company of the others")
	flags.BoolVar(&f.sequential, "sequential", false, "on the wall clock, run the configs one after the other, not side by side")
	flags.StringVar(&f.out, "out", "", "folder for the report (default chaos-out/SCENARIO-TIME); - prints report.json alone to standard output")
	flags.BoolVar(&f.records, "records", false, "write "+reports.RecordsFile+" too: every request, call and attempt")
	flags.BoolVar(&f.strict, "strict", false, "exit 4 also when an interval straddles its bound")
	flags.StringVar(&f.progress, "progress", "auto", "auto, tty (bars), plain (lines) or none, on standard error")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, whatever the terminal can do")
	return c
}

// check refuses flags that contradict each other or make no sense.
func (f runFlags) check(c *cobra.Command, scenarios int) error {
	switch {
	case c.Flags().Changed("repeat") && f.repeat < 1:
		return usageError{fmt.Errorf("--repeat must be at least 1, not %d", f.repeat)}
	case f.out == toStdout && f.records:
		return usageError{errors.New("--records needs a folder, not --out -")}
	case f.out == toStdout && scenarios > 1:
		return usageError{errors.New("--out - takes one scenario: standard output holds one report")}
	}
	switch f.clock {
	case "", "wall", "virtual":
	default:
		return usageError{fmt.Errorf("--clock must be wall or virtual, not %q", f.clock)}
	}
	switch f.progress {
	case "auto", "tty", "plain", "none":
		return nil
	}
	return usageError{fmt.Errorf("--progress must be auto, tty, plain or none, not %q", f.progress)}
}

func (f runFlags) options(c *cobra.Command, p *scenarios.Progress) scenarios.Options {
	o := scenarios.Options{Repeat: f.repeat, Clock: f.clock, Ablate: f.ablate, Sequential: f.sequential, Progress: p}
	if c.Flags().Changed("seed") {
		o.Seed = &f.seed
	}
	return o
}

func runScenarios(c *cobra.Command, refs []string, f runFlags) error {
	if err := f.check(c, len(refs)); err != nil {
		return err
	}
	opened, err := openAll(c, refs)
	if err != nil {
		return err
	}
	for _, s := range opened {
		if err := s.CheckAblate(f.ablate); err != nil {
			return usageError{fmt.Errorf("--ablate: %w", err)}
		}
	}
	folders, err := f.prepare(opened)
	if err != nil {
		return usageError{err}
	}
	defer discard(folders)

	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills

	code := exitHeld
	for i, s := range opened {
		into := folder{path: toStdout}
		if f.out != toStdout {
			into = folders[i]
		}
		one, err := runOne(ctx, c, s, f, into)
		if err != nil {
			fmt.Fprintf(c.ErrOrStderr(), "chaos: %s: %v\n", s.Name, err)
		}
		if code = worse(code, one); code == exitInterrupted {
			break
		}
	}
	if code == exitHeld {
		return nil
	}
	return verdict(code)
}

// prepare makes the folders of the reports, so that a bad --out is found before
// anything runs.
func (f runFlags) prepare(opened []*scenarios.Scenario) ([]folder, error) {
	if f.out == toStdout {
		return nil, nil
	}
	var names []string
	for _, s := range opened {
		names = append(names, s.Name)
	}
	return outputs(f.out, names, time.Now())
}

// runOne runs one scenario and reports on it. The code counts also where there is
// an error.
func runOne(ctx context.Context, c *cobra.Command, s *scenarios.Scenario, f runFlags, into folder) (code int, err error) {
	var p scenarios.Progress
	o := f.options(c, &p)
	// Virtual time keeps one processor busy per run. One more is woken at every step
	// and finds nothing to do, which makes a lone run half as fast.
	if bubbles := s.Bubbles(o); bubbles > 0 {
		processors := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(min(processors, bubbles))
		defer runtime.GOMAXPROCS(processors)
	}
	stop := watch(ctx, newDisplay(f.progress, c.ErrOrStderr(), s.Name, &p))
	report, err := scenarios.Run(ctx, s, o)
	stop()
	switch {
	case err != nil && ctx.Err() != nil:
		return exitInterrupted, err
	case err != nil:
		return exitHarness, err
	}
	if err := deliver(c, report, f, into); err != nil {
		return exitHarness, err
	}
	return report.ExitCode(f.strict), nil
}

// deliver writes a report to where it is wanted.
func deliver(c *cobra.Command, r *reports.Report, f runFlags, into folder) error {
	stdout := c.OutOrStdout()
	if into.path == toStdout {
		document, err := r.Encode()
		if err == nil {
			_, err = stdout.Write(document)
		}
		return err
	}
	// The files first: standard output may be a pipe that nobody reads any more.
	if err := reports.WriteFolder(into.path, r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if f.records {
		if err := writeRecords(filepath.Join(into.path, reports.RecordsFile), r); err != nil {
			return err
		}
	}
	err := writeText(stdout, r, f.noColor)
	fmt.Fprintf(c.ErrOrStderr(), "chaos: report written to %s\n", into.path)
	return err
}
