package resilience

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// speaker answers a chat request in a dialect, as its provider would.
type speaker struct {
	t       *testing.T
	dialect *dialect.Dialect
	reply   dialect.Reply
	status  int  // of an error instead of the reply; 0: none
	cut     bool // the stream ends cleanly before its terminal event
	got     dialect.Request
}

func (s *speaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || s.dialect.Route(r.URL.Path).Endpoint != dialect.Chat || s.dialect.APIKey(r) != "k" {
		s.t.Errorf("%s: %v", r.URL, err)
	}
	q, bad := s.dialect.ParseRequest(&exchange.Request{HTTP: r, Body: body})
	if bad != nil {
		s.t.Errorf("%s: %v", body, bad)
	}
	s.got = q
	if s.status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.status)
		_, _ = w.Write(s.dialect.RenderError(dialect.Error{Status: s.status, Message: "no", RetryAfter: 3 * time.Second}))
		return
	}
	w.Header().Set("Content-Type", q.ContentType())
	if !q.Stream {
		_, _ = w.Write(s.dialect.RenderReply(q, s.reply))
		return
	}
	for _, step := range s.dialect.RenderStream(q, s.reply, []string{s.reply.Text[:2], s.reply.Text[2:]}) {
		if s.cut && step.Kind == exchange.Terminal {
			return
		}
		_, _ = w.Write(step.Bytes)
	}
}

func speakers(t *testing.T, do func(t *testing.T, s *speaker, complete func(Request) (Reply, error))) {
	for name, d := range dialect.Dialects {
		t.Run(name, func(t *testing.T) {
			s := &speaker{t: t, dialect: d, reply: dialect.Reply{ID: "r1", Model: "m", Text: "It rains.", Created: time.Unix(1, 0),
				Finish: dialect.FinishStop, Usage: Usage{Input: 7, Output: 3}}}
			srv := httptest.NewServer(s)
			defer srv.Close()
			c := Client{HTTP: srv.Client(), Endpoints: map[string]Endpoint{"p": {BaseURL: srv.URL + d.Base, APIKey: "k", Dialect: name}}}
			do(t, s, func(q Request) (Reply, error) {
				return c.Complete(t.Context(), Target{"p", "m"}, q)
			})
		})
	}
}

func conversation() Request {
	return Request{MaxTokens: 100, ToolChoice: "auto", Messages: []Message{
		{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Weather?"},
		{Role: "assistant", ToolCalls: []ToolCall{{ID: "c1", Name: "weather", Arguments: `{"at":"here"}`}, {ID: "c2", Name: "weather", Arguments: `{"at":"there"}`}}},
		{Role: "tool", ToolCallID: "c1", Content: "rain"}, {Role: "tool", ToolCallID: "c2", Content: `{"sun":true}`},
	}, Tools: []Tool{{Name: "weather", Description: "tells it", Parameters: json.RawMessage(`{"type":"object"}`)}}}
}

// Every dialect's request arrives as it was meant, and its reply is read as it was
// written, whole and streamed.
func TestClientSpeaksEveryDialect(t *testing.T) {
	speakers(t, func(t *testing.T, s *speaker, complete func(Request) (Reply, error)) {
		for _, stream := range []bool{false, true} {
			for _, calls := range [][]ToolCall{nil, {{ID: "c3", Name: "weather", Arguments: `{"at":"x"}`}, {ID: "c4", Name: "weather", Arguments: `{}`}}} {
				q := conversation()
				q.Stream, q.IncludeUsage = stream, stream
				s.reply.ToolCalls, s.reply.Finish = calls, dialect.FinishStop
				if calls != nil {
					s.reply.Finish = dialect.FinishToolCalls
				}
				got, err := complete(q)
				if err != nil || got.Text != s.reply.Text || got.Finish != s.reply.Finish || got.Usage != s.reply.Usage || !reflect.DeepEqual(got.ToolCalls, calls) {
					t.Errorf("stream %v: %+v, %v; want %+v", stream, got, err, s.reply)
				}
				if !reflect.DeepEqual(s.got.Messages, q.Messages) || !reflect.DeepEqual(s.got.Tools, q.Tools) ||
					s.got.MaxTokens != 100 || s.got.Model != "m" || s.got.ToolChoice != "auto" {
					t.Errorf("request arrived as %+v", s.got)
				}
			}
		}
	})
}

func TestClientBelievesNoDialectTooMuch(t *testing.T) {
	speakers(t, func(t *testing.T, s *speaker, complete func(Request) (Reply, error)) {
		q := conversation()
		q.Stream = true
		want := func(what string, class Class) {
			t.Helper()
			if reply, err := complete(q); ClassOf(err) != class {
				t.Errorf("%s: %+v, %v; want class %q", what, reply, err, class)
			}
		}
		s.cut = true
		want("a stream without its end", ClassTruncated)
		s.cut = false
		s.reply.Err = &dialect.Error{Status: 500, Message: "no"}
		want("an error inside a stream", ClassInBand)
		s.reply.Err = nil
		s.reply.Finish = dialect.FinishContentFilter
		want("a refusal", ClassFilter)
		q.Stream = false
		want("a whole refusal", ClassFilter)
		for status, class := range map[int]Class{401: ClassAuth, 429: ClassRateLimit, 500: ClassServer, 400: ClassRequest} {
			s.status = status
			want(http.StatusText(status), class)
		}
		if s.dialect.Name == "gemini" {
			if _, err := complete(q); AsError(t.Context(), err).RetryAfter != 3*time.Second {
				t.Errorf("the wait in the body is lost: %+v", err)
			}
		}
		s.status = s.dialect.Refusals.Overloaded.Status
		q.Stream = true
		if _, err := complete(q); !bytes.Contains([]byte(err.Error()), []byte("no")) {
			t.Errorf("the provider's words are lost: %v", err)
		}
	})
}
