package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/scenarios"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "chaos %s %s %s/%s\n", scenarios.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
