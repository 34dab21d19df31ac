package mockllm

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/seed"
)

var peers = flag.Bool("peers", false, "measure the mock beside a bare handler and aimock, which takes a minute")

// rival is a server under measurement: where it is and how its client asks.
type rival struct{ name, address string }

const (
	connections = 32
	rounds      = 7
	roundLength = 500 * time.Millisecond
	chunks      = 19 // of a stream: the role, 16 tokens, the end, and [DONE]
)

// TestPeers prints how many replies a second this server gives beside others, in
// turns, and how punctual its streams are.
func TestPeers(t *testing.T) {
	if !*peers {
		t.Skip("measures for a minute: -peers")
	}
	node := aimock(t)
	for name, stream := range map[string]bool{"whole": false, "stream": true} {
		t.Run(name, func(t *testing.T) { throughput(t, stream, node) })
	}
	for _, at := range []int{1, 1000, 2000} {
		t.Run(fmt.Sprintf("paced-%d", at), func(t *testing.T) { punctuality(t, at, node) })
	}
}

// throughput measures the rivals in turns, so that a busy moment of the machine hits
// all, and prints the median of the ratios of each round.
func throughput(t *testing.T, stream bool, node string) {
	body := fmt.Sprintf(`{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"stream":%v}`, stream)
	mock := NewProvider("openai", Provider{Dialect: "openai", Models: map[string]Model{"gpt-4o": {Tokens: seed.Count{P50: 16, P99: 16}}}}, 42).Handler()
	rivals := []rival{{"this server", serveHTTP(t, mock)}, {"bare handler", serveHTTP(t, oneWrite(t, mock, body))}}
	if node != "" {
		rivals = append(rivals, rival{"aimock", node})
	}
	clients := make([][]*client, len(rivals))
	for i, r := range rivals {
		for range connections {
			clients[i] = append(clients[i], dial(t, r.address, body))
		}
	}
	rates := make([][]float64, len(rivals))
	for round := range rounds + 1 {
		for i := range rivals {
			rate := volley(t, clients[i])
			if round > 0 { // the first warms up
				rates[i] = append(rates[i], rate)
			}
		}
	}
	for i, r := range rivals {
		ratios := make([]float64, rounds)
		for round := range ratios {
			ratios[round] = rates[0][round] / rates[i][round]
		}
		t.Logf("  %-13s %8.0f/s; this server does %.2f times as many", r.name, median(rates[i]), median(ratios))
	}
}

func serveHTTP(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// oneWrite is the ceiling: a handler that reads the request and writes the bytes that
// h answers, in one write.
func oneWrite(t *testing.T, h http.Handler, body string) http.Handler {
	r := httptest.NewRequest("POST", chatPath, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := bytes.Count(w.Body.Bytes(), []byte("data: ")); got != 0 && got != chunks {
		t.Fatalf("%d chunks, want %d", got, chunks)
	}
	header, reply := w.Result().Header, w.Body.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for k, v := range header {
			w.Header()[k] = v
		}
		_, _ = w.Write(reply)
	})
}

// client is one connection that asks the same again and again; it does as little as
// it can, so that what is measured is the server.
type client struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func dial(t *testing.T, address, body string) *client {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer key\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		chatPath, len(body), body)
	return &client{conn, bufio.NewReader(conn), []byte(request)}
}

func (c *client) ask() (*http.Response, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.reader, nil)
}

// once asks and reads the whole reply.
func (c *client) once() error {
	res, err := c.ask()
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// volley lets every client ask for the length of a round; it gives replies a second.
func volley(t *testing.T, clients []*client) float64 {
	counts := make([]int, len(clients))
	start := time.Now()
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			for time.Since(start) < roundLength {
				if err := c.once(); err != nil {
					t.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(start).Seconds()
}

// The pace of a paced stream.
const (
	paceTTFT  = 200 * time.Millisecond
	paceGap   = 20 * time.Millisecond
	paceCount = 19
)

// bare answers with as many chunks at the same instants, as plainly as it goes.
func bare(w http.ResponseWriter, r *http.Request) {
	due := time.Now().Add(paceTTFT)
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	for range paceCount {
		time.Sleep(time.Until(due))
		_, _ = io.WriteString(w, `data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null}`+"\n\n")
		_ = rc.Flush()
		due = due.Add(paceGap)
	}
}

// punctuality sends n paced streams at once to each rival in turns, and prints how late
// their chunks are and what memory a stream takes, its client's included.
func punctuality(t *testing.T, n int, node string) {
	mock := NewProvider("openai", Provider{Dialect: "openai", Models: map[string]Model{"gpt-4o": {
		TTFT: seed.Constant(paceTTFT), Gap: seed.Constant(paceGap), Tokens: seed.Count{P50: paceCount, P99: paceCount},
	}}}, 42).Handler()
	rivals := []rival{{"this server", serveHTTP(t, mock)}, {"bare handler", serveHTTP(t, http.HandlerFunc(bare))}}
	if node != "" {
		rivals = append(rivals, rival{"aimock", node})
	}
	late, memory := make([][]time.Duration, len(rivals)), make([][]float64, len(rivals))
	for range 3 {
		for i, r := range rivals {
			body := `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"stream":true}`
			if r.name == "aimock" {
				body = strings.Replace(body, "hello", "paced", 1)
			}
			lateness, bytes := parade(t, r.address, body, n)
			late[i], memory[i] = append(late[i], lateness...), append(memory[i], bytes)
		}
	}
	t.Logf("paced streams, %d at once", n)
	for i, r := range rivals {
		slices.Sort(late[i])
		if len(late[i]) == 0 {
			continue
		}
		t.Logf("  %-13s late by %v at p50, %v at p99; %.1f KB a stream in this process", r.name,
			late[i][len(late[i])/2].Round(10*time.Microsecond), late[i][len(late[i])*99/100].Round(10*time.Microsecond), median(memory[i])/1024)
	}
}

// parade sends n streams at once. Chunk k of a stream is late by what it comes after
// the first token's time and k gaps from the request.
func parade(t *testing.T, address, body string, n int) (late []time.Duration, memory float64) {
	before := footprint()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = dial(t, address, body)
	}
	lateness := make([][]time.Duration, n)
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			defer c.conn.Close()
			lateness[i] = c.follow(t)
		})
	}
	time.Sleep(paceTTFT + paceGap*paceCount/2)
	memory = (footprint() - before) / float64(n)
	all.Wait()
	for _, l := range lateness {
		late = append(late, l...)
	}
	return late, memory
}

// follow asks and times the content events of the stream.
func (c *client) follow(t *testing.T) (late []time.Duration) {
	start := time.Now()
	res, err := c.ask()
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	lines := bufio.NewReaderSize(res.Body, 1024)
	late = make([]time.Duration, 0, paceCount)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			return late
		}
		if bytes.Contains(line, []byte(`"content":"`)) && !bytes.Contains(line, []byte(`"content":""`)) {
			late = append(late, time.Since(start)-paceTTFT-time.Duration(len(late))*paceGap)
		}
	}
}

// footprint is the memory in use by heap and stacks, in bytes.
func footprint() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
