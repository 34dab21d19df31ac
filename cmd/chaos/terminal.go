package main

import (
	"io"
	"os"

	"github.com/vbauerster/cupwriter"
)

// defaultWidth is how many columns a report takes where no terminal says.
const defaultWidth = 100

// terminalWidth gives the columns of the terminal that w is; ok is false if w is
// none, or one that claims to have no size (0×0, as some containers' have).
func terminalWidth(w io.Writer) (columns int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	t := cupwriter.New(file, false)
	if !t.IsTerminal() {
		return 0, false
	}
	columns, rows, err := t.GetTermSize()
	return columns, err == nil && columns > 0 && rows > 0
}

// colored decides whether to write colours to w: the flag is asked first, then
// NO_COLOR, then FORCE_COLOR and CLICOLOR_FORCE, then TERM=dumb, then whether w is
// a terminal.
func colored(w io.Writer, noColor bool, getenv func(string) string) bool {
	forced := func(name string) bool { v := getenv(name); return v != "" && v != "0" }
	switch {
	case noColor, getenv("NO_COLOR") != "":
		return false
	case forced("FORCE_COLOR"), forced("CLICOLOR_FORCE"):
		return true
	case getenv("TERM") == "dumb":
		return false
	}
	_, ok := terminalWidth(w)
	return ok
}
