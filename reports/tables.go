package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// grid writes a table: the first column to the left, the others to the right, those
// named in left to the left. Columns at its end that the terminal has no room for are
// left out.
func (s *screen) grid(header []string, rows [][]string, left ...int) {
	for len(header) > 1 && gridWidth(header, rows) > s.width {
		header = header[:len(header)-1]
		for i := range rows {
			rows[i] = rows[i][:len(header)]
		}
	}
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateColumns: false, SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "  ", ""
	t.SetStyle(style)
	var columns []table.ColumnConfig
	head := table.Row{}
	for i, name := range header {
		head = append(head, s.paint(dim, name))
		align := text.AlignRight
		if i == 0 {
			align = text.AlignLeft
		}
		for _, j := range left {
			if i == j {
				align = text.AlignLeft
			}
		}
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
	}
	t.SetColumnConfigs(columns)
	t.AppendHeader(head)
	for _, cells := range rows {
		row := table.Row{}
		for _, cell := range cells {
			row = append(row, cell)
		}
		t.AppendRow(row)
	}
	for line := range strings.SplitSeq(t.Render(), "\n") {
		if strings.Trim(line, "─") == "" && len(line) > 6 {
			line = "  " + s.paint(dim, line[len("──"):])
		}
		s.line(line)
	}
}

// gridWidth is how wide a table comes out.
func gridWidth(header []string, rows [][]string) int {
	total := 0
	for i, name := range header {
		widest := utf8.RuneCountInString(name)
		for _, cells := range rows {
			widest = max(widest, text.StringWidthWithoutEscSequences(cells[i]))
		}
		total += 2 + widest
	}
	return total
}

// nameRoom is how many columns the name of a config may take.
func (s *screen) nameRoom() int { return 14 + min(4, max(0, (s.width-80)/5)) }

// outcomes shows what the users got.
func (s *screen) outcomes(r *Report) {
	header := []string{"config", "effective", "reliability", "answered", "fallback", "degraded", "failed"}
	note := "share of agent requests, 95 % interval"
	bar := min(24, s.width-78)
	left := []int{2}
	if bar >= 8 {
		header = append(header, "")
		left = append(left, 7)
		note += "; █ ok ▓ fallback ▒ degraded ░ failed"
	}
	s.title("What users got", note)
	var rows [][]string
	for i := range r.Configs {
		c := &r.Configs[i]
		v := c.reliability()
		bounds := interval(v)
		if bounds != "" {
			bounds = "(" + bounds + ")"
		}
		row := []string{clip(c.Name, s.nameRoom()), s.paint(bold, amount(v.Value, "ratio")), s.paint(dim, bounds)}
		row = append(row, c.show("answered_rate"))
		for _, outcome := range outcomeNames[Fallback:] {
			row = append(row, c.show("outcome_rate{outcome="+outcome+"}"))
		}
		if bar >= 8 {
			row = append(row, s.bar(c, bar))
		}
		rows = append(rows, row)
	}
	s.grid(header, rows, left...)
	for i := range r.Configs {
		if why := r.Configs[i].failures(); why != "" {
			s.text(dim, "  ", "  ", why)
		}
	}
	s.notes(r)
}

// bar draws the outcomes as one bar; every outcome that occurred has at least one
// cell, so that a rare failure shows.
func (s *screen) bar(c *ConfigReport, width int) string {
	glyphs := [...]sign{{"█", green}, {"▓", blue}, {"▒", yellow}, {"░", red}}
	cells := make([]int, len(outcomeNames))
	used, widest := 0, 0
	for i, outcome := range outcomeNames {
		v := c.Metric("outcome_rate{outcome=" + outcome + "}")
		if !v.Known() {
			return ""
		}
		cells[i] = int(math.Round(v.Value * float64(width)))
		if v.Value > 0 && cells[i] == 0 {
			cells[i] = 1
		}
		used += cells[i]
		if cells[i] > cells[widest] {
			widest = i
		}
	}
	cells[widest] = max(0, cells[widest]+width-used)
	var bar strings.Builder
	for i, n := range cells {
		bar.WriteString(s.paint(glyphs[i].color, strings.Repeat(glyphs[i].mark, n)))
	}
	return bar.String()
}

// failures says by which errors agent requests failed; "" if none did.
func (c *ConfigReport) failures() string {
	type part struct {
		class string
		share float64
	}
	var parts []part
	for name, v := range c.Metrics {
		if class, ok := strings.CutPrefix(name, "error_rate{of=request,type="); ok && v.Value > 0 {
			parts = append(parts, part{strings.TrimSuffix(class, "}"), v.Value})
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.class, b.class))
	})
	var words []string
	for i, p := range parts {
		if i == 4 {
			words = append(words, "…")
			break
		}
		words = append(words, p.class+" "+percent(p.share))
	}
	if v := c.Metric("false_success_rate"); v.Value > 0 {
		words = append(words, "believed broken answers "+percent(v.Value))
	}
	if len(words) == 0 {
		return ""
	}
	return c.Name + " failed by " + strings.Join(words, ", ")
}

// notes says what readers must know about the intervals.
func (s *screen) notes(r *Report) {
	for i := range r.Configs {
		v := r.Configs[i].reliability()
		switch {
		case v.How == methodExact && v.Seeds == 1:
			s.text(dim, "  ", "  ", "One seed: the intervals hold for this timetable of faults only; repeat: 10 tells more.")
			return
		case known(v.DesignEffect) && v.DesignEffect > 2:
			s.text(dim, "  ", "  ", fmt.Sprintf("Failures of %s come in bursts (design effect %s): the intervals are over seeds, not over requests.", r.Configs[i].Name, plain(v.DesignEffect)))
			return
		}
	}
}

// costs shows the latency and the work behind the answers.
func (s *screen) costs(r *Report) {
	s.title("What it cost", "latency counts from the scheduled arrival")
	header := []string{"config", "p50", "p95", "p99", "tries/call", "on fallback", "breaker", "good/s"}
	wide := s.width >= 96
	if wide {
		header = append(header, "wasted tokens")
	}
	var rows [][]string
	short := false
	for i := range r.Configs {
		c := &r.Configs[i]
		row := []string{clip(c.Name, s.nameRoom())}
		for _, p := range []string{"p50", "p95", "p99"} {
			cell := c.show("latency." + p + "{op=agent_request}")
			short = short || strings.HasSuffix(cell, "!")
			row = append(row, cell)
		}
		row = append(row, c.show("retry_amplification"), c.show("fallback_rate"), c.breakerText(), plain(c.Metric("goodput").Value))
		if wide {
			row = append(row, c.show("wasted_tokens"))
		}
		rows = append(rows, row)
	}
	s.grid(header, rows)
	note := "On fallback: share of calls. Breaker: times opened/half-opened/closed, per run."
	if short {
		note += " !: n too small for this percentile."
	}
	s.text(dim, "  ", "  ", note)
	if line := r.costLine(); line != "" {
		s.text("", "  ", "  ", line)
	}
}

// breakerText writes openings, half-openings and closings, per run.
func (c *ConfigReport) breakerText() string {
	opened := c.Metric("breaker_transitions{to=open}")
	if !opened.Known() || opened.Value == 0 {
		return "–"
	}
	return fmt.Sprintf("%s/%s/%s", plain(opened.Value), plain(c.Metric("breaker_transitions{to=half-open}").Value), plain(c.Metric("breaker_transitions{to=closed}").Value))
}

// faults shows how often each fault fired in each config, in as many tables as the
// configs need.
func (s *screen) faults(r *Report) {
	if len(r.Windows) == 0 {
		return
	}
	s.title("Faults", "times fired, over all seeds")
	for next := 0; next < len(r.Configs); {
		header, rows := faultColumns(r)
		first := next
		for ; next < len(r.Configs); next++ {
			wider := append(slices.Clone(header), clip(r.Configs[next].Name, s.nameRoom()))
			for i, w := range r.Windows {
				cell := r.fired(w.Name, r.Configs[next].Name)
				if cell == "0" {
					cell = s.paint(yellow, cell)
				}
				rows[i] = append(rows[i], cell)
			}
			if next > first && gridWidth(wider, rows) > s.width {
				break
			}
			header = wider
		}
		for i := range rows {
			rows[i] = rows[i][:len(header)]
		}
		s.grid(header, rows, 1)
	}
}

// faultColumns gives the columns that do not depend on a config.
func faultColumns(r *Report) (header []string, rows [][]string) {
	for _, w := range r.Windows {
		rows = append(rows, []string{clip(w.Name, 16), clip(strings.TrimSpace(w.Type+" on "+w.Target), 28), fmt.Sprintf("%s–%s s", plain(w.From), plain(w.To))})
	}
	return []string{"fault", "what", "when"}, rows
}

func (r *Report) fired(fault, config string) string {
	n, found := 0, false
	for _, f := range r.Faults {
		if f.Name == fault && f.Config == config {
			n, found = n+f.Fired, true
		}
	}
	if !found {
		return "–"
	}
	return fmt.Sprint(n)
}

// clip shortens a text to so many columns, at least 3, keeping both of its ends:
// names often differ in the last of them.
func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	head := width / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(width-head-1):])
}
