package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMock asks the mock as curl would, unary and streaming.
func TestMock(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, w := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code <- run(ctx, []string{"mock", "--listen", "127.0.0.1:0"}, w, &stderr)
		w.Close()
	}()
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	base, ok := strings.CutPrefix(lines.Text(), "export OPENAI_BASE_URL=")
	if !ok {
		t.Fatalf("the first line is %q", lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()

	if got := ask(t, http.MethodGet, base+"/models", ""); !strings.Contains(got, `"data"`) {
		t.Errorf("models: %s", got)
	}
	question := `{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]`
	if got := ask(t, http.MethodPost, base+"/chat/completions", question+"}"); !strings.Contains(got, `"finish_reason":"stop"`) {
		t.Errorf("unary: %s", got)
	}
	if got := ask(t, http.MethodPost, base+"/chat/completions", question+`, "stream": true}`); !strings.HasSuffix(got, "data: [DONE]\n\n") {
		t.Errorf("stream: %s", got)
	}

	root := strings.TrimSuffix(base, "/v1")
	if got := ask(t, http.MethodPost, root+"/v1/messages", `{"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}`); !strings.Contains(got, `"stop_reason":"`) {
		t.Errorf("Anthropic: %s", got)
	}
	if got := ask(t, http.MethodPost, root+"/v1beta/models/gemini:generateContent", `{"contents": [{"parts": [{"text": "Hello"}]}]}`); !strings.Contains(got, `"finishReason":"STOP"`) {
		t.Errorf("Gemini: %s", got)
	}

	interrupt()
	if got := <-code; got != exitHeld {
		t.Errorf("exit code %d, want %d: %s", got, exitHeld, &stderr)
	}
}

func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer any")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Errorf("%s %s: status %d, %v", method, url, reply.StatusCode, err)
	}
	return string(text)
}

func TestMockOnABusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"mock", "--listen", l.Addr().String()}, &stdout, &stderr)
	if code != exitHarness || stdout.Len() > 0 || !strings.Contains(stderr.String(), "address already in use") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

func TestCheckLoopback(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:0": true, "[::1]:80": true, "localhost:80": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "192.168.0.1:80": false, "example.com:80": false, "127.0.0.1": false,
	} {
		if err := checkLoopback(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A file of replies scripts what the mock says; a broken one is a mistake in usage.
func TestMockReplies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "replies.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("replies:\n  - {contains: Hello, text: Good day.}\n")
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"mock", "--listen", "127.0.0.1:0", "--replies", file}, w, io.Discard)
		w.Close()
	}()
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	base := strings.TrimPrefix(lines.Text(), "export OPENAI_BASE_URL=")
	got := ask(t, http.MethodPost, base+"/chat/completions", `{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}`)
	if !strings.Contains(got, `"content":"Good day."`) {
		t.Errorf("got %s", got)
	}
	interrupt()
	<-code

	write("replies: [{}]\n")
	var stderr bytes.Buffer
	if got := run(t.Context(), []string{"mock", "--replies", file}, io.Discard, &stderr); got != exitUsage || !strings.Contains(stderr.String(), "replies.yaml:1:11: replies[0].text") {
		t.Errorf("exit code %d: %s", got, &stderr)
	}
}
