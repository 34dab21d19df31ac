package scenarios

import (
	"bytes"
	"strings"
	"testing"

	"github.com/agentchaos/chaos/reports"
)

func TestARefutedExpectationEndsTheRun(t *testing.T) {
	s := scenario(t, `
workload: {arrival: {rate: 20/s}, duration: 1m}
faults:
  - {name: flaky, on: {provider: openai}, type: outage, probability: 10%}
configs: {none: {}, retry: {retry: {maxAttempts: 6, baseDelay: 10ms}}}
expect:
  - {config: none, metric: effective_reliability, is: ">= 99%", abortOnFail: true}
  - {config: retry, metric: effective_reliability, is: ">= 90%", abortOnFail: true}
`)
	for _, seeds := range []int{1, 4} {
		r := run(t, s, Options{Clock: "virtual", Repeat: seeds})
		none, retry := r.Config("none"), r.Config("retry")
		for i := range none.Runs {
			if d := none.Runs[i].Duration; d <= 0 || d > 20 {
				t.Errorf("seed %d: none ran for %.1f s: it fails a fifth of the time", none.Runs[i].Seed, d)
			}
			if d := retry.Runs[i].Duration; d != 60 {
				t.Errorf("seed %d: retry, which does well, ended after %.1f s", retry.Runs[i].Seed, d)
			}
		}
		if r.Status != reports.Failing || len(r.Reasons) != seeds || !strings.Contains(r.Reasons[0], "effective_reliability >= 99% was refuted after") || r.ExitCode(true) != reports.ExitViolated {
			t.Errorf("%d seeds: %s, %q, exit %d", seeds, r.Status, r.Reasons, r.ExitCode(true))
		}
		if j := r.Expectations[0]; j.Verdict != reports.Violated || !j.Resolved {
			t.Errorf("judged %+v", j)
		}
	}
}

// TestABurstRefutesNothing stops only the run that has failed as a whole.
func TestABurstRefutesNothing(t *testing.T) {
	tail := `
workload: {arrival: {rate: 20/s}, duration: 100s}
faults: [{name: out, on: {provider: openai}, type: outage, at: 10s, for: 5s}]
configs: {none: {retry: {maxAttempts: 4, baseDelay: 10ms}}}
expect: [{config: none, metric: effective_reliability, is: ">= BOUND", abortOnFail: true}]
`
	for bound, want := range map[string]bool{"90%": false, "98%": true} {
		s := scenario(t, strings.Replace(tail, "BOUND", bound, 1))
		var documents [][]byte
		for range 2 {
			r := run(t, s, Options{Clock: "virtual"})
			if got := r.Config("none").Runs[0].Duration < 100; got != want || (r.Status == reports.Failing) != want {
				t.Errorf("at least %s, 5 %% fail in one burst: ended early is %v, status %s", bound, got, r.Status)
			}
			r.Meta = nil
			document, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, document)
		}
		if !bytes.Equal(documents[0], documents[1]) {
			t.Errorf("at least %s: the same seed ended otherwise", bound)
		}
	}
}
