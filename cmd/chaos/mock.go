package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/mockllm"
	"github.com/agentchaos/chaos/scenarios"
)

func mockCommand() *cobra.Command {
	var listen, replies string
	var seed uint64
	c := &cobra.Command{
		Use:   "mock",
		Short: "Serve only the mock model, for an agent of your own",
		Long: `Serve only the mock model, for an agent of your own in any language: it answers to
every model name and every API key, and speaks every dialect at one address: OpenAI's
under /v1, Anthropic's under /v1/messages, Gemini's under /v1beta. It prints the
variables that the official SDKs read. It listens on the loopback only, until Ctrl-C.`,
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return serveMock(c.Context(), c.OutOrStdout(), listen, replies, seed)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address HOST:PORT; port 0 takes a free one")
	c.Flags().StringVar(&replies, "replies", "", "YAML file of scripted replies, as providers of a scenario have them")
	c.Flags().Uint64Var(&seed, "seed", 42, "seed of latencies and token counts")
	return c
}

func serveMock(ctx context.Context, stdout io.Writer, listen, replies string, seed uint64) error {
	if err := checkLoopback(listen); err != nil {
		return usageError{err}
	}
	var provider mockllm.Provider
	if replies != "" {
		data, err := os.ReadFile(replies)
		if err == nil {
			provider.Replies, err = scenarios.LoadReplies(replies, data, os.LookupEnv)
		}
		if err != nil {
			return usageError{err}
		}
	}
	mock := mockllm.NewUniversal(provider, seed)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := mockllm.Listen(ctx, network.Loopback{}, listen, mock.Handler())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, `export OPENAI_BASE_URL=%[1]s/v1
export OPENAI_API_KEY=any
export ANTHROPIC_BASE_URL=%[1]s
export ANTHROPIC_API_KEY=any
export GOOGLE_GEMINI_BASE_URL=%[1]s
export GEMINI_API_KEY=any
`, server.URL())
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, server.Close())
}

// checkLoopback refuses an address that others could reach.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen wants HOST:PORT: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %s: the mock listens on the loopback only, such as 127.0.0.1:8080", address)
	}
	return nil
}
