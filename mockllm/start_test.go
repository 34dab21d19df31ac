package mockllm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func TestStart(t *testing.T) {
	var urls URLs
	t.Run("serves", func(t *testing.T) {
		urls = Start(t, Provider{Replies: []Rule{{Model: "any/model", Text: "Hello."}}})
		c := openai.NewClient(option.WithBaseURL(urls.OpenAI), option.WithAPIKey("any"), option.WithMaxRetries(0))
		q := chatParams()
		q.Model = "any/model"
		reply, err := c.Chat.Completions.New(t.Context(), q)
		if err != nil || reply.Choices[0].Message.Content != "Hello." {
			t.Errorf("%+v, %v", reply, err)
		}
		for url, body := range map[string]string{
			urls.Anthropic + "/v1/messages":                       chats["anthropic"],
			urls.Gemini + "/v1beta/models/gpt-4o:generateContent": chats["gemini"],
		} {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
			r.Header.Set("X-Api-Key", "any")
			r.Header.Set("X-Goog-Api-Key", "any")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("%s: %d", url, res.StatusCode)
			}
		}
	})
	if res, err := http.Get(urls.OpenAI + "/models"); err == nil {
		res.Body.Close()
		t.Error("still serving after the test")
	}
}

// fataler notes the message of Fatalf, which it ends by a panic.
type fataler struct{ TB }

func (fataler) Helper()                   {}
func (fataler) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func TestStartRefusesABadProvider(t *testing.T) {
	defer func() {
		if r := recover(); r != "mockllm: replies[0].text: a rule answers with text and toolCalls, with a refusal, or with an error" {
			t.Errorf("got %v", r)
		}
	}()
	Start(fataler{}, Provider{Replies: []Rule{{}}})
}
