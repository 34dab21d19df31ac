package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// node is a value of a file. No other file knows the YAML library.
type node struct {
	kind    kind
	text    string // of a scalar
	quoted  bool
	entries []entry // of a mapping, in the order of the file
	items   []*node // of a list
	path    string  // faults[0].on
	at      place
}

// entry is one key of a mapping and its value.
type entry struct {
	key   string
	at    place // of the key
	value *node
}

type kind uint8

const (
	scalar kind = iota
	null
	mapping
	list
)

// String names what n is, for messages.
func (n *node) String() string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case list:
		return "a list"
	}
	return fmt.Sprintf("the value %q", n.text)
}

// parse reads the one YAML document of data, with aliases and merge keys resolved.
// It notes the place of every value in d, and what is no YAML as problems; nil
// means that nothing could be read.
func parse(d *document, data []byte) *node {
	var root yaml.Node
	if err := yaml.Load(data, &root); err != nil {
		d.add(syntaxError(d, err))
		return nil
	}
	c := converter{document: d}
	n := c.convert(root.Content[0], "", placeOf(root.Content[0]))
	switch {
	case c.nodes > nodesMax:
		d.add(place{}, "", "the aliases of this file multiply beyond reason")
		return nil
	case n.kind != mapping:
		d.add(n.at, "", fmt.Sprintf("must be a mapping of keys to values, not %v", n))
		return nil
	}
	return n
}

func syntaxError(d *document, err error) (at place, path, message string) {
	load := new(yaml.LoadError)
	if !errors.As(err, &load) {
		return place{}, "", err.Error()
	}
	mark, message := load.Mark, strings.TrimPrefix(load.Message, "yaml: ")
	if mark.Line == 0 || mark.Line > len(d.lines) {
		mark = load.ContextMark // of what was begun and never ended
	}
	if load.ContextMsg != "" {
		message += " " + load.ContextMsg
	}
	if mark.Line > 0 {
		message = "not YAML: " + message
	}
	return place{mark.Line, mark.Column, 1}, "", message
}

// What a few aliases of aliases, or one of itself, can blow up to.
const (
	nodesMax = 100_000
	depthMax = 50
)

type converter struct {
	*document
	nodes, depth int
}

// convert turns y, the value of path, into a node; problems with it are shown at.
func (c *converter) convert(y *yaml.Node, path string, at place) *node {
	n := &node{path: path, at: at}
	c.places[path] = at
	if c.tooMuch() {
		return n
	}
	defer c.leave()
	y = resolve(y)
	switch y.Kind {
	case yaml.MappingNode:
		n.kind, n.entries = mapping, c.entries(y, path)
	case yaml.SequenceNode:
		n.kind = list
		for i, item := range y.Content {
			n.items = append(n.items, c.convert(item, fmt.Sprintf("%s[%d]", path, i), placeOf(item)))
		}
	default:
		n.text, n.quoted = y.Value, isQuoted(y)
		if y.Tag == "!!null" {
			n.kind = null
		}
	}
	return n
}

// tooMuch enters one value more, unless the limits are reached.
func (c *converter) tooMuch() bool {
	if c.depth == depthMax {
		c.nodes = nodesMax
	}
	if c.nodes++; c.nodes > nodesMax {
		return true
	}
	c.depth++
	return false
}

func (c *converter) leave() { c.depth-- }

// entries lists the keys of a mapping. Those merged with << come last; a key that
// stands in the mapping itself wins over them.
func (c *converter) entries(y *yaml.Node, path string) []entry {
	var own, merged []entry
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := resolve(y.Content[i]), y.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, c.merge(resolve(value), path)...)
		case key.Kind != yaml.ScalarNode:
			c.add(placeOf(key), path, "a key must be a text")
		case has(own, key.Value):
			c.add(placeOf(key), path, fmt.Sprintf("the key %q stands here twice", key.Value))
		default:
			at := placeOf(value)
			if value.Line != key.Line {
				at = placeOf(key) // a block's own place is that of its first key
			}
			c.keys[join(path, key.Value)] = placeOf(key)
			own = append(own, entry{key.Value, placeOf(key), c.convert(value, join(path, key.Value), at)})
		}
	}
	for _, e := range merged {
		if !has(own, e.key) {
			own = append(own, e)
		}
	}
	return own
}

func (c *converter) merge(y *yaml.Node, path string) []entry {
	if c.tooMuch() {
		return nil
	}
	defer c.leave()
	switch y.Kind {
	case yaml.MappingNode:
		return c.entries(y, path)
	case yaml.SequenceNode:
		var all []entry
		for _, m := range y.Content {
			all = append(all, c.merge(resolve(m), path)...)
		}
		return all
	}
	c.add(placeOf(y), path, "only mappings can be merged with <<")
	return nil
}

func has(entries []entry, key string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.key == key })
}

func resolve(y *yaml.Node) *yaml.Node {
	for y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return y
}

func isQuoted(y *yaml.Node) bool {
	return y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

func placeOf(y *yaml.Node) place {
	width := 1
	if y.Kind == yaml.ScalarNode {
		width = utf8.RuneCountInString(y.Value)
		if isQuoted(y) {
			width += 2
		}
	}
	return place{y.Line, y.Column, width}
}
