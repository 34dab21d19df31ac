package scenarios

import (
	"reflect"

	"github.com/agentchaos/chaos/mockllm"
)

// LoadReplies reads a file of scripted replies: the key replies, as a provider of a
// scenario has it, and nothing else. Arguments and error are as of Load.
func LoadReplies(name string, data []byte, getenv func(string) (string, bool)) ([]mockllm.Rule, error) {
	d := newDocument(name, data)
	var file struct {
		Replies []mockllm.Rule `yaml:"replies" jsonschema:"required"`
	}
	if root := parse(d, data); root != nil {
		dec := &decoder{document: d, getenv: getenv}
		dec.value(root, reflect.ValueOf(&file).Elem(), "")
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return file.Replies, nil
}
