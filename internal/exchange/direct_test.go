package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ask sends a request on the direct path; the channel gets what was delivered, with
// room for a second delivery, which must not come.
func ask(ctx context.Context, s Script) (*http.Response, <-chan Delivery, error) {
	done := make(chan Delivery, 2)
	h := Handler{Responder: ResponderFunc(func(context.Context, *Request) Script {
		return s.OnDone(func(d Delivery) { done <- d })
	})}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mock/v1", strings.NewReader("{}"))
	if err != nil {
		panic(err)
	}
	reply, err := h.RoundTrip(r)
	return reply, done, err
}

// once gives the delivery if Done was called exactly once.
func once(t *testing.T, done <-chan Delivery) (d Delivery) {
	t.Helper()
	select {
	case d = <-done:
	default:
		t.Fatal("Done was not called")
	}
	select {
	case again := <-done:
		t.Errorf("Done was called again with %+v", again)
	default:
	}
	return d
}

// errLeft is why the tests' clients leave.
var errLeft = errors.New("the client left")

// TestDirect performs scripts for clients that read to the end, leave or close early.
func TestDirect(t *testing.T) {
	tick := func(s string, wait time.Duration) Step { return Step{Kind: Content, Wait: wait, Bytes: []byte(s)} }
	end := func(s string, wait time.Duration) Step { return Step{Kind: Terminal, Wait: wait, Bytes: []byte(s)} }
	cut := tick("x", ms)
	cut.End = Cut
	resets := Step{Wait: ms, End: Reset}
	three := Script{Wait: 10 * ms, Steps: steps(Step{Bytes: []byte("r")}, tick("a", 5*ms), tick("b", 0), end("c", 5*ms), Step{Kind: Trailer, Bytes: []byte("d")})}
	for _, c := range []struct {
		name   string
		script Script
		leave  time.Duration // when the client's context ends; 0: never
		close  time.Duration // when it closes the body, unread; 0: it reads
		reads  string        // what it reads when, and the error
		want   string        // status, bytes, content, terminal, end, first, finish, left
	}{
		{name: "what is due at once comes at once", script: three,
			reads: "r@10ms ab@15ms cd@20ms EOF@20ms", want: "200 5B 2 true close 15ms 20ms 0s"},
		{name: "empty", reads: "EOF@0s", want: "200 0B 0 false close 0s 0s 0s"},
		{name: "cut", script: Script{Steps: steps(tick("a", ms), tick("b", ms)), End: Cut},
			reads: "a@1ms b@2ms unexpected EOF@2ms", want: "200 2B 2 false cut 1ms 2ms 0s"},
		{name: "cut by a step", script: Script{Steps: steps(tick("a", ms), cut, tick("b", ms))},
			reads: "a@1ms x@2ms unexpected EOF@2ms", want: "200 2B 2 false cut 1ms 2ms 0s"},
		{name: "reset", script: Script{Steps: steps(tick("a", ms), resets, tick("b", ms))},
			reads: "a@1ms connection reset by peer@2ms", want: "200 1B 1 false reset 1ms 2ms 0s"},
		{name: "hold", script: Script{Steps: steps(tick("a", ms)), End: Hold}, leave: 70 * ms,
			reads: "a@1ms the client left@70ms", want: "200 1B 1 false hold 1ms 70ms 70ms"},
		{name: "leaves in a wait", script: three, leave: 17 * ms,
			reads: "r@10ms ab@15ms the client left@17ms", want: "200 3B 2 false close 15ms 17ms 17ms"},
		{name: "leaves before the header", script: three, leave: 3 * ms,
			reads: "the client left@3ms", want: "0 0B 0 false close 0s 3ms 3ms"},
		{name: "silent reset", script: Script{Silent: true, Wait: ms, End: Reset}, reads: "connection reset by peer@1ms", want: "0 0B 0 false reset 0s 1ms 0s"},
		{name: "silent cut", script: Script{Silent: true, End: Cut}, reads: "EOF@0s", want: "0 0B 0 false cut 0s 0s 0s"},
		{name: "silent hold", script: Script{Silent: true, End: Hold, Steps: steps(tick("a", ms))}, leave: 9 * ms,
			reads: "the client left@9ms", want: "0 0B 0 false hold 0s 9ms 9ms"},
		{name: "closes before the end", script: three, close: 17 * ms, want: "200 3B 2 false close 17ms 17ms 17ms"},
		{name: "closes unread what was all due", script: Bytes(429, "text/plain", []byte("no"), Failure), close: ms,
			want: "429 2B 0 false close 0s 1ms 0s"},
		{name: "closes unread after the end", script: three, close: 40 * ms, want: "200 5B 2 true close 40ms 40ms 0s"},
		{name: "closes unread after the cut", script: Script{Steps: steps(tick("a", ms)), End: Cut}, close: 5 * ms, want: "200 1B 1 false cut 5ms 5ms 0s"},
		{name: "closes what is held", script: Script{Steps: steps(tick("a", ms)), End: Hold}, close: 5 * ms, want: "200 1B 1 false hold 5ms 5ms 5ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, ctx := time.Now(), t.Context()
				if c.leave > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeoutCause(ctx, c.leave, errLeft)
					defer cancel()
				}
				before := runtime.NumGoroutine()
				reply, done, err := ask(ctx, c.script)
				var reads []string
				note := func(what any) { reads = append(reads, fmt.Sprintf("%v@%v", what, time.Since(began))) }
				if err == nil && c.close > 0 {
					time.Sleep(time.Until(began.Add(c.close)))
				} else if err == nil {
					err = readAll(reply.Body, note)
				}
				if errors.Is(err, syscall.ECONNRESET) {
					err = syscall.ECONNRESET
				}
				if c.close == 0 {
					note(err)
				}
				for range 2 {
					if reply != nil && reply.Body.Close() != nil {
						t.Error("closing failed")
					}
				}
				d := once(t, done)
				since := func(at time.Time) time.Duration {
					if at.IsZero() {
						return 0
					}
					return at.Sub(began)
				}
				got := fmt.Sprintf("%d %dB %d %v %v %v %v %v", d.Status, d.Bytes, d.Content, d.Terminal, d.End, since(d.First), since(d.Finish), since(d.Left))
				if r := strings.Join(reads, " "); r != c.reads || got != c.want {
					t.Errorf("read %q, want %q; delivered %s, want %s", r, c.reads, got, c.want)
				}
				synctest.Wait()
				if n := runtime.NumGoroutine(); n > before {
					t.Errorf("%d goroutines, %d before", n, before)
				}
			})
		})
	}
}

func readAll(r io.Reader, note func(any)) error {
	buf := make([]byte, 64)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			note(string(buf[:n]))
		}
		if err != nil {
			return err
		}
	}
}

// TestDirectEndsItsSteps: an early Close runs the script's own cleanup, or the
// coroutine that steps are pulled from would stay for ever.
func TestDirectEndsItsSteps(t *testing.T) {
	for _, read := range []int{0, 1} {
		ended := false
		reply, done, err := ask(t.Context(), Script{Steps: func(yield func(Step) bool) {
			defer func() { ended = true }()
			for yield(Step{Kind: Content, Bytes: []byte("a"), Wait: time.Nanosecond}) {
				if !yield(Step{Wait: time.Hour}) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.CopyN(io.Discard, reply.Body, int64(read))
		reply.Body.Close()
		if d := once(t, done); !ended || d.Left.IsZero() {
			t.Errorf("after %d bytes: ended %v, %+v", read, ended, d)
		}
		if n, err := reply.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("reading after Close: %d, %v", n, err)
		}
	}
}

// TestDirectReply holds the reply's fields to what net/http gives.
func TestDirectReply(t *testing.T) {
	header := http.Header{"X-A": {"b"}}
	var traced bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { traced = true }})
	reply, _, err := ask(ctx, Script{Status: 503, Header: header, Steps: steps(Step{Kind: Failure, Bytes: []byte("no")})})
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	reply.Header.Set("X-A", "mine")
	if reply.Status != "503 Service Unavailable" || reply.StatusCode != 503 || header.Get("X-A") != "b" || reply.Request == nil || !traced {
		t.Errorf("%+v, traced %v", reply, traced)
	}
	if plain, _, _ := ask(t.Context(), Script{}); plain.Header == nil || plain.Close {
		t.Errorf("%+v", plain)
	}
}

// TestDirectAsksNobodyForTheDead: a request whose client has left is not sent.
func TestDirectAsksNobodyForTheDead(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errLeft)
	h := Handler{Responder: ResponderFunc(func(context.Context, *Request) Script {
		t.Error("was asked")
		return Script{}
	})}
	closed := false
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://mock", closer{strings.NewReader("{}"), &closed})
	if reply, err := h.RoundTrip(r); !errors.Is(err, errLeft) || reply != nil || !closed {
		t.Errorf("got %v, %v; body closed %v", reply, err, closed)
	}
}

type closer struct {
	io.Reader
	closed *bool
}

func (c closer) Close() error { *c.closed = true; return nil }

// TestDirectRefusesBodiesItCannotRead as the connection path does.
func TestDirectRefusesBodiesItCannotRead(t *testing.T) {
	var h Handler
	for _, c := range []struct {
		status int
		body   io.Reader
	}{
		{http.StatusRequestEntityTooLarge, io.LimitReader(zeros{}, MaxBody+1)},
		{http.StatusBadRequest, io.MultiReader(strings.NewReader("{"), broken{})},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mock", c.body)
		reply, err := h.RoundTrip(r)
		if err != nil || reply.StatusCode != c.status {
			t.Fatalf("got %+v, %v, want %d", reply, err, c.status)
		}
		reply.Body.Close()
	}
}

// TestDirectThroughAClient: net/http's client takes the direct path for a transport,
// timeouts included.
func TestDirectThroughAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler{Responder: ResponderFunc(func(context.Context, *Request) Script {
			return Script{Steps: steps(Step{Kind: Content, Bytes: []byte("a")}, Step{Kind: Terminal, Wait: time.Hour})}
		})}
		client := &http.Client{Transport: h, Timeout: time.Minute}
		began := time.Now()
		reply, err := client.Get("http://mock")
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		got, err := io.ReadAll(reply.Body)
		if timeout := (interface{ Timeout() bool })(nil); string(got) != "a" || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != time.Minute {
			t.Errorf("%q, %v after %v", got, err, time.Since(began))
		}
	})
}

// TestDirectPullsNoFurtherThanTheNextWait: steps are made when their time comes, so
// that what a script does between them happens when it would on a connection.
func TestDirectPullsNoFurtherThanTheNextWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var made []time.Duration
		reply, _, err := ask(t.Context(), Script{Steps: func(yield func(Step) bool) {
			for range 3 {
				made = append(made, time.Since(began))
				if !yield(Step{Wait: time.Second, Bytes: []byte("a")}) {
					return
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		_, _ = io.Copy(io.Discard, reply.Body)
		if want := []time.Duration{0, time.Second, 2 * time.Second}; !slices.Equal(made, want) {
			t.Errorf("made at %v, want %v", made, want)
		}
	})
}
