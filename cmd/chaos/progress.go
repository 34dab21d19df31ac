package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/agentchaos/chaos/scenarios"
)

const (
	pollEvery  = 200 * time.Millisecond
	plainEvery = 10 * time.Second
)

// interruptNote is told when the first signal comes.
const interruptNote = "chaos: interrupted: no new requests, waiting for those under way; again to kill"

// display shows a run under way. It is used by one goroutine.
type display interface {
	update()
	note(text string)
	close() // leaves the last state on the screen
}

// source is what a display looks at: a *scenarios.Progress.
type source interface {
	Phase() string
	Configs() []*scenarios.ConfigProgress
}

// newDisplay picks the display for a --progress mode.
func newDisplay(mode string, w io.Writer, name string, p source) display {
	_, terminal := terminalWidth(w)
	switch {
	case mode == "none":
		return silent{w}
	case mode == "tty", mode == "auto" && terminal:
		return newBars(w, name, p, !terminal)
	}
	return &plain{silent: silent{w}, name: name, progress: p, start: time.Now()}
}

// watch keeps d up to date until stop is called, which waits for its last state.
// It notes the interruption when ctx ends.
func watch(ctx context.Context, d display) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer d.close()
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		interrupted := ctx.Done()
		for {
			select {
			case <-tick.C:
				d.update()
			case <-interrupted:
				interrupted = nil
				d.note(interruptNote)
			case <-end:
				d.update()
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// silent shows nothing but notes.
type silent struct{ w io.Writer }

func (s silent) update()          {}
func (s silent) note(text string) { fmt.Fprintln(s.w, text) }
func (s silent) close()           {}

// plain writes a line every ten seconds and at each change of phase.
type plain struct {
	silent
	name     string
	progress source
	start    time.Time
	last     time.Time
	phase    string
}

func (d *plain) update() {
	phase, now := d.progress.Phase(), time.Now()
	if phase == "" || phase == d.phase && now.Sub(d.last) < plainEvery {
		return
	}
	d.phase, d.last = phase, now
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s %s", d.name, now.Sub(d.start).Round(time.Second), phase)
	for _, c := range d.progress.Configs() {
		fmt.Fprintf(&line, " | %s %s ok %s p99 %s %s", c.Name, count(c), good(c), rounded(c.Latency()), breakers(c))
	}
	fmt.Fprintln(d.w, line.String())
}

// count is done/total, or done alone while the total is unknown.
func count(c *scenarios.ConfigProgress) string {
	if total := c.Total.Load(); total > 0 {
		return fmt.Sprintf("%d/%d", c.Done.Load(), total)
	}
	return fmt.Sprint(c.Done.Load())
}

func good(c *scenarios.ConfigProgress) string {
	done := c.Done.Load()
	if done == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(c.Good.Load())/float64(done))
}

// rounded is a duration to three digits or so; "-" for none.
func rounded(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

func breakers(c *scenarios.ConfigProgress) string {
	switch n := c.Breakers.Load(); n {
	case 0:
		return "breakers closed"
	case 1:
		return "1 breaker open"
	default:
		return fmt.Sprintf("%d breakers open", n)
	}
}
