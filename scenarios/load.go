package scenarios

import (
	"path/filepath"
	"reflect"
)

// Load reads a scenario file; name is its path, for messages and for the files that
// it names. getenv, such as os.LookupEnv, gives the variables for ${VAR}. The error
// is Problems: everything that is wrong with the file.
func Load(name string, data []byte, getenv func(string) (string, bool)) (*Scenario, error) {
	d := newDocument(name, data)
	s := new(Scenario)
	if root := parse(d, data); root != nil {
		dec := &decoder{document: d, getenv: getenv}
		dec.value(root, reflect.ValueOf(s).Elem(), "")
		c := &checker{document: d, s: s, dir: filepath.Dir(name)}
		c.check()
		s.warnings = c.warnings
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return s, nil
}
