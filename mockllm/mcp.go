package mockllm

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// MCPHandler serves tools as one MCP server over streamable HTTP, without sessions, at
// any path. A tool takes any JSON object; it answers with its result both as text and
// as structured content, after its latency and with its errors and flaws. A crash cuts
// the connection. Tools of one name are served as name_implementation. The handler is
// safe for concurrent use.
func MCPHandler(tools ...*ToolServer) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "chaos-tools", Version: "1.0.0"}, nil)
	h := &mcpHandler{tools: mcpNames(tools)}
	for name, s := range h.tools {
		server.AddTool(&mcp.Tool{
			Name:        name,
			Description: "A mock of the tool " + s.name + ".",
			InputSchema: json.RawMessage(`{"type":"object"}`),
		}, s.callMCP)
	}
	h.next = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, MaxRequestBodyBytes: exchange.MaxBody, PropagateRequestCancellation: true})
	return h
}

func mcpNames(tools []*ToolServer) map[string]*ToolServer {
	count := map[string]int{}
	for _, s := range tools {
		count[s.name]++
	}
	named := map[string]*ToolServer{}
	for _, s := range tools {
		name := s.name
		if count[name] > 1 {
			name += "_" + s.implementation
		}
		named[name] = s
	}
	return named
}

// mcpHandler keys the calls that come without a key and performs crashes, which a
// tool of the SDK cannot.
type mcpHandler struct {
	tools map[string]*ToolServer
	next  http.Handler
}

func (h *mcpHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		h.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, exchange.MaxBody))
	if err != nil {
		http.Error(w, "reading the request: "+err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var message struct {
		Method string `json:"method"`
		Params struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"params"`
	}
	_ = json.Unmarshal(body, &message) // the SDK reports what is wrong
	if s := h.tools[message.Params.Name]; s != nil && message.Method == "tools/call" {
		key := s.strangers.Key(r, message.Params.Arguments)
		r.Header.Set(seed.Header, key.String())
		if o := s.call(key); o.wrong == crash {
			_ = pause(r.Context(), o.wait)
			panic(http.ErrAbortHandler) // which is how net/http cuts a connection
		}
	}
	h.next.ServeHTTP(w, r)
}

// callMCP implements mcp.ToolHandler. The request carries its key.
func (s *ToolServer) callMCP(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	key, err := seed.ParseKey(r.Extra.Header.Get(seed.Header))
	if err != nil {
		return nil, err
	}
	o := s.call(key)
	if err := pause(ctx, o.wait); err != nil {
		return nil, err
	}
	if o.failure != "" {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: o.failure}}}, nil
	}
	result := s.result(nil, key, o, time.Now())
	reply := &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(result)}}}
	if o.wrong != empty { // structured content is an object or missing
		reply.StructuredContent = json.RawMessage(result)
	}
	return reply, nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
