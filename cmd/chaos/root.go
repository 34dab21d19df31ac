package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

const about = `Chaos measures what reliability an LLM agent really has while its providers and
tools fail, which resilience pattern buys how much of it, and at what cost.

A SCENARIO is a YAML file, or the name of one that comes with the program.

Exit codes: 0 every expectation held, 1 one did not, 2 usage or an invalid
scenario, 3 the harness failed or the steady state was not met, 4 inconclusive,
130 interrupted. Results go to standard output, everything else to standard error.`

// run is the whole program: it returns the exit code. Standard output carries
// results only.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if text := describe(err); text != "" {
		fmt.Fprintln(stderr, text)
	}
	return exitCode(err)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "chaos",
		Short:         "Measure the reliability of LLM agents under faults",
		Long:          about,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownCommand,

		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(
		runCommand(), compareCommand(), reportCommand(), validateCommand(), explainCommand(), listCommand(), schemaCommand(),
		mockCommand(), versionCommand(),
	)
	return root
}

// unknownCommand is what the root itself runs: help, or a complaint about a
// command that does not exist.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if close := c.SuggestionsFor(args[0]); len(close) > 0 {
		text += fmt.Sprintf("; did you mean %q?", close[0])
	}
	return usageError{fmt.Errorf("%s; see chaos --help", text)}
}

// usage makes whatever check finds a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
		return nil
	}
}
