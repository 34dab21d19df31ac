package scenarios

import (
	"errors"
	"fmt"
	"strings"
)

// interpolate replaces, in one scalar of a file, ${VAR} by the variable's value,
// ${VAR:-default} by default where the variable is unset or empty, ${VAR:?message}
// likewise by an error, and $$ by a dollar. Any other dollar stands for itself.
func interpolate(s string, getenv func(string) (string, bool)) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			s = rest[1:]
		case strings.HasPrefix(rest, "{"):
			inner, after, closed := strings.Cut(rest[1:], "}")
			if !closed {
				return "", errors.New("${ is never closed; a dollar of its own is written $$")
			}
			value, err := expand(inner, getenv)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			s = after
		default:
			b.WriteByte('$')
			s = rest
		}
	}
}

// expand gives the value of what stands between ${ and }.
func expand(inner string, getenv func(string) (string, bool)) (string, error) {
	name, other, _ := strings.Cut(inner, ":")
	if !isVariable(name) {
		return "", fmt.Errorf("${%s} does not begin with the name of a variable", inner)
	}
	value, set := getenv(name)
	kind := ""
	if len(name) < len(inner) {
		if other == "" || other[0] != '-' && other[0] != '?' {
			return "", fmt.Errorf("${%s} is not ${%s}, ${%s:-default} or ${%s:?message}", inner, name, name, name)
		}
		if strings.Contains(other, "${") {
			return "", fmt.Errorf("${%s} nests variables, which is not possible", inner+"}")
		}
		kind, other = other[:1], other[1:]
	}
	switch {
	case set && (value != "" || kind == ""):
		return value, nil
	case kind == "-":
		return other, nil
	case kind == "?" && other != "":
		return "", fmt.Errorf("the environment variable %s is needed: %s", name, other)
	}
	return "", fmt.Errorf("the environment variable %s is not set; ${%s:-default} would give it a default", name, name)
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
