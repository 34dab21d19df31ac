package reports

import (
	"fmt"
	"os"
	"path/filepath"
)

// Form is one way to write a report into a file.
type Form struct {
	Name string // json, html, markdown, junit, csv, prom or bench
	File string // in the report's folder
	Does string // what it is for, in a few words
	// Render gives the file's content; the same report gives the same bytes.
	Render func(*Report) ([]byte, error)
}

// Forms lists every form, in the order in which WriteFolder writes them. A new one is
// one file plus one line here.
func Forms() []Form {
	return []Form{
		{"json", "report.json", "the whole document", (*Report).Encode},
		{"html", "report.html", "one page for people, offline", HTML},
		{"markdown", "summary.md", "a CI step's summary", func(r *Report) ([]byte, error) { return []byte(Markdown(r)), nil }},
		{"junit", "junit.xml", "expectations as test cases", JUnit},
		{"csv", "series.csv", "the series of every run", CSV},
		{"prom", "report.prom", "for Prometheus' textfile collector", Prometheus},
		{"bench", "report.bench", "for benchstat", Bench},
	}
}

// WriteFolder writes the report in all its forms into dir, which it makes if needed.
func WriteFolder(dir string, r *Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the report's folder: %w", err)
	}
	for _, form := range Forms() {
		data, err := form.Render(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, form.File), data, 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}
