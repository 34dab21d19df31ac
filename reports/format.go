package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Every number is written as the document holds it, with six decimals, so that a
// report reads the same after it was stored.

// percent writes a ratio with as many decimals as keep failures visible near 100 %.
func percent(x float64) string {
	if !known(x) {
		return "–"
	}
	return percentDigits(x, decimals(x)) + " %"
}

func decimals(x float64) int {
	x = rounded(x)
	rest := min(x, 1-x)
	switch {
	case rest <= 0:
		return 0
	case rest < 0.0001:
		return 3
	case rest < 0.01:
		return 2
	}
	return 1
}

func percentDigits(x float64, digits int) string {
	return strconv.FormatFloat(100*rounded(x), 'f', digits, 64)
}

// withInterval writes 95.1 % (94.2–95.9 %).
func withInterval(v Value) string {
	if !v.HasInterval() {
		return amount(v.Value, v.Unit)
	}
	return amount(v.Value, v.Unit) + " (" + interval(v) + ")"
}

// interval writes 94.2–95.9 %; "" if there is none.
func interval(v Value) string {
	switch {
	case !v.HasInterval():
		return ""
	case v.Unit == "ratio":
		return percentDigits(v.Low, decimals(v.Low)) + "–" + percent(v.High)
	}
	low, high := amount(v.Low, v.Unit), amount(v.High, v.Unit)
	if number, unit, ok := strings.Cut(low, " "); ok && strings.HasSuffix(high, " "+unit) {
		low = number
	}
	return low + "–" + high
}

// points writes a difference of ratios in percentage points.
func points(x float64) string {
	digits := 1
	if math.Abs(x) < 0.01 {
		digits = 2
	}
	return strconv.FormatFloat(100*rounded(x), 'f', digits, 64) + " points"
}

// amount writes a number with its unit.
func amount(x float64, unit string) string {
	switch {
	case !known(x):
		return "–"
	case unit == "ratio":
		return percent(x)
	case unit == "s":
		return short(x)
	case unit == "1/s":
		return plain(x) + "/s"
	case unit == "USD":
		return dollars(x)
	}
	return plain(x)
}

// dollars writes US dollars with at least two decimals, and three digits that count
// where there are as many.
func dollars(x float64) string {
	x = rounded(x)
	sign, digits := "", 2
	if x < 0 {
		sign, x = "-", -x
	}
	if x > 0 && x < 1 {
		digits = min(2-int(math.Floor(math.Log10(x))), 6)
	}
	return sign + "$" + strconv.FormatFloat(x, 'f', digits, 64)
}

// plain writes a number with at most two decimals, a large one with fewer.
func plain(x float64) string {
	if !known(x) {
		return "–"
	}
	if math.Abs(x) >= 1000 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	digits := 2
	if math.Abs(x) >= 100 {
		digits = 1
	}
	text := strconv.FormatFloat(rounded(x), 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// short writes seconds in the unit that reads best: 850 ms, 1.28 s, 94 s.
func short(x float64) string {
	x = rounded(x)
	switch {
	case x == 0:
		return "0 s"
	case math.Abs(x) < 0.001:
		return fmt.Sprintf("%.2f ms", x*1000)
	case math.Abs(x) < 0.01:
		return fmt.Sprintf("%.1f ms", x*1000)
	case math.Abs(x) < 0.9995:
		return fmt.Sprintf("%.0f ms", x*1000)
	case math.Abs(x) < 10:
		return fmt.Sprintf("%.2f s", x)
	case math.Abs(x) < 100:
		return fmt.Sprintf("%.1f s", x)
	}
	return fmt.Sprintf("%.0f s", x)
}

func duration(d time.Duration) string { return short(d.Seconds()) }

// at writes an instant of the run.
func at(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) + " s" }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// plural writes 1 seed, 2 seeds.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
