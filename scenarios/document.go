package scenarios

import (
	"fmt"
	"strings"
)

// document is a scenario file under scrutiny: its lines, where its values stand,
// and what is wrong with it.
type document struct {
	file     string
	lines    []string
	places   map[string]place // by path: faults[0].on.provider
	keys     map[string]place // of the keys of mappings, by path
	problems Problems
}

// place is where a value stands in the file; the zero value means nowhere.
type place struct{ line, column, width int }

func newDocument(file string, data []byte) *document {
	return &document{file: file, lines: strings.Split(string(data), "\n"), places: map[string]place{}, keys: map[string]place{}}
}

func (d *document) add(at place, path, message string) {
	p := Problem{File: d.file, Line: at.line, Column: at.column, Path: path, Message: message, width: at.width}
	if at.line > 0 && at.line <= len(d.lines) {
		p.source = strings.TrimRight(d.lines[at.line-1], "\r")
	}
	d.problems = append(d.problems, p)
}

// report notes a problem at the value of path or, where that is left out, at the
// nearest value around it.
func (d *document) report(path, format string, args ...any) {
	at, known := d.places[path]
	for around := path; !known && around != ""; {
		around = around[:max(0, strings.LastIndexAny(around, ".["))]
		at, known = d.places[around]
	}
	d.add(at, path, fmt.Sprintf(format, args...))
}

// invalid reports each error that a Validate method joined; one that begins with
// the path of a field, "retry.maxAttempts: …", at that field.
func (d *document) invalid(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			d.invalid(path, e)
		}
		return
	}
	field, message, found := strings.Cut(err.Error(), ": ")
	if !found || strings.ContainsAny(field, " \n") {
		field, message = "", err.Error()
	}
	d.report(join(path, field), "%s", message)
}

// join puts a key behind a path.
func join(path, key string) string {
	if path == "" || key == "" || strings.HasPrefix(key, "[") {
		return path + key
	}
	return path + "." + key
}
