package reports

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at the change, then go test -update.\ngot:\n%s", name, got)
	}
}

func terminal(t *testing.T, r *Report, color bool, width int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := RenderTerminal(&out, r, color, width); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGolden(t *testing.T) {
	one, three := Build(fixture(t, 42)), Build(fixture(t, 42, 43, 44))
	document, err := one.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", document)
	golden(t, "summary.md", []byte(Markdown(one)))
	golden(t, "terminal-100.txt", terminal(t, one, false, 100))
	golden(t, "terminal-80.txt", terminal(t, one, false, 80))
	golden(t, "terminal-color.txt", terminal(t, one, true, 100))
	golden(t, "terminal-seeds.txt", terminal(t, three, false, 100))
	apart := Build(taken(t))
	golden(t, "terminal-ablation.txt", terminal(t, apart, false, 100))
	golden(t, "summary-ablation.md", []byte(Markdown(apart)))
}
