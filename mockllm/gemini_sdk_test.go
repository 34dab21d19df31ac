package mockllm

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/genai"

	"github.com/agentchaos/chaos/internal/seed"
)

func google(t *testing.T, h http.Handler, header ...string) *genai.Client {
	t.Helper()
	url, client := loopback(t, h)
	options := genai.HTTPOptions{BaseURL: url, Headers: http.Header{}}
	for i := 0; i+1 < len(header); i += 2 {
		options.Headers.Set(header[i], header[i+1])
	}
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{APIKey: "key", Backend: genai.BackendGeminiAPI,
		HTTPClient: client, HTTPOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var circuit = genai.Text("What is a circuit breaker?")

// gather reads a stream into one response: texts and calls joined.
func gather(t *testing.T, c *genai.Client, q *genai.GenerateContentConfig) (text string, calls []*genai.FunctionCall, last *genai.GenerateContentResponse) {
	t.Helper()
	for chunk, err := range c.Models.GenerateContentStream(keyed(t), "m1", circuit, q) {
		if err != nil {
			t.Fatal(err)
		}
		text += chunk.Text()
		calls = append(calls, chunk.FunctionCalls()...)
		last = chunk
	}
	return text, calls, last
}

// A stream and a whole reply of one key say the same.
func TestGeminiSDK(t *testing.T) {
	c := google(t, speaking(t, "gemini", nil).Handler())
	q := &genai.GenerateContentConfig{SystemInstruction: genai.NewContentFromText("Be brief.", genai.RoleUser)}
	whole, err := c.Models.GenerateContent(keyed(t), "m1", circuit, q)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Text() == "" || whole.Candidates[0].FinishReason != "STOP" || whole.UsageMetadata.CandidatesTokenCount != 5 ||
		whole.UsageMetadata.PromptTokenCount < 5 || whole.ModelVersion != "m1" || whole.ResponseID == "" {
		t.Errorf("%+v", whole)
	}
	text, _, last := gather(t, c, q)
	if text != whole.Text() || last.Candidates[0].FinishReason != "STOP" || last.ResponseID != whole.ResponseID ||
		last.UsageMetadata.TotalTokenCount != whole.UsageMetadata.TotalTokenCount {
		t.Errorf("stream %q %+v, whole %+v", text, last, whole)
	}
}

func TestGeminiSDKTools(t *testing.T) {
	c := google(t, speaking(t, "gemini", nil).Handler())
	q := &genai.GenerateContentConfig{
		Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "web_search", Parameters: &genai.Schema{
			Type: genai.TypeObject, Required: []string{"query", "limit"}, Properties: map[string]*genai.Schema{
				"query": {Type: genai.TypeString}, "limit": {Type: genai.TypeInteger}}}}}}},
		ToolConfig: &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{Mode: genai.FunctionCallingConfigModeAny}},
	}
	whole, err := c.Models.GenerateContent(keyed(t), "m1", circuit, q)
	if err != nil || len(whole.FunctionCalls()) != 1 {
		t.Fatalf("%+v, %v", whole, err)
	}
	call := whole.FunctionCalls()[0]
	query, _ := call.Args["query"].(string)
	if _, isNumber := call.Args["limit"].(float64); query == "" || !isNumber || call.Name != "web_search" || whole.Candidates[0].FinishReason != "STOP" {
		t.Errorf("%+v", call)
	}
	if _, calls, _ := gather(t, c, q); !reflect.DeepEqual(calls, whole.FunctionCalls()) {
		t.Errorf("streamed %+v, whole %+v", calls, call)
	}
	turns := append(genai.Text("What is a circuit breaker?"), whole.Candidates[0].Content,
		genai.NewContentFromFunctionResponse("web_search", map[string]any{"output": "found"}, genai.RoleUser))
	turns[2].Parts[0].FunctionResponse.ID = call.ID
	after, err := c.Models.GenerateContent(keyed(t), "m1", turns, q)
	if err != nil || after.Text() == "" || len(after.FunctionCalls()) != 0 {
		t.Errorf("after the result: %+v, %v", after, err)
	}
}

func TestGeminiSDKEndings(t *testing.T) {
	h := speaking(t, "gemini", nil).Handler()
	c := google(t, h)
	short, err := c.Models.GenerateContent(keyed(t), "m1", circuit, &genai.GenerateContentConfig{MaxOutputTokens: 3})
	if err != nil || short.Candidates[0].FinishReason != "MAX_TOKENS" {
		t.Errorf("%+v, %v", short, err)
	}
	_, _, refused := gather(t, google(t, h, Outcome, "refusal"), nil)
	if refused.Candidates[0].FinishReason != "SAFETY" {
		t.Errorf("%+v", refused)
	}
	thought, err := c.Models.GenerateContent(keyed(t), "m1", circuit, &genai.GenerateContentConfig{ThinkingConfig: &genai.ThinkingConfig{IncludeThoughts: true}})
	if err != nil || !thought.Candidates[0].Content.Parts[0].Thought || thought.Text() == "" || thought.UsageMetadata.ThoughtsTokenCount == 0 {
		t.Errorf("%+v, %v", thought, err)
	}
	data, err := c.Models.GenerateContent(keyed(t), "m1", circuit, &genai.GenerateContentConfig{ResponseMIMEType: "application/json",
		ResponseSchema: &genai.Schema{Type: genai.TypeArray, Items: &genai.Schema{Type: genai.TypeInteger}}})
	var numbers []int
	if err != nil || json.Unmarshal([]byte(data.Text()), &numbers) != nil || len(numbers) != 1 {
		t.Errorf("%+v, %v", data, err)
	}
	chunks := 0
	for _, err = range google(t, h, Outcome, "failure").Models.GenerateContentStream(keyed(t), "m1", circuit, nil) {
		chunks++
	}
	if e := (genai.APIError{}); !errors.As(err, &e) || e.Code != 500 || e.Status != "INTERNAL" || chunks < 3 {
		t.Errorf("%d chunks, then %v", chunks, err)
	}
}

func TestGeminiSDKErrors(t *testing.T) {
	c := google(t, speaking(t, "gemini", nil).Handler())
	_, err := c.Models.GenerateContent(keyed(t), "nobody", circuit, nil)
	if e := (genai.APIError{}); !errors.As(err, &e) || e.Code != 404 || e.Status != "NOT_FOUND" {
		t.Errorf("unknown model: %v", err)
	}
	_, err = c.Models.GenerateContent(keyed(t), "m1", genai.Text(strings.Repeat("word ", 1000)), nil)
	if e := (genai.APIError{}); !errors.As(err, &e) || e.Code != 400 || e.Status != "INVALID_ARGUMENT" || !strings.Contains(e.Message, "exceeds") {
		t.Errorf("too long: %v", err)
	}
	failing := google(t, speaking(t, "gemini", func(p *Provider) { p.ErrorRate = 1 }).Handler())
	seen := map[int]bool{}
	for n := range uint64(40) {
		_, err := failing.Models.GenerateContent(seed.WithKey(t.Context(), seed.Key{Request: n}), "m1", circuit, nil)
		if e := (genai.APIError{}); errors.As(err, &e) {
			seen[e.Code] = true
		} else {
			seen[0] = err != nil
		}
	}
	if len(seen) != 3 || !seen[500] || !seen[503] || !seen[0] {
		t.Errorf("errors seen: %v", seen)
	}
}

func TestGeminiSDKEmbeddingsCountAndModels(t *testing.T) {
	c := google(t, speaking(t, "gemini", nil).Handler())
	size := int32(8)
	two := append(genai.Text("one"), genai.Text("two")...)
	got, err := c.Models.EmbedContent(keyed(t), "m1", two, &genai.EmbedContentConfig{OutputDimensionality: &size})
	if err != nil || len(got.Embeddings) != 2 || len(got.Embeddings[0].Values) != 8 || reflect.DeepEqual(got.Embeddings[0].Values, got.Embeddings[1].Values) {
		t.Errorf("%+v, %v", got, err)
	}
	if n, err := c.Models.CountTokens(keyed(t), "m1", circuit, nil); err != nil || n.TotalTokens < 5 {
		t.Errorf("%+v, %v", n, err)
	}
	page, err := c.Models.List(keyed(t), nil)
	if err != nil || len(page.Items) != 2 || page.Items[0].Name != "models/m1" {
		t.Errorf("%+v, %v", page, err)
	}
	if m, err := c.Models.Get(keyed(t), "m1", nil); err != nil || m.Name != "models/m1" {
		t.Errorf("%+v, %v", m, err)
	}
}
