package exchange

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve performs a script on a real socket; the channel gives what was delivered.
func serve(t *testing.T, s Script) (*httptest.Server, <-chan Delivery) {
	t.Helper()
	done := make(chan Delivery, 1)
	s = s.OnDone(func(d Delivery) { done <- d })
	server := httptest.NewServer(Handler{Responder: ResponderFunc(func(context.Context, *Request) Script { return s })})
	t.Cleanup(server.Close)
	return server, done
}

// raw sends a request and reads the connection to its end.
func raw(t *testing.T, server *httptest.Server) (wire string, err error) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	return regexp.MustCompile(`Date: [^\r]*\r\n`).ReplaceAllString(string(b), ""), err
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"

// What stands on the wire, to the byte: one chunk a flush, and the terminator only
// where the script ends in close.
func TestWire(t *testing.T) {
	header := http.Header{"Content-Type": {"text/event-stream"}}
	first, second := Step{Kind: Content, Bytes: []byte("data: a\n\n")}, Step{Kind: Terminal, Bytes: []byte("data: b\n\n")}
	later := second
	later.Wait = ms
	for _, c := range []struct {
		name   string
		script Script
		wire   string
		err    error
	}{
		{"at once", Script{Header: header, Steps: steps(first, second)},
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 18\r\nConnection: close\r\n\r\ndata: a\n\ndata: b\n\n", nil},
		{"paced", Script{Header: header, Steps: steps(first, later)},
			head + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n", nil},
		{"cut", Script{Header: header, Steps: steps(first, second), End: Cut},
			head + "Transfer-Encoding: chunked\r\n\r\n12\r\ndata: a\n\ndata: b\n\n\r\n", nil},
		{"cut inside Content-Length", Script{Header: http.Header{"Content-Type": {"text/event-stream"}, "Content-Length": {"99"}}, Steps: steps(first), End: Cut},
			"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: a\n\n", nil},
		{"silent cut", Script{Silent: true, End: Cut}, "", nil},
		{"silent reset", Script{Silent: true, End: Reset}, "", syscall.ECONNRESET},
		{"reset", Script{Header: header, Steps: steps(first), End: Reset},
			head + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n", syscall.ECONNRESET},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, done := serve(t, c.script)
			wire, err := raw(t, server)
			if wire != c.wire || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", wire, err, c.wire, c.err)
			}
			d := <-done
			body := int64(strings.Count(wire, "data: ") * len("data: a\n\n"))
			if d.Bytes != body || d.End != c.script.End || !d.Left.IsZero() {
				t.Errorf("delivered %+v, client has %d bytes", d, body)
			}
		})
	}
}

// A client of net/http cannot take a cut reply for a finished one.
func TestCutIsAnErrorToTheClient(t *testing.T) {
	server, _ := serve(t, Script{Steps: steps(Step{Kind: Content, Bytes: []byte("abc")}), End: Cut})
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); string(b) != "abc" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", b, err)
	}
}

// A held reply stays open until the client leaves, which the delivery knows.
func TestHoldUntilTheClientLeaves(t *testing.T) {
	for name, s := range map[string]Script{
		"after content": {Steps: steps(Step{Kind: Content, Bytes: []byte("abc\n")}), End: Hold},
		"in a wait":     {Steps: steps(Step{Kind: Content, Bytes: []byte("abc\n")}, Step{Kind: Terminal, Wait: time.Hour})},
	} {
		t.Run(name, func(t *testing.T) {
			server, done := serve(t, s)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			q, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if line, err := bufio.NewReader(res.Body).ReadString('\n'); line != "abc\n" || err != nil {
				t.Fatalf("%q, %v", line, err)
			}
			select {
			case d := <-done:
				t.Fatalf("ended before the client left: %+v", d)
			default:
			}
			leave()
			if d := <-done; d.Left.IsZero() || d.Content != 1 || d.Terminal {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestHandlerReadsTheRequestWhole(t *testing.T) {
	var got *Request
	h := Handler{
		Inspect: func(r *Request) { r.Model = string(r.Body) },
		Responder: ResponderFunc(func(_ context.Context, r *Request) Script {
			got = r
			return Bytes(202, "text/plain", []byte("ok"))
		}),
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/x", strings.NewReader("hello")))
	if w.Code != 202 || w.Body.String() != "ok" || w.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if string(got.Body) != "hello" || got.Model != "hello" || got.HTTP.URL.Path != "/x" {
		t.Errorf("%+v", got)
	}
}

func TestHandlerRefusesBodiesItCannotRead(t *testing.T) {
	h := Handler{Responder: ResponderFunc(func(context.Context, *Request) Script {
		t.Error("was asked")
		return Script{}
	})}
	for want, body := range map[int]io.Reader{
		http.StatusRequestEntityTooLarge: io.LimitReader(zeros{}, MaxBody+1),
		http.StatusBadRequest:            io.MultiReader(strings.NewReader("{"), broken{}),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/", body))
		if w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }
