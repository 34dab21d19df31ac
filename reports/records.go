package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// RecordsFile is where a report's folder keeps its records, if they were asked for.
const RecordsFile = "records.ndjson.zst"

// recordsVersion is the version of the file of records; another is not read.
const recordsVersion = 1

// recordLine is one line of the file; one of its fields is set. The first line holds
// the version and the input without its runs. A run's line comes before those of its
// records. Durations are in nanoseconds.
type recordLine struct {
	Version    int         `json:"version,omitempty"`
	Input      *Input      `json:"input,omitempty"`
	Run        *runLine    `json:"run,omitempty"`
	Request    *Request    `json:"request,omitempty"`
	Call       *Call       `json:"call,omitempty"`
	Attempt    *Attempt    `json:"attempt,omitempty"`
	Transition *Transition `json:"transition,omitempty"`
}

// runLine is a run without its records, and where in the input it belongs.
type runLine struct {
	*Run
	Of   string `json:"of,omitempty"`   // "", steadyState or ablation
	Step int    `json:"step,omitempty"` // of the ablation
}

const (
	ofSteadyState = "steadyState"
	ofAblation    = "ablation"
)

// WriteRecords writes everything that a report is built from as one JSON value a line,
// compressed by zstd: about 30 bytes a record.
func WriteRecords(w io.Writer, in Input) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("write the records: %w", err)
	}
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	if err := errors.Join(writeRecords(e, in), z.Close()); err != nil {
		return fmt.Errorf("write the records: %w", err)
	}
	return nil
}

func writeRecords(e *json.Encoder, in Input) error {
	head := in
	head.Runs = nil
	if in.SteadyState != nil {
		head.SteadyState = &SteadyState{Expectation: in.SteadyState.Expectation}
	}
	if in.Ablation != nil {
		head.Ablation = &AblationInput{Config: in.Ablation.Config}
		for _, step := range in.Ablation.Steps {
			step.Runs = nil
			head.Ablation.Steps = append(head.Ablation.Steps, step)
		}
	}
	if err := e.Encode(recordLine{Version: recordsVersion, Input: &head}); err != nil {
		return err
	}
	if err := writeRuns(e, in.Runs, "", 0); err != nil {
		return err
	}
	if in.SteadyState != nil {
		if err := writeRuns(e, in.SteadyState.Runs, ofSteadyState, 0); err != nil {
			return err
		}
	}
	if in.Ablation != nil {
		for i, step := range in.Ablation.Steps {
			if err := writeRuns(e, step.Runs, ofAblation, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeRuns(e *json.Encoder, runs []*Run, of string, step int) error {
	for _, run := range runs {
		err := e.Encode(recordLine{Run: &runLine{run, of, step}})
		for i := 0; i < len(run.Requests) && err == nil; i++ {
			err = e.Encode(recordLine{Request: &run.Requests[i]})
		}
		for i := 0; i < len(run.Calls) && err == nil; i++ {
			err = e.Encode(recordLine{Call: &run.Calls[i]})
		}
		for i := 0; i < len(run.Attempts) && err == nil; i++ {
			err = e.Encode(recordLine{Attempt: &run.Attempts[i]})
		}
		for i := 0; i < len(run.Transitions) && err == nil; i++ {
			err = e.Encode(recordLine{Transition: &run.Transitions[i]})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadRecords reads what WriteRecords wrote: Build makes the same report of it.
func ReadRecords(r io.Reader) (Input, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return Input{}, fmt.Errorf("read the records: %w", err)
	}
	defer z.Close()
	d := json.NewDecoder(z)
	var head recordLine
	if err := d.Decode(&head); err != nil {
		return Input{}, fmt.Errorf("read the records, line 1: %w", err)
	}
	if head.Version != recordsVersion || head.Input == nil {
		return Input{}, fmt.Errorf("read the records: version %d, this chaos reads %d", head.Version, recordsVersion)
	}
	in := *head.Input
	var run *Run
	for n := 2; ; n++ {
		var line recordLine
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return in, nil
		}
		if err == nil {
			run, err = in.take(run, line)
		}
		if err != nil {
			return Input{}, fmt.Errorf("read the records, line %d: %w", n, err)
		}
	}
}

// take adds a line; records go to the run under way, which it returns.
func (in *Input) take(run *Run, line recordLine) (*Run, error) {
	switch {
	case line.Run != nil && line.Run.Run != nil:
		return line.Run.Run, in.place(line.Run)
	case run == nil:
		return nil, errors.New("a record before its run")
	case line.Request != nil:
		run.Requests = append(run.Requests, *line.Request)
	case line.Call != nil:
		run.Calls = append(run.Calls, *line.Call)
	case line.Attempt != nil:
		run.Attempts = append(run.Attempts, *line.Attempt)
	case line.Transition != nil:
		run.Transitions = append(run.Transitions, *line.Transition)
	}
	return run, nil
}

func (in *Input) place(line *runLine) error {
	switch line.Of {
	case "":
		in.Runs = append(in.Runs, line.Run)
	case ofSteadyState:
		if in.SteadyState == nil {
			return errors.New("a control run without a steady state")
		}
		in.SteadyState.Runs = append(in.SteadyState.Runs, line.Run)
	case ofAblation:
		if in.Ablation == nil || line.Step < 0 || line.Step >= len(in.Ablation.Steps) {
			return fmt.Errorf("a run of step %d of an ablation that lacks it", line.Step)
		}
		step := &in.Ablation.Steps[line.Step]
		step.Runs = append(step.Runs, line.Run)
	default:
		return fmt.Errorf("a run of %q", line.Of)
	}
	return nil
}
