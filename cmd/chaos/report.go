package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentchaos/chaos/reports"
)

// reportFlags are the flags of report.
type reportFlags struct {
	records string
	out     string
	format  string
	noColor bool
}

func reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report [REPORT]",
		Short: "Render a report again",
		Long: `Render a report again in all its forms, from its report.json (REPORT, or the folder
it is in) or from its records.

The forms are written to --out, by default to the folder that REPORT or the records
are in. With --format one form goes to standard output, and no file is written.
Forms: text, ` + strings.Join(formNames(), ", ") + `.`,
		Example: `  chaos report results
  chaos report results --format junit > junit.xml
  chaos report --from-records results/records.ndjson.zst --out again`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return renderAgain(c, args, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.records, "from-records", "", "build the report anew from this "+reports.RecordsFile)
	flags.StringVar(&f.out, "out", "", "folder for the forms")
	flags.StringVar(&f.format, "format", "", "write this form to standard output, and no file")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours, whatever the terminal can do")
	return c
}

func renderAgain(c *cobra.Command, args []string, f reportFlags) error {
	switch {
	case (len(args) == 1) == (f.records != ""):
		return usageError{errors.New("want either a REPORT or --from-records; see chaos report --help")}
	case f.format != "" && f.out != "":
		return usageError{errors.New("--format writes to standard output, it does not go with --out")}
	}
	path := f.records
	open := openRecords
	if len(args) == 1 {
		path, open = args[0], openReport
	}
	folder, r, err := open(path)
	if err != nil {
		return usageError{err}
	}
	if f.format != "" {
		return writeForm(c.OutOrStdout(), r, f)
	}
	if f.out != "" {
		folder = f.out
	}
	if err := reports.WriteFolder(folder, r); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "chaos: report written to %s\n", folder)
	return writeText(c.OutOrStdout(), r, f.noColor)
}

// openReport reads a report.json, or that of a folder; folder is where it is.
func openReport(path string) (folder string, r *reports.Report, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "report.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	if r, err = reports.Decode(data); err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return filepath.Dir(path), r, nil
}

// openRecords builds a report from the records of a run.
func openRecords(path string) (folder string, r *reports.Report, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	in, err := reports.ReadRecords(file)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return filepath.Dir(path), reports.Build(in), nil
}

// writeRecords keeps what a report was built from.
func writeRecords(path string, r *reports.Report) error {
	in, ok := r.Input()
	if !ok {
		return errors.New("the report has no records")
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(reports.WriteRecords(file, in), file.Close())
}

func formNames() []string {
	var names []string
	for _, form := range reports.Forms() {
		names = append(names, form.Name)
	}
	return names
}

func writeForm(w io.Writer, r *reports.Report, f reportFlags) error {
	if f.format == "text" {
		return writeText(w, r, f.noColor)
	}
	for _, form := range reports.Forms() {
		if form.Name == f.format {
			return put(w, func() ([]byte, error) { return form.Render(r) })
		}
	}
	return usageError{fmt.Errorf("--format must be text, %s, not %q", strings.Join(formNames(), ", "), f.format)}
}

// writeText draws a report for whatever w is.
func writeText(w io.Writer, r *reports.Report, noColor bool) error {
	width, ok := terminalWidth(w)
	if !ok {
		width = defaultWidth
	}
	return reports.RenderTerminal(w, r, colored(w, noColor, os.Getenv), width)
}
