package scenarios

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// traces are the built-in traces by name. data/NOTICE says where they come from.
var traces = map[string]string{
	"azure-conversation": "data/AzureLLMInferenceTrace_conv.csv.gz",
}

// readTrace reads the trace that a scenario in the folder dir calls file.
func readTrace(dir, file string) ([]Arrival, error) {
	if builtin, ok := traces[file]; ok {
		return readBuiltin(builtin)
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening the trace: %w", errors.Unwrap(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("opening the trace: not a regular file")
	}
	return parseTrace(f)
}

func readBuiltin(path string) ([]Arrival, error) {
	data, err := files.ReadFile(path)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return parseTrace(z)
}

// traceHeader are the columns of the Azure LLM inference traces.
var traceHeader = []string{"TIMESTAMP", "ContextTokens", "GeneratedTokens"}

// parseTrace reads a trace in CSV with the columns TIMESTAMP (2023-11-16
// 18:15:46.6805900), ContextTokens and GeneratedTokens. Arrivals count from the first
// and are sorted.
func parseTrace(r io.Reader) ([]Arrival, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord, rows.ReuseRecord = len(traceHeader), true
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the trace: %w", err)
	}
	if !slices.Equal(header, traceHeader) {
		return nil, fmt.Errorf("the trace begins with the columns %q instead of %q", header, traceHeader)
	}
	var all []Arrival
	var first time.Time
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the trace: %w", err)
		}
		at, a, err := parseRow(row)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("line %d of the trace: %w", line, err)
		}
		if len(all) == 0 {
			first = at
		}
		a.At = at.Sub(first)
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, errors.New("the trace holds no arrivals")
	}
	slices.SortStableFunc(all, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	for i, early := len(all)-1, all[0].At; i >= 0; i-- {
		all[i].At -= early
	}
	return all, nil
}

func parseRow(row []string) (at time.Time, a Arrival, err error) {
	if at, err = time.Parse("2006-01-02 15:04:05", row[0]); err != nil {
		return at, a, fmt.Errorf("%q is not a time such as 2023-11-16 18:15:46.6805900", row[0])
	}
	for i, count := range []*int{&a.InputTokens, &a.OutputTokens} {
		if *count, err = strconv.Atoi(row[i+1]); err != nil || *count < 0 {
			return at, a, fmt.Errorf("%q is not a number of tokens", row[i+1])
		}
	}
	return at, a, nil
}
