package resilience

import (
	"context"
	"encoding/json"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/seed"
)

// The words of a model call, shared with the dialects.
type (
	Message  = dialect.Message
	Tool     = dialect.Tool
	ToolCall = dialect.ToolCall
	Usage    = dialect.Usage
	Request  = dialect.Request
	Finish   = dialect.Finish
)

// Target is one place that a model call can go to.
type Target struct{ Provider, Model string }

// String gives provider/model.
func (t Target) String() string { return t.Provider + "/" + t.Model }

// Reply is what one attempt at a model brought.
type Reply struct {
	dialect.Reply
	TTFT   time.Duration // from the start of the attempt to the first content event; 0 if unary
	MaxGap time.Duration // the longest silence between two content events
}

// ModelClient makes one attempt at one model. Implementations do not retry, are
// safe for concurrent use, and return an *Error that tells what happened. They report
// to ProgressFrom(ctx) as a stream advances, and rate-limit headers with
// ReportHeaders. Beside an error the Reply may hold the times of what was received,
// and of a stream that broke the text so far.
type ModelClient interface {
	Complete(ctx context.Context, t Target, q Request) (Reply, error)
}

// Implementation is one way to run a tool: one attempt, no retries.
type Implementation struct {
	Name string // tavily
	Call func(ctx context.Context, arguments json.RawMessage) (json.RawMessage, error)
}

// ToolSpec is a tool as the stack sees it.
type ToolSpec struct {
	Name            string
	Implementations []Implementation // the primary first
	Idempotent      bool             // may be retried after an unknown outcome
	ReadOnly        bool             // changes nothing: idempotent, and may be hedged
	// OnTimeout, if there is one, answers in place of a call whose implementations took
	// too long; what it returns without an error is the result.
	OnTimeout func(ctx context.Context, arguments json.RawMessage, err error) (json.RawMessage, error)
	// Timeout names the class in Timeouts (webSearch, databaseQuery, toolExecution)
	// or is a duration; "" is toolExecution.
	Timeout string
}

// Result is how a call ended, successful or not.
type Result struct {
	Reply    Reply           // of a model call
	Output   json.RawMessage // of a tool call
	Served   string          // target that answered: openai/gpt-4o, web_search/brave; "" if none
	Fallback bool            // served by another than the first target
	Attempts int             // started, over all targets
	Broken   int             // streams that broke after content and were restarted or continued
}

// Event is something the stack did; see Observer.
type Event struct {
	Kind   EventKind
	Key    seed.Key // request, call, attempt
	Op     string   // llm or tool
	Target string
	Start  time.Time // of the attempt; of a transition its instant
	End    time.Time
	Class  Class // of the failure told of; "" for success
	TTFT   time.Duration
	MaxGap time.Duration
	From   State // of a transition
	To     State
	Reason string        // of a transition or a skip
	Delay  time.Duration // of a wait before a retry
	Usage  Usage         // of an attempt at a model that succeeded
	// Fallback is true of a call that ended if another target than its first was asked.
	Fallback bool
	// Context is that of a call which starts, with whatever the caller put into it,
	// such as a trace; nil in other events.
	Context context.Context
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of event.
const (
	AttemptDone  EventKind = iota // one attempt ended
	RetryWait                     // the stack waits before the next attempt
	TargetSkip                    // a target was passed over without an attempt
	Transition                    // a breaker changed its state
	BudgetSpent                   // a retry was refused by the budget
	QueueWait                     // a call waited for its turn in the queue, for Delay
	LimitWait                     // an attempt waits for the rate limit of a key, for Delay
	HedgeStart                    // an attempt is late and another one starts
	KeyRest                       // a key rests for Delay: it met its rate limit, or is dead
	StreamBroken                  // a stream broke after content; Reason is restart or continue
	CallStart                     // a call of the Stack begins at its first Target; Key.Attempt is 0
	CallDone                      // it ended after Key.Attempt attempts, served by Target or, failed, begun there
)

// Observer hears the stack's events. It is called synchronously, with no lock
// held, by many goroutines at once; nil is allowed wherever one is taken.
type Observer func(Event)

// emit tells o, if there is one.
func (o Observer) emit(e Event) {
	if o != nil {
		o(e)
	}
}
