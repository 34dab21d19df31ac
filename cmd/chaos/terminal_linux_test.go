package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal gives both ends of a pseudo-terminal of the given size.
func openTerminal(t *testing.T, columns, rows uint16) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED: this machine gives no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		t.Cleanup(func() { terminal.Close() })
		err = unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	}
	if err != nil {
		t.Fatal(err)
	}
	return screen, terminal
}

func TestTerminal(t *testing.T) {
	screen, terminal := openTerminal(t, 120, 24)
	if columns, ok := terminalWidth(terminal); columns != 120 || !ok {
		t.Errorf("terminalWidth: %d, %v", columns, ok)
	}
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	if !colored(terminal, false, getenv) {
		t.Error("no colours on a terminal")
	}
	env["TERM"] = "dumb"
	if colored(terminal, false, getenv) {
		t.Error("colours on a dumb terminal")
	}

	p := measuring()
	d := newDisplay("auto", terminal, "outage", p)
	if _, ok := d.(*bars); !ok {
		t.Fatalf("a terminal gets %T, want bars", d)
	}
	stop := watch(t.Context(), d)
	time.Sleep(3 * pollEvery)
	stop()
	terminal.Close()
	drawn, _ := io.ReadAll(screen) // ends in an error when the terminal is closed
	for _, want := range []string{"measuring", "none", "full", "breakers closed"} {
		if !strings.Contains(string(drawn), want) {
			t.Errorf("no %q in %q", want, drawn)
		}
	}
}

// TestTerminalWithoutSize: mpb draws no bars where the size is 0×0.
func TestTerminalWithoutSize(t *testing.T) {
	_, terminal := openTerminal(t, 0, 0)
	if _, ok := newDisplay("auto", terminal, "outage", measuring()).(*plain); !ok {
		t.Error("a terminal of size 0×0 does not get plain lines")
	}
}
