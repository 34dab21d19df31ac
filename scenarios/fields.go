package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one key of a struct.
type field struct {
	key   string
	value reflect.Value
	tag   reflect.StructTag
}

// fieldsOf lists the fields of a struct that have a key of their own, those of
// inlined structs included.
func fieldsOf(v reflect.Value) []field {
	var all []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			all = append(all, fieldsOf(v.Field(i))...)
		case key != "" && key != "-":
			all = append(all, field{key, v.Field(i), f.Tag})
		}
	}
	return all
}

func keys(fields []field) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.key)
	}
	return all
}

// keyField is the index of the field that holds the key of an element of an
// ordered mapping, tagged `yaml:",key"`; nil if t is no such element.
func keyField(t reflect.Type) []int {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == ",key" {
			return f.Index
		}
	}
	return nil
}

// rules are the parts of a jsonschema tag: required, enum=a, minimum=0.
func rules(tag reflect.StructTag) []string { return strings.Split(tag.Get("jsonschema"), ",") }

// obey holds a decoded value to the rules of its field's jsonschema tag.
func obey(v reflect.Value, tag reflect.StructTag) error {
	var words []string
	for _, rule := range rules(tag) {
		name, arg, _ := strings.Cut(rule, "=")
		if name == "enum" {
			words = append(words, arg)
			continue
		}
		bound, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			continue
		}
		x, numeric := number(v)
		switch {
		case !numeric:
		case name == "minimum" && x < bound:
			return fmt.Errorf("must be at least %s", arg)
		case name == "maximum" && x > bound:
			return fmt.Errorf("must be at most %s", arg)
		case name == "exclusiveMinimum" && x <= bound:
			return fmt.Errorf("must be above %s", arg)
		}
	}
	switch {
	case words == nil || v.Kind() != reflect.String || slices.Contains(words, v.String()):
		return nil
	case len(words) == 1:
		return fmt.Errorf("must be %s, not %q", words[0], v)
	}
	return fmt.Errorf("must be one of %s, not %q", strings.Join(words, ", "), v)
}

func number(v reflect.Value) (x float64, ok bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

// unitOf is rate for numbers per time, ratio for shares of one, "" for others.
func unitOf(tag reflect.StructTag) string {
	if unit := tag.Get("unit"); unit != "" {
		return unit
	}
	if slices.Contains(rules(tag), "maximum=1") {
		return "ratio"
	}
	return ""
}

// perTime are the units of time that a rate may be given in.
var perTime = map[string]float64{"s": 1, "m": 60, "min": 60, "h": 3600}

// parseNumber reads a number: a rate such as 10/s or 600/m gives numbers per second,
// anything else may be written as a share, 5%.
func parseNumber(text, unit string) (float64, error) {
	digits, per, isRate := strings.Cut(text, "/")
	percent := strings.HasSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(digits, "%")), 64)
	bad := err != nil || math.IsInf(x, 0) || math.IsNaN(x)
	if unit == "rate" {
		divisor := perTime[strings.TrimSpace(per)]
		switch {
		case bad || percent || isRate && divisor == 0:
			return 0, fmt.Errorf("must be a rate such as 10/s or 600/m, not %q", text)
		case !isRate:
			return 0, fmt.Errorf("%q needs a unit of time, such as %s/s", text, text)
		}
		return x / divisor, nil
	}
	switch {
	case (bad || isRate) && unit == "ratio":
		return 0, fmt.Errorf("must be a share such as 5%% or 0.05, not %q", text)
	case bad || isRate:
		return 0, fmt.Errorf("must be a number, not %q", text)
	case percent:
		return x / 100, nil
	}
	return x, nil
}

// parseDuration reads 250ms or 1m30s; only zero may stand without a unit.
func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%q needs a unit, such as %ss or %sms", text, text, text)
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("must be a duration such as 250ms or 1m30s, not %q", text)
	case d < 0:
		return 0, fmt.Errorf("must not be negative, as %q is", text)
	}
	return d, nil
}

// wanted names the kind of scalar that v holds.
func wanted(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return "a duration such as 250ms"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt() || v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	}
	return "a text"
}
