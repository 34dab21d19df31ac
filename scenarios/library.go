package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

//go:embed library/*.yaml data chaos.schema.json
var files embed.FS

// Library loads the built-in scenarios, sorted by name.
func Library() ([]*Scenario, error) {
	var all []*Scenario
	for _, name := range libraryNames() {
		s, err := openLibrary(name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// LibrarySource gives the file of a built-in scenario.
func LibrarySource(name string) ([]byte, error) {
	if !slices.Contains(libraryNames(), name) {
		return nil, fmt.Errorf("the library has no scenario %q%s", name, didYouMean(name, libraryNames()))
	}
	return files.ReadFile(libraryPath(name))
}

// Open loads a scenario by the path of its file or by its name in the library, with
// the variables of the environment. What ends in .yaml or .yml, or has a slash, is a
// path. The error is Problems if the file was read and is wrong.
func Open(ref string) (*Scenario, error) {
	if slices.Contains(libraryNames(), ref) {
		return openLibrary(ref)
	}
	data, err := os.ReadFile(ref)
	isPath := strings.ContainsAny(ref, `/\`) || slices.Contains([]string{".yaml", ".yml"}, path.Ext(ref))
	if errors.Is(err, fs.ErrNotExist) && !isPath {
		return nil, fmt.Errorf("opening %s: neither a file nor a scenario of the library%s", ref, didYouMean(ref, libraryNames()))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the scenario: %w", err)
	}
	return Load(ref, data, os.LookupEnv)
}

func openLibrary(name string) (*Scenario, error) {
	data, err := files.ReadFile(libraryPath(name))
	if err != nil {
		return nil, err
	}
	return Load(libraryPath(name), data, os.LookupEnv)
}

func libraryPath(name string) string { return "library/" + name + ".yaml" }

func libraryNames() []string {
	entries, err := files.ReadDir("library")
	if err != nil {
		panic("scenarios: the embedded library cannot be read: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}
