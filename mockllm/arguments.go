package mockllm

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/seed"
)

// maxSchemaDepth and maxExample (in bytes) bound the example of a schema that holds
// itself: what lies beyond is null.
const (
	maxSchemaDepth = 8
	maxExample     = 64 << 10
)

// exampleArguments returns a JSON object that fits the parameters of a tool: every
// required property (every property, if none is required), each of its type. It
// knows type, enum, const, default, properties, required, items, minItems, minimum,
// exclusiveMinimum, maximum, minLength, format, anyOf, oneOf, allOf and local $ref.
func exampleArguments(parameters json.RawMessage, draw *seed.Stream) []byte {
	if len(parameters) == 0 {
		return []byte("{}")
	}
	e := exampler{root: gjson.ParseBytes(parameters), draw: draw}
	return e.object(nil, e.resolve(e.root), 0)
}

// exampleJSON returns JSON that fits a schema; without one, an object with an answer.
func exampleJSON(schema json.RawMessage, draw *seed.Stream) []byte {
	e := exampler{root: gjson.ParseBytes(schema), draw: draw}
	if !e.root.IsObject() || len(e.root.Map()) == 0 {
		b := gjson.AppendJSONString([]byte(`{"answer":`), e.text(gjson.Result{}))
		return append(b, '}')
	}
	return e.value(nil, e.root, 0)
}

type exampler struct {
	root gjson.Result
	draw *seed.Stream
}

// value appends an example of a schema.
func (e *exampler) value(b []byte, schema gjson.Result, depth int) []byte {
	schema = e.resolve(schema)
	for _, fixed := range []string{"const", "enum.0", "default"} {
		if v := schema.Get(fixed); v.Exists() {
			return append(b, compact(v.Raw)...)
		}
	}
	kind := schema.Get("type")
	if kind.IsArray() {
		kind = kind.Get("0")
	}
	kind.Str = strings.ToLower(kind.Str) // Gemini writes OBJECT
	switch {
	case depth > maxSchemaDepth || len(b) > maxExample:
		return append(b, "null"...)
	case kind.Str == "object" || kind.Str == "" && schema.Get("properties").Exists():
		return e.object(b, schema, depth)
	case kind.Str == "array":
		return e.array(b, schema, depth)
	case kind.Str == "integer" || kind.Str == "number":
		return e.number(b, schema)
	case kind.Str == "boolean":
		return strconv.AppendBool(b, e.draw.Chance(0.5))
	case kind.Str == "null":
		return append(b, "null"...)
	}
	return gjson.AppendJSONString(b, e.text(schema))
}

// resolve follows local references and takes the first alternative.
func (e *exampler) resolve(schema gjson.Result) gjson.Result {
	for range maxSchemaDepth {
		if ref, ok := strings.CutPrefix(schema.Get("$ref").Str, "#/"); ok {
			schema = e.root
			for part := range strings.SplitSeq(ref, "/") {
				part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
				schema = schema.Get(gjson.Escape(part))
			}
			continue
		}
		next := schema
		for _, list := range []string{"anyOf.0", "oneOf.0", "allOf.0"} {
			if v := schema.Get(list); v.IsObject() && !schema.Get("type").Exists() {
				next = v
				break
			}
		}
		if next.Raw == schema.Raw {
			return schema
		}
		schema = next
	}
	return schema
}

func (e *exampler) object(b []byte, schema gjson.Result, depth int) []byte {
	properties, required := schema.Get("properties"), schema.Get("required").Array()
	b = append(b, '{')
	first := true
	add := func(name string, property gjson.Result) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(gjson.AppendJSONString(b, name), ':')
		b = e.value(b, property, depth+1)
	}
	for _, name := range required {
		add(name.String(), properties.Get(gjson.Escape(name.String())))
	}
	if len(required) == 0 && depth == 0 {
		properties.ForEach(func(name, property gjson.Result) bool {
			add(name.String(), property)
			return true
		})
	}
	return append(b, '}')
}

func (e *exampler) array(b []byte, schema gjson.Result, depth int) []byte {
	n := 1
	if v := schema.Get("minItems"); v.Exists() {
		n = min(max(int(v.Int()), 0), 100)
	}
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.value(b, schema.Get("items"), depth+1)
	}
	return append(b, ']')
}

// number appends a whole number, which fits both integer and number, near the lower
// bound.
func (e *exampler) number(b []byte, schema gjson.Result) []byte {
	low, high := int64(1), int64(10)
	if v := schema.Get("minimum"); v.Exists() {
		low, high = ceil(v.Num), ceil(v.Num)+9
	} else if v := schema.Get("exclusiveMinimum"); v.Type == gjson.Number {
		low, high = ceil(v.Num+1), ceil(v.Num+1)+9
	}
	if v := schema.Get("maximum"); v.Exists() && -ceil(-v.Num) < high {
		high = -ceil(-v.Num)
		low = min(low, high)
	}
	return strconv.AppendInt(b, low+int64(e.draw.IntN(int(high-low)+1)), 10)
}

func ceil(f float64) int64 {
	f = min(max(f, -1e15), 1e15)
	n := int64(f)
	if float64(n) < f {
		n++
	}
	return n
}

// text gives words, or what a format asks for.
func (e *exampler) text(schema gjson.Result) string {
	switch schema.Get("format").Str {
	case "date":
		return "2026-01-15"
	case "date-time":
		return "2026-01-15T09:30:00Z"
	case "time":
		return "09:30:00Z"
	case "email":
		return "user@example.com"
	case "uri":
		return "https://example.com/"
	case "uuid":
		return "6f1ed002-ab59-4e2b-9c55-0d2a8a0f6c11"
	}
	text := strings.Join(prose(e.draw, 3+e.draw.IntN(3), false), "")
	for want := min(int(schema.Get("minLength").Int()), 10_000); len(text) < want; {
		text += " " + text
	}
	if v := schema.Get("maxLength"); v.Exists() && int(v.Int()) < len(text) {
		text = text[:max(0, int(v.Int()))]
	}
	return text
}

// compact removes the white space between the tokens of valid JSON.
func compact(raw string) string { return gjson.Get(raw, "@ugly").Raw }
