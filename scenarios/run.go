package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/resilience"
)

// Options says how a scenario is run; the zero value runs it as its file says.
type Options struct {
	Seed       *uint64 // instead of the file's
	Repeat     int     // instead of the file's, if above 0
	Clock      string  // wall or virtual, instead of the file's
	Ablate     string  // the config to take apart too, pattern by pattern; "" for none
	Sequential bool    // configs one after the other instead of side by side; on the wall clock
	Progress   *Progress
}

// ErrSetup is in the tree of an error by which a run could not begin.
var ErrSetup = errors.New("could not start the run")

// drainLimit is how long agent requests may take after the last arrival. Those
// still without an answer then count as failed, with class unfinished.
const drainLimit = 15 * time.Second

// drainResidue keeps the end of the drain from the instants of a request's own bounds.
const drainResidue = 48

// closedLimit is how long an agent request may take in a closed loop without a
// duration, which has no last arrival to count from.
const closedLimit = 2 * time.Minute

// interruptLimit is drainLimit after an interrupt.
const interruptLimit = 3 * time.Second

// controlLimit bounds the fault-free control run that judges the steady state.
const controlLimit = 5 * time.Second

// Run runs every config of s under every seed, each against mocks and faults of its
// own, and reports. Cancelling ctx stops the arrivals, drains, lifts the faults and
// returns the partial report with a nil error; an error means that the harness
// itself failed.
func Run(ctx context.Context, s *Scenario, o Options) (*reports.Report, error) {
	if o.Clock != "" {
		clocked := *s
		clocked.Clock = o.Clock
		s = &clocked
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	r := &runner{s: s, o: o, began: time.Now()}
	first := s.Seed
	if o.Seed != nil {
		first = *o.Seed
	}
	if err := s.CheckAblate(o.Ablate); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSetup, err)
	}
	steady, met, err := r.control(ctx, first)
	if err != nil {
		return nil, err
	}
	var runs []*reports.Run
	var apart *reports.AblationInput
	if met {
		if runs, err = r.seeds(ctx, first); err != nil {
			return nil, err
		}
		if apart, err = r.ablation(ctx, first, runs); err != nil {
			return nil, err
		}
	}
	r.o.Progress.enter("report")
	return r.report(steady, runs, apart)
}

type runner struct {
	s     *Scenario
	o     Options
	began time.Time
	// connected takes the connection path in virtual time everywhere; a test holds
	// the direct path to it.
	connected bool
	// hear gets every event of every agent's stack, for tests; nil for nobody.
	hear func(at time.Duration, e resilience.Event)
}

// control runs the steady state's config for a short while without any fault and
// tells whether its bound was met; it is met where none is given.
func (r *runner) control(ctx context.Context, number uint64) (*reports.SteadyState, bool, error) {
	steady := r.s.SteadyState
	if steady == nil {
		return nil, true, nil
	}
	e, err := expected(steady.Config, steady.Metric, steady.Is)
	if err != nil {
		return nil, false, err
	}
	calm := *r.s
	calm.Faults, calm.Expect = nil, nil
	calm.Configs = []Config{r.s.config(steady.Config)}
	calm.Workload.Warmup = 0
	if calm.Workload.Duration == 0 || calm.Workload.Duration > controlLimit {
		calm.Workload.Duration = controlLimit
	}
	control := &runner{s: &calm, o: r.o}
	control.begin("steady state")
	runs, err := control.all(ctx, number, 1)
	if err != nil {
		return nil, false, err
	}
	// A control run that was interrupted decides nothing.
	met := ctx.Err() == nil && e.Is.Holds(reports.Measure(e.Metric, runs, nil).Value)
	return &reports.SteadyState{Expectation: e, Runs: runs}, met, nil
}

// begin begins a phase with the configs of the scenario.
func (r *runner) begin(phase string) { r.o.Progress.begin(phase, r.s.Configs) }

// enter begins the next phase of a seed. In virtual time several are under way at
// once, so there it changes nothing.
func (r *runner) enter(phase string) {
	if r.s.Clock != "virtual" {
		r.o.Progress.enter(phase)
	}
}

// seeds is how many seeds s runs under o.
func (s *Scenario) seeds(o Options) int {
	if o.Repeat > 0 {
		return o.Repeat
	}
	return max(1, s.Repeat)
}

// Bubbles is how many runs, each on one processor, a run in virtual time has; 0 on the
// wall clock.
func (s *Scenario) Bubbles(o Options) int {
	if cmp.Or(o.Clock, s.Clock) != "virtual" {
		return 0
	}
	return s.seeds(o) * len(s.Configs)
}

// seeds runs all configs under all seeds.
func (r *runner) seeds(ctx context.Context, first uint64) ([]*reports.Run, error) {
	phase := "warm-up"
	if r.s.Clock == "virtual" {
		phase = "measuring"
	}
	r.begin(phase)
	defer r.o.Progress.finish()
	return r.all(ctx, first, r.s.seeds(r.o))
}

// all runs all configs under repeat seeds: on the wall clock seed after seed, in
// virtual time on all cores.
func (r *runner) all(ctx context.Context, first uint64, repeat int) ([]*reports.Run, error) {
	if r.s.Clock == "virtual" {
		return r.bubbles(ctx, first, repeat)
	}
	var all []*reports.Run
	for i := range repeat {
		if i > 0 && ctx.Err() != nil {
			break
		}
		runs, err := r.configs(ctx, first+uint64(i))
		if err != nil {
			return nil, fmt.Errorf("seed %d: %w", first+uint64(i), err)
		}
		all = append(all, runs...)
	}
	return all, nil
}

// configs runs every config under one seed on loopback, side by side unless told
// otherwise. All benches are open before the first request is sent.
func (r *runner) configs(ctx context.Context, number uint64) ([]*reports.Run, error) {
	arrivals, err := r.s.Workload.Schedule(number)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSetup, err)
	}
	benches := make([]*bench, len(r.s.Configs))
	defer func() {
		for _, b := range benches {
			if b != nil {
				_ = b.close() // a run has closed its own and kept the error
			}
		}
	}()
	for i := range benches {
		if benches[i], err = openBench(ctx, r.s, number, network.Loopback{}); err != nil {
			return nil, fmt.Errorf("%w: config %s: %w", ErrSetup, r.s.Configs[i].Name, err)
		}
	}
	runs := make([]*reports.Run, len(r.s.Configs))
	errs := make([]error, len(r.s.Configs))
	one := func(i int) {
		runs[i], errs[i] = r.config(ctx, r.s.Configs[i], benches[i], arrivals, number)
	}
	var wg sync.WaitGroup
	for i := range r.s.Configs {
		if r.o.Sequential {
			one(i)
		} else {
			wg.Go(func() { one(i) })
		}
	}
	wg.Wait()
	return runs, errors.Join(errs...)
}

// config runs one config under one seed against its bench.
func (r *runner) config(ctx context.Context, c Config, b *bench, arrivals []Arrival, number uint64) (*reports.Run, error) {
	w := r.s.Workload
	start := time.Now()
	t0 := start.Add(w.Warmup)
	progress := r.o.Progress.config(c.Name)
	progress.Total.Add(int64(len(arrivals)))
	a, err := newAgent(r.s, c, b, number, t0, reports.NewRecorder(len(arrivals)), progress)
	if err != nil {
		return nil, fmt.Errorf("%w: config %s: %w", ErrSetup, c.Name, err)
	}
	a.hear = r.hear
	arriving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	measured := slices.IndexFunc(arrivals, func(a Arrival) bool { return a.At >= w.Warmup })
	if a.watch, err = r.watch(c, len(arrivals)-max(measured, 0), stop); err != nil {
		return nil, fmt.Errorf("%w: config %s: %w", ErrSetup, c.Name, err)
	}
	b.arm(t0)
	length := w.length(arrivals) // 0: as long as the requests of a closed loop take
	stopped := r.drive(ctx, arriving, a, arrivals, start, length)
	a.close()
	closing := b.close()
	a.stack.Breakers() // tells of those that have become half-open since their last call
	run := a.rec.Finish()
	if err := errors.Join(a.panicked(), closing); err != nil {
		run.Aborted = err.Error()
	}
	run.Config, run.Seed = c.Name, number
	run.Closed, run.Prices = w.Closed != nil, r.s.prices()
	run.Interrupted = ctx.Err() != nil
	run.Refuted = a.watch.verdict()
	if run.Duration = length - w.Warmup; run.Interrupted || run.Refuted != "" || length == 0 {
		run.Duration = max(0, stopped.Sub(t0))
	}
	run.Fired = b.fired()
	b.join(run)
	return run, nil
}

// drive lets the agent requests arrive until arriving ends, waits until all have
// ended, and returns when the last was sent. Requests outlive an interrupt by interruptLimit and the last
// arrival by drainLimit; each has a deadline of its own, so that no two of them end at
// one instant.
func (r *runner) drive(ctx, arriving context.Context, a *agent, arrivals []Arrival, start time.Time, length time.Duration) (stopped time.Time) {
	w, end := r.s.Workload, start.Add(length)
	base, giveUp := untilInterrupted(ctx)
	defer giveUp()
	var measuring sync.Once
	send := sender{
		start: start, arrivals: arrivals,
		do: func(i uint64, arr Arrival, sched time.Time) {
			if arr.At >= w.Warmup {
				measuring.Do(func() { r.enter("measuring") })
			}
			last := end.Add(drainLimit)
			if length == 0 {
				last = sched.Add(closedLimit)
			}
			inner, cancel := context.WithDeadlineCause(base, last.Add(residue(int(i))+drainResidue), errUnfinished)
			defer cancel()
			a.request(inner, i, arr, sched)
		},
		sent: func() {
			stopped = time.Now()
			r.enter("draining")
		},
	}
	if w.Closed == nil {
		send.open(arriving)
		return stopped
	}
	if length == 0 {
		end = time.Time{}
	}
	send.closed(arriving, w.Closed, start.Add(w.Warmup), w.Requests, end)
	return stopped
}

// errUnfinished is why a request was given up at the end of the run.
var errUnfinished = errors.New("no answer when the run ended")

// untilInterrupted returns a context that outlives ctx by interruptLimit. The
// function it returns ends it and must be called.
func untilInterrupted(ctx context.Context) (context.Context, func()) {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(interruptLimit)
		defer grace.Stop()
		select {
		case <-grace.C:
			cancel(errUnfinished)
		case <-base.Done():
		}
	})
	return base, func() { stop(); cancel(nil) }
}
