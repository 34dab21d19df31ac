package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/agentchaos/chaos/scenarios"
)

// bars draws one progress bar per config below a line with the phase.
type bars struct {
	w        io.Writer
	progress source
	screen   *mpb.Progress
	header   *mpb.Bar
	configs  []configBar
}

type configBar struct {
	*mpb.Bar
	config *scenarios.ConfigProgress
}

// newBars starts drawing on w; force draws frames even where w is no terminal.
func newBars(w io.Writer, name string, p source, force bool) *bars {
	b := &bars{w: w, progress: p}
	b.screen = mpb.New(
		mpb.WithOutput(w),
		mpb.WithRefreshRate(pollEvery),
		mpb.ContainerOptional(mpb.WithAutoRefresh(), force),
	)
	start := time.Now()
	// No bar has a total from the start: mpb would complete it by itself, and wait
	// for ever for one that falls short.
	b.header = b.screen.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		return fmt.Sprintf("%s %s %s", name, time.Since(start).Round(time.Second), p.Phase())
	})))
	return b
}

// update follows the progress. The bars of a phase that is over, such as the
// control run's, make room for those of the next.
func (b *bars) update() {
	configs := b.progress.Configs()
	if len(b.configs) > 0 && !slices.Contains(configs, b.configs[0].config) {
		for _, bar := range b.configs {
			bar.Abort(true)
		}
		b.configs = nil
	}
	for _, c := range configs[len(b.configs):] {
		bar := b.screen.New(0, mpb.BarStyle(), mpb.PrependDecorators(decor.Name(c.Name, decor.WCSyncSpaceR)), appendix(c))
		b.configs = append(b.configs, configBar{bar, c})
	}
	for _, bar := range b.configs {
		bar.SetTotal(bar.config.Total.Load(), false)
		bar.SetCurrent(bar.config.Done.Load())
	}
}

// appendix is what a config has come to, written behind its bar.
func appendix(c *scenarios.ConfigProgress) mpb.BarOption {
	show := func(label string, f func(*scenarios.ConfigProgress) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return label + f(c) }, decor.WCSyncSpaceR)
	}
	p99 := func(c *scenarios.ConfigProgress) string { return rounded(c.Latency()) }
	return mpb.AppendDecorators(show("", count), show("ok ", good), show("p99 ", p99), show("", breakers))
}

// note writes above the bars.
func (b *bars) note(text string) {
	// The \r: a terminal that echoes ^C has moved the cursor.
	if _, err := fmt.Fprintln(b.screen, "\r"+text); err != nil {
		fmt.Fprintln(b.w, text) // the terminal is gone, or the bars are
	}
}

// close ends every bar as it stands: Wait blocks on one that has not ended.
func (b *bars) close() {
	for _, bar := range b.configs {
		bar.Abort(false)
	}
	b.header.Abort(false)
	b.screen.Wait()
}
