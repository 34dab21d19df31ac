package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a scenario file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 if the file as a whole is meant
	Path         string // of the value: faults[0].on.provider; "" for the document
	Message      string

	source string // the text of the line
	width  int    // how many characters of it are meant
}

// Problems are all mistakes of a scenario file in the order of the file; as an
// error it prints each with its position and an excerpt.
type Problems []Problem

// problemsShown is how many problems one error prints.
const problemsShown = 20

// Error prints file:line:column: path: message and the line with a caret under it,
// for at most 20 problems.
func (p Problems) Error() string {
	var b strings.Builder
	for i, one := range p {
		if i > 0 {
			b.WriteString("\n")
		}
		if i == problemsShown {
			fmt.Fprintf(&b, "and %d more", len(p)-i)
			break
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// String prints the problem as it stands in Problems.Error, without a final newline.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File + ":")
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(" " + p.Path + ":")
	}
	b.WriteString(" " + p.Message)
	if p.Line > 0 && strings.TrimSpace(p.source) != "" {
		b.WriteString(p.excerpt())
	}
	return b.String()
}

// excerptWidth is how many characters of a line are shown.
const excerptWidth = 100

func (p Problem) excerpt() string {
	line := []rune(p.source)
	at := min(max(p.Column-1, 0), len(line))
	from, before := 0, ""
	if at > excerptWidth*3/4 {
		from, before = at-excerptWidth/2, "…"
	}
	to, after := len(line), ""
	if to > from+excerptWidth {
		to, after = from+excerptWidth, "…"
	}
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before+string(line[from:at]))
	underline := "^" + strings.Repeat("~", max(min(p.width, to-at)-1, 0))
	number := fmt.Sprintf("%5d", p.Line)
	margin := strings.Repeat(" ", len(number))
	return fmt.Sprintf("\n%s | %s%s%s\n%s | %s%s", number, before, string(line[from:to]), after, margin, indent, underline)
}

// sorted gives the problems in the order of the file, each once.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(p)
}

// didYouMean gives "; did you mean …?" with the known word closest to word, or,
// where none is close, the list of all that are known.
func didYouMean(word string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	best, least := "", len(word)/3+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= least && k != word {
			best, least = k, d-1
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) == 0:
		return ""
	}
	return "; known: " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, delete, change or swap with their
// neighbour that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
