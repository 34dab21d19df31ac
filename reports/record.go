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
	Index uint64
	Sched time.Duration // scheduled arrival
	Start time.Duration // when it was really started; Start − Sched is the sender's lag
	End   time.Duration
	// Outcome is the truth: a false success is Failed.
	Outcome Outcome
	Level   string // full, degraded, minimal, offline
	// Class is the error class of the first real cause; "" for a success.
	Class string
	// FalseSuccess: the agent believed in an answer that the wire says was broken.
	FalseSuccess bool
	Warmup       bool
}

// Call is one LLM or tool call of an agent request.
type Call struct {
	Request  uint64
	Step     uint64 // from 1
	Name     string // the step's name: plan, web_search
	Op       string // llm or tool
	Start    time.Duration
	End      time.Duration
	Attempts int
	Served   string // target that answered; "" if none
	Fallback bool   // served by another than the primary target
	Failed   bool
	Class    string        // error class when failed
	TTFT     time.Duration // from the call's start; 0: as its last attempt tells
	Input    int           // tokens, as the reply reported them
	Output   int
	Warmup   bool
}

// Attempt is one attempt, as the agent saw it and as the wire knows it.
type Attempt struct {
	Request uint64
	Step    uint64
	N       uint64 // from 1, over all targets of the call
	Target  string // openai/gpt-4o, web_search/tavily
	Op      string // llm or tool
	Start   time.Duration
	End     time.Duration
	Class   string // error class; "" for success
	TTFT    time.Duration
	MaxGap  time.Duration // the longest silence between two content events
	Warmup  bool

	// Ground truth; Reached is false if the attempt never came to the endpoint.
	Reached  bool
	Faults   []string // names of the faults that fired on it
	Status   int
	Bytes    int64
	Content  int  // content events delivered
	Terminal bool // terminal event delivered
	Left     bool // the client left before the end
}

// Transition is one change of a breaker's state. At counts as the times of a
// Request do; From and To are closed, open or half-open.
type Transition struct {
	At               time.Duration
	Target           string
	From, To, Reason string
}

// Run is everything recorded of one scenario × config × seed.
type Run struct {
	Config      string
	Seed        uint64
	Duration    time.Duration  // of the measured part, without the warm-up
	Closed      bool           // closed loop: latency excludes waiting users
	Requests    []Request      // sorted by Index
	Calls       []Call         // sorted by request and step
	Attempts    []Attempt      // sorted by request, step and N
	Transitions []Transition   // sorted by instant and target
	Fired       map[string]int // by fault name, measured part and warm-up
	// Dropped counts scheduled agent requests that the sender never started.
	Dropped     int
	Interrupted bool
	// Aborted is why the run ended early by a fault of the harness; "" otherwise.
	Aborted string
}
