package reports

import (
	"math"
	"testing"
)

// TestAblationAddsUp: the bars of the waterfall lead from nothing to the full config
// without a gap, and every gain is the difference that a reader can check.
func TestAblationAddsUp(t *testing.T) {
	r := Build(taken(t))
	a := r.Ablation
	const metric = "effective_reliability"
	if len(a.Steps) != 6 || a.Steps[0].Change != AblationNaive || a.Steps[5].Change != AblationFull {
		t.Fatalf("%d steps, want naive, four variants, full", len(a.Steps))
	}
	naive, full := a.Steps[0].Metrics[metric].Value, a.Steps[5].Metrics[metric].Value
	for _, s := range a.Steps[1:5] {
		want := s.Metrics[metric].Value - naive
		if s.Change == AblationRemoved {
			want = full - s.Metrics[metric].Value
		}
		if g := s.Gain[metric]; math.Abs(g.Value-want) > 1e-9 || g.How != methodPairedT {
			t.Errorf("%s %s: gain %v by %q, want %v paired", s.Change, s.Pattern, g.Value, g.How, want)
		}
	}
	falls := r.falls()
	level := falls[1].To
	for _, f := range falls[2 : len(falls)-1] {
		if math.Abs(f.From-level) > 1e-9 {
			t.Errorf("%s begins at %v, want %v", f.Name, f.From, level)
		}
		level = f.To
	}
	if last := falls[len(falls)-1]; falls[0].To != r.Arithmetic.Naive || math.Abs(last.To-level) > alike || math.Abs(last.To-full) > 1e-6 {
		t.Errorf("the waterfall leads from %v to %v and %v, want from %v to %v", falls[0].To, level, last.To, r.Arithmetic.Naive, full)
	}
}

func TestAblationWithHolesRenders(t *testing.T) {
	in := taken(t)
	in.Ablation.Steps = in.Ablation.Steps[1:3] // neither naive nor full
	r := Build(in)
	if falls := r.falls(); falls != nil {
		t.Errorf("%d bars between ends that are not known", len(falls))
	}
	mustHTML(t, r)
	if len(terminal(t, r, false, 80)) == 0 || Markdown(r) == "" {
		t.Error("nothing was rendered")
	}
}
