package resilience

import (
	"context"
	"slices"
	"time"
)

// turn is one model call over its targets: what came of it so far, and what becomes
// of a stream that broke.
type turn struct {
	stack   *Stack
	request Request
	targets []Target

	reply   Reply  // of the attempt that counted last
	partial string // what came before reply and is continued by it
	broken  int    // streams that broke and were not the end
}

// attempt asks target i.
func (t *turn) attempt(ctx context.Context, i int) error {
	asks(ctx, i)
	q := t.request
	if t.partial != "" {
		q.Messages = append(slices.Clone(q.Messages), Message{Role: "assistant", Content: t.partial},
			Message{Role: "user", Content: goOn})
	}
	reply, err := t.stack.options.Client.Complete(ctx, t.targets[i], q)
	timed(ctx, reply)
	if used := reply.Usage.Input + reply.Usage.Output; used > 0 {
		ReportUsage(ctx, used)
	}
	Deliver(ctx, func() { t.reply = reply })
	return err
}

// goOn asks a model to continue what another one began.
const goOn = "Your answer was cut off. Continue exactly where it stops, without repeating or explaining anything."

// falls decides whether the next target is asked after e. Once content was committed
// the call fails, unless the config says to restart the turn or to continue it.
func (t *turn) falls(e *Error) bool {
	mode := ""
	if t.stack.cfg.Stream != nil {
		mode = t.stack.cfg.Stream.OnBreak
	}
	if !e.Committed || mode == "" || mode == "fail" {
		return e.Falls()
	}
	again := *e
	again.Committed = false
	if !again.Falls() {
		return false
	}
	if mode == "continue" && t.reply.Text != "" && len(t.request.Tools) == 0 {
		t.partial += t.reply.Text
	} else {
		mode, t.partial = "restart", ""
	}
	t.broken++
	t.stack.options.Observe.emit(Event{Kind: StreamBroken, Op: "llm", Target: e.Target,
		Start: time.Now(), Class: e.Class, Reason: mode})
	return true
}

// usualAnswer is how many tokens an answer is taken to have where the request sets no
// bound.
const usualAnswer = 256

// estimate is how many tokens a request and its answer may have, at four characters
// a token.
func estimate(q Request) int {
	characters := 0
	for _, m := range q.Messages {
		characters += len(m.Content) + 16
		for _, c := range m.ToolCalls {
			characters += len(c.Name) + len(c.Arguments)
		}
	}
	for _, t := range q.Tools {
		characters += len(t.Name) + len(t.Description) + len(t.Parameters)
	}
	answer := q.MaxTokens
	if answer == 0 {
		answer = usualAnswer
	}
	return characters/4 + answer
}
