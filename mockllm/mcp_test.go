package mockllm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// mcpClient connects the SDK's client to tools on a real socket.
func mcpClient(t *testing.T, tools ...*ToolServer) *mcp.ClientSession {
	t.Helper()
	s, err := Listen(t.Context(), network.Loopback{}, "127.0.0.1:0", MCPHandler(tools...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.URL() + "/mcp", MaxRetries: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestMCPListsTools(t *testing.T) {
	session := mcpClient(t, flawed("web_search", "tavily", nil, 0), flawed("web_search", "brave", nil, 0), flawed("calculator", "calculator", nil, 0))
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	if want := []string{"calculator", "web_search_brave", "web_search_tavily"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if reply, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "no_such_tool"}); err == nil && !reply.IsError {
		t.Errorf("a tool that is not there answered %+v", reply)
	}
}

func TestMCPFlaws(t *testing.T) {
	call := func(t *testing.T, flaws *Flaws, errorRate float64) (*mcp.CallToolResult, time.Duration, error) {
		session := mcpClient(t, flawed("web_search", "tavily", flaws, errorRate))
		start := time.Now()
		reply, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "web_search", Arguments: map[string]any{"query": "x"}})
		return reply, time.Since(start), err
	}
	for _, f := range []flaw{flawless, empty, stale, drift, oversized} {
		reply, took, err := call(t, always(f), 0)
		if err != nil || reply.IsError || len(reply.Content) != 1 || took < 20*time.Millisecond {
			t.Errorf("%q: %+v, %v after %v", f, reply, err, took)
			continue
		}
		text := reply.Content[0].(*mcp.TextContent).Text
		if wrong := checkResult(f, gjson.Parse(text), time.Now()); wrong != "" {
			t.Errorf("%q: the result %s: %.200s", f, wrong, text)
		}
		structured, _ := json.Marshal(reply.StructuredContent)
		if f != empty && gjson.GetBytes(structured, "asOf").Str != gjson.Get(text, "asOf").Str {
			t.Errorf("%q: structured %.200s", f, structured)
		}
	}
	if reply, _, err := call(t, nil, 1); err != nil || !reply.IsError {
		t.Errorf("error: %+v, %v", reply, err)
	}
	if reply, took, err := call(t, always(crash), 0); err == nil || took < 20*time.Millisecond {
		t.Errorf("crash: %+v, %v after %v", reply, err, took)
	}
}

// A call over MCP finds what the same call over HTTP does, by its key.
func TestMCPCallsAreKeyed(t *testing.T) {
	tool := flawed("web_search", "tavily", nil, 0)
	handler := MCPHandler(tool).(*mcpHandler)
	key := seed.Key{Request: 3, Call: 2, Attempt: 1}
	want := tool.body(key, outcome{}, time.Now())
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"web_search","arguments":{}}}`
	res := ask(handler, "POST", "/", body, key, "Accept", "application/json, text/event-stream", "Content-Type", "application/json")
	text := read(t, res)
	if found := gjson.GetBytes(want, "result.text").Str; res.StatusCode != 200 || !strings.Contains(text, found) {
		t.Errorf("%d %s, want %s", res.StatusCode, text, want)
	}
}
