package exchange

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// late is a Start that waits for d, or for the end of ctx.
func late(d, more time.Duration) func(context.Context) (time.Duration, bool) {
	return func(ctx context.Context) (time.Duration, bool) {
		select {
		case <-time.After(d):
			return more, true
		case <-ctx.Done():
			return 0, false
		}
	}
}

// All waits of a script count from the return of its Start.
func TestPlayStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{}
		d, _ := play(t, t.Context(), w, Script{
			Start: late(50*ms, 2*ms),
			Wait:  10 * ms,
			Steps: steps(Step{Kind: Content, Bytes: []byte("a")}, Step{Kind: Terminal, Wait: 5 * ms, Bytes: []byte("b")}),
		})
		want := []string{"62ms 200", "62ms a", "62ms flush", "67ms b"}
		if !reflect.DeepEqual(w.log, want) || d.Start != w.start {
			t.Errorf("got %q, %+v, want %q", w.log, d, want)
		}
	})
}

func TestRoundTripStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got Delivery
		s := Script{Start: late(50*ms, 2*ms), Wait: 10 * ms, Steps: steps(Step{Kind: Terminal, Bytes: []byte("a")})}
		h := Handler{Responder: ResponderFunc(func(context.Context, *Request) Script {
			return s.OnDone(func(d Delivery) { got = d })
		})}
		res, err := h.RoundTrip(httptest.NewRequest(http.MethodPost, "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "a" || err != nil || time.Since(start) != 62*ms {
			t.Errorf("%q, %v after %v", b, err, time.Since(start))
		}
		if !got.Terminal || got.Start != start || !got.Left.IsZero() {
			t.Errorf("%+v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*ms)
		defer cancel()
		if _, err := h.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)); err != context.DeadlineExceeded {
			t.Errorf("left in the wait: %v", err)
		}
		if got.Status != 0 || got.Left != start.Add(82*ms) {
			t.Errorf("left in the wait: %+v", got)
		}
	})
}

func TestLeftBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*ms)
		defer cancel()
		w := &writer{}
		d, aborted := play(t, ctx, w, Script{Start: late(50*ms, 0), Steps: steps(Step{Kind: Terminal})})
		if !aborted || len(w.log) > 0 || d.Status != 0 || d.Left.Sub(w.start) != 20*ms {
			t.Errorf("aborted %v, %q, %+v", aborted, w.log, d)
		}
	})
}
