package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/scenarios"
)

// fixed is a source that stands still.
type fixed struct {
	phase   string
	configs []*scenarios.ConfigProgress
}

func (f *fixed) Phase() string                        { return f.phase }
func (f *fixed) Configs() []*scenarios.ConfigProgress { return f.configs }

func measuring() *fixed {
	return &fixed{"measuring", []*scenarios.ConfigProgress{{Name: "none"}, {Name: "full"}}}
}

func TestConfigProgressInWords(t *testing.T) {
	var c scenarios.ConfigProgress
	words := func() string { return strings.Join([]string{count(&c), good(&c), breakers(&c)}, " ") }
	if got, want := words(), "0 - breakers closed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Total.Store(200)
	c.Done.Store(80)
	c.Good.Store(72)
	c.Breakers.Store(1)
	if got, want := words(), "80/200 90.0% 1 breaker open"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Breakers.Store(2)
	if got, want := breakers(&c), "2 breakers open"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRounded(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                          "-",
		12345 * time.Microsecond:   "12ms",
		1234567 * time.Microsecond: "1.23s",
	} {
		if got := rounded(d); got != want {
			t.Errorf("rounded(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestInterruptionIsToldBeforeTheRunBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var p scenarios.Progress
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		stop := watch(ctx, newDisplay("auto", &out, "outage", &p))
		time.Sleep(25 * time.Second)
		interrupt()
		time.Sleep(time.Second)
		stop()
		// The run never began, so it has no phase to tell; the interruption has.
		if got := out.String(); got != interruptNote+"\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestNoProgress(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay("none", &out, "outage", measuring())
	d.update()
	d.close()
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
	d.note("interrupted")
	if got := out.String(); got != "interrupted\n" {
		t.Errorf("got %q", got)
	}
}

// TestBarsEnd would deadlock its bubble if a bar that fell short kept the program.
func TestBarsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := measuring()
		configs := p.Configs()
		for i, c := range configs {
			c.Total.Store(100)
			c.Done.Store(int64(40 + 60*i)) // the first is cut short
			c.Good.Store(30)
			c.Finished.Store(i > 0)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		stop := watch(ctx, newDisplay("tty", &out, "outage", p))
		time.Sleep(time.Second)
		interrupt()
		time.Sleep(time.Second)
		stop()
		text := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`).ReplaceAllString(out.String(), "")
		for _, want := range []string{"outage 1s measuring", "none", "40/100", "ok 75.0%", "full", "100/100", "ok 30.0%", "breakers closed", interruptNote} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	})
}

func TestPlainLineEveryTenSecondsAndAtEachPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := measuring()
		stop := watch(t.Context(), newDisplay("plain", &out, "outage", p))
		time.Sleep(25 * time.Second)
		stop()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := []string{
			"outage 0s measuring | none 0 ok - p99 - breakers closed | full 0 ok - p99 - breakers closed",
			"outage 10s measuring | none 0 ok - p99 - breakers closed | full 0 ok - p99 - breakers closed",
			"outage 20s measuring | none 0 ok - p99 - breakers closed | full 0 ok - p99 - breakers closed",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("got\n%s\nwant\n%s", out.String(), strings.Join(want, "\n"))
		}
	})
}

// TestBarsOfTheNextPhase: the control run's bars give way to those of the run.
func TestBarsOfTheNextPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := measuring()
		d := newBars(new(bytes.Buffer), "outage", p, true)
		d.update()
		p.configs = measuring().configs[1:]
		d.update()
		if len(d.configs) != 1 || d.configs[0].config != p.configs[0] {
			t.Errorf("got %d bars, want the one of the new config", len(d.configs))
		}
		d.close()
	})
}
