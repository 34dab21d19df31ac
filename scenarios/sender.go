package scenarios

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// sender lets agent requests arrive. Every request runs in a goroutine of its own,
// which do waits for; cancelling ctx stops the arrivals, not the requests.
type sender struct {
	start    time.Time
	arrivals []Arrival
	do       func(index uint64, a Arrival, sched time.Time)
	sent     func() // called once, when no more requests come
}

// open sends each request at its scheduled time, however long those before it take.
func (s *sender) open(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer s.sent()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for i, a := range s.arrivals {
		sched := s.start.Add(a.At)
		if d := time.Until(sched); d > 0 {
			timer.Reset(d)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		wg.Go(func() { s.do(uint64(i), a, sched) })
	}
}

// closed lets each of users send its next request think after the answer to the
// one before: until end, unless that is zero, and as many as limit after the end of
// the warm-up t0, unless that is 0. A request's scheduled time is the time it was
// sent: latency excludes users who wait.
func (s *sender) closed(ctx context.Context, c *Closed, t0 time.Time, limit int, end time.Time) {
	var wg sync.WaitGroup
	var measured atomic.Int64
	for user := range c.Users {
		wg.Go(func() {
			late := residue(user) // no two users share an instant
			timer := time.NewTimer(late)
			defer timer.Stop()
			for i := user; ; i += c.Users {
				select {
				case <-timer.C:
				case <-ctx.Done():
					return
				}
				now := time.Now()
				if ctx.Err() != nil || !end.IsZero() && !now.Before(end) {
					return
				}
				if limit > 0 && !now.Before(t0) && measured.Add(1) > int64(limit) {
					return
				}
				s.do(uint64(i), Arrival{At: now.Sub(s.start)}, now)
				timer.Reset(c.Think + late)
			}
		})
	}
	wg.Wait()
	s.sent()
}
