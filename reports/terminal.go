package reports

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// screen is where a report is drawn: width in columns, colours or none.
type screen struct {
	strings.Builder
	color bool
	width int
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

const (
	minWidth = 76
	maxWidth = 110 // longer lines do not read well
)

// RenderTerminal draws the report for a terminal of this many columns: verdict and
// expectations first, then what the users got, what it cost, the faults, the
// arithmetic, alerts and the course over time. Colours are used only if asked for.
func RenderTerminal(w io.Writer, r *Report, color bool, width int) error {
	s := &screen{color: color, width: min(max(width, minWidth), maxWidth)}
	s.head(r)
	s.expectations(r)
	if r.measured() {
		s.outcomes(r)
		s.costs(r)
		s.faults(r)
		s.arithmetic(r)
		s.falls(r)
		s.alerts(r)
		s.course(r)
	}
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (s *screen) paint(code, text string) string {
	if !s.color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line writes one line without spaces at its end.
func (s *screen) line(parts ...string) {
	s.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	s.WriteByte('\n')
}

// text writes a paragraph with its first line behind first and the others behind
// rest.
func (s *screen) text(code, first, rest, paragraph string) {
	for i, line := range wrap(paragraph, s.width-utf8.RuneCountInString(rest)) {
		lead := rest
		if i == 0 {
			lead = first
		}
		s.line(lead, s.paint(code, line))
	}
}

// title begins a part; the note goes beside it, or below if it is too long.
func (s *screen) title(title, note string) {
	s.line()
	if utf8.RuneCountInString(title)+2+utf8.RuneCountInString(note) <= s.width {
		s.line(s.paint(bold, title), "  ", s.paint(dim, note))
		return
	}
	s.line(s.paint(bold, title))
	s.text(dim, "  ", "  ", note)
}

// wrap breaks a text between words into lines of at most so many columns.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	for word := range strings.FieldsSeq(text) {
		used := utf8.RuneCountInString(line.String())
		if used > 0 && used+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		}
		if used > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
	return append(lines, line.String())
}

// sign is how a status or verdict looks.
type sign struct{ mark, color string }

var statusSigns = map[Status]sign{
	Passed: {"✓", green}, Failing: {"✗", red}, Inconclusive: {"?", yellow}, Interrupted: {"■", yellow}, Errored: {"✗", red},
}

func (s *screen) head(r *Report) {
	mark := statusSigns[r.Status]
	s.text(bold+";"+mark.color, s.paint(mark.color, mark.mark)+" ", "  ", r.Verdict())
	s.line()
	s.line("  ", s.paint(bold, r.Name))
	s.text(dim, "  ", "  ", r.facts())
	if r.Description != "" {
		s.text(dim, "  ", "  ", r.Description)
	}
	if len(r.Reasons) > 1 || r.Status == Interrupted && len(r.Reasons) > 0 {
		s.line()
		for _, reason := range r.Reasons {
			s.text(yellow, "  • ", "    ", reason)
		}
	}
}

// facts says what was run: configs, seeds, requests, time.
func (r *Report) facts() string {
	parts := []string{plural(len(r.Configs), "config")}
	for i := range r.Configs {
		if c := &r.Configs[i]; len(c.Runs) > 0 {
			parts = append(parts, plural(len(c.Runs), "seed"), fmt.Sprintf("%s a config", plural(c.reliability().N, "agent request")), plain(c.Runs[0].Duration)+" s")
			if c.Runs[0].Closed {
				parts = append(parts, "closed loop: latency excludes waiting users")
			}
			break
		}
	}
	if r.Clock != "" {
		parts = append(parts, r.Clock+" clock")
	}
	return strings.Join(parts, " · ")
}

func (s *screen) expectations(r *Report) {
	if len(r.Expectations) == 0 && r.SteadyState == nil {
		return
	}
	s.title("Expectations", "")
	all := r.Expectations
	if r.SteadyState != nil {
		all = append([]Judgement{*r.SteadyState}, all...)
	}
	config, metric, is := 0, 0, 0
	for i, j := range all {
		config = max(config, utf8.RuneCountInString(label(r, i, j)))
		metric = max(metric, utf8.RuneCountInString(j.Metric))
		is = max(is, utf8.RuneCountInString(j.Is))
	}
	beside := 4+config+2+metric+2+is+2+8+1+longestEvidence <= s.width
	for i, j := range all {
		control := i == 0 && r.SteadyState != nil
		mark, proof := markOf(j, control), evidence(j, control)
		below := ""
		if !beside {
			below, proof = proof, ""
		}
		s.line("  ", s.paint(mark.color, mark.mark), " ", pad(label(r, i, j), config), "  ", pad(j.Metric, metric), "  ",
			s.paint(dim, pad(j.Is, is)), "  ", s.paint(bold, pad(amount(j.Observed.Value, j.Observed.Unit), 8)), " ", s.paint(dim, proof))
		if below != "" && mark.color != green {
			s.line("    ", s.paint(dim, below))
		}
	}
}

// longestEvidence is what most intervals with a word behind them need.
const longestEvidence = 26

// markOf tells how a judgement is marked. The control run is short by design, so
// nothing is made of its being unresolved.
func markOf(j Judgement, control bool) sign {
	switch {
	case !j.Observed.Known():
		return sign{"?", yellow}
	case j.Verdict == Violated:
		return sign{"✗", red}
	case !j.Resolved && !control:
		return sign{"~", yellow}
	}
	return sign{"✓", green}
}

// label names whom a judgement is about; the control run comes first if there is one.
func label(r *Report, i int, j Judgement) string {
	if i == 0 && r.SteadyState != nil {
		return j.Config + ", no faults"
	}
	return j.Config
}

// evidence is the interval, or what is wrong with the number.
func evidence(j Judgement, control bool) string {
	text := interval(j.Observed)
	switch {
	case j.Resolved || control && text != "":
		return text
	case text == "":
		return j.Reason
	}
	return text + "  unresolved"
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func (s *screen) alerts(r *Report) {
	lines := r.alertLines()
	if len(lines) == 0 {
		return
	}
	const most = 8
	s.title("Alerts", "")
	for i, line := range lines {
		if i == most {
			s.line("  ", s.paint(dim, fmt.Sprintf("… and %d more in report.json", len(lines)-most)))
			break
		}
		s.text("", s.paint(yellow, "  ! "), "    ", line)
	}
}

// references names the config that the predictions are made of, and those that have
// one of their own.
func (a *Arithmetic) references(r *Report) string {
	text := a.Reference
	for i := range r.Configs {
		name := r.Configs[i].Name
		if g := a.Gaps[name]; g.Against == againstPredicted && g.Reference != a.Reference {
			text += fmt.Sprintf("; for %s, whose timeouts differ, in %s", name, g.Reference)
		}
	}
	return text
}

func (s *screen) arithmetic(r *Report) {
	a := r.Arithmetic
	if a == nil {
		return
	}
	s.title("Arithmetic", "")
	s.text("", "  ", "  ", fmt.Sprintf("%s at %s each: %s of the agent requests would succeed, without faults and without help.",
		plural(a.Calls, "call"), percent(a.PerCall), percent(a.Naive)))
	for i := range r.Configs {
		if g, ok := a.Gaps[r.Configs[i].Name]; ok {
			s.text("", "  • ", "    ", g.Explanation)
		}
	}
	if a.Reference != "" {
		s.text(dim, "  ", "  ", "Independent attempts: the product over the calls of 1 − q^k, q the failed share of first attempts at each primary target (measured in config "+a.references(r)+"), k the attempts a config allows.")
	}
}
