package scenarios

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// environment is what test files may read.
func environment(name string) (string, bool) {
	v, ok := map[string]string{"SECRET": "s3cret", "RATE": "20/s", "REPEAT": "3", "EMPTY": ""}[name]
	return v, ok
}

func TestBadFiles(t *testing.T) {
	bad, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(bad) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, file := range bad {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(filepath.Base(file), data, environment)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("loaded with the error %v", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

// golden compares got with a file, or writes the file with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func loadFile(t *testing.T, file string) *Scenario {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(file, data, environment)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestProblemsAreAllFoundInTheOrderOfTheFile(t *testing.T) {
	data, err := os.ReadFile("testdata/bad/three-mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load("f.yaml", data, environment)
	var got Problems
	if !errors.As(err, &got) || len(got) != 3 {
		t.Fatalf("want three problems, got %v", err)
	}
	for i, want := range []Problem{
		{Line: 5, Column: 19, Path: "workload.arrival.rate"},
		{Line: 16, Column: 33, Path: "faults[0].on.provider"},
		{Line: 20, Column: 13, Path: "configs.full.retry"},
	} {
		if got[i].Line != want.Line || got[i].Column != want.Column || got[i].Path != want.Path || got[i].File != "f.yaml" {
			t.Errorf("problem %d is at %d:%d %s, want %d:%d %s", i, got[i].Line, got[i].Column, got[i].Path, want.Line, want.Column, want.Path)
		}
	}
}

func TestVariablesAreNotShown(t *testing.T) {
	data, err := os.ReadFile("testdata/bad/variables.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load("f.yaml", data, environment)
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error shows what SECRET holds: %v", err)
	}
}

func TestDecodedForms(t *testing.T) {
	s := loadFile(t, "testdata/good/forms.yaml")
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"a variable in a number", s.Repeat, 3},
		{"a default of a variable", s.Name, "forms-default"},
		{"an escaped dollar", s.Description, "costs $5"},
		{"a rate from a variable", s.Workload.Arrival.Rate, 20.0},
		{"a bare zero duration", s.Workload.Warmup.String(), "0s"},
		{"a constant latency", s.Providers["openai"].Models["m"].TTFT.P99.String(), "150ms"},
		{"a constant count", s.Providers["openai"].Models["m"].Tokens.P99, 60.0},
		{"a per cent", s.Tools["b"].ErrorRate, 0.025},
		{"a merged key", s.Configs[1].Retry.MaxAttempts, 5},
		{"a merged key overridden", s.Configs[2].Retry.MaxAttempts, 2},
		{"a list of merges, the first wins", s.Configs[2].Retry.Jitter, "none"},
		{"an alias", s.Configs[1].Fallback[0], "openai/m"},
		{"an empty pattern's default", s.Configs[3].Retry.MaxAttempts, 3},
		{"a pattern left out", s.Configs[0].Retry == nil, true},
		{"the order of the file", s.Configs[0].Name + s.Configs[1].Name, "zulualpha"},
		{"an implementation's order", s.Tools["b"].Chain("b")[0].Name, "b"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestJSONLoadsBackEqual(t *testing.T) {
	for _, file := range goodFiles(t) {
		s := loadFile(t, file)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Load(file, text, environment)
		if err != nil {
			t.Errorf("%s: its JSON does not load: %v", file, err)
			continue
		}
		s.warnings, back.warnings = nil, nil // they carry positions
		if !reflect.DeepEqual(s, back) {
			t.Errorf("%s: came back as %s, was %s", file, must(json.Marshal(back)), text)
		}
		if err := compiled(t).Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: the schema rejects its JSON: %v", file, err)
		}
	}
}

func must(text []byte, err error) string { return string(text) }

func TestWarnings(t *testing.T) {
	s := loadFile(t, "testdata/good/warnings.yaml")
	golden(t, "testdata/good/warnings.txt", strings.Join(s.Warnings(), "\n")+"\n")
}

func TestLibrary(t *testing.T) {
	all, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if _, err := LibrarySource(s.Name); err != nil {
			t.Errorf("%s stands in a file of another name: %v", s.Name, err)
		}
		if len(s.Description) < 100 || len(s.Expect) == 0 {
			t.Errorf("%s does not say what it shows", s.Name)
		}
		if w := s.Warnings(); len(w) > 0 {
			t.Errorf("%s: %s", s.Name, strings.Join(w, "\n"))
		}
		if opened, err := Open(s.Name); err != nil || opened.Name != s.Name {
			t.Errorf("opening %s by its name: %v", s.Name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []struct{ ref, want string }{
		{"provider-outrage", `did you mean "provider-outage"?`},
		{"no/such.yaml", "reading the scenario"},
		{"testdata/bad/empty.yaml", "testdata/bad/empty.yaml:"},
		{"testdata/good/every-key.yaml", ""},
	} {
		_, err := Open(c.ref)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("opening %s: got the error %v, want %q", c.ref, err, c.want)
		}
	}
	if _, err := LibrarySource("five-cals"); err == nil || !strings.Contains(err.Error(), `"five-calls"`) {
		t.Errorf("the source of an unknown scenario: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, glob := range []string{"library/*.yaml", "testdata/*/*.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Load("testdata/good/f.yaml", data, environment)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 || problems.Error() == "" {
				t.Fatalf("an error without problems: %#v", err)
			}
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load("testdata/good/f.yaml", text, environment); err != nil {
			t.Fatalf("a good file's JSON does not load: %v\n%s", err, text)
		}
	})
}
