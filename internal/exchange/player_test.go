package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// writer notes every header, write and flush with its instant, and takes as long
// over each write as it is told.
type writer struct {
	start  time.Time
	header http.Header
	log    []string
	delay  time.Duration
	fail   int // the write, from 1, that fails
	writes int
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%v ", time.Since(w.start))+fmt.Sprintf(format, args...))
}

func (w *writer) WriteHeader(status int) { w.note("%d", status) }

func (w *writer) Write(b []byte) (int, error) {
	w.note("%s", b)
	time.Sleep(w.delay)
	if w.writes++; w.writes == w.fail {
		return 1, errors.New("broken pipe")
	}
	return len(b), nil
}

func (w *writer) Flush() { w.note("flush") }

func steps(all ...Step) func(func(Step) bool) { return slices.Values(all) }

// play performs a script and gives its delivery, with instants as durations since
// the start, and whether it panicked as net/http wants it.
func play(t *testing.T, ctx context.Context, w *writer, s Script) (d Delivery, aborted bool) {
	t.Helper()
	w.start, w.header = time.Now(), http.Header{}
	defer func() {
		if r := recover(); r != nil && r != http.ErrAbortHandler {
			panic(r)
		} else {
			aborted = r != nil
		}
	}()
	Play(ctx, w, s.OnDone(func(got Delivery) { d = got }))
	return d, false
}

// What is due at once is written without a flush between; every wait is preceded by
// one.
func TestPlayCoalescesWhatIsDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{}
		d, aborted := play(t, t.Context(), w, Script{
			Status: 201,
			Header: http.Header{"X-A": {"b"}},
			Wait:   10 * ms,
			Steps: steps(
				Step{Kind: Meta, Bytes: []byte("role")},
				Step{Kind: Content, Bytes: []byte("a")},
				Step{Kind: Content, Bytes: []byte("b"), Wait: 5 * ms},
				Step{Kind: Ping, Wait: 2 * ms, Bytes: []byte(":")},
				Step{Kind: Terminal, Bytes: []byte("end")},
				Step{Kind: Trailer, Bytes: []byte("done")},
			),
		})
		want := []string{"10ms 201", "10ms role", "10ms a", "10ms flush", "15ms b", "15ms flush", "17ms :", "17ms end", "17ms done"}
		if !reflect.DeepEqual(w.log, want) || w.header.Get("X-A") != "b" {
			t.Errorf("got %q, want %q", w.log, want)
		}
		wantD := Delivery{Status: 201, Bytes: 14, Content: 2, Terminal: true,
			Start: w.start, First: w.start.Add(10 * ms), Finish: w.start.Add(17 * ms)}
		if d != wantD || aborted {
			t.Errorf("got %+v, aborted %v, want %+v", d, aborted, wantD)
		}
	})
}

// A late step does not delay those after it, and is not flushed on its own.
func TestPlayPacesByAbsoluteTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{delay: 12 * ms}
		tick := func(s string, wait time.Duration) Step { return Step{Kind: Content, Wait: wait, Bytes: []byte(s)} }
		play(t, t.Context(), w, Script{Steps: steps(tick("a", 5*ms), tick("b", 5*ms), tick("c", 5*ms), tick("d", 100*ms))})
		want := []string{"0s 200", "0s flush", "5ms a", "17ms b", "29ms c", "41ms flush", "115ms d"}
		if !reflect.DeepEqual(w.log, want) {
			t.Errorf("got %q, want %q", w.log, want)
		}
	})
}

// A live step's wait counts from its arrival, and it is flushed at once.
func TestPlayLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{}
		play(t, t.Context(), w, Script{Live: true, Steps: func(yield func(Step) bool) {
			time.Sleep(30 * ms)
			_ = yield(Step{Kind: Content, Bytes: []byte("a")})
			time.Sleep(30 * ms)
			_ = yield(Step{Kind: Content, Wait: 5 * ms, Bytes: []byte("b")})
		}})
		want := []string{"0s 200", "30ms a", "30ms flush", "60ms flush", "65ms b", "65ms flush"}
		if !reflect.DeepEqual(w.log, want) {
			t.Errorf("got %q, want %q", w.log, want)
		}
	})
}

// The delivery says what was written, however a script ends.
func TestDelivery(t *testing.T) {
	content, terminal := Step{Kind: Content, Bytes: []byte("abc")}, Step{Kind: Terminal, Bytes: []byte("end")}
	failure := Step{Kind: Failure, Bytes: []byte("oops")}
	late := Step{Kind: Content, Bytes: []byte("late"), Wait: 50 * ms}
	cut := content
	cut.End = Cut
	for _, c := range []struct {
		name    string
		script  Script
		leave   time.Duration // when the client leaves; 0: never
		fail    int
		want    Delivery // Start, First, Finish are left out
		left    time.Duration
		aborted bool
	}{
		{name: "zero", want: Delivery{Status: 200}},
		{name: "no terminal", script: Script{Steps: steps(content)}, want: Delivery{Status: 200, Bytes: 3, Content: 1}},
		{name: "failure", script: Script{Steps: steps(content, failure)}, want: Delivery{Status: 200, Bytes: 7, Content: 1, Failure: true}},
		{name: "cut", script: Script{Steps: steps(content, terminal), End: Cut},
			want: Delivery{Status: 200, Bytes: 6, Content: 1, Terminal: true, End: Cut}, aborted: true},
		{name: "cut by a step", script: Script{Steps: steps(content, cut, terminal)},
			want: Delivery{Status: 200, Bytes: 6, Content: 2, End: Cut}, aborted: true},
		{name: "reset", script: Script{Steps: steps(content), End: Reset},
			want: Delivery{Status: 200, Bytes: 3, Content: 1, End: Reset}, aborted: true},
		{name: "hold", script: Script{Steps: steps(content), End: Hold}, leave: 70 * ms, left: 70 * ms,
			want: Delivery{Status: 200, Bytes: 3, Content: 1, End: Hold}, aborted: true},
		{name: "silent hold", script: Script{Silent: true, End: Hold, Steps: steps(content)}, leave: 70 * ms, left: 70 * ms,
			want: Delivery{End: Hold}, aborted: true},
		{name: "silent cut", script: Script{Silent: true, End: Cut, Wait: 5 * ms}, want: Delivery{End: Cut}, aborted: true},
		{name: "silent close sends nothing either", script: Script{Silent: true}, want: Delivery{}, aborted: true},
		{name: "left before the header", script: Script{Wait: 30 * ms, Steps: steps(content, terminal)}, leave: 10 * ms, left: 10 * ms,
			want: Delivery{}, aborted: true},
		{name: "left between steps", script: Script{Steps: steps(content, late, terminal)}, leave: 20 * ms, left: 20 * ms,
			want: Delivery{Status: 200, Bytes: 3, Content: 1}, aborted: true},
		{name: "leaves after the end", script: Script{Steps: steps(content, terminal)}, leave: 1,
			want: Delivery{Status: 200, Bytes: 6, Content: 1, Terminal: true}},
		{name: "write fails", script: Script{Steps: steps(content, terminal)}, fail: 2,
			want: Delivery{Status: 200, Bytes: 4, Content: 1}, aborted: true, left: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.leave > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.leave)
					defer cancel()
				}
				w := &writer{fail: c.fail}
				d, aborted := play(t, ctx, w, c.script)
				left := time.Duration(0)
				if !d.Left.IsZero() {
					left = max(d.Left.Sub(w.start), 1)
				}
				if d.Start != w.start || d.Finish.IsZero() || d.First.IsZero() != (d.Content == 0) {
					t.Errorf("instants of %+v", d)
				}
				d.Start, d.First, d.Finish, d.Left = time.Time{}, time.Time{}, time.Time{}, time.Time{}
				if d != c.want || left != c.left || aborted != c.aborted {
					t.Errorf("got %+v, left %v, aborted %v; want %+v, %v, %v", d, left, aborted, c.want, c.left, c.aborted)
				}
			})
		})
	}
}

// bare is a ResponseWriter that cannot flush, such as a middleware's.
type bare struct{ w *writer }

func (b bare) Header() http.Header         { return b.w.header }
func (b bare) WriteHeader(status int)      { b.w.WriteHeader(status) }
func (b bare) Write(p []byte) (int, error) { return b.w.Write(p) }

func TestPlayWithoutFlusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{start: time.Now(), header: http.Header{}}
		d := Play(t.Context(), bare{w}, Script{Steps: steps(Step{Kind: Terminal, Wait: ms, Bytes: []byte("x")})})
		if !d.Terminal || !d.Left.IsZero() {
			t.Errorf("%+v", d)
		}
	})
}

func TestOnDoneKeepsTheOrder(t *testing.T) {
	var order []string
	s := Script{}.OnDone(func(Delivery) { order = append(order, "a") }).OnDone(func(Delivery) { order = append(order, "b") })
	s.Done(Delivery{})
	if got := strings.Join(order, ""); got != "ab" {
		t.Errorf("called %q", got)
	}
}

func TestNames(t *testing.T) {
	kinds := fmt.Sprint(Meta, Content, Terminal, Trailer, Ping, Failure)
	ends := fmt.Sprint(Close, Cut, Reset, Hold)
	if kinds != "meta content terminal trailer ping failure" || ends != "close cut reset hold" {
		t.Errorf("%s; %s", kinds, ends)
	}
}
