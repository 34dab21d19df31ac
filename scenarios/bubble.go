package scenarios

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/virtual"
	"github.com/agentchaos/chaos/reports"
)

// bubbles runs every config under every seed in virtual time, each in a bubble and on
// a network of its own, as many at once as there are processors. The runs come in
// order of seed and config.
func (r *runner) bubbles(ctx context.Context, first uint64, repeat int) ([]*reports.Run, error) {
	configs := r.s.Configs
	runs := make([]*reports.Run, repeat*len(configs))
	errs := make([]error, len(runs))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range runs {
		free <- struct{}{}
		if i >= len(configs) && ctx.Err() != nil {
			break // interrupted: the first seed is enough for a partial report
		}
		number, c := first+uint64(i/len(configs)), configs[i%len(configs)]
		wg.Go(func() {
			defer func() { <-free }()
			if runs[i], errs[i] = r.bubble(ctx, c, number); errs[i] != nil {
				errs[i] = fmt.Errorf("config %s, seed %d: %w", c.Name, number, errs[i])
			}
		})
	}
	wg.Wait()
	done := runs[:0]
	for _, run := range runs {
		if run != nil {
			done = append(done, run)
		}
	}
	return done, errors.Join(errs...)
}

// bubble runs one config under one seed in virtual time.
func (r *runner) bubble(ctx context.Context, c Config, number uint64) (run *reports.Run, err error) {
	arrivals, err := r.s.Workload.Schedule(number)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSetup, err)
	}
	err = virtual.Run(func() error {
		inner, cancel := context.WithCancel(context.Background())
		defer cancel()
		var watcher sync.WaitGroup
		watcher.Go(func() { interruptBy(ctx, inner, cancel) })
		defer watcher.Wait()
		defer cancel()
		b, err := openBench(inner, r.s, number, new(network.Memory))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSetup, err)
		}
		b.direct = !r.connected
		run, err = r.config(inner, c, b, arrivals, number)
		return errors.Join(err, b.close())
	})
	return run, err
}

// interruptBy cancels inner, which lives in virtual time, soon after outer, which
// does not, has ended: nothing in a bubble may wait for a channel outside, so it
// looks once a virtual second.
func interruptBy(outer, inner context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if outer.Err() != nil {
				cancel()
				return
			}
		case <-inner.Done():
			return
		}
	}
}
