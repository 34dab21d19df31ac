package dialect

import (
	"iter"
	"unicode/utf8"

	"github.com/agentchaos/chaos/internal/exchange"
)

// argumentPiece is the size in bytes of the pieces in which the arguments of a tool
// call are streamed: about one token.
const argumentPiece = 4

// events writes the events of one stream one behind the other into b; the steps are
// windows of it.
type events struct {
	b     []byte
	from  int // where the event begins that is being written
	steps []exchange.Step
}

// newEvents allocates room for n events of size bytes together.
func newEvents(n, size int) events {
	return events{b: make([]byte, 0, size), steps: make([]exchange.Step, 0, n)}
}

func (e *events) put(parts ...string) {
	for _, p := range parts {
		e.b = append(e.b, p...)
	}
}

// close ends the event.
func (e *events) close(kind exchange.Kind) {
	e.steps = append(e.steps, exchange.Step{Kind: kind, Bytes: e.b[e.from:len(e.b):len(e.b)]})
	e.from = len(e.b)
}

// runes yields text in pieces of n bytes, or a little more where a rune would be cut.
func runes(text string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			end := min(n, len(text))
			for end < len(text) && !utf8.RuneStart(text[end]) {
				end++
			}
			if !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

// thoughtPiece is the size in bytes of the pieces in which reasoning is streamed.
const thoughtPiece = 4

// sizeOf counts the events of an answer and the bytes of its text, from above.
func sizeOf(r Reply, pieces []string) (n, bytes int) {
	n = len(pieces) + (len(r.Thinking)+thoughtPiece-1)/thoughtPiece
	for _, p := range pieces {
		bytes += len(p) + len(p)/8
	}
	bytes += len(r.Thinking)
	for _, c := range r.More {
		n += 1 + len(c.Pieces)
		bytes += len(c.Text) + len(c.Text)/8
	}
	for _, c := range r.ToolCalls {
		n += 2 + (len(c.Arguments)+argumentPiece-1)/argumentPiece
		bytes += len(c.ID) + len(c.Name) + 2*len(c.Arguments)
	}
	return n, bytes
}
