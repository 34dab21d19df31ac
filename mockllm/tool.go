package mockllm

import (
	"context"
	"encoding/json"
	"net/http"
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
	o := s.call(key)
	switch {
	case o.wrong == crash:
		return exchange.Script{Wait: o.wait, Silent: true, End: exchange.Cut}
	case o.failure != "":
		script := s.fail(http.StatusInternalServerError, o.failure)
		script.Wait = o.wait
		return script
	}
	script := toolScript(http.StatusOK, s.body(key, o, time.Now().Add(o.wait)))
	script.Wait = o.wait
	return script
}

// outcome is what becomes of one call.
type outcome struct {
	wait    time.Duration // before anything is answered
	failure string        // an error that the caller is told of; "" if there is none
	wrong   flaw
}

// call draws what becomes of a call.
func (s *ToolServer) call(key seed.Key) outcome {
	draw := seed.New(s.seed, "mock/latency/"+s.at, key)
	o := outcome{wait: s.config.Latency.Draw(&draw)}
	draw = seed.New(s.seed, "mock/error/"+s.at, key)
	if draw.Chance(s.config.ErrorRate) {
		o.wait = time.Duration(draw.Float64() * float64(o.wait))
		o.failure = "the tool failed inside"
		return o
	}
	if s.config.Flaws != nil {
		draw = seed.New(s.seed, "mock/flaw/"+s.at, key)
		o.wrong = s.config.Flaws.draw(&draw)
	}
	return o
}

// body is the reply to a call that succeeded at the given time.
func (s *ToolServer) body(key seed.Key, o outcome, at time.Time) []byte {
	b := append(s.opening(), `,"result":`...)
	return append(s.result(b, key, o, at), '}')
}

// result appends what the tool found, made from the key.
func (s *ToolServer) result(b []byte, key seed.Key, o outcome, at time.Time) []byte {
	draw := seed.New(s.seed, "mock/result/"+s.at, key)
	flaws := s.config.Flaws
	if flaws == nil {
		flaws = &Flaws{}
	}
	return flaws.appendResult(b, o.wrong, &draw, at)
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
