package scenarios

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agentchaos/chaos/faults"
)

// MarshalJSON gives the scenario as a JSON document with the keys and values of a
// scenario file, defaults filled in. JSON is YAML: Load reads it back as an equal
// Scenario, so long as the files that it names are found.
func (s *Scenario) MarshalJSON() ([]byte, error) {
	return json.Marshal(encode(reflect.ValueOf(s).Elem(), ""))
}

// pair is one key of a JSON object; its value is what encode gives.
type pair struct {
	key   string
	value any
}

// object is a JSON object that keeps its order.
type object []pair

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i, p := range o {
		b.WriteByte("{,"[min(i, 1)])
		if err := e.Encode(p.key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(p.value); err != nil {
			return nil, err
		}
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode gives the JSON form of a value as the decoder reads it.
func encode(v reflect.Value, tag reflect.StructTag) any {
	t := v.Type()
	switch {
	case t == durationType:
		return durationText(time.Duration(v.Int()))
	case unitOf(tag) == "rate":
		return fmt.Sprint(v, "/s")
	case t.Kind() == reflect.String:
		return strings.ReplaceAll(v.String(), "$", "$$")
	case t.Kind() == reflect.Pointer:
		return encode(v.Elem(), tag)
	case t == faultType:
		return encodeFault(v)
	case t.Kind() == reflect.Struct:
		return encodeFields(v)
	case t.Kind() == reflect.Map:
		o := object{}
		for it := v.MapRange(); it.Next(); {
			o = append(o, pair{it.Key().String(), encode(it.Value(), "")})
		}
		slices.SortFunc(o, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
		return o
	case t.Kind() == reflect.Slice && keyField(t.Elem()) != nil:
		o := object{}
		for _, item := range v.Seq2() {
			o = append(o, pair{item.FieldByIndex(keyField(t.Elem())).String(), encode(item, "")})
		}
		return o
	case t.Kind() == reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = encode(v.Index(i), "")
		}
		return all
	}
	return v.Interface()
}

// encodeFields gives the fields of a struct that are not zero.
func encodeFields(v reflect.Value) object {
	o := object{}
	for _, f := range fieldsOf(v) {
		if !f.value.IsZero() {
			o = append(o, pair{f.key, encode(f.value, f.tag)})
		}
	}
	return o
}

// encodeFault puts a fault's parameters beside its other keys, those that are zero
// by default and by choice left out.
func encodeFault(v reflect.Value) object {
	o := encodeFields(v)
	spec := v.Interface().(faults.Spec)
	params := reflect.ValueOf(spec.Params)
	if params.Kind() != reflect.Pointer || params.IsNil() {
		return o
	}
	standard, _ := faults.NewParams(spec.Type)
	defaults := fieldsOf(reflect.ValueOf(standard).Elem())
	for i, f := range fieldsOf(params.Elem()) {
		if !f.value.IsZero() || !defaults[i].value.IsZero() {
			o = append(o, pair{f.key, encode(f.value, f.tag)})
		}
	}
	return o
}

// durationText is d as one writes it: 2m, not 2m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}
