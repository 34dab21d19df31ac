package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/agentchaos/chaos/scenarios"
)

func TestExitCode(t *testing.T) {
	problems := scenarios.Problems{{File: "a.yaml", Line: 1, Column: 2, Message: "no"}}
	tests := []struct {
		name string
		err  error
		code int
		text string
	}{
		{"success", nil, exitHeld, ""},
		{"verdict", verdict(exitViolated), exitViolated, ""},
		{"usage", usageError{errors.New("no such flag")}, exitUsage, "chaos: no such flag"},
		{"problems", usageError{errors.Join(problems)}, exitUsage, "a.yaml:1:2: no"},
		{"bare problems", problems, exitUsage, "a.yaml:1:2: no"},
		{"setup", fmt.Errorf("%w: port 1 is busy", scenarios.ErrSetup), exitHarness, "chaos: " + scenarios.ErrSetup.Error() + ": port 1 is busy"},
		{"anything else", errors.New("disk full"), exitHarness, "chaos: disk full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
			if got := describe(tt.err); got != tt.text {
				t.Errorf("text %q, want %q", got, tt.text)
			}
		})
	}
}

func TestWorse(t *testing.T) {
	order := []int{exitHeld, exitInconclusive, exitViolated, exitUsage, exitHarness, exitInterrupted}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("worse(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}
