package scenarios

import "testing"

func TestInterpolate(t *testing.T) {
	getenv := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "alpha", "EMPTY": "", "TRICK": "${A}"}[name]
		return v, ok
	}
	for _, c := range []struct{ in, want, problem string }{
		{"plain", "plain", ""},
		{"${A}", "alpha", ""},
		{"x${A}y${A}", "xalphayalpha", ""},
		{"${EMPTY}", "", ""},
		{"${EMPTY:-d}", "d", ""},
		{"${UNSET:-}", "", ""},
		{"${UNSET:-a:b-c}", "a:b-c", ""},
		{"${A:-d}", "alpha", ""},
		{"${A:?needed}", "alpha", ""},
		{"${TRICK}", "${A}", ""},
		{"$$", "$", ""},
		{"$${A}", "${A}", ""},
		{"$$${A}", "$alpha", ""},
		{"$A costs $5 or 5$", "$A costs $5 or 5$", ""},
		{"${UNSET}", "", "the environment variable UNSET is not set; ${UNSET:-default} would give it a default"},
		{"${UNSET:?say it}", "", "the environment variable UNSET is needed: say it"},
		{"${EMPTY:?say it}", "", "the environment variable EMPTY is needed: say it"},
		{"${UNSET:-${A}}", "", "${UNSET:-${A}} nests variables, which is not possible"},
		{"${A", "", "${ is never closed; a dollar of its own is written $$"},
		{"${}", "", "${} does not begin with the name of a variable"},
		{"${1A}", "", "${1A} does not begin with the name of a variable"},
		{"${A:+x}", "", "${A:+x} is not ${A}, ${A:-default} or ${A:?message}"},
		{"${A:}", "", "${A:} is not ${A}, ${A:-default} or ${A:?message}"},
	} {
		got, err := interpolate(c.in, getenv)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if got != c.want || problem != c.problem {
			t.Errorf("%s: got %q, %q, want %q, %q", c.in, got, problem, c.want, c.problem)
		}
	}
}
