package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/scenarios"
)

func explainCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "explain SCENARIO...",
		Short: "Say in words what a scenario does and what it can decide",
		Long: `Say in words what a scenario does, without running it: the agent's calls, the
timeline of faults, the configs, what is expected of them, and what so many agent
requests can decide about that.`,
		Args:              usage(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeScenario,
		RunE: func(c *cobra.Command, args []string) error {
			opened, err := openAll(c, args)
			if err != nil {
				return err
			}
			for i, s := range opened {
				if i > 0 {
					fmt.Fprintln(c.OutOrStdout())
				}
				fmt.Fprint(c.OutOrStdout(), s.Explain(scenarios.Options{Repeat: f.repeat}))
			}
			return nil
		},
	}
	c.Flags().IntVar(&f.repeat, "repeat", 0, "how many seeds would run, instead of the scenario's number")
	return c
}
