package dialect

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
)

// invalid is the complaint about a request; each dialect renders it in its words.
func invalid(param, format string, args ...any) *Error {
	return &Error{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Message: fmt.Sprintf(format, args...),
		Param:   param,
	}
}

// object reads the body of a request, which must be one JSON object.
func object(r *exchange.Request) (gjson.Result, *Error) {
	if !validJSON(r.Body) {
		return gjson.Result{}, invalid("", "the body of the request is not valid JSON")
	}
	doc := gjson.ParseBytes(r.Body)
	if !doc.IsObject() {
		return doc, invalid("", "the body of the request is not a JSON object")
	}
	return doc, nil
}

// parser reads a request's fields as they come and keeps the first complaint.
// Unknown fields are accepted, as every API adds some each month.
type parser struct {
	q   Request
	err *Error
}

func (p *parser) fail(param, format string, args ...any) {
	if p.err == nil {
		p.err = invalid(param, format, args...)
	}
}

func (p *parser) text(param string, v gjson.Result) string {
	if v.Type != gjson.String {
		p.fail(param, "%s must be a string", param)
	}
	return v.Str
}

func (p *parser) flag(param string, v gjson.Result) bool {
	if v.Type != gjson.Null && !v.IsBool() {
		p.fail(param, "%s must be a boolean", param)
	}
	return v.Type == gjson.True
}

// count reads a whole number of at least 1; null is 0.
func (p *parser) count(param string, v gjson.Result) int {
	if v.Type == gjson.Null {
		return 0
	}
	if v.Type != gjson.Number || v.Num < 1 || v.Num > 1<<31 || v.Num != float64(int(v.Num)) {
		p.fail(param, "%s must be a whole number of at least 1", param)
		return 0
	}
	return int(v.Num)
}

func (p *parser) within(param string, v gjson.Result, limit float64) {
	if v.Type != gjson.Null && (v.Type != gjson.Number || v.Num < 0 || v.Num > limit) {
		p.fail(param, "%s must be a number from 0 to %g", param, limit)
	}
}

// objectOrNull reports false for null.
func (p *parser) objectOrNull(param string, v gjson.Result) bool {
	if v.Type != gjson.Null && !v.IsObject() {
		p.fail(param, "%s must be an object", param)
	}
	return v.IsObject()
}

// each calls f for the elements of an array, up to the first complaint.
func (p *parser) each(param string, list gjson.Result, f func(at string, v gjson.Result)) {
	if !list.IsArray() {
		p.fail(param, "%s must be an array", param)
		return
	}
	i := 0
	list.ForEach(func(_, v gjson.Result) bool {
		f(fmt.Sprintf("%s[%d]", param, i), v)
		i++
		return p.err == nil
	})
}

// tool adds a tool that the request offers.
func (p *parser) tool(at string, name, description, parameters gjson.Result) {
	if name.Type != gjson.String || name.Str == "" || parameters.Type != gjson.Null && !parameters.IsObject() {
		p.fail("tools", "%s is not a function with a name and an object of parameters", at)
		return
	}
	tool := Tool{Name: name.Str, Description: description.Str}
	if parameters.IsObject() {
		tool.Parameters = json.RawMessage(parameters.Raw)
	}
	p.q.Tools = append(p.q.Tools, tool)
}

// asked tells whether a message made the tool call id.
func (p *parser) asked(id string) bool {
	for _, m := range p.q.Messages {
		for _, c := range m.ToolCalls {
			if c.ID == id {
				return true
			}
		}
	}
	return false
}

// offers tells whether a tool choice can be met.
func (q *Request) offers(choice string) bool {
	switch choice {
	case "auto", "none", "required":
		return true
	}
	for _, t := range q.Tools {
		if t.Name == choice {
			return true
		}
	}
	return false
}

// choosable checks that the tool choice can be met.
func (p *parser) choosable(param string) {
	switch q := &p.q; {
	case q.ToolChoice == "" || q.ToolChoice == "none" || q.ToolChoice == "auto":
	case len(q.Tools) == 0:
		p.fail(param, "%s needs tools", param)
	case !q.offers(q.ToolChoice):
		p.fail(param, "%s names %q, which is not among tools", param, q.ToolChoice)
	}
}
