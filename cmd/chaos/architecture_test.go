package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/agentchaos/chaos"

// mayImport is the package table of ARCHITECTURE.md: which of our packages each of
// our packages may import. A package that is not in it does not belong here.
var mayImport = map[string][]string{
	"cmd/chaos":              {"scenarios", "reports", "faults", "mockllm", "internal/network"}, // network for the mock to listen on
	"scenarios":              {"faults", "mockllm", "resilience", "resilience/sdkclient", "reports", "internal/*"},
	"scenarios/scenariotest": {"scenarios", "reports"},
	"faults":                 {"internal/*"},
	"mockllm":                {"internal/*"},
	"resilience":             {"internal/seed", "internal/dialect", "internal/exchange"}, // exchange for the kinds of events
	"resilience/otel":        {"resilience", "internal/seed"},
	"resilience/prom":        {"resilience"},
	"resilience/sdkclient":   {"resilience", "internal/seed", "internal/dialect"},
	"reports":                {},
	"internal/dialect":       {"internal/exchange"},
	"internal/exchange":      {},
	"internal/network":       {},
	"internal/seed":          {},
	"internal/virtual":       {},
}

// topLevel is all that may lie at the top of the tree.
var topLevel = []string{
	"cmd", "scenarios", "faults", "mockllm", "resilience", "reports", "internal", "docs", "examples",
	"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "ARCHITECTURE.md",
	"CONTRIBUTING.md", "chaos.schema.json", "Dockerfile", ".gitignore", ".ci",
}

func TestArchitecture(t *testing.T) {
	broken, err := breaches(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range broken {
		t.Error(b)
	}
}

func TestTopLevel(t *testing.T) {
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Skipf("SKIPPED: not a git checkout, so what lies at the top level cannot be told from what was left there: %v", err)
	}
	for _, s := range strays(strings.Fields(string(out))) {
		t.Error(s)
	}
}

// TestArchitectureCanFail proves each rule on a tree that breaks it, and that a tree
// which breaks none passes.
func TestArchitectureCanFail(t *testing.T) {
	const good = "// Package reports reports.\npackage reports\n"
	tests := []struct{ name, file, source, want string }{
		{"nothing", "reports/a.go", good, ""},
		{"forbidden import", "reports/a.go", good + `import _ "` + module + `/faults"`, "reports/a.go:3:8: reports may not import faults"},
		{"allowed import", "scenarios/a.go", "package scenarios\n" + `import _ "` + module + `/internal/seed"`, ""},
		{"import outside the table", "scenarios/a.go", "package scenarios\n" + `import _ "` + module + `/internal/seed/more"`, "scenarios may not import internal/seed/more"},
		{"unlisted package", "helpers/a.go", "package helpers\n", "helpers: this package is not in the table"},
		{"package at the top", "a.go", "package chaos\n", ".: this package is not in the table"},
		{"init", "reports/a.go", good + "func init() {}", "reports/a.go:3:1: init() is not allowed"},
		{"bare function", "reports/a.go", good + "func Do() {}", "reports/a.go:3:1: Do has no comment"},
		{"bare method", "reports/a.go", good + "// T is.\ntype T struct{}\nfunc (t *T) Do() {}", "T.Do has no comment"},
		{"bare method of a generic type", "reports/a.go", good + "// T is.\ntype T[P any] struct{}\nfunc (t *T[P]) Do() {}", "T.Do has no comment"},
		{"method of a hidden type", "reports/a.go", good + "type t struct{}\nfunc (t) Do() {}", ""},
		{"bare type", "reports/a.go", good + "type T struct{}", "T has no comment"},
		{"bare constant", "reports/a.go", good + "const C = 1", "C has no comment"},
		{"constant in a group with a comment", "reports/a.go", good + "// The numbers.\nconst (\n\tC = 1\n\tD = 2\n)", ""},
		{"constant with a comment behind it", "reports/a.go", good + "const (\n\tC = 1 // one\n)", ""},
		{"variables one by one", "reports/a.go", good + "var (\n\t// V is.\n\tV = 1\n\tW = 2\n)", "W has no comment"},
		{"test files are free", "reports/a_test.go", good + `import _ "` + module + `/faults"` + "\nfunc init() {}\nfunc Do() {}", ""},
		{"testdata is no package", "reports/testdata/a.go", "package other\nfunc Do() {}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken, err := breaches(fstest.MapFS{tt.file: {Data: []byte(tt.source)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(broken, "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := strays([]string{"cmd/chaos/main.go", "README.md", "utils/a.go", "notes.txt"}); len(got) != 2 {
		t.Errorf("strays: got %q, want two", got)
	}
}

// TestLight: who imports the stack alone gets neither the telemetry nor the SDKs, which
// have packages of their own.
func TestLight(t *testing.T) {
	heavy := []string{"go.opentelemetry.io/", "github.com/prometheus/", "github.com/openai/", "github.com/anthropics/", "google.golang.org/"}
	for _, pkg := range []string{"resilience", "resilience/sdkclient", "resilience/prom", "resilience/otel"} {
		out, err := exec.Command("go", "list", "-deps", module+"/"+pkg).Output()
		if err != nil {
			t.Fatalf("list the dependencies of %s: %v", pkg, err)
		}
		found := slices.DeleteFunc(strings.Fields(string(out)), func(dep string) bool {
			return !slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(dep, h) })
		})
		if light := pkg == "resilience"; light != (len(found) == 0) {
			t.Errorf("%s imports %q", pkg, found)
		}
	}
}

// strays lists the top-level entries that do not belong there.
func strays(files []string) []string {
	var found []string
	for _, f := range files {
		top, _, _ := strings.Cut(f, "/")
		if !slices.Contains(topLevel, top) {
			found = append(found, fmt.Sprintf("%s does not belong at the top level", top))
		}
	}
	return slices.Compact(found)
}

// breaches parses every Go file of a tree that is no test and lists what breaks the
// rules, by position.
func breaches(tree fs.FS) ([]string, error) {
	var c checker
	c.set = token.NewFileSet()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if base != "." && (strings.HasPrefix(base, ".") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(c.set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		c.file(path.Dir(name), file)
		return nil
	})
	return slices.Compact(c.found), err
}

type checker struct {
	set   *token.FileSet
	found []string
}

func (c *checker) add(at token.Pos, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%s: %s", c.set.Position(at), fmt.Sprintf(format, args...)))
}

func (c *checker) file(pkg string, f *ast.File) {
	allowed, listed := mayImport[pkg]
	if !listed {
		c.found = append(c.found, pkg+": this package is not in the table")
	}
	for _, imp := range f.Imports {
		ours, ok := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module+"/")
		matches := func(pattern string) bool { ok, _ := path.Match(pattern, ours); return ok }
		if ok && !slices.ContainsFunc(allowed, matches) {
			c.add(imp.Pos(), "%s may not import %s", pkg, ours)
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			c.function(d)
		case *ast.GenDecl:
			c.group(d)
		}
	}
}

func (c *checker) function(d *ast.FuncDecl) {
	name, exported := d.Name.Name, d.Name.IsExported()
	if d.Recv == nil && name == "init" {
		c.add(d.Pos(), "init() is not allowed")
	}
	if d.Recv != nil {
		receiver := receiverName(d.Recv.List[0].Type)
		exported = exported && ast.IsExported(receiver)
		name = receiver + "." + name
	}
	if exported && d.Doc == nil {
		c.add(d.Pos(), "%s has no comment", name)
	}
}

// group checks types, constants and variables. A comment on a group of types or
// constants speaks for all of them.
func (c *checker) group(d *ast.GenDecl) {
	shared := d.Doc != nil && (d.Tok != token.VAR || !d.Lparen.IsValid())
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && !shared && s.Doc == nil && s.Comment == nil {
				c.add(s.Pos(), "%s has no comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && !shared && s.Doc == nil && s.Comment == nil {
					c.add(name.Pos(), "%s has no comment", name.Name)
				}
			}
		}
	}
}

// receiverName is the name of a receiver's type, without pointer and type parameters.
func receiverName(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
