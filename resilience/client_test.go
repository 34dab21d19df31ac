package resilience

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	chunkRole = `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	chunkHi   = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}` + "\n\n"
	chunkYou  = `data: {"id":"c","choices":[{"index":0,"delta":{"content":" you"},"finish_reason":null}]}` + "\n\n"
	chunkStop = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	chunkUse  = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}` + "\n\n"
	chunkDone = "data: [DONE]\n\n"
	unaryHi   = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi you"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`
)

// wire serves raw bytes on a connection of its own: a reply that breaks HTTP.
func wire(t *testing.T, serve func(c *net.TCPConn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				serve(c.(*net.TCPConn))
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func strict(t *testing.T, base string) *Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{HTTP: &http.Client{Transport: transport},
		Endpoints: map[string]Endpoint{"p": {BaseURL: base, APIKey: "k", Dialect: "openai"}}}
}

var weather = Request{Stream: true, Messages: []Message{{Role: "user", Content: "?"}}, Tools: []Tool{{Name: "weather"}}}

func toolChunk(name, arguments string) string {
	return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":%q,"arguments":%q}}]},"finish_reason":null}]}`+"\n\n", name, arguments)
}

func TestStreamFaults(t *testing.T) {
	const sse, js = "text/event-stream", "application/json"
	calls := `data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}` + "\n\n"
	for _, c := range []struct {
		name, contentType, body string
		want                    Class
		committed               bool
	}{
		{"complete", sse, chunkRole + chunkHi + chunkYou + chunkStop + chunkUse + chunkDone, "", false},
		{"with charset", sse + "; charset=utf-8", chunkHi + chunkYou + chunkStop + chunkDone, "", false},
		{"no [DONE]", sse, chunkHi + chunkYou + chunkStop, "", false},
		{"pings", sse, ": ping\n\n" + chunkHi + ": ping\n\n" + chunkYou + chunkStop + chunkDone, "", false},
		{"garbage after the terminal event", sse, chunkHi + chunkYou + chunkStop + "data: {\n\n", "", false},
		{"truncated", sse, chunkRole + chunkHi, ClassTruncated, true},
		{"truncated before content", sse, chunkRole, ClassTruncated, false},
		{"[DONE] without finish_reason", sse, chunkHi + chunkDone, ClassTruncated, true},
		{"half an event", sse, chunkHi + `data: {"choices":[{"ind`, ClassTruncated, true},
		{"malformed", sse, chunkHi + "data: {\"choices\":[{\n\n", ClassMalformed, true},
		{"wrong shape", sse, "data: {\"object\":\"x\"}\n\n", ClassMalformed, false},
		{"error first", sse, `data: {"error":{"message":"boom","type":"server_error"}}` + "\n\n", ClassInBand, false},
		{"error midway", sse, chunkHi + `data: {"error":{"message":"boom"}}` + "\n\n" + chunkDone, ClassInBand, true},
		{"error JSON with 200", js, `{"error":{"message":"boom"}}`, ClassInBand, false},
		{"HTML with 200", "text/html", "<html>", ClassMalformed, false},
		{"JSON for a stream", js, unaryHi, ClassMalformed, false},
		{"empty 200", sse, "", ClassTruncated, false},
		{"filtered", sse, chunkHi + strings.Replace(chunkStop, "stop", "content_filter", 1), ClassFilter, true},
		{"refused", sse, `data: {"choices":[{"index":0,"delta":{"refusal":"No."},"finish_reason":null}]}` + "\n\n" + chunkStop, ClassFilter, true},
		{"tool call", sse, toolChunk("weather", `{"city":`) + toolChunk("", `"Rome"}`) + calls, "", false},
		{"tool arguments cut", sse, toolChunk("weather", `{"city":`) + calls, ClassToolArguments, false},
		{"tool unknown", sse, toolChunk("launch", "{}") + calls, ClassToolArguments, false},
		{"tool call cut off", sse, toolChunk("weather", `{"city":`), ClassTruncated, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			reply, err := strict(t, srv.URL).Complete(t.Context(), Target{"p", "m"}, weather)
			if ClassOf(err) != c.want {
				t.Fatalf("class %q, want %q: %v", ClassOf(err), c.want, err)
			}
			if err != nil {
				if e := AsError(t.Context(), err); e.Committed != c.committed || e.Target != "p/m" {
					t.Errorf("%+v", e)
				}
				return
			}
			if reply.Text != "Hi you" && len(reply.ToolCalls) == 0 {
				t.Errorf("reply %+v", reply)
			}
			if len(reply.ToolCalls) == 1 && reply.ToolCalls[0].Arguments != `{"city":"Rome"}` {
				t.Errorf("tool call %+v", reply.ToolCalls[0])
			}
			if c.name == "complete" && (reply.Usage != Usage{Input: 3, Output: 2} || reply.TTFT <= 0) {
				t.Errorf("usage %v, first token after %v", reply.Usage, reply.TTFT)
			}
		})
	}
}

func TestUnaryFaults(t *testing.T) {
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		want                    Class
	}{
		{"complete", "application/json", unaryHi, 200, ""},
		{"error in 200", "application/json", `{"error":{"message":"boom"}}`, 200, ClassInBand},
		{"HTML with 200", "text/html", "<html>", 200, ClassMalformed},
		{"empty 200", "application/json", "", 200, ClassMalformed},
		{"cut JSON", "application/json", unaryHi[:60], 200, ClassMalformed},
		{"no choices", "application/json", `{"id":"c","choices":[]}`, 200, ClassMalformed},
		{"no finish_reason", "application/json", strings.Replace(unaryHi, `"stop"`, "null", 1), 200, ClassMalformed},
		{"quota", "application/json", `{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}`, 429, ClassQuota},
		{"HTML of a CDN", "text/html", "<html>", 502, ClassServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			q := weather
			q.Stream = false
			reply, err := strict(t, srv.URL).Complete(t.Context(), Target{"p", "m"}, q)
			if ClassOf(err) != c.want || err == nil && reply.Text != "Hi you" {
				t.Errorf("reply %+v, error %v", reply, err)
			}
		})
	}
}

func TestConnectionFaults(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	reset := func(c *net.TCPConn) { time.Sleep(20 * time.Millisecond); _ = c.SetLinger(0); _ = c.Close() }
	chunked := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	for _, c := range []struct {
		name  string
		serve func(c *net.TCPConn)
		want  Class
	}{
		{"closed before the reply", func(c *net.TCPConn) {}, ClassConnect},
		{"reset before the reply", reset, ClassConnect},
		{"closed without terminator", func(c *net.TCPConn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked(chunkHi))
		}, ClassTruncated},
		{"length larger than body", func(c *net.TCPConn) {
			_, _ = io.WriteString(c, head+"Content-Length: 9999\r\n\r\n"+chunkHi)
		}, ClassTruncated},
		{"reset midway", func(c *net.TCPConn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked(chunkHi))
			reset(c)
		}, ClassReset},
		{"complete, then closed without terminator", func(c *net.TCPConn) {
			_, _ = io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked(chunkHi+chunkStop))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := strict(t, wire(t, c.serve)).Complete(t.Context(), Target{"p", "m"}, weather)
			if ClassOf(err) != c.want {
				t.Errorf("class %q, want %q: %v", ClassOf(err), c.want, err)
			}
		})
	}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	_ = l.Close()
	if _, err := strict(t, "http://"+l.Addr().String()).Complete(t.Context(), Target{"p", "m"}, weather); ClassOf(err) != ClassConnect {
		t.Errorf("refused: %v", err)
	}
	if _, err := strict(t, "").Complete(t.Context(), Target{"q", "m"}, weather); ClassOf(err) != ClassRequest {
		t.Errorf("unknown provider: %v", err)
	}
}

// TestHeldStreams plays streams that are never closed, under small bounds.
func TestHeldStreams(t *testing.T) {
	limits := Timeout{FirstToken: 300 * time.Millisecond, StreamIdle: 500 * time.Millisecond, ContentIdle: 900 * time.Millisecond}
	for _, c := range []struct {
		name, body string
		ping       time.Duration
		want       Class
		committed  bool
	}{
		{"held after the terminal event", chunkHi + chunkStop, 0, "", false},
		{"held after [DONE]", chunkHi + chunkStop + chunkDone, 0, "", false},
		{"silent from the start", "", 0, ClassFirstToken, false},
		{"only pings", "", 50 * time.Millisecond, ClassFirstToken, false},
		{"stalled", chunkHi, 0, ClassStreamIdle, true},
		{"only pings after content", chunkHi, 50 * time.Millisecond, ClassStreamIdle, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, c.body)
				w.(http.Flusher).Flush()
				for c.ping > 0 && sleep(r.Context(), c.ping) == nil {
					_, _ = io.WriteString(w, ": ping\n\n")
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
			}))
			defer srv.Close()
			client := strict(t, srv.URL)
			var reply Reply
			err := limits.Do(WithProgress(t.Context()), func(ctx context.Context) (err error) {
				reply, err = client.Complete(ctx, Target{"p", "m"}, weather)
				return err
			})
			if ClassOf(err) != c.want || err == nil && reply.Text != "Hi" {
				t.Fatalf("class %q, want %q: %v", ClassOf(err), c.want, err)
			}
			if err != nil && AsError(t.Context(), err).Committed != c.committed {
				t.Errorf("committed: %v", !c.committed)
			}
		})
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	var dials atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, chunk := range []string{chunkHi, chunkStop, chunkUse, chunkDone} {
			_, _ = io.WriteString(w, chunk)
			w.(http.Flusher).Flush()
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dials.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	client := strict(t, srv.URL)
	for range 20 {
		if r, err := client.Complete(t.Context(), Target{"p", "m"}, weather); err != nil || r.Usage.Output != 2 {
			t.Fatal(r, err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections for 20 streams", n)
	}
}

func TestErrorsTellNoCredentials(t *testing.T) {
	client := strict(t, "http://127.0.0.1:1")
	client.Endpoints["p"] = Endpoint{BaseURL: "http://127.0.0.1:1", APIKey: "sk-secret", Dialect: "openai"}
	_, err := client.Complete(t.Context(), Target{"p", "m"}, weather)
	if err == nil || strings.Contains(err.Error(), "sk-secret") || !errors.As(err, new(*net.OpError)) {
		t.Error(err)
	}
}

// TestHeldStreamNeedsNoTimeout: a complete stream ends although it is never closed
// and nothing bounds it.
func TestHeldStreamNeedsNoTimeout(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunkHi+chunkStop)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := strict(t, srv.URL).Complete(ctx, Target{"p", "m"}, weather)
	if err != nil || reply.Text != "Hi" || ctx.Err() != nil {
		t.Errorf("%+v, %v, %v", reply, err, ctx.Err())
	}
}
