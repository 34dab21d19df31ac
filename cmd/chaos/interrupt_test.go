package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowScenario goes on for a minute, on either clock; its requests take a while.
const slowScenario = `
apiVersion: chaos/v1
kind: Scenario
name: slow
workload: {arrival: {process: constant, rate: %s}, duration: %s}
agent: {steps: [{tool: search}]}
tools: {search: {idempotent: true, latency: 500ms}}
configs: {none: {}}
expect: [{config: none, metric: effective_reliability, is: ">= 10%%"}]
`

// startSlow runs slowScenario in a process of its own and returns once it measures.
func startSlow(t *testing.T, clock string, args ...string) (process *exec.Cmd, stdout *strings.Builder, stderr *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	source := fmt.Sprintf(slowScenario, "40/s", "60s")
	if clock == "virtual" {
		source = fmt.Sprintf(slowScenario, "10/s", "100h")
	}
	if err := os.WriteFile(filepath.Join(dir, "slow.yaml"), []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	process = exec.CommandContext(ctx, exe, append([]string{"run", "slow.yaml", "--clock", clock, "--progress", "plain"}, args...)...)
	process.Dir = dir
	process.Env = append(os.Environ(), asCommand+"=1")
	stdout = new(strings.Builder)
	process.Stdout = stdout
	pipe, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	stderr = bufio.NewReader(pipe)
	await(t, stderr, "measuring")
	return process, stdout, stderr
}

// await reads lines up to one that contains want.
func await(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	var seen strings.Builder
	for {
		line, err := r.ReadString('\n')
		seen.WriteString(line)
		if strings.Contains(line, want) {
			return
		}
		if err != nil {
			t.Fatalf("no %q in %q: %v", want, seen.String(), err)
		}
	}
}

func TestInterrupt(t *testing.T) {
	for _, clock := range []string{"wall", "virtual"} {
		t.Run(clock, func(t *testing.T) { interrupt(t, clock) })
	}
}

func interrupt(t *testing.T, clock string) {
	process, stdout, stderr := startSlow(t, clock, "--out", "result")
	time.Sleep(time.Second) // for some requests to end
	if err := process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	await(t, stderr, interruptNote)
	await(t, stderr, "report written to result")
	_, _ = io.Copy(io.Discard, stderr)
	_ = process.Wait()
	if got := process.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit code %d, want %d", got, exitInterrupted)
	}
	if !strings.Contains(stdout.String(), "interrupted") {
		t.Errorf("the report does not say that it is partial:\n%s", stdout)
	}
	data, err := os.ReadFile(filepath.Join(process.Dir, "result", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Status  string
		Configs []struct {
			Metrics map[string]struct{ N int }
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	if report.Status != "interrupted" {
		t.Errorf("status %q, want interrupted", report.Status)
	}
	if len(report.Configs) != 1 || report.Configs[0].Metrics["effective_reliability"].N == 0 {
		t.Errorf("the partial report has no requests: %+v", report)
	}
}

func TestSecondInterruptKills(t *testing.T) {
	process, _, stderr := startSlow(t, "wall")
	done := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, stderr)
		done <- process.Wait()
	}()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			_ = process.Process.Signal(os.Interrupt)
		case <-done:
			status, ok := process.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("ended with %v, want death by SIGINT", process.ProcessState)
			}
			return
		}
	}
}
