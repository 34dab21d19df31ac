package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agentchaos/chaos/faults"
	"github.com/agentchaos/chaos/internal/seed"
)

// decoder turns nodes into structs by reflection over their yaml tags. It goes on
// after a mistake, so that one pass finds them all. A struct with SetDefaults gets
// its defaults, and one with Validate checks itself, once its keys are decoded.
type decoder struct {
	*document
	getenv func(string) (string, bool)
}

// Types that are decoded by what they mean instead of by their kind.
var (
	durationType = reflect.TypeFor[time.Duration]()
	latencyType  = reflect.TypeFor[seed.Latency]()
	countType    = reflect.TypeFor[seed.Count]()
	faultType    = reflect.TypeFor[faults.Spec]()
)

func (d *decoder) value(n *node, v reflect.Value, tag reflect.StructTag) {
	t := v.Type()
	switch {
	case n.kind == null:
		d.add(n.at, n.path, "has no value; leave the key out, or write {} for all defaults")
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), tag)
	case n.kind == scalar && (t == latencyType || t == countType):
		d.scalar(n, v.FieldByName("P50"), tag)
		v.FieldByName("P99").Set(v.FieldByName("P50"))
	case t == faultType:
		d.fault(n, v)
	case t.Kind() == reflect.Struct:
		before := len(d.problems)
		fields := fieldsOf(v)
		seen := d.fields(n, fields)
		d.settle(n, v, seen, len(d.problems) == before)
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
		for _, e := range d.entries(n) {
			item := reflect.New(t.Elem()).Elem()
			d.value(e.value, item, "")
			v.SetMapIndex(reflect.ValueOf(e.key), item)
		}
	case t.Kind() == reflect.Slice && keyField(t.Elem()) != nil:
		entries := d.entries(n)
		v.Set(reflect.MakeSlice(t, len(entries), len(entries)))
		for i, e := range entries {
			v.Index(i).FieldByIndex(keyField(t.Elem())).SetString(e.key)
			d.value(e.value, v.Index(i), "")
		}
	case t.Kind() == reflect.Slice:
		d.list(n, v)
	default:
		d.scalar(n, v, tag)
	}
}

// entries lists the keys of n, which must be a mapping.
func (d *decoder) entries(n *node) []entry {
	if n.kind != mapping {
		d.add(n.at, n.path, fmt.Sprintf("must be a mapping of keys to values, not %v", n))
	}
	return n.entries
}

func (d *decoder) list(n *node, v reflect.Value) {
	if n.kind != list {
		d.add(n.at, n.path, fmt.Sprintf("must be a list, not %v", n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.value(item, v.Index(i), "")
	}
}

// fields decodes the keys of a mapping into fields and reports unknown and missing
// ones.
func (d *decoder) fields(n *node, fields []field) (seen map[string]bool) {
	seen = map[string]bool{}
	for _, e := range d.entries(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			d.add(e.at, n.path, fmt.Sprintf("unknown key %q%s", e.key, didYouMean(e.key, keys(fields))))
			continue
		}
		seen[e.key] = true
		d.value(e.value, fields[i].value, fields[i].tag)
	}
	for _, f := range fields {
		if n.kind == mapping && !seen[f.key] && slices.Contains(rules(f.tag), "required") {
			d.add(n.at, n.path, fmt.Sprintf("the key %q is missing", f.key))
		}
	}
	return seen
}

// settle fills v's defaults and, if its keys were fine, lets v check itself. A zero
// in the file that the defaults replace is a mistake: it would not mean zero.
func (d *decoder) settle(n *node, v reflect.Value, seen map[string]bool, fine bool) {
	zeros := slices.DeleteFunc(fieldsOf(v), func(f field) bool { return !seen[f.key] || !f.value.IsZero() })
	if c, ok := v.Addr().Interface().(interface{ SetDefaults() }); ok {
		c.SetDefaults()
	}
	if !fine {
		return
	}
	for _, f := range zeros {
		if !f.value.IsZero() {
			d.report(join(n.path, f.key), "cannot be zero, which would mean the default")
		}
	}
	if c, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
		d.invalid(n.path, c.Validate())
	}
}

// fault decodes a fault, whose further keys depend on its type.
func (d *decoder) fault(n *node, v reflect.Value) {
	before := len(d.problems)
	spec := v.Addr().Interface().(*faults.Spec)
	fields := fieldsOf(v)
	params, known := d.params(n, spec)
	if !known {
		return
	}
	if params.IsValid() {
		fields = append(fields, fieldsOf(params)...)
	}
	seen := d.fields(n, fields)
	fine := len(d.problems) == before
	if params.IsValid() {
		d.settle(n, params, seen, fine)
	}
	d.settle(n, v, seen, fine)
}

// params makes the parameters that the type of the fault in n takes. It reports a
// type that is missing or unknown: then nothing can be said about the other keys.
func (d *decoder) params(n *node, spec *faults.Spec) (params reflect.Value, known bool) {
	i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == "type" && e.value.kind == scalar })
	if i < 0 {
		if n.kind == mapping {
			d.add(n.at, n.path, `the key "type" is missing`)
			return params, false
		}
		return params, true
	}
	e := n.entries[i]
	kind, err := interpolate(e.value.text, d.getenv)
	if err != nil {
		return params, true
	}
	if spec.Params, known = faults.NewParams(kind); !known {
		d.add(e.value.at, e.value.path, fmt.Sprintf("unknown fault %q%s", e.value.text, didYouMean(kind, faultKinds())))
		return params, false
	}
	if p := reflect.ValueOf(spec.Params); p.Kind() == reflect.Pointer && !p.IsNil() {
		params = p.Elem()
	}
	return params, true
}

// scalar decodes a text, number, boolean or duration.
func (d *decoder) scalar(n *node, v reflect.Value, tag reflect.StructTag) {
	if n.kind != scalar {
		d.add(n.at, n.path, fmt.Sprintf("must be %s, not %v", wanted(v), n))
		return
	}
	text, err := interpolate(n.text, d.getenv)
	if err == nil {
		err = setScalar(v, text, tag, n.quoted && text == n.text)
	}
	if err == nil {
		err = obey(v, tag)
	}
	if err != nil {
		// Show the text of the file: what a variable holds is not for every eye.
		d.add(n.at, n.path, strings.ReplaceAll(err.Error(), strconv.Quote(text), strconv.Quote(n.text)))
	}
}

func setScalar(v reflect.Value, text string, tag reflect.StructTag, quoted bool) error {
	switch {
	case v.Type() == durationType:
		x, err := parseDuration(text)
		v.SetInt(int64(x))
		return err
	case v.Kind() == reflect.String:
		v.SetString(text)
		return nil
	case v.CanFloat():
		x, err := parseNumber(text, unitOf(tag))
		v.SetFloat(x)
		return err
	case v.Kind() == reflect.Bool && !quoted && (text == "true" || text == "false"):
		v.SetBool(text == "true")
		return nil
	case v.CanInt() && !quoted:
		if x, err := strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(x)
			return nil
		}
	case v.CanUint() && !quoted:
		if x, err := strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(x)
			return nil
		}
	}
	return fmt.Errorf("must be %s, not %q", wanted(v), text)
}
