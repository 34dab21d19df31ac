// Package reports turns the records of runs into one report: metrics with their
// intervals, the arithmetic, expectations, and every form it is shown in.
package reports

import "time"

// Outcome is how an agent request ended.
type Outcome uint8

// String gives ok, fallback, degraded or failed.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return outcomeNames[Failed]
}

// Good tells whether the user got a full answer.
func (o Outcome) Good() bool { return o <= Fallback }

var outcomeNames = [...]string{"ok", "fallback", "degraded", "failed"}

// The outcomes, from best to worst.
const (
	OK       Outcome = iota // full answer on the primary path
	Fallback                // full answer, some call served by a fallback model or tool
	Degraded                // answered below FULL service level
	Failed                  // error, or only the offline apology
)

// Request is one agent request. Times count from the end of the warm-up; those of
// requests that arrived in it are negative.
type Request struct {
	Index uint64        `json:"index,omitempty"`
	Sched time.Duration `json:"sched,omitempty"` // scheduled arrival
	Start time.Duration `json:"start,omitempty"` // when it was really started; Start − Sched is the sender's lag
	End   time.Duration `json:"end,omitempty"`
	// Outcome is the truth: a false success is Failed.
	Outcome Outcome `json:"outcome,omitempty"`
	Level   string  `json:"level,omitempty"` // full, degraded, minimal, offline
	// Class is the error class of the first real cause; "" for a success.
	Class string `json:"class,omitempty"`
	// FalseSuccess: the agent believed in an answer that the wire says was broken.
	FalseSuccess bool `json:"falseSuccess,omitempty"`
	Warmup       bool `json:"warmup,omitempty"`
}

// Call is one LLM or tool call of an agent request.
type Call struct {
	Request  uint64        `json:"request,omitempty"`
	Step     uint64        `json:"step,omitempty"` // from 1
	Name     string        `json:"name,omitempty"` // the step's name: plan, web_search
	Op       string        `json:"op,omitempty"`   // llm or tool
	Start    time.Duration `json:"start,omitempty"`
	End      time.Duration `json:"end,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Served   string        `json:"served,omitempty"`   // target that answered; "" if none
	Fallback bool          `json:"fallback,omitempty"` // served by another than the primary target
	Failed   bool          `json:"failed,omitempty"`
	Class    string        `json:"class,omitempty"` // error class when failed
	TTFT     time.Duration `json:"ttft,omitempty"`  // from the call's start; 0: as its last attempt tells
	Input    int           `json:"input,omitempty"` // tokens, as the reply reported them
	Output   int           `json:"output,omitempty"`
	Prompt   int           `json:"prompt,omitempty"` // estimated tokens of the request
	Warmup   bool          `json:"warmup,omitempty"`
}

// Attempt is one attempt, as the agent saw it and as the wire knows it.
type Attempt struct {
	Request uint64        `json:"request,omitempty"`
	Step    uint64        `json:"step,omitempty"`
	N       uint64        `json:"n,omitempty"`      // from 1, over all targets of the call
	Target  string        `json:"target,omitempty"` // openai/gpt-4o, web_search/tavily
	Op      string        `json:"op,omitempty"`     // llm or tool
	Start   time.Duration `json:"start,omitempty"`
	End     time.Duration `json:"end,omitempty"`
	Class   string        `json:"class,omitempty"` // error class; "" for success
	TTFT    time.Duration `json:"ttft,omitempty"`
	MaxGap  time.Duration `json:"maxGap,omitempty"` // the longest silence between two content events
	Warmup  bool          `json:"warmup,omitempty"`

	// Ground truth; Reached is false if the attempt never came to the endpoint.
	Reached  bool     `json:"reached,omitempty"`
	Faults   []string `json:"faults,omitempty"` // names of the faults that fired on it
	Status   int      `json:"status,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"`
	Content  int      `json:"content,omitempty"`  // content events delivered
	Terminal bool     `json:"terminal,omitempty"` // terminal event delivered
	Left     bool     `json:"left,omitempty"`     // the client left before the end
}

// Transition is one change of a breaker's state. At counts as the times of a
// Request do; From and To are closed, open or half-open.
type Transition struct {
	At     time.Duration `json:"at,omitempty"`
	Target string        `json:"target,omitempty"`
	From   string        `json:"from,omitempty"`
	To     string        `json:"to,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

// Run is everything recorded of one scenario × config × seed.
type Run struct {
	Config      string         `json:"config,omitempty"`
	Seed        uint64         `json:"seed,omitempty"`
	Duration    time.Duration  `json:"duration,omitempty"` // of the measured part, without the warm-up
	Closed      bool           `json:"closed,omitempty"`   // closed loop: latency excludes waiting users
	Requests    []Request      `json:"-"`                  // sorted by Index
	Calls       []Call         `json:"-"`                  // sorted by request and step
	Attempts    []Attempt      `json:"-"`                  // sorted by request, step and N
	Transitions []Transition   `json:"-"`                  // sorted by instant and target
	Fired       map[string]int `json:"fired,omitempty"`    // by fault name, measured part and warm-up
	// Prices are those of the models that have one, by target; nil if none has.
	Prices      map[string]Price `json:"prices,omitempty"`
	Interrupted bool             `json:"interrupted,omitempty"`
	// Refuted is the bound of effective_reliability that was refuted while the run went
	// on, which ended it; "" if none was.
	Refuted string `json:"refuted,omitempty"`
	// Aborted is why the run ended early by a fault of the harness; "" otherwise.
	Aborted string `json:"aborted,omitempty"`
}
