package scenariotest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/agentchaos/chaos/scenarios"
)

// TestDescribeScenariosRefuses: a suite that would silently test nothing, or not what
// its files say, does not start.
func TestDescribeScenariosRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": "apiVersion: chaos/v1\nkind: Scenario\nname: a\nnonsense: 1\n",
		"b.yaml": "apiVersion: chaos/v1\nkind: Scenario\nname: b\nnonsense: 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, glob string
		says       []string
	}{
		{"an empty glob", filepath.Join(dir, "*.yml"), []string{"no scenario file matches"}},
		{"a bad glob", "[", []string{"syntax error in pattern"}},
		{"wrong files", filepath.Join(dir, "*.yaml"), []string{"a.yaml:4:1", "b.yaml:4:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				err, _ := recover().(error)
				if err == nil {
					t.Fatal("did not panic")
				}
				for _, want := range tt.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
				if p := (scenarios.Problems)(nil); tt.name == "wrong files" && !errors.As(err, &p) {
					t.Error("the problems cannot be taken out of the error")
				}
			}()
			DescribeScenarios(tt.glob, Options{})
		})
	}
}
