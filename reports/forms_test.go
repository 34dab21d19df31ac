package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
)

func rendered(t *testing.T, form string, r *Report) []byte {
	t.Helper()
	for _, f := range Forms() {
		if f.Name == form {
			data, err := f.Render(r)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
	t.Fatalf("no form %s", form)
	return nil
}

func TestWriteFolderWritesEveryForm(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	r := Build(fixture(t, 42))
	if err := WriteFolder(dir, r); err != nil {
		t.Fatal(err)
	}
	for _, f := range Forms() {
		got, err := os.ReadFile(filepath.Join(dir, f.File))
		if err != nil || !bytes.Equal(got, rendered(t, f.Name, r)) {
			t.Errorf("%s: %v, or other bytes than rendered", f.File, err)
		}
	}
}

func TestFormsOfADecodedReportAreTheSame(t *testing.T) {
	r := Build(taken(t))
	decoded, err := Decode(rendered(t, "json", r))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Forms() {
		if !bytes.Equal(rendered(t, f.Name, r), rendered(t, f.Name, decoded)) {
			t.Errorf("%s of the decoded report differs", f.Name)
		}
	}
}

func TestFormsOfNothing(t *testing.T) {
	for _, f := range Forms() {
		data, err := f.Render(Build(Input{}))
		if err != nil || bytes.Contains(data, []byte("NaN")) {
			t.Errorf("%s: %v, or a number that is none", f.Name, err)
		}
	}
}

func TestJUnit(t *testing.T) {
	in := fixture(t, 42)
	in.Expectations = append(in.Expectations,
		expectation(t, "none", "effective_reliability", ">= 99%"), expectation(t, "none", "gap.p99{}", "< 1ms"),
		expectation(t, "full", "time_to_recover{fault=other}", "< 1s"))
	var got junitSuites
	if err := xml.Unmarshal(rendered(t, "junit", Build(in)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 8 || got.Failures != 2 || got.Errors != 1 || len(got.Suites) != 4 {
		t.Errorf("%d tests, %d failures, %d errors in %d suites, want 8, 2, 1 in 4", got.Tests, got.Failures, got.Errors, len(got.Suites))
	}
	if p := got.Suites[1].Properties[0]; p.Name != "answered_rate" && p.Name != "effective_reliability" || p.Value != "0.515" {
		t.Errorf("the first property is %+v", p)
	}
	in.Err = "no free \x00 port"
	got = junitSuites{}
	if err := xml.Unmarshal(rendered(t, "junit", Build(in)), &got); err != nil || got.Suites[0].Errors != 1 {
		t.Errorf("a harness that failed: %v, %d errors", err, got.Suites[0].Errors)
	}
}

func TestCSVHoldsTheSeries(t *testing.T) {
	r := Build(fixture(t, 42, 43))
	rows, err := csv.NewReader(bytes.NewReader(rendered(t, "csv", r))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+3*2*20 {
		t.Fatalf("%d rows, want a head and 20 for each of 6 runs", len(rows))
	}
	last := rows[len(rows)-1]
	s := r.Configs[2].Runs[1].Series
	if want := strconv.Itoa(s.Requests[19]); last[1] != "full" || last[2] != "43" || last[3] != "19" || last[5] != want {
		t.Errorf("the last row is %q, want full, 43, 19, 1, %s", last, want)
	}
	if head := strings.Join(rows[0], ","); !strings.HasSuffix(head, "attempts,breaker:openai/gpt-4o,fault:hard-down") {
		t.Errorf("the head is %s", head)
	}
}

func TestPrometheusReadsIt(t *testing.T) {
	in := fixture(t, 42)
	in.Name = "a \"quoted\"\nname\\"
	r := Build(in)
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(bytes.NewReader(rendered(t, "prom", r)))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, m := range families["chaos_effective_reliability_ratio"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["config"] == "none" {
			found = labels["scenario"] == in.Name && m.GetGauge().GetValue() == 0.515
		}
	}
	if !found {
		t.Error("the effective reliability of none is not there, or its labels are spoilt")
	}
	for _, name := range []string{"chaos_latency_p95_seconds", "chaos_latency_p95_seconds_high", "chaos_expectation_held", "chaos_status", "chaos_error_rate_ratio"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestBenchIsTheFormatOfBenchmarks checks each line as benchstat's parser reads it.
func TestBenchIsTheFormatOfBenchmarks(t *testing.T) {
	in := fixture(t, 42, 43)
	in.Name = "two words"
	r := Build(in)
	line := regexp.MustCompile(`^BenchmarkChaos/scenario=two_words/config=\w+/seed=\d+\t(\d+)((\t[0-9.]+ \S+)+)$`)
	units := map[string]bool{}
	results := 0
	for _, text := range strings.Split(strings.TrimSpace(string(rendered(t, "bench", r))), "\n") {
		if unit, ok := strings.CutPrefix(text, "Unit "); ok {
			units[strings.Fields(unit)[0]] = true
			continue
		}
		match := line.FindStringSubmatch(text)
		if match == nil {
			if regexp.MustCompile(`^[a-z]\S*: \S`).MatchString(text) {
				continue
			}
			t.Fatalf("not a line of a benchmark: %q", text)
		}
		results++
		fields := strings.Fields(match[2])
		for i := 1; i < len(fields); i += 2 {
			if !units[fields[i]] {
				t.Errorf("the unit %s was not announced", fields[i])
			}
		}
		if fields[1] != "reliability-%" {
			t.Errorf("the first unit is %s", fields[1])
		}
		if x, _ := strconv.ParseFloat(fields[0], 64); math.Abs(x) < 1 {
			t.Errorf("a reliability of %g %%, want per cent", x)
		}
	}
	if results != 6 {
		t.Errorf("%d results, want 6", results)
	}
}

// TestReportFromRecords: the records rebuild the same report, byte for byte.
func TestReportFromRecords(t *testing.T) {
	for name, in := range map[string]Input{"two seeds": fixture(t, 42, 43), "ablation": taken(t), "nothing": {}} {
		built := Build(in)
		kept, ok := built.Input()
		if !ok {
			t.Fatalf("%s: the report has forgotten its input", name)
		}
		var file bytes.Buffer
		if err := WriteRecords(&file, kept); err != nil {
			t.Fatal(err)
		}
		records := 0
		for _, run := range in.Runs {
			records += len(run.Requests) + len(run.Calls) + len(run.Attempts)
		}
		t.Logf("%s: %d bytes for %d records", name, file.Len(), records)
		read, err := ReadRecords(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want, got := rendered(t, "json", built), rendered(t, "json", Build(read)); !bytes.Equal(want, got) {
			t.Errorf("%s: the records make another report", name)
		}
		if _, err := ReadRecords(bytes.NewReader(file.Bytes()[:file.Len()/2])); err == nil {
			t.Errorf("%s: half a file was read without an error", name)
		}
	}
	if _, err := ReadRecords(strings.NewReader("not zstd")); err == nil {
		t.Error("nonsense was read as records")
	}
	if _, ok := new(Report).Input(); ok {
		t.Error("a report that was not built has an input")
	}
}
