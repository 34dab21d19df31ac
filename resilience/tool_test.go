package resilience

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestHTTPTool(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   Class
	}{
		{"result", 200, `{"n":1}`, ""},
		{"null", 200, "null", ""},
		{"no content", 204, "", ""},
		{"empty", 200, "", ClassMalformed},
		{"HTML", 200, "<html>", ClassMalformed},
		{"down", 503, "", ClassServer},
		{"limited", 429, "", ClassRateLimit},
		{"conflict", 409, "{}", ClassConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); r.Method != "POST" || string(body) != `{"q":1}` {
					t.Errorf("%s %s", r.Method, body)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			out, err := HTTPTool(srv.Client(), srv.URL)(t.Context(), json.RawMessage(`{"q":1}`))
			if ClassOf(err) != c.want || err == nil && c.body != "" && string(out) != c.body {
				t.Errorf("%s, %v", out, err)
			}
			if err != nil && AsError(t.Context(), err).Unsent {
				t.Error("answered, but called unsent")
			}
		})
	}
}

// TestLostToolCalls tells a request that was never sent from one that may have run.
func TestLostToolCalls(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	dropped := wire(t, func(*net.TCPConn) {})
	hung := wire(t, func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)) })
	cut := wire(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{") })
	for _, c := range []struct {
		name, url string
		class     Class
		unsent    bool
	}{
		{"refused", closed, ClassConnect, true},
		{"dropped after the request", dropped, ClassConnect, false},
		{"hung", hung, ClassTimeout, false},
		{"cut", cut, ClassTruncated, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			call := HTTPTool(client, c.url)
			run := func(ctx context.Context) error { _, err := call(ctx, json.RawMessage("{}")); return err }
			err := Timeout{Unary: 300 * time.Millisecond}.Do(t.Context(), run)
			if e := AsError(t.Context(), err); e.Class != c.class || e.Unsent != c.unsent {
				t.Errorf("%+v", e)
			}
			err = Compose(unknowns{}, Timeout{Unary: 300 * time.Millisecond}).Do(t.Context(), run)
			if got := ClassOf(err); (got == ClassToolUnknown) == c.unsent {
				t.Errorf("a writing tool: %v", err)
			}
		})
	}
}
