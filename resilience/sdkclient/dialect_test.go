package sdkclient

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/resilience"
)

// Every SDK's request arrives as it was meant, and what it makes of the reply, whole,
// streamed, cut off or failed, is what the strict client would.
func TestEveryDialect(t *testing.T) {
	call := resilience.ToolCall{ID: "c1", Name: "weather", Arguments: `{"at":"x"}`}
	for name, d := range dialect.Dialects {
		for _, stream := range []bool{false, true} {
			for what, c := range map[string]struct {
				reply  dialect.Reply
				status int
				cut    bool
				want   resilience.Class
			}{
				"text":      {reply: dialect.Reply{Text: "It rains.", Finish: dialect.FinishStop}},
				"length":    {reply: dialect.Reply{Text: "It rains.", Finish: dialect.FinishLength}},
				"tool":      {reply: dialect.Reply{ToolCalls: []resilience.ToolCall{call}, Finish: dialect.FinishToolCalls}},
				"refusal":   {reply: dialect.Reply{Text: "I won't.", Finish: dialect.FinishContentFilter}, want: resilience.ClassFilter},
				"cut":       {reply: dialect.Reply{Text: "It rains.", Finish: dialect.FinishStop}, cut: true, want: resilience.ClassTruncated},
				"in band":   {reply: dialect.Reply{Text: "It", Err: &dialect.Error{Status: 500, Message: "no"}}, want: resilience.ClassInBand},
				"limit":     {status: 429, want: resilience.ClassRateLimit},
				"overload":  {status: d.Refusals.Overloaded.Status, want: resilience.ClassOverloaded},
				"forbidden": {status: 403, want: resilience.ClassAuth},
			} {
				if !stream && (c.cut || c.reply.Err != nil) {
					continue
				}
				c.reply.ID, c.reply.Model, c.reply.Created, c.reply.Usage = "r1", "m", time.Unix(1, 0), resilience.Usage{Input: 7, Output: 3}
				var got dialect.Request
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					q, bad := d.ParseRequest(&exchange.Request{HTTP: r, Body: body})
					if bad != nil || d.Route(r.URL.Path).Endpoint != dialect.Chat || d.APIKey(r) != "k" {
						t.Errorf("%s: %s to %s: %v", name, body, r.URL, bad)
					}
					got = q
					w.Header().Set("Content-Type", q.ContentType())
					w.Header().Set("Retry-After", "7")
					switch {
					case c.status != 0:
						e := d.Refusals.Overloaded
						if e.Status != c.status {
							e = dialect.Error{Status: c.status, Message: "no"}
						}
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(c.status)
						_, _ = w.Write(d.RenderError(e))
					case !q.Stream:
						_, _ = w.Write(d.RenderReply(q, c.reply))
					default:
						for _, step := range d.RenderStream(q, c.reply, pieces(c.reply.Text)) {
							if c.cut && step.Kind == exchange.Terminal {
								return
							}
							_, _ = w.Write(step.Bytes)
						}
					}
				}))
				sdk, err := New(srv.Client(), map[string]resilience.Endpoint{"p": {BaseURL: srv.URL + d.Base, APIKey: "k", Dialect: name}})
				if err != nil {
					t.Fatal(err)
				}
				q := request(stream)
				q.ToolChoice, q.MaxTokens = "auto", 50
				reply, err := sdk.Complete(t.Context(), resilience.Target{Provider: "p", Model: "m"}, q)
				srv.Close()
				if resilience.ClassOf(err) != c.want {
					t.Errorf("%s %s, stream %v: class %q, want %q: %v", name, what, stream, resilience.ClassOf(err), c.want, err)
				}
				if e := resilience.AsError(t.Context(), err); c.status != 0 && (e.Status != c.status || e.RetryAfter != 7*time.Second) {
					t.Errorf("%s %s, stream %v: %+v", name, what, stream, e)
				}
				if !reflect.DeepEqual(got.Messages, q.Messages) || len(got.Tools) != 1 || got.Tools[0].Name != "weather" || got.MaxTokens != 50 || got.ToolChoice != "auto" || got.Stream != stream {
					t.Errorf("%s %s: request arrived as %+v", name, what, got)
				}
				if err == nil && (reply.Text != c.reply.Text || reply.Finish != c.reply.Finish || !reflect.DeepEqual(reply.ToolCalls, c.reply.ToolCalls) || reply.Usage != c.reply.Usage) {
					t.Errorf("%s %s, stream %v: %+v", name, what, stream, reply)
				}
			}
		}
	}
}

func pieces(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text[:2], text[2:]}
}
