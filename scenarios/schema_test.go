package scenarios

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	reflected "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/agentchaos/chaos/faults"
)

var update = flag.Bool("update", false, "rewrite golden files and the committed schema")

// schemaMaker turns the structs of a scenario file, with their comments and tags,
// into the JSON Schema that Schema gives out.
type schemaMaker struct {
	reflected.Reflector
	defs reflected.Definitions
	done map[reflect.Type]bool
}

// typeName names a definition: resilience.Config.
func typeName(t reflect.Type) string {
	if t.Name() == "" || t.PkgPath() == "" {
		return ""
	}
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// unsaid describes the fields whose comments say too little to whoever edits a file.
var unsaid = map[string]string{
	"seed.Slow.Share":                     "The share of draws that are slow.",
	"seed.Slow.Factor":                    "How many times as large slow draws are.",
	"seed.Latency.P50":                    "The median.",
	"seed.Latency.P99":                    "The 99th percentile; left out, the spread is a healthy provider's.",
	"seed.Latency.Slow":                   "A slow mode: some draws are several times as large.",
	"seed.Count.P50":                      "The median.",
	"seed.Count.P99":                      "The 99th percentile.",
	"seed.Count.Slow":                     "A slow mode: some draws are several times as large.",
	"mockllm.Tool.Latency":                "How long a call takes.",
	"mockllm.Tool.ErrorRate":              "The chance per attempt of an error of the tool's own.",
	"mockllm.Model.TTFT":                  "The time to the first token.",
	"mockllm.Model.Gap":                   "The time between two tokens.",
	"mockllm.Model.Tokens":                "How many tokens an answer has.",
	"faults.Selector.Provider":            "Only attempts at this provider.",
	"faults.Selector.Model":               "Only attempts that ask for this model.",
	"faults.Selector.Tool":                "Only attempts at this tool.",
	"faults.Selector.Implementation":      "Only attempts at this implementation of the tool.",
	"faults.Latency.Latency":              "How much later each chunk arrives.",
	"faults.Latency.Stream":               "The direction: downstream, to the agent (the default), or upstream.",
	"faults.Bandwidth.Rate":               "KB per second (1,000 bytes); 0 lets nothing through.",
	"faults.Bandwidth.Stream":             "The direction: downstream, to the agent (the default), or upstream.",
	"faults.SlowClose.Delay":              "How much later the connection's end arrives.",
	"faults.SlowClose.Stream":             "The direction: downstream, to the agent (the default), or upstream.",
	"faults.Timeout.Timeout":              "Time without data after which the connection is closed; 0 never closes.",
	"faults.Timeout.Stream":               "The direction: downstream, to the agent (the default), or upstream.",
	"faults.ResetPeer.Timeout":            "Time from the connection's first data to the reset.",
	"faults.ResetPeer.Stream":             "The direction: downstream, to the agent (the default), or upstream.",
	"faults.Slicer.AverageSize":           "The pieces' average size in bytes.",
	"faults.Slicer.Stream":                "The direction: downstream, to the agent (the default), or upstream.",
	"faults.LimitData.Bytes":              "How many bytes pass before the connection is closed.",
	"faults.LimitData.Stream":             "The direction: downstream, to the agent (the default), or upstream.",
	"faults.Delay.Delay":                  "How much later the reply's headers are sent.",
	"resilience.Config.Retry":             "Repeats failed attempts at one target.",
	"resilience.Config.Breaker":           "Stops calls to a target that keeps failing.",
	"resilience.Config.Timeouts":          "Bounds how long operations may take.",
	"resilience.Retry.MaxAttempts":        "Attempts at one target, the first included.",
	"resilience.Retry.BaseDelay":          "The longest wait before the first retry.",
	"resilience.Retry.MaxDelay":           "The longest wait before any retry.",
	"resilience.Retry.ExponentialBase":    "By how much each wait grows.",
	"resilience.Retry.Jitter":             "How waits are spread: none, full, equal, decorrelated.",
	"resilience.Retry.RetryAfterCap":      "The longest Retry-After that is waited for.",
	"resilience.Breaker.Mode":             "When to open: consecutive failures or their rate (adaptive), consecutive failures only, or their absolute number in the window.",
	"resilience.Breaker.FailureThreshold": "Failures that open the breaker.",
	"resilience.Breaker.FailureRate":      "The share of failed calls in the window that opens the breaker in mode adaptive.",
	"resilience.Breaker.MinimumCalls":     "Calls in the window below which the failure rate says nothing.",
	"resilience.Breaker.MonitoringWindow": "How far back failures count.",
	"resilience.Breaker.RecoveryTimeout":  "How long the breaker stays open before it lets probes through.",
	"resilience.Breaker.OpenFactor":       "By how much each re-opening lasts longer.",
	"resilience.Breaker.OpenMax":          "The longest that the breaker stays open.",
	"resilience.Breaker.HalfOpenMaxCalls": "Probes at a time while half-open.",
	"resilience.Breaker.SuccessThreshold": "Successful probes that close the breaker.",
	"resilience.Breaker.Lease":            "How long a probe may hold its place; by default the attempt's timeout and 5s.",
	"resilience.Timeouts.LLMCall":         "One unary attempt at a model.",
	"resilience.Timeouts.ToolExecution":   "One attempt at a tool that names no other class.",
	"resilience.Timeouts.WebSearch":       "One attempt at a tool of the class webSearch.",
	"resilience.Timeouts.DatabaseQuery":   "One attempt at a tool of the class databaseQuery.",
	"resilience.Timeouts.TotalRequest":    "The whole agent request.",
	"resilience.Timeouts.FirstToken":      "The first content of a stream.",
	"resilience.Timeouts.StreamIdle":      "A stream without any byte.",
	"resilience.Timeouts.ContentIdle":     "A stream without content, though bytes come.",
	"resilience.Timeouts.Connect":         "Opening a connection.",
}

const modulePath = "github.com/agentchaos/chaos"

func makeSchema(t *testing.T) []byte {
	m := &schemaMaker{done: map[reflect.Type]bool{}, Reflector: reflected.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true,
		Namer: typeName, LookupComment: func(t reflect.Type, field string) string {
			return unsaid[path.Base(t.PkgPath())+"."+t.Name()+"."+field]
		},
	}}
	for _, dir := range []string{".", "../faults", "../mockllm", "../resilience", "../internal/seed"} {
		if err := m.AddGoComments(modulePath+"/scenarios", dir, reflected.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for key, text := range m.CommentMap {
		m.CommentMap[key] = sentence(strings.Join(strings.Fields(text), " "), path.Ext(key)[1:])
	}
	root := m.Reflect(new(Scenario))
	m.defs = root.Definitions
	m.named("duration", texts(duration), &reflected.Schema{Const: 0})
	m.structure(reflect.TypeFor[Scenario]())
	m.faults()
	root.ID = "https://raw.githubusercontent.com/agentchaos/chaos/main/chaos.schema.json"
	root.Title = "chaos scenario"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// sentence turns the comment of a Go name into words for whoever edits a file:
// without the name itself, ending in a full stop.
func sentence(text, name string) string {
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok {
			text = rest
		}
	}
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// structure makes the properties of a struct what the decoder takes.
func (m *schemaMaker) structure(t reflect.Type) {
	if m.done[t] {
		return
	}
	m.done[t] = true
	def := m.defs[typeName(t)]
	def.Properties.Delete("Name") // the key of an ordered mapping's element
	zero := reflect.New(t)
	if d, ok := zero.Interface().(interface{ SetDefaults() }); ok {
		d.SetDefaults()
	}
	for _, f := range fieldsOf(zero.Elem()) {
		prop, ok := def.Properties.Get(f.key)
		if !ok {
			panic("no property " + f.key + " in " + t.String())
		}
		def.Properties.Set(f.key, m.property(prop, f))
	}
}

// property gives the schema of one key, made of the reflected one.
func (m *schemaMaker) property(prop *reflected.Schema, f field) *reflected.Schema {
	s := m.value(f.value.Type(), f.tag, prop)
	s.Description = prop.Description
	if !f.value.IsZero() && f.value.Kind() != reflect.Pointer && f.value.Kind() != reflect.Struct {
		s.Default = encode(f.value, f.tag)
	}
	return s
}

const (
	variable = `\$\{[^}]+\}` // may give any text
	duration = `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`
)

func texts(pattern string) *reflected.Schema {
	return &reflected.Schema{Type: "string", Pattern: pattern + "|" + variable}
}

func anyOf(all ...*reflected.Schema) *reflected.Schema { return &reflected.Schema{AnyOf: all} }

// named refers to the definition called name, which is any of all.
func (m *schemaMaker) named(name string, all ...*reflected.Schema) *reflected.Schema {
	if m.defs[name] == nil {
		m.defs[name] = anyOf(all...)
	}
	return &reflected.Schema{Ref: "#/$defs/" + name}
}

func (m *schemaMaker) value(t reflect.Type, tag reflect.StructTag, prop *reflected.Schema) *reflected.Schema {
	bare := *prop
	bare.Description = ""
	switch {
	case t.Kind() == reflect.Pointer:
		return m.value(t.Elem(), tag, prop)
	case t == durationType:
		return m.named("duration")
	case t == latencyType:
		m.structure(t)
		return anyOf(m.named("duration"), &bare)
	case t == countType:
		m.structure(t)
		return anyOf(&reflected.Schema{Type: "number"}, &bare)
	case unitOf(tag) == "rate":
		return texts(`^[0-9.]+ */ *(s|m|min|h)$`)
	case t.Kind() == reflect.Float64 && unitOf(tag) == "ratio":
		return m.named("ratio", &bare, texts(`^[0-9.]+ *%$|^[0-9.]+$`))
	case t.Kind() == reflect.Float64:
		return anyOf(&bare, texts(`^[0-9.]+ *%?$`))
	case t.Kind() == reflect.Bool || t.ConvertibleTo(reflect.TypeFor[int64]()) && t.Kind() != reflect.String:
		return anyOf(&bare, texts(`^$`))
	case t.Kind() == reflect.Struct:
		m.structure(t)
	case t.Kind() == reflect.Map, t.Kind() == reflect.Slice && keyField(t.Elem()) != nil:
		m.structure(t.Elem())
		item := &reflected.Schema{Ref: "#/$defs/" + typeName(t.Elem())}
		return &reflected.Schema{Type: "object", AdditionalProperties: item}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		m.structure(t.Elem())
	case t.Kind() == reflect.String && bare.Enum != nil:
		return anyOf(&bare, texts(`^$`))
	}
	return &bare
}

// faults gives every kind of fault a schema of its own, chosen by its type.
func (m *schemaMaker) faults() {
	name := typeName(faultType)
	base := m.defs[name]
	chooser := &reflected.Schema{Type: "object", Required: []string{"type"}, Properties: reflected.NewProperties(), Description: base.Description}
	kind, _ := base.Properties.Get("type")
	chooser.Properties.Set("type", kind)
	for _, k := range faults.Kinds() {
		kind.Enum = append(kind.Enum, k.Name)
		params, _ := faults.NewParams(k.Name)
		own := m.fault(base, k, reflect.TypeOf(params).Elem(), reflect.ValueOf(params).Elem())
		m.defs["fault."+k.Name] = own
		is := reflected.NewProperties()
		is.Set("type", &reflected.Schema{Const: k.Name})
		chooser.AllOf = append(chooser.AllOf, &reflected.Schema{
			If:   &reflected.Schema{Properties: is, Required: []string{"type"}},
			Then: &reflected.Schema{Ref: "#/$defs/fault." + k.Name},
		})
	}
	m.defs[name] = chooser
}

func (m *schemaMaker) fault(base *reflected.Schema, k faults.Kind, t reflect.Type, defaults reflect.Value) *reflected.Schema {
	own := &reflected.Schema{Type: "object", AdditionalProperties: reflected.FalseSchema, Description: k.Doc, Properties: reflected.NewProperties(), Required: []string{"type"}}
	for key, prop := range base.Properties.FromOldest() {
		own.Properties.Set(key, prop)
	}
	root := m.ReflectFromType(t)
	def := root.Definitions[typeName(t)]
	own.Properties.Set("type", &reflected.Schema{Const: k.Name, Description: k.Doc})
	for _, f := range fieldsOf(defaults) {
		prop, _ := def.Properties.Get(f.key)
		if n, isNumber := number(f.value); isNumber && n < 0 {
			f.value = reflect.Zero(f.value.Type()) // "must be given"
		}
		own.Properties.Set(f.key, m.property(prop, f))
	}
	return own
}

func TestSchemaIsCurrent(t *testing.T) {
	want := makeSchema(t)
	for _, file := range []string{"chaos.schema.json", "../chaos.schema.json"} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the structs say (%v); go test ./scenarios -run TestSchemaIsCurrent -update", file, err)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(makeSchema(t), &schema); err != nil {
		t.Fatal(err)
	}
	for name, def := range schema.Defs {
		for key, prop := range def.Properties {
			if prop.Description == "" {
				t.Errorf("%s.%s has no description: give its field a comment", name, key)
			}
		}
	}
}

// compiled is the schema that Schema gives out, ready to check documents.
func compiled(t *testing.T) *jsonschema.Schema {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("chaos.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("chaos.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON gives a YAML file in the form that the schema's checker takes.
func asJSON(t *testing.T, data []byte) any {
	var v any
	if err := yaml.Load(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemaAcceptsGoodFiles(t *testing.T) {
	s := compiled(t)
	for _, file := range goodFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(asJSON(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSchemaRejects(t *testing.T) {
	s := compiled(t)
	data, err := os.ReadFile("testdata/good/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, old, new string }{
		{"an unknown key", "\nseed:", "\nsede:"},
		{"an unknown key in a step", "stream: true", "streams: true"},
		{"an unknown key of a fault", "jitter: 100ms", "jiter: 100ms"},
		{"a key of another fault", "retryAfter: 2s", "jitter: 2s"},
		{"an unknown fault", "type: rate_limit", "type: rate_limits"},
		{"a duration without a unit", "duration: 20s", "duration: 20"},
		{"a rate without a unit", "rate: 10/s", "rate: 10"},
		{"an unknown arrival process", "process: poisson", "process: poison"},
		{"a share above one", "errorRate: 0.01", "errorRate: 1.01"},
		{"an unknown pattern", "retry: {}", "retries: {}"},
		{"a missing key", "kind: Scenario\n", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			changed := strings.Replace(string(data), c.old, c.new, 1)
			if changed == string(data) {
				t.Fatalf("the file has no %q", c.old)
			}
			if s.Validate(asJSON(t, []byte(changed))) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

func goodFiles(t *testing.T) []string {
	var all []string
	for _, glob := range []string{"library/*.yaml", "testdata/good/*.yaml"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatal(fmt.Errorf("%s: nothing (%v)", glob, err))
		}
		all = append(all, files...)
	}
	return all
}
