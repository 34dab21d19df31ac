package scenarios

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// checker finds what a well-formed scenario file cannot mean. It keeps quiet about
// values that could not even be decoded.
type checker struct {
	*document
	s        *Scenario
	dir      string   // of the scenario file
	before   Problems // of the decoder
	warnings []string
}

var (
	scenarioName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	partName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)   // stands in targets and metric labels
	modelName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]*$`) // may have a namespace
	labelName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]*$`)
)

func (c *checker) check() {
	c.before = c.problems
	s := c.s
	if s.Name != "" && !scenarioName.MatchString(s.Name) {
		c.report("name", "%q must be lower-case letters and digits, with single hyphens between", s.Name)
	}
	for i, l := range s.Labels {
		if !labelName.MatchString(l) {
			c.report(fmt.Sprintf("labels[%d]", i), "%q must be letters, digits, and any of _ . : -", l)
		}
	}
	c.workload()
	c.providers()
	c.tools()
	c.steps()
	c.configs()
	c.faults()
	c.judged()
	c.unused()
	c.patience()
	c.prices()
}

// report notes a problem unless the decoder already found one there or, for a key
// that is missing, right around it.
func (c *checker) report(path, format string, args ...any) {
	_, given := c.places[path]
	around := path[:max(0, strings.LastIndexAny(path, ".["))]
	if c.broken(path) || !given && around != "" && c.exactly(around) {
		return
	}
	c.document.report(path, format, args...)
}

// exactly tells whether the decoder found a problem with the value of path itself.
func (c *checker) exactly(path string) bool {
	return slices.ContainsFunc(c.before, func(p Problem) bool { return p.Path == path })
}

// broken tells whether the decoder found a problem at path or below it.
func (c *checker) broken(path string) bool {
	return slices.ContainsFunc(c.before, func(p Problem) bool {
		rest, below := strings.CutPrefix(p.Path, path)
		return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// warn adds a warning with the position of path.
func (c *checker) warn(path, format string, args ...any) {
	before := len(c.problems)
	c.document.report(path, format, args...)
	p := c.problems[before]
	c.problems = c.problems[:before]
	p.source = ""
	c.warnings = append(c.warnings, p.String())
}

func (c *checker) providers() {
	for name, p := range c.s.Providers {
		path := join("providers", name)
		c.name(path, name, partName)
		for model := range p.Models {
			c.name(join(path+".models", model), model, modelName)
		}
	}
}

// atKey notes a problem with the key of path instead of its value.
func (c *checker) atKey(path, format string, args ...any) {
	at, isKey := c.keys[path]
	if value, scalar := c.places[path]; !isKey || scalar && value.width > 1 {
		at = value
	}
	c.add(at, path, fmt.Sprintf(format, args...))
}

// name checks a name that stands in targets and metrics.
func (c *checker) name(path, name string, format *regexp.Regexp) {
	if !format.MatchString(name) {
		c.atKey(path, "the name %q must match %s", name, format)
	}
}

// timeoutClasses are the timeouts that a tool can name.
var timeoutClasses = []string{"toolExecution", "webSearch", "databaseQuery"}

func (c *checker) tools() {
	for name, t := range c.s.Tools {
		path := join("tools", name)
		c.name(path, name, partName)
		if _, clash := c.s.Providers[name]; clash {
			c.atKey(path, "there is a provider %q as well; targets must differ", name)
		}
		if t.Timeout != "" && !slices.Contains(timeoutClasses, t.Timeout) {
			if d, err := parseDuration(t.Timeout); err != nil || d == 0 {
				c.report(path+".timeout", "%q is neither a duration nor one of %s", t.Timeout, strings.Join(timeoutClasses, ", "))
			}
		}
		for _, i := range t.Implementations {
			c.name(join(path+".implementations", i.Name), i.Name, partName)
		}
		if len(t.Implementations) == 0 {
			continue
		}
		for _, key := range []string{"latency", "errorRate"} {
			if _, given := c.places[join(path, key)]; given {
				c.report(join(path, key), "has no effect beside implementations; give it to each of them")
			}
		}
	}
}

// operations are the metric label op's values that no step may be called.
var operations = []string{"agent_request", "llm", "tool"}

func (c *checker) steps() {
	if len(c.s.Agent.Steps) == 0 {
		c.report("agent.steps", "must hold at least one step")
	}
	names := map[string]bool{}
	for i, s := range c.s.Agent.Steps {
		path := fmt.Sprintf("agent.steps[%d]", i)
		switch {
		case s.LLM == "" && s.Tool == "":
			c.report(path, "must be a call of a model, {llm: NAME, …}, or of a tool, {tool: NAME}")
		case s.LLM != "" && s.Tool != "":
			c.report(path, "cannot be a call of a model (llm) and of a tool (tool) at once")
		case s.Tool != "":
			c.toolStep(path, s)
		default:
			c.llmStep(path, s)
			if names[s.LLM] {
				c.report(path+".llm", "there is a step %q already", s.LLM)
			}
		}
		if slices.Contains(operations, s.Name()) {
			c.report(path, "%q is the name of an operation in metrics; call the step otherwise", s.Name())
		}
		names[s.Name()] = true
	}
}

func (c *checker) toolStep(path string, s Step) {
	if _, ok := c.s.Tools[s.Tool]; !ok {
		c.unknown(path+".tool", "tool", s.Tool, "tools", slices.Collect(maps.Keys(c.s.Tools)))
	}
	if s.Provider != "" || s.Model != "" || s.Stream {
		c.report(path, "a tool has neither provider nor model nor stream")
	}
}

func (c *checker) llmStep(path string, s Step) {
	c.name(path+".llm", s.LLM, partName)
	for key, value := range map[string]string{"provider": s.Provider, "model": s.Model} {
		if value == "" {
			c.report(path, "the key %q is missing", key)
		}
	}
	if s.Provider != "" && c.provider(path+".provider", s.Provider) && s.Model != "" {
		c.model(path+".model", s.Provider, s.Model)
	}
}

// provider reports a provider that the file does not have.
func (c *checker) provider(path, name string) bool {
	_, ok := c.s.Providers[name]
	if !ok {
		c.unknown(path, "provider", name, "providers", slices.Collect(maps.Keys(c.s.Providers)))
	}
	return ok
}

// model reports a model that a provider, or with provider "" all of them, lack. A
// provider that names no models has every model.
func (c *checker) model(path, provider, model string) {
	var models []string
	section := "providers"
	for name, p := range c.s.Providers {
		if provider != "" && provider != name {
			continue
		}
		if len(p.Models) == 0 {
			return
		}
		models = slices.AppendSeq(models, maps.Keys(p.Models))
	}
	if provider != "" {
		section = join(section, provider)
	}
	if !slices.Contains(models, model) {
		c.unknown(path, "model", model, section, models)
	}
}

// unknown reports a reference to what section of the file does not have.
func (c *checker) unknown(path, what, name, section string, known []string) {
	if c.exactly(section) {
		return // it could not be read whole
	}
	c.report(path, "there is no %s %q in %s%s", what, name, section, didYouMean(name, known))
}

func (c *checker) configs() {
	if len(c.s.Configs) == 0 {
		c.report("configs", "must hold at least one config")
	}
	for _, cfg := range c.s.Configs {
		path := join("configs", cfg.Name)
		c.name(path, cfg.Name, partName)
		for i, target := range cfg.Fallback {
			provider, model, ok := strings.Cut(target, "/")
			at := fmt.Sprintf("%s.fallback[%d]", path, i)
			if ok && c.provider(at, provider) { // if not ok, the config itself said so
				c.model(at, provider, model)
			}
		}
	}
}
