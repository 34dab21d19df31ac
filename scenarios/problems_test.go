package scenarios

import (
	"strings"
	"testing"
)

func TestExcerptOfALongLine(t *testing.T) {
	p := Problem{File: "f", Line: 3, Column: 301, Path: "a.b", Message: "no", width: 4,
		source: strings.Repeat("x", 300) + "here" + strings.Repeat("y", 300)}
	lines := strings.Split(p.String(), "\n")
	if len(lines) != 3 || lines[0] != "f:3:301: a.b: no" {
		t.Fatalf("got %q", lines)
	}
	if at := strings.Index(lines[2], "^~~~"); []rune(lines[1])[at] != 'h' || len([]rune(lines[1])) > 120 {
		t.Errorf("the caret is not under the value:\n%s\n%s", lines[1], lines[2])
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"retry", "retry", 0}, {"retyr", "retry", 1},
		{"retri", "retry", 1}, {"rety", "retry", 1}, {"rretry", "retry", 1}, {"kitten", "sitting", 3},
	} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%q and %q: %d and %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"breakr", `; did you mean "breaker"?`},
		{"RETRY", `; did you mean "retry"?`},
		{"quite-different", "; known: breaker, fallback, retry"},
	} {
		if got := didYouMean(c.word, []string{"retry", "breaker", "fallback"}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.word, got, c.want)
		}
	}
}
