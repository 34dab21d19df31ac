package reports

import "strings"

// change writes a difference with its sign: +6.6 points, −120 ms.
func change(x float64, unit string) string {
	if !known(x) {
		return "–"
	}
	text := amount(x, unit)
	if unit == "ratio" {
		text = points(x)
	}
	switch {
	case strings.HasPrefix(text, "-"):
		return "−" + text[1:]
	case x == 0:
		return text
	}
	return "+" + text
}

// changeInterval writes −0.4 to +1.2 points; "" if there is none.
func changeInterval(v Value) string {
	if !v.HasInterval() {
		return ""
	}
	low, high := change(v.Low, v.Unit), change(v.High, v.Unit)
	if number, unit, ok := strings.Cut(low, " "); ok && strings.HasSuffix(high, " "+unit) {
		low = number
	}
	return low + " to " + high
}

// changeWith writes +6.6 points (+5.1 to +8.0).
func changeWith(v Value) string {
	text, bounds := change(v.Value, v.Unit), changeInterval(v)
	if bounds == "" {
		return text
	}
	if _, unit, ok := strings.Cut(text, " "); ok {
		bounds = strings.TrimSuffix(bounds, " "+unit)
	}
	return text + " (" + bounds + ")"
}
