package mockllm

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/seed"
)

func TestTool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := Tool{}
		config.SetDefaults()
		h := NewTool("web_search", "tavily", config, 42).Handler()
		golden(t, "tool", perform(h, "POST", "/tools/web_search", `{"query":"x"}`))
		golden(t, "tool_method", perform(h, "GET", "/tools/web_search", ""))
		golden(t, "tool_arguments", perform(h, "POST", "/anywhere", "{"))
		config.ErrorRate = 1
		golden(t, "tool_error", perform(NewTool("web_search", "tavily", config, 42).Handler(), "POST", "/x", ""))
	})
}

func TestToolResultDependsOnKeyAlone(t *testing.T) {
	config := Tool{}
	config.SetDefaults()
	one, two := NewTool("db", "main", config, 1), NewTool("db", "main", config, 1)
	a, b := seed.Key{Request: 1, Call: 2, Attempt: 1}, seed.Key{Request: 2, Call: 2, Attempt: 1}
	at := time.Now()
	first, again, other := one.body(a, outcome{}, at), two.body(a, outcome{}, at), one.body(b, outcome{}, at)
	if string(first) != string(again) || string(first) == string(other) || !json.Valid(first) {
		t.Errorf("%s\n%s\n%s", first, again, other)
	}
}

// exampleOf fills a schema and decodes the result.
func exampleOf(t *testing.T, schema string, n uint64) any {
	t.Helper()
	s := seed.New(1, "arguments", seed.Key{Request: n})
	b := exampleArguments(json.RawMessage(schema), &s)
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s gave %s: %v", schema, b, err)
	}
	return v
}

func TestArgumentsAreFixedWhereTheSchemaIs(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{``, `{}`},
		{`{}`, `{}`},
		{`{"type":"object","properties":{}}`, `{}`},
		{`{"type":"string"}`, `{}`},
		{`{"properties":{"a":{"const":[1, 2]}}}`, `{"a":[1,2]}`},
		{`{"type":"object","properties":{"a":{"enum":["x","y"]},"b":{"default":{"c": "d e"}}}}`, `{"a":"x","b":{"c":"d e"}}`},
		{`{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"string"}},"required":["a"]}`, `{"a":null}`},
		{`{"type":"object","properties":{"a.b*":{"type":"integer","minimum":3,"maximum":3}},"required":["a.b*"]}`, `{"a.b*":3}`},
		{`{"type":"object","properties":{"d":{"type":"string","format":"date"},"n":{"type":"array","minItems":2,"items":{"type":"number","minimum":0.5,"maximum":1.5}}}}`, `{"d":"2026-01-15","n":[1,1]}`},
		{`{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},{"type":"string"}]},"b":{"type":["null","integer"]}}}`, `{"a":null,"b":null}`},
		{`{"type":"object","properties":{"a":{"$ref":"#/$defs/x~1y"}},"$defs":{"x/y":{"const":"z"}}}`, `{"a":"z"}`},
		{`{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"null"}}}}}`, `{"a":{}}`},
	} {
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if got := exampleOf(t, c.schema, 1); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", c.schema, got, want)
		}
	}
}

func TestArgumentsFitTheirTypes(t *testing.T) {
	const schema = `{"type":"object","required":["s","i","x","b","l","long","short"],"properties":{
		"s":{"type":"string"}, "i":{"type":"integer","minimum":-3,"maximum":4}, "x":{"type":"number","exclusiveMinimum":0.5},
		"b":{"type":"boolean"}, "l":{"type":"array","items":{"type":"string"}},
		"long":{"type":"string","minLength":100}, "short":{"type":"string","maxLength":2}, "optional":{"type":"string"}}}`
	seen := map[any]bool{}
	for n := range uint64(200) {
		v := exampleOf(t, schema, n).(map[string]any)
		i := v["i"].(float64)
		ok := v["s"].(string) != "" && i >= -3 && i <= 4 && v["x"].(float64) > 0.5 && len(v["l"].([]any)) == 1 &&
			len(v["long"].(string)) >= 100 && len(v["short"].(string)) <= 2 && len(v) == 7
		if _, isBool := v["b"].(bool); !ok || !isBool {
			t.Fatalf("%v", v)
		}
		seen[i] = true
	}
	if len(seen) != 8 {
		t.Errorf("whole numbers from -3 to 4: %v", seen)
	}
}

// A schema that holds itself ends, and soon.
func TestArgumentsOfRecursiveSchema(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}`,
		`{"type":"object","properties":{"next":{"$ref":"#/properties/next"}},"required":["next"]}`,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"object","properties":{"t":{"$ref":"#/$defs/t"}},"required":["t"]}}}`,
		`{"properties":{"a":{"$ref":"#/$defs/t"}},"$defs":{"t":{"type":"array","minItems":100,"items":{"$ref":"#/$defs/t"}}}}`,
	} {
		exampleOf(t, schema, 1)
	}
}

// FuzzArguments: whatever a tool declares, the arguments are valid JSON.
func FuzzArguments(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"type":"integer","minimum":-1e300,"maximum":1e300}},"required":["a"]}`)
	f.Add(`{"type":"array","minItems":-5,"items":{"type":"string","maxLength":-1,"minLength":1e9}}`)
	f.Add(`{"enum":[],"type":["x"],"required":{"a":1}}`)
	f.Fuzz(func(t *testing.T, schema string) {
		if len(schema) > 4096 || !gjson.Valid(schema) || !strings.HasPrefix(schema, "{") {
			t.Skip()
		}
		s := seed.New(1, "fuzz", seed.Key{})
		if b := exampleArguments(json.RawMessage(schema), &s); !json.Valid(b) {
			t.Errorf("%s gave %s", schema, b)
		}
	})
}
