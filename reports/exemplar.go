package reports

import (
	"cmp"
	"slices"
	"time"
)

// Exemplar is one agent request with all its attempts: one of those that did not end
// well, or of the slowest. Times are in seconds from the end of the warm-up.
type Exemplar struct {
	Request uint64         `json:"request"`
	Why     string         `json:"why"` // failed, false_success, degraded or slow
	Sched   float64        `json:"sched"`
	Start   float64        `json:"start"`
	End     float64        `json:"end"`
	Outcome string         `json:"outcome"`
	Level   string         `json:"level,omitempty"`
	Class   string         `json:"class,omitempty"`
	Calls   []ExemplarCall `json:"calls"`
}

// Latency is the time from the scheduled arrival to the end, in seconds.
func (e Exemplar) Latency() float64 { return e.End - e.Sched }

// ExemplarCall is one call of an Exemplar.
type ExemplarCall struct {
	Name     string            `json:"name"`
	Op       string            `json:"op"` // llm or tool
	Start    float64           `json:"start"`
	End      float64           `json:"end"`
	Class    string            `json:"class,omitempty"` // error class when failed
	Fallback bool              `json:"fallback,omitempty"`
	Attempts []ExemplarAttempt `json:"attempts"`
	More     int               `json:"more,omitempty"` // further attempts, left out
}

// ExemplarAttempt is one attempt of an ExemplarCall, as the agent saw it and as the
// wire knows it.
type ExemplarAttempt struct {
	Target   string   `json:"target"`
	Start    float64  `json:"start"`
	End      float64  `json:"end"`
	TTFT     float64  `json:"ttft,omitempty"`
	Class    string   `json:"class,omitempty"`
	Status   int      `json:"status,omitempty"`
	Content  int      `json:"content,omitempty"` // content events delivered
	Reached  bool     `json:"reached,omitempty"`
	Terminal bool     `json:"terminal,omitempty"`
	Faults   []string `json:"faults,omitempty"`
}

const (
	exemplarsPerRun    = 20 // of a config with few seeds
	exemplarsPerConfig = 40 // shared by its seeds, of which each has some
	exemplarsAtLeast   = 4
	exemplarAttempts   = 24 // of one call
)

// exemplars picks from a run, for half of the room, agent requests that did not end
// well, one of each way to fail before a second of any, and for the rest the slowest.
func exemplars(run *Run, seeds int) []Exemplar {
	room := min(exemplarsPerRun, max(exemplarsAtLeast, exemplarsPerConfig/max(seeds, 1)))
	bad := unlikeFirst(run.Requests, room/2)
	slow := slowest(run.Requests, bad, room-len(bad))
	var out []Exemplar
	for _, q := range append(bad, slow...) {
		out = append(out, exemplar(run, q))
	}
	return out
}

func why(q *Request) string {
	switch {
	case q.FalseSuccess:
		return "false_success"
	case q.Outcome.Good():
		return "slow"
	}
	return q.Outcome.String()
}

// unlikeFirst takes turns among the ways to end badly, in the order of their first
// occurrence.
func unlikeFirst(requests []Request, most int) []*Request {
	type way struct{ why, class string }
	var order []way
	groups := map[way][]*Request{}
	for i := range requests {
		q := &requests[i]
		w := way{why(q), q.Class}
		if q.Warmup || w.why == "slow" || len(groups[w]) == most {
			continue
		}
		if groups[w] == nil {
			order = append(order, w)
		}
		groups[w] = append(groups[w], q)
	}
	var out []*Request
	for round := 0; round < most; round++ {
		for _, w := range order {
			if round < len(groups[w]) && len(out) < most {
				out = append(out, groups[w][round])
			}
		}
	}
	return out
}

func slowest(requests []Request, without []*Request, most int) []*Request {
	var out []*Request
	slower := func(a, b *Request) int {
		return cmp.Or(cmp.Compare(b.End-b.Sched, a.End-a.Sched), cmp.Compare(a.Index, b.Index))
	}
	for i := range requests {
		q := &requests[i]
		if q.Warmup || len(out) == most && slower(q, out[most-1]) >= 0 || slices.Contains(without, q) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, q, slower)
		out = slices.Insert(out, at, q)
		out = out[:min(len(out), most)]
	}
	return out
}

func exemplar(run *Run, q *Request) Exemplar {
	e := Exemplar{
		Request: q.Index, Why: why(q), Sched: seconds(q.Sched), Start: seconds(q.Start), End: seconds(q.End),
		Outcome: q.Outcome.String(), Level: q.Level, Class: q.Class, Calls: []ExemplarCall{},
	}
	first, _ := slices.BinarySearchFunc(run.Calls, q.Index, func(c Call, id uint64) int { return cmp.Compare(c.Request, id) })
	for i := first; i < len(run.Calls) && run.Calls[i].Request == q.Index; i++ {
		e.Calls = append(e.Calls, exemplarCall(run, &run.Calls[i]))
	}
	return e
}

func exemplarCall(run *Run, c *Call) ExemplarCall {
	out := ExemplarCall{Name: c.Name, Op: c.Op, Start: seconds(c.Start), End: seconds(c.End), Class: c.Class, Fallback: c.Fallback, Attempts: []ExemplarAttempt{}}
	first, _ := slices.BinarySearchFunc(run.Attempts, c, func(a Attempt, c *Call) int {
		return cmp.Or(cmp.Compare(a.Request, c.Request), cmp.Compare(a.Step, c.Step))
	})
	for i := first; i < len(run.Attempts); i++ {
		a := &run.Attempts[i]
		if a.Request != c.Request || a.Step != c.Step {
			break
		}
		if len(out.Attempts) == exemplarAttempts {
			out.More++
			continue
		}
		out.Attempts = append(out.Attempts, ExemplarAttempt{
			a.Target, seconds(a.Start), seconds(a.End), seconds(a.TTFT), a.Class, a.Status, a.Content, a.Reached, a.Terminal, a.Faults,
		})
	}
	return out
}

func seconds(d time.Duration) float64 { return rounded(d.Seconds()) }
