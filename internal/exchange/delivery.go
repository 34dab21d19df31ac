package exchange

import (
	"context"
	"time"
)

// Delivery is the ground truth of one reply: what the player wrote, and when.
type Delivery struct {
	Status   int   // 0 if no header was sent
	Bytes    int64 // of the body
	Content  int   // content events written
	Terminal bool  // whether the terminal event was written
	Failure  bool  // whether an error was reported inside the reply
	End      End
	Start    time.Time // when the request had been read
	First    time.Time // when the first content event was written; zero if none
	Finish   time.Time // when the script ended or was given up
	// Left is when the client was found gone before the script's end; zero if it
	// stayed.
	Left time.Time
}

// delivery keeps the time of a script under way and counts what is delivered. Steps
// are due at absolute times, so that lateness does not add up.
type delivery struct {
	d     Delivery
	due   time.Time
	timer *time.Timer
}

func begin(s Script) delivery {
	now := time.Now()
	return delivery{d: Delivery{End: s.End, Start: now}, due: now}
}

// start lets the script wait for its start; it reports false when ctx ended first.
func (p *delivery) start(ctx context.Context, s *Script) bool {
	if s.Start == nil {
		return true
	}
	more, ok := s.Start(ctx)
	s.Wait += more
	p.due = time.Now()
	return ok
}

// count notes that a step of this kind was written.
func (p *delivery) count(k Kind) {
	switch k {
	case Content:
		if p.d.Content == 0 {
			p.d.First = time.Now()
		}
		p.d.Content++
	case Terminal:
		p.d.Terminal = true
	case Failure:
		p.d.Failure = true
	}
}

// ahead moves the due time on by d and tells whether it is still to come.
func (p *delivery) ahead(d time.Duration) bool {
	p.due = p.due.Add(d)
	return time.Until(p.due) > 0
}

// sleep waits for the due time; it reports false when ctx ended first.
func (p *delivery) sleep(ctx context.Context) bool {
	left := time.Until(p.due)
	if p.timer == nil {
		p.timer = time.NewTimer(left)
	} else {
		p.timer.Reset(left)
	}
	select {
	case <-p.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// finish completes the truth and hands it out.
func (p *delivery) finish(s Script, gone bool) {
	p.d.Finish = time.Now()
	if gone {
		p.d.Left = p.d.Finish
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	if s.Done != nil {
		s.Done(p.d)
	}
}
