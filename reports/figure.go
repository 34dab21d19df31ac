package reports

import (
	"math"
	"strconv"
)

// place is a position across a figure, as SVG takes it: "42.1%".
type place string

func across(share float64) place {
	return place(strconv.FormatFloat(100*min(max(share, 0), 1), 'f', 2, 64) + "%")
}

// tick is a labelled position of an axis.
type tick struct {
	At    place
	Text  string
	Align string // start, middle or end
}

// mark is a value with its interval on an axis.
type mark struct {
	At, From, Width place
	HasInterval     bool
	Text            string // for those who point at it
}

// scale maps a value to its share of an axis.
type scale func(float64) float64

func (s scale) mark(v Value) mark {
	m := mark{At: across(s(v.Value)), Text: withInterval(v)}
	if v.HasInterval() {
		m.HasInterval, m.From = true, across(s(v.Low))
		m.Width = across(s(v.High) - s(v.Low))
	}
	return m
}

func (s scale) ticks(values []float64, unit string) []tick {
	var out []tick
	for _, x := range values {
		t := tick{across(s(x)), tickText(x, unit), "middle"}
		switch at := s(x); {
		case at < 0.04:
			t.Align = "start"
		case at > 0.96:
			t.Align = "end"
		}
		out = append(out, t)
	}
	return out
}

// ninesScale gives every factor of ten in the failures the same room, so that 99 %
// and 99.9 % stand as far apart as 90 % and 99 %. 100 % is at its end.
func ninesScale(values []Value) (scale, []float64) {
	worst, best := 1.0, 0.9
	for _, v := range values {
		for _, x := range []float64{v.Value, v.Low, v.High} {
			if known(x) {
				worst = min(worst, x)
			}
			if known(x) && x < 1 {
				best = max(best, x)
			}
		}
	}
	nines := func(x float64) float64 { return -math.Log10(max(1-x, 1e-9)) }
	from := max(nines(worst)-0.05, 0)
	last := math.Ceil(nines(best)+0.25) + 0.6
	s := func(x float64) float64 {
		if x >= 1 {
			return 1
		}
		return min((nines(x)-from)/(last-from), 0.97)
	}
	ticks := []float64{1}
	for _, x := range []float64{0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999} {
		if nines(x) >= from && nines(x) < last-0.55 {
			ticks = append(ticks, x)
		}
	}
	return s, ticks
}

// linearScale starts at 0 and ends at a round number.
func linearScale(values []Value) (scale, []float64) {
	top := 0.0
	for _, v := range values {
		for _, x := range []float64{v.Value, v.High} {
			if known(x) {
				top = max(top, x)
			}
		}
	}
	step := roundStep(top / 3)
	end := max(math.Ceil(top/step-1e-9), 1) * step
	var ticks []float64
	for i := 0; float64(i)*step <= end*1.0001; i++ {
		ticks = append(ticks, float64(i)*step)
	}
	return func(x float64) float64 { return x / end }, ticks
}

// roundStep is the next of 1, 2, 5, 10 … at or above x.
func roundStep(x float64) float64 {
	if x <= 0 || !known(x) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*0.9999 {
			return m * power
		}
	}
	return 10 * power
}

// logScale spans the decades from low to high, with ticks at 1, 2 and 5 times each.
func logScale(low, high float64) (scale, []float64) {
	s := func(x float64) float64 { return math.Log(x/low) / math.Log(high/low) }
	multiples := []float64{1, 2, 5}
	if high/low > 50 {
		multiples = []float64{1}
	}
	var ticks []float64
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, m := range multiples {
			if x := m * power; x >= low*0.999 && x <= high*1.001 {
				ticks = append(ticks, x)
			}
		}
	}
	return s, ticks
}

// tickText writes a round number with its unit.
func tickText(x float64, unit string) string {
	switch {
	case unit == "ratio":
		return strconv.FormatFloat(rounded(100*x), 'f', -1, 64) + " %"
	case unit == "s" && x != 0 && x < 0.9995:
		return strconv.FormatFloat(rounded(1000*x), 'f', -1, 64) + " ms"
	case unit == "s":
		return strconv.FormatFloat(rounded(x), 'f', -1, 64) + " s"
	case unit == "USD":
		return "$" + strconv.FormatFloat(rounded(x), 'f', -1, 64)
	}
	return plain(x)
}

// segment is a part of a stacked bar.
type segment struct {
	Kind        string // an outcome
	From, Width place
	Text        string
}

func (c *ConfigReport) outcomeBar() []segment {
	var out []segment
	from := 0.0
	for _, outcome := range outcomeNames {
		v := c.Metric("outcome_rate{outcome=" + outcome + "}")
		if !v.Known() || v.Value == 0 {
			continue
		}
		out = append(out, segment{outcome, across(from), across(v.Value), outcome + " " + withInterval(v)})
		from += v.Value
	}
	return out
}
