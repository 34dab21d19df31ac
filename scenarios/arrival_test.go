package scenarios

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func schedule(t *testing.T, w Workload, seed uint64) []Arrival {
	t.Helper()
	all, err := w.Schedule(seed)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func azure(t *testing.T, speed float64) *Arrivals {
	t.Helper()
	trace, err := readTrace("", "azure-conversation")
	if err != nil {
		t.Fatal(err)
	}
	return &Arrivals{Process: "trace", Speed: speed, trace: trace}
}

func TestPoissonCounts(t *testing.T) {
	w := Workload{Arrival: &Arrivals{Process: "poisson", Rate: 50}, Duration: 90 * time.Second, Warmup: 10 * time.Second}
	total := 0
	var gaps []float64
	for seed := range uint64(20) {
		all := schedule(t, w, seed)
		total += len(all)
		for i := range all[1:] {
			gaps = append(gaps, (all[i+1].At - all[i].At).Seconds())
		}
	}
	// 20 × 50/s × 100 s, within 3.3 standard deviations (two-sided 99.9 %).
	if want := 100_000.0; math.Abs(float64(total)-want) > 3.3*math.Sqrt(want) {
		t.Errorf("%d arrivals, want about %.0f", total, want)
	}
	// Gaps of a Poisson process are exponential: their deviation is their mean.
	var sum, squares float64
	for _, g := range gaps {
		sum += g
		squares += g * g
	}
	n := float64(len(gaps))
	mean := sum / n
	if cv := math.Sqrt(squares/n-mean*mean) / mean; math.Abs(cv-1) > 0.02 {
		t.Errorf("gaps vary by %.3f of their mean, want 1", cv)
	}
}

func TestScheduleProperties(t *testing.T) {
	for name, w := range map[string]Workload{
		"poisson":           {Arrival: &Arrivals{Process: "poisson", Rate: 200}, Duration: 20 * time.Second},
		"poisson, requests": {Arrival: &Arrivals{Process: "poisson", Rate: 200}, Requests: 1000, Warmup: 2 * time.Second},
		"constant":          {Arrival: &Arrivals{Process: "constant", Rate: 100}, Duration: 10 * time.Second, Warmup: time.Second},
		"constant, extreme": {Arrival: &Arrivals{Process: "constant", Rate: 1e12}, Requests: 1000},
		"trace":             {Arrival: azure(t, 10), Duration: 60 * time.Second, Warmup: time.Second},
		"trace, requests":   {Arrival: azure(t, 1e9), Requests: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			all := schedule(t, w, 7)
			measured := 0
			for i, a := range all {
				if i > 0 && a.At <= all[i-1].At {
					t.Fatalf("arrivals %d and %d at %v and %v", i-1, i, all[i-1].At, a.At)
				}
				if a.At-residue(i) >= w.Warmup {
					measured++
				}
			}
			if w.Requests > 0 && measured != w.Requests {
				t.Errorf("%d requests after the warm-up, want %d", measured, w.Requests)
			}
			if end := w.length(all); all[len(all)-1].At > end+residue(len(all)) {
				t.Errorf("the last at %v, after the end at %v", all[len(all)-1].At, end)
			}
			if !reflect.DeepEqual(all, schedule(t, w, 7)) {
				t.Error("the same seed gives other arrivals")
			}
			isTrace := w.Arrival.Process != "poisson"
			if same := reflect.DeepEqual(all, schedule(t, w, 8)); same != isTrace {
				t.Errorf("another seed gives the same arrivals: %v", same)
			}
		})
	}
}

func TestConstantArrivalsAreExact(t *testing.T) {
	all := schedule(t, Workload{Arrival: &Arrivals{Process: "constant", Rate: 4}, Duration: time.Second}, 1)
	want := []time.Duration{64, 250*time.Millisecond + 128, 500*time.Millisecond + 192, 750*time.Millisecond + 256}
	var got []time.Duration
	for _, a := range all {
		got = append(got, a.At)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestClosedLoopHasNoSchedule(t *testing.T) {
	if all := schedule(t, Workload{Closed: &Closed{Users: 3}, Duration: time.Second}, 1); all != nil {
		t.Errorf("got %v", all)
	}
}

func TestTraceNotLoaded(t *testing.T) {
	if _, err := (Workload{Arrival: &Arrivals{Process: "trace", File: "x"}}).Schedule(1); err == nil {
		t.Error("a trace that was never read has arrivals")
	}
}

func TestTraceBesideItsScenario(t *testing.T) {
	s := loadFile(t, "testdata/good/trace.yaml")
	want := []Arrival{{residue(0), 10, 20}, {500*time.Millisecond + residue(1), 30, 40}, {2*time.Second + residue(2), 50, 60}}
	if got := schedule(t, s.Workload, 1); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The figures of the trace's own publication: 19,366 requests in 58 minutes.
func TestAzureConversation(t *testing.T) {
	trace := azure(t, 1).trace
	if len(trace) != 19366 {
		t.Errorf("%d arrivals", len(trace))
	}
	first, second := trace[0], trace[1]
	if first != (Arrival{0, 374, 44}) || second != (Arrival{4314579 * time.Microsecond, 396, 109}) {
		t.Errorf("begins with %+v and %+v", first, second)
	}
	if last := trace[len(trace)-1].At; last.Round(time.Minute) != 58*time.Minute {
		t.Errorf("ends after %v", last)
	}
	if !slices.IsSortedFunc(trace, func(a, b Arrival) int { return int(a.At - b.At) }) {
		t.Error("is not sorted")
	}
}

func TestParseTrace(t *testing.T) {
	const header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
	for _, c := range []struct{ what, text, problem string }{
		{"unsorted rows", header + "2023-11-16 18:15:47,1,2\n2023-11-16 18:15:46.5,3,4\n", ""},
		{"nothing", "", "EOF"},
		{"other columns", "time,in,out\n", "begins with the columns"},
		{"no rows", header, "no arrivals"},
		{"a missing column", header + "2023-11-16 18:15:47,1\n", "wrong number of fields"},
		{"no time", header + "yesterday,1,2\n", `line 2 of the trace: "yesterday"`},
		{"no number", header + "2023-11-16 18:15:47,1,2\n2023-11-16 18:15:47,1,-2\n", `line 3 of the trace: "-2"`},
	} {
		got, err := parseTrace(strings.NewReader(c.text))
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: got the error %v, want %q", c.what, err, c.problem)
			}
			continue
		}
		want := []Arrival{{0, 3, 4}, {500 * time.Millisecond, 1, 2}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", c.what, got, err, want)
		}
	}
}
