package mockllm

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// ToolServer answers as one implementation of a tool: POST with JSON arguments, at
// any path. It is an exchange.Responder and safe for concurrent use.
type ToolServer struct {
	name           string
	implementation string
	config         Tool
	seed           uint64
	at             string // tool/implementation, the tail of its draws' names
	strangers      seed.Strangers
}

// NewTool returns the implementation of the tool called name, whose config has its
// defaults and is valid.
func NewTool(name, implementation string, t Tool, seed uint64) *ToolServer {
	return &ToolServer{name: name, implementation: implementation, config: t, seed: seed, at: name + "/" + implementation}
}

// Handler serves the tool over HTTP.
func (s *ToolServer) Handler() http.Handler { return exchange.Handler{Responder: s} }

// Respond implements exchange.Responder.
func (s *ToolServer) Respond(ctx context.Context, r *exchange.Request) exchange.Script {
	if r.HTTP.Method != http.MethodPost {
		script := s.fail(http.StatusMethodNotAllowed, "a tool is called with POST")
		script.Header["Allow"] = []string{http.MethodPost}
		return script
	}
	if len(r.Body) > 0 && !json.Valid(r.Body) {
		return s.fail(http.StatusBadRequest, "the arguments are not valid JSON")
	}
	key, ok := seed.KeyFrom(ctx)
	if !ok {
		key = s.strangers.Key(r.HTTP, r.Body)
	}
	draw := seed.New(s.seed, "mock/latency/"+s.at, key)
	wait := s.config.Latency.Draw(&draw)
	draw = seed.New(s.seed, "mock/error/"+s.at, key)
	if draw.Chance(s.config.ErrorRate) {
		script := s.fail(http.StatusInternalServerError, "the tool failed inside")
		script.Wait = time.Duration(draw.Float64() * float64(wait))
		return script
	}
	script := toolScript(http.StatusOK, s.result(key))
	script.Wait = wait
	return script
}

// result is what the tool found: some text and a score, made from the key.
func (s *ToolServer) result(key seed.Key) []byte {
	draw := seed.New(s.seed, "mock/result/"+s.at, key)
	text := strings.Join(prose(&draw, 12+draw.IntN(12), true), "")
	b := s.opening()
	b = gjson.AppendJSONString(append(b, `,"result":{"text":`...), text)
	b = strconv.AppendInt(append(b, `,"score":0.`...), 10+int64(draw.IntN(90)), 10)
	return append(b, `}}`...)
}

func (s *ToolServer) fail(status int, message string) exchange.Script {
	b := gjson.AppendJSONString(append(s.opening(), `,"error":`...), message)
	return toolScript(status, append(b, '}'))
}

func (s *ToolServer) opening() []byte {
	b := gjson.AppendJSONString(append(make([]byte, 0, 320), `{"tool":`...), s.name)
	return gjson.AppendJSONString(append(b, `,"implementation":`...), s.implementation)
}

func toolScript(status int, body []byte) exchange.Script {
	return exchange.Script{
		Status: status,
		Header: http.Header{"Content-Type": {"application/json"}},
		Steps:  whole(status, body),
	}
}
