package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOutputs(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name      string
		out       string
		scenarios []string
		want      []string
	}{
		{"default", "", []string{"a"}, []string{"chaos-out/a-20260102-120000"}},
		{"default, twice", "", []string{"a", "a"}, []string{"chaos-out/a-20260102-120000", "chaos-out/a-20260102-120000-2"}},
		{"named", "out", []string{"a"}, []string{"out"}},
		{"named, two", "out", []string{"a", "b"}, []string{"out/a", "out/b"}},
		{"named, twice", "out", []string{"a", "a"}, []string{"out/a", "out/a-2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			folders, err := outputs(tt.out, tt.scenarios, noon)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range folders {
				if f.path != filepath.FromSlash(tt.want[i]) {
					t.Errorf("folder %d is %s, want %s", i, f.path, tt.want[i])
				}
				if _, err := os.Stat(f.path); err != nil {
					t.Error(err)
				}
			}
			discard(folders)
			wantEntries(t, ".", 0)
		})
	}
}

func TestOutputsKeepWhatWasWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	folders, err := outputs("out", []string{"a", "b"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("out", "a", "report.json"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	discard(folders)
	wantEntries(t, "out", 1)
	wantEntries(t, filepath.Join("out", "a"), 1)
}

func TestOutputsAreAllOrNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("out", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("out", "b"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := outputs("out", []string{"a", "b"}, time.Now()); err == nil {
		t.Fatal("a file in the place of a folder was accepted")
	}
	wantEntries(t, "out", 1) // the file; out/a is gone again, out itself was there before
}

func wantEntries(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != want {
		t.Errorf("%s holds %d entries, want %d: %v", dir, len(entries), want, entries)
	}
}
