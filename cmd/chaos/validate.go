package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/scenarios"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate SCENARIO...",
		Short: "Check scenarios without running them",
		Long: `Check scenarios without running them. All mistakes of all of them are told at
once, each with file, line and column.`,
		Args:              usage(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeScenario,
		RunE: func(c *cobra.Command, args []string) error {
			opened, err := openAll(c, args)
			if err != nil {
				return err
			}
			for i, s := range opened {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s is valid\n", args[i], s.Name)
			}
			return nil
		},
	}
}

// openAll opens every scenario, or returns the mistakes of all of them. Warnings
// go to standard error.
func openAll(c *cobra.Command, refs []string) ([]*scenarios.Scenario, error) {
	var opened []*scenarios.Scenario
	var mistakes []error
	for _, ref := range refs {
		s, err := scenarios.Open(ref)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, w := range s.Warnings() {
			fmt.Fprintf(c.ErrOrStderr(), "chaos: %s: warning: %s\n", ref, w)
		}
		opened = append(opened, s)
	}
	if len(mistakes) > 0 {
		return nil, usageError{errors.Join(mistakes...)}
	}
	return opened, nil
}

// completeScenario offers the library's names to the shell, besides files.
func completeScenario(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	library, err := scenarios.Library()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range library {
		names = append(names, s.Name+"\t"+firstSentence(s.Description))
	}
	return names, cobra.ShellCompDirectiveDefault
}
