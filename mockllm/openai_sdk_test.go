package mockllm

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

func TestOpenAISDKEmbeddings(t *testing.T) {
	c := sdk(t, speaking(t, "openai", nil).Handler())
	q := openai.EmbeddingNewParams{Model: "m1", Dimensions: param.NewOpt(int64(16)),
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}}}
	floats, err := c.Embeddings.New(keyed(t), q)
	if err != nil || len(floats.Data) != 2 || len(floats.Data[0].Embedding) != 16 || floats.Usage.PromptTokens != 2 {
		t.Fatalf("%+v, %v", floats, err)
	}
	square := 0.0
	for _, f := range floats.Data[1].Embedding {
		square += f * f
	}
	if math.Abs(square-1) > 1e-5 || reflect.DeepEqual(floats.Data[0].Embedding, floats.Data[1].Embedding) {
		t.Errorf("length %v: %v", square, floats.Data)
	}
	var raw struct {
		Data []struct{ Embedding string }
	}
	q.EncodingFormat = "base64"
	if err := c.Post(keyed(t), "embeddings", q, &raw); err != nil || len(raw.Data) != 2 {
		t.Fatalf("%+v, %v", raw, err)
	}
	bytes, err := base64.StdEncoding.DecodeString(raw.Data[0].Embedding)
	if err != nil || len(bytes) != 64 {
		t.Fatalf("%d bytes, %v", len(bytes), err)
	}
	for i, want := range floats.Data[0].Embedding {
		if got := math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:])); got != float32(want) {
			t.Errorf("component %d is %v, as a number %v", i, got, want)
		}
	}
}

func TestOpenAISDKChoicesAndJSON(t *testing.T) {
	c := sdk(t, instantly(t))
	q := chatParams()
	q.N = param.NewOpt(int64(3))
	whole, err := c.Chat.Completions.New(keyed(t), q)
	if err != nil || len(whole.Choices) != 3 || whole.Usage.CompletionTokens != 9 || whole.Choices[2].Index != 2 {
		t.Fatalf("%+v, %v", whole, err)
	}
	stream, all := c.Chat.Completions.NewStreaming(keyed(t), q), openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if chunk := stream.Current(); !strings.Contains(chunk.RawJSON(), `"obfuscation":"`) && len(chunk.Choices) > 0 {
			t.Errorf("no obfuscation: %s", chunk.RawJSON())
		}
		all.AddChunk(stream.Current())
	}
	for i := range whole.Choices {
		if got, want := all.Choices[i].Message.Content, whole.Choices[i].Message.Content; got != want || got == "" || all.Choices[i].FinishReason != "stop" {
			t.Errorf("choice %d: streamed %q, whole %q", i, got, want)
		}
	}
	q = chatParams()
	q.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "n",
		Schema: map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer"}}, "required": []string{"n"}}}}
	var answer struct{ N int }
	if got, err := c.Chat.Completions.New(keyed(t), q); err != nil || json.Unmarshal([]byte(got.Choices[0].Message.Content), &answer) != nil || answer.N == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	refused, err := c.Chat.Completions.New(keyed(t), chatParams(), option.WithHeader(Outcome, "refusal"))
	if err != nil || refused.Choices[0].Message.Refusal == "" || refused.Choices[0].Message.Content != "" {
		t.Errorf("%+v, %v", refused, err)
	}
	broken := c.Chat.Completions.NewStreaming(keyed(t), chatParams(), option.WithHeader(Outcome, "failure"))
	for broken.Next() {
	}
	if broken.Err() == nil || !strings.Contains(broken.Err().Error(), "error") {
		t.Errorf("a broken stream ended with %v", broken.Err())
	}
}

func TestAzurePathsWithSDK(t *testing.T) {
	url, client := loopback(t, speaking(t, "openai", nil).Handler())
	deployment := func(name string) openai.Client { // as the SDK's package azure does it
		return openai.NewClient(option.WithBaseURL(url+"/openai/deployments/"+name), option.WithQuery("api-version", "2024-10-21"),
			option.WithHeaderDel("Authorization"), option.WithHeader("Api-Key", "key"), option.WithHTTPClient(client), option.WithMaxRetries(0))
	}
	c, q := deployment("m1"), chatParams()
	reply, err := c.Chat.Completions.New(keyed(t), q)
	if err != nil || reply.Choices[0].Message.Content == "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	stream, all := c.Chat.Completions.NewStreaming(keyed(t), q), openai.ChatCompletionAccumulator{}
	filtered := false
	for stream.Next() {
		filtered = filtered || stream.Current().JSON.ExtraFields["prompt_filter_results"].Raw() != ""
		if len(stream.Current().Choices) > 0 {
			all.AddChunk(stream.Current())
		}
	}
	if stream.Err() != nil || !filtered || all.Choices[0].Message.Content != reply.Choices[0].Message.Content {
		t.Errorf("%+v, %v", all, stream.Err())
	}
	second := deployment("m2")
	vectors, err := second.Embeddings.New(keyed(t), openai.EmbeddingNewParams{Model: "m2", Input: openai.EmbeddingNewParamsInputUnion{OfString: param.NewOpt("x")}})
	if err != nil || len(vectors.Data[0].Embedding) != 1536 {
		t.Errorf("%v", err)
	}
	nobody := deployment("nobody")
	_, err = nobody.Chat.Completions.New(keyed(t), q)
	if e := (*openai.Error)(nil); !errors.As(err, &e) || e.StatusCode != 404 || e.Response.Header.Get("X-Ratelimit-Reset-Requests") != "1" {
		t.Errorf("unknown deployment: %v", err)
	}
}

func responseParams() responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: "m1", Instructions: param.NewOpt("Be brief."),
		Input: responses.ResponseNewParamsInputUnion{OfString: param.NewOpt("What is a circuit breaker?")}}
}

// follow reads a stream: the types of its events without repeats, and the last.
func follow(t *testing.T, c openai.Client, q responses.ResponseNewParams, more ...option.RequestOption) (kinds []string, text string, last responses.ResponseStreamEventUnion) {
	t.Helper()
	stream := c.Responses.NewStreaming(keyed(t), q, more...)
	for n := int64(0); stream.Next(); n++ {
		last = stream.Current()
		if last.SequenceNumber != n {
			t.Errorf("event %d has number %d", n, last.SequenceNumber)
		}
		if kind := strings.TrimPrefix(last.Type, "response."); len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
		if strings.HasSuffix(last.Type, ".delta") {
			text += last.Delta
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	return kinds, text, last
}

func TestResponsesSDK(t *testing.T) {
	c := sdk(t, speaking(t, "openai", nil).Handler())
	whole, err := c.Responses.New(keyed(t), responseParams())
	if err != nil || whole.Status != "completed" || whole.OutputText() == "" || whole.Usage.OutputTokens != 5 || whole.Instructions.OfString != "Be brief." {
		t.Fatalf("%+v, %v", whole, err)
	}
	kinds, text, last := follow(t, c, responseParams())
	want := []string{"created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
		"output_text.done", "content_part.done", "output_item.done", "completed"}
	if !reflect.DeepEqual(kinds, want) || text != whole.OutputText() || last.Response.OutputText() != text || last.Response.ID != whole.ID {
		t.Errorf("events %v, text %q, last %s", kinds, text, last.RawJSON())
	}
}

func TestResponsesSDKTools(t *testing.T) {
	c := sdk(t, speaking(t, "openai", nil).Handler())
	q := responseParams()
	q.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "web_search", Parameters: map[string]any{
		"type": "object", "properties": map[string]any{"query": map[string]any{"type": "string"}}, "required": []string{"query"}}}}}
	q.ToolChoice.OfToolChoiceMode = param.NewOpt(responses.ToolChoiceOptionsRequired)
	whole, err := c.Responses.New(keyed(t), q)
	if err != nil || len(whole.Output) != 1 {
		t.Fatalf("%+v, %v", whole, err)
	}
	call := whole.Output[0].AsFunctionCall()
	var arguments struct{ Query string }
	if json.Unmarshal([]byte(call.Arguments), &arguments) != nil || arguments.Query == "" || call.CallID == "" || call.Name != "web_search" {
		t.Errorf("%s", call.RawJSON())
	}
	kinds, text, _ := follow(t, c, q)
	want := []string{"created", "in_progress", "output_item.added", "function_call_arguments.delta",
		"function_call_arguments.done", "output_item.done", "completed"}
	if !reflect.DeepEqual(kinds, want) || text != call.Arguments {
		t.Errorf("events %v, arguments %s", kinds, text)
	}
	q.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("What is a circuit breaker?", "user"),
		responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name),
		{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{CallID: param.NewOpt(call.CallID),
			Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: param.NewOpt("found it")}}},
	}}
	if after, err := c.Responses.New(keyed(t), q); err != nil || after.OutputText() == "" {
		t.Errorf("after the result: %+v, %v", after, err)
	}
}

func TestResponsesSDKEndings(t *testing.T) {
	c := sdk(t, speaking(t, "openai", nil).Handler())
	thinking, short := responseParams(), responseParams()
	thinking.Reasoning.Summary = "auto"
	short.MaxOutputTokens = param.NewOpt(int64(3))
	message := []string{"output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"}
	for name, want := range map[string]struct {
		q       responses.ResponseNewParams
		outcome string
		items   []string
		end     string
	}{
		"reasoning": {thinking, "", append([]string{"output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
			"reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"}, message...), "completed"},
		"refusal":    {responseParams(), "refusal", strings.Split(strings.ReplaceAll(strings.Join(message, " "), "output_text", "refusal"), " "), "completed"},
		"incomplete": {short, "", message, "incomplete"},
		"failed":     {responseParams(), "failure", message[:3], "failed"},
	} {
		more := option.WithHeader(Outcome, want.outcome)
		kinds, _, last := follow(t, c, want.q, more)
		if all := append(append([]string{"created", "in_progress"}, want.items...), want.end); !reflect.DeepEqual(kinds, all) {
			t.Errorf("%s: events %v\nwant %v", name, kinds, all)
		}
		whole, err := c.Responses.New(keyed(t), want.q, more)
		if err != nil || string(whole.Status) != want.end || string(last.Response.Status) != want.end {
			t.Errorf("%s: %v, stream %s, whole %+v", name, err, last.RawJSON(), whole)
			continue
		}
		streamed, once := last.Response.Output, whole.Output
		if fmt.Sprint(streamed) == "" || len(streamed) != len(once) {
			t.Errorf("%s: streamed %d items, whole %d", name, len(streamed), len(once))
		}
		switch name {
		case "incomplete":
			if whole.IncompleteDetails.Reason != "max_output_tokens" {
				t.Errorf("%s", whole.RawJSON())
			}
		case "failed":
			if whole.Error.Code != "server_error" || whole.Error.Message == "" {
				t.Errorf("%s", whole.RawJSON())
			}
		}
	}
}
