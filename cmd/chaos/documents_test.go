package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/agentchaos/chaos/scenarios"
)

// TestScenariosInTheDocuments: what README.md and examples/ show is valid.
func TestScenariosInTheDocuments(t *testing.T) {
	sources := map[string][]byte{}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no scenario")
	}
	for _, b := range blocks {
		sources["README.md"] = b[1]
	}
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no example found: %v", err)
	}
	for _, file := range examples {
		if sources[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	unset := func(string) (string, bool) { return "", false }
	for name, source := range sources {
		s, err := scenarios.Load(name, source, unset)
		if err != nil {
			t.Error(err)
		} else if w := s.Warnings(); len(w) > 0 {
			t.Errorf("%s: %q", name, w)
		}
	}
}
