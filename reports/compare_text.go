package reports

import (
	"fmt"
	"io"
	"strings"
)

// verdictSigns are how the verdicts look.
var verdictSigns = map[string]sign{Better: {"▲", green}, Worse: {"▼", red}, Unresolved: {"~", dim}}

// Sentence says in one sentence what a pair came to.
func (c *Comparison) Sentence(p Pair) string {
	parts := map[string][]string{}
	for _, d := range p.Differences {
		text := strings.TrimSuffix(d.Metric, "{op=agent_request}")
		if d.Verdict != Unresolved {
			text += " " + changeWith(d.Difference)
		}
		parts[d.Verdict] = append(parts[d.Verdict], text)
	}
	text := fmt.Sprintf("%s against %s: ", c.Sides[p.To].Label, c.Sides[p.From].Label)
	if len(parts[Better])+len(parts[Worse]) == 0 {
		return text + "no difference is resolved."
	}
	var words []string
	for _, verdict := range []string{Better, Worse} {
		if len(parts[verdict]) > 0 {
			words = append(words, verdict+" by "+strings.Join(parts[verdict], ", "))
		}
	}
	return text + strings.Join(words, "; ") + "."
}

// cells gives the row of a difference: metric, both sides, difference, p, verdict.
func (c *Comparison) cells(p Pair, d MetricDifference) []string {
	from, to := c.Sides[p.From].Metrics[d.Metric], c.Sides[p.To].Metrics[d.Metric]
	return []string{d.Metric, amount(from.Value, from.Unit), amount(to.Value, to.Unit), changeWith(d.Difference), pText(d.Adjusted), d.Verdict}
}

func pText(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// hows says how the differences of a pair were judged, each way once.
func (p Pair) hows() string {
	var hows []string
	seen := map[string]bool{}
	for _, d := range p.Differences {
		text := d.Difference.How
		if text == methodPairedT || text == methodSignFlip {
			text += fmt.Sprintf(" over %s", plural(d.Difference.Seeds, "seed"))
		}
		if d.Difference.Note != "" {
			text += " (" + d.Difference.Note + ")"
		}
		if !seen[text] {
			seen[text] = true
			hows = append(hows, text)
		}
	}
	return strings.Join(hows, "; ")
}

const compareNote = "Differences with their 95 % intervals; p is adjusted by Holm for the number of pairs. A difference is called better or worse only if p is at most 0.05 and its interval excludes 0."

// RenderTerminal draws the comparison for a terminal of this many columns.
func (c *Comparison) RenderTerminal(w io.Writer, color bool, width int) error {
	s := &screen{color: color, width: min(max(width, minWidth), maxWidth)}
	for _, p := range c.Pairs {
		s.text(bold, "", "  ", c.Sentence(p))
	}
	for _, text := range c.Warnings {
		s.text(yellow, "  ! ", "    ", text)
	}
	for _, p := range c.Pairs {
		s.title(c.Sides[p.To].Label+" against "+c.Sides[p.From].Label, p.hows())
		var rows [][]string
		for _, d := range p.Differences {
			row := c.cells(p, d)
			mark := verdictSigns[d.Verdict]
			row[0] = strings.TrimSuffix(row[0], "{op=agent_request}")
			row[5] = s.paint(mark.color, mark.mark+" "+row[5])
			rows = append(rows, row)
		}
		s.grid([]string{"metric", "from", "to", "difference", "p", "verdict"}, rows, 5)
	}
	s.line()
	s.text(dim, "  ", "  ", compareNote)
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// Markdown writes the comparison as GitHub-flavoured Markdown.
func (c *Comparison) Markdown() string {
	m := &markdown{}
	m.printf("## Comparison\n\n")
	for _, p := range c.Pairs {
		m.printf("- **%s**\n", escape(c.Sentence(p)))
	}
	for _, text := range c.Warnings {
		m.printf("- ⚠ %s\n", escape(text))
	}
	for _, p := range c.Pairs {
		m.printf("\n### %s against %s\n\n%s.\n\n", escape(c.Sides[p.To].Label), escape(c.Sides[p.From].Label), escape(p.hows()))
		m.WriteString(row("metric", "from", "to", "difference", "p", "verdict") + rule(1, 5))
		for _, d := range p.Differences {
			cells := c.cells(p, d)
			cells[0] = "`" + cells[0] + "`"
			cells[4] = escape(cells[4])
			cells[5] = verdictSigns[d.Verdict].mark + " " + cells[5]
			if d.Verdict == Unresolved {
				cells[5] = d.Verdict
			}
			m.WriteString(row(cells...))
		}
	}
	m.printf("\n%s\n", compareNote)
	return m.String()
}
