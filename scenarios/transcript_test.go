package scenarios

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/agentchaos/chaos/internal/seed"
	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// TestTranscripts runs the scenarios in testdata/transcripts in virtual time and
// compares all that happens with what is written there; -update writes it anew.
//
// A transcript is read as documentation: a comment says what it shows, the trace has
// a line for everything an agent request did, at the instant it was over (waits and
// skips: began), in seconds, and the summary has the metrics that the file asks for
// by naming them.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { transcript(t, path) })
	}
}

func transcript(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) != 3 || archive.Files[0].Name != "scenario.yaml" || archive.Files[1].Name != "trace" || archive.Files[2].Name != "summary" {
		t.Fatal("a transcript has scenario.yaml, trace and summary")
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Error("nothing says what the transcript shows")
	}
	s, err := Load(path, archive.Files[0].Data, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var trace, summary strings.Builder
	for _, c := range s.Configs {
		if len(s.Configs) > 1 {
			fmt.Fprintf(&trace, "# %s\n", c.Name)
		}
		run, events := observed(t, s, c)
		for _, line := range lines(run, events) {
			fmt.Fprintln(&trace, line)
		}
		for _, name := range metricsIn(archive.Files[2].Data) {
			fmt.Fprintf(&summary, "%s %s\n", c.Name, measured(t, name, run))
		}
	}
	got := txtar.Archive{Comment: archive.Comment, Files: []txtar.File{
		archive.Files[0], {Name: "trace", Data: []byte(trace.String())}, {Name: "summary", Data: []byte(summary.String())},
	}}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(txtar.Format(&got), want) {
		return
	}
	if !*update {
		t.Errorf("the transcript differs; look at the change, then go test -update.\n%s", txtar.Format(&got))
		return
	}
	if err := os.WriteFile(path, txtar.Format(&got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// heard is an event of the stack with its instant from the end of the warm-up.
type heard struct {
	at time.Duration
	resilience.Event
}

// observed runs one config of s in virtual time.
func observed(t *testing.T, s *Scenario, c Config) (*reports.Run, []heard) {
	t.Helper()
	one := *s
	one.Clock, one.Configs = "virtual", []Config{c}
	var mu sync.Mutex
	var events []heard
	r := &runner{s: &one, o: Options{Progress: new(Progress)}, hear: func(at time.Duration, e resilience.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, heard{at, e})
	}}
	runs, err := r.all(context.Background(), s.Seed, 1)
	if err != nil {
		t.Fatal(err)
	}
	if runs[0].Aborted != "" {
		t.Fatal(runs[0].Aborted)
	}
	return runs[0], events
}

// line is one line of a trace.
type line struct {
	at   time.Duration
	key  seed.Key // of an attempt, a call or a request
	who  string
	text string
}

func (l line) String() string {
	return strings.TrimRight(fmt.Sprintf("%9.4f  %-12s %s", l.at.Seconds(), l.who, l.text), " ")
}

// lines makes the trace of a run, sorted by instant, request and call. Within a call
// its events come in their order, then its end, then that of the request.
func lines(run *reports.Run, events []heard) []line {
	names := map[seed.Key]string{}
	for _, c := range run.Calls {
		names[seed.Key{Request: c.Request, Call: c.Step}] = c.Name
	}
	attempts := map[seed.Key]reports.Attempt{}
	for _, a := range run.Attempts {
		attempts[seed.Key{Request: a.Request, Call: a.Step, Attempt: a.N}] = a
	}
	var all []line
	add := func(at time.Duration, k seed.Key, text string) {
		k.Attempt = 0
		all = append(all, line{at, k, fmt.Sprintf("#%d %s", k.Request, names[k]), text})
	}
	for _, e := range events {
		switch e.Kind {
		case resilience.AttemptDone:
			a := attempts[e.Key]
			add(a.End, e.Key, attemptText(a))
		case resilience.RetryWait:
			add(e.at, e.Key, "waits "+seconds(e.Delay))
		case resilience.TargetSkip:
			add(e.at, e.Key, fmt.Sprintf("skips %s: %s", e.Target, e.Reason))
		case resilience.Transition:
			text := fmt.Sprintf("%s: %s → %s, %s", e.Target, e.From, e.To, e.Reason)
			all = append(all, line{e.at, seed.Key{Request: e.Key.Request, Call: e.Key.Call}, "breaker", text})
		}
	}
	for _, c := range run.Calls {
		add(c.End, seed.Key{Request: c.Request, Call: c.Step}, callText(c))
	}
	for _, r := range run.Requests {
		add(r.End, seed.Key{Request: r.Index, Call: math.MaxUint64}, requestText(r))
	}
	slices.SortStableFunc(all, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.key.Request, b.key.Request), cmp.Compare(a.key.Call, b.key.Call))
	})
	return all
}

func attemptText(a reports.Attempt) string {
	text := []string{fmt.Sprintf("attempt %d at %s: %s after %s", a.N, a.Target, cmp.Or(a.Class, "ok"), seconds(a.End-a.Start))}
	if a.TTFT > 0 {
		text = append(text, "first token after "+seconds(a.TTFT))
	}
	if a.Reached {
		wire := fmt.Sprintf("wire: status %d, %d content", a.Status, a.Content)
		if a.Status == 0 {
			wire = "wire: nothing"
		} else if a.Terminal {
			wire += ", whole"
		} else {
			wire += ", cut"
		}
		if a.Left {
			wire += ", client left"
		}
		text = append(text, wire)
	} else {
		text = append(text, "wire: not reached")
	}
	if len(a.Faults) > 0 {
		text = append(text, "fault "+strings.Join(a.Faults, " "))
	}
	return strings.Join(text, "; ")
}

func callText(c reports.Call) string {
	switch {
	case c.Failed:
		return fmt.Sprintf("fails, attempts %d: %s", c.Attempts, c.Class)
	case c.Fallback:
		return "served by the fallback " + c.Served
	}
	return "served by " + c.Served
}

func requestText(r reports.Request) string {
	text := fmt.Sprintf("= %s at level %s, %s after its arrival", r.Outcome, r.Level, seconds(r.End-r.Sched))
	if r.Class != "" {
		text += ", first cause " + r.Class
	}
	return text
}

// seconds writes a duration to the tenth of a millisecond: below that are only the
// nanoseconds by which no two requests share an instant.
func seconds(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// metricsIn lists the metrics that a summary names, each once.
func metricsIn(summary []byte) []string {
	var names []string
	for text := range strings.Lines(string(summary)) {
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		name := fields[min(1, len(fields)-1)]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func measured(t *testing.T, name string, run *reports.Run) string {
	t.Helper()
	m, err := reports.ParseMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	v := reports.Measure(m, []*reports.Run{run}, nil)
	return fmt.Sprintf("%s = %.6g %s", name, v.Value, v.Unit)
}
