package dialect

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// anthropicDecodeEvent reads one event. Its event line must be there, as SDKs skip
// an event without one. The stop reason comes before the terminal event, and counts
// of tokens grow from event to event: a later one replaces an earlier.
func anthropicDecodeEvent(name string, data []byte) (Event, error) {
	if name == Comment {
		return Event{Kind: exchange.Ping}, nil
	}
	doc, err := replyObject(data)
	if err != nil {
		return Event{}, err
	}
	top := fields(doc, "type", "index", "delta", "content_block")
	kind := top[0].Str
	switch {
	case name == "error" || kind == "error":
		e := anthropicErrorOf(http.StatusOK, doc)
		return Event{Kind: exchange.Failure, Err: e}, e
	case name == "":
		return Event{}, errors.New("dialect: event has no event line")
	case name != kind:
		return Event{}, fmt.Errorf("dialect: event %q is of type %q", name, kind)
	}
	switch kind {
	case "ping":
		return Event{Kind: exchange.Ping}, nil
	case "message_start":
		return Event{Usage: anthropicUsage(doc.Get("message.usage"))}, nil
	case "message_stop":
		return Event{Kind: exchange.Terminal}, nil
	case "message_delta":
		return anthropicMessageDelta(doc, top[2])
	case "content_block_start", "content_block_delta", "content_block_stop":
		if top[1].Type != gjson.Number || top[1].Num < 0 {
			return Event{}, fmt.Errorf("dialect: %s has no index", kind)
		}
	}
	switch kind {
	case "content_block_start":
		return anthropicBlockStart(int(top[1].Int()), top[3])
	case "content_block_delta":
		return anthropicBlockDelta(int(top[1].Int()), top[2])
	}
	return Event{}, nil // new ones may come any time
}

func anthropicMessageDelta(doc, delta gjson.Result) (Event, error) {
	ev := Event{Usage: anthropicUsage(doc.Get("usage"))}
	if !delta.IsObject() || ev.Usage == nil {
		return Event{}, errors.New("dialect: message_delta has no delta or no usage")
	}
	ev.Finish = anthropicFinish(delta.Get("stop_reason").Str)
	return ev, nil
}

func anthropicBlockStart(index int, block gjson.Result) (Event, error) {
	if !block.IsObject() {
		return Event{}, errors.New("dialect: content_block_start has no content_block")
	}
	if block.Get("type").Str != "tool_use" {
		return Event{}, nil
	}
	name := block.Get("name").Str
	if name == "" {
		return Event{}, errors.New("dialect: tool use has no name")
	}
	return Event{Kind: exchange.Content, Tools: []ToolDelta{{Index: index, ID: block.Get("id").Str, Name: name}}}, nil
}

func anthropicBlockDelta(index int, delta gjson.Result) (Event, error) {
	f := fields(delta, "type", "text", "partial_json")
	switch f[0].Str {
	case "text_delta":
		if f[1].Type != gjson.String {
			return Event{}, errors.New("dialect: text_delta has no text")
		}
		return Event{Kind: exchange.Content, Text: f[1].Str}, nil
	case "input_json_delta":
		if f[2].Type != gjson.String {
			return Event{}, errors.New("dialect: input_json_delta has no partial_json")
		}
		return Event{Kind: exchange.Content, Tools: []ToolDelta{{Index: index, Arguments: f[2].Str}}}, nil
	case "thinking_delta":
		return Event{Kind: exchange.Content}, nil
	case "":
		return Event{}, errors.New("dialect: content_block_delta has no delta with a type")
	}
	return Event{}, nil
}
