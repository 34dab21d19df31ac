package main

import (
	"errors"
	"strings"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios"
)

// The exit codes, as the help of the program explains them: those of a report, and
// that of a mistake found before anything ran.
const (
	exitHeld         = reports.ExitHeld
	exitViolated     = reports.ExitViolated
	exitUsage        = 2
	exitHarness      = reports.ExitHarness
	exitInconclusive = reports.ExitInconclusive
	exitInterrupted  = reports.ExitInterrupted
)

// severity orders the exit codes of several scenarios: the one that says most is
// the code of the whole.
var severity = map[int]int{
	exitHeld:         0,
	exitInconclusive: 1,
	exitViolated:     2,
	exitUsage:        3,
	exitHarness:      4,
	exitInterrupted:  5,
}

// worse gives the more severe of two exit codes.
func worse(a, b int) int {
	if severity[b] > severity[a] {
		return b
	}
	return a
}

// usageError is a mistake of the caller, found before anything ran.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// verdict is an exit code whose reason the report has told already.
type verdict int

func (v verdict) Error() string { return "" }

// exitCode gives the code of an error that a command returned. An error of no
// known kind is the harness's.
func exitCode(err error) int {
	var v verdict
	var u usageError
	var p scenarios.Problems
	switch {
	case err == nil:
		return exitHeld
	case errors.As(err, &v):
		return int(v)
	case errors.As(err, &u), errors.As(err, &p):
		return exitUsage
	}
	return exitHarness
}

// describe is what standard error shows of an error; "" if nothing is left to say.
func describe(err error) string {
	if err == nil {
		return ""
	}
	text := strings.TrimRight(err.Error(), "\n")
	if p := (scenarios.Problems)(nil); text == "" || errors.As(err, &p) {
		return text
	}
	return "chaos: " + text
}
