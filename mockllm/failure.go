package mockllm

import (
	"net/http"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// failures are the errors of a provider that is not in trouble, with their weights.
// Status pages speak of elevated errors far more often than of overload or of lost
// connections, but nobody publishes how single errors split: the weights are an
// assumption. Rate limits are missing on purpose, as they have a cause of their own.
var failures = []struct {
	weight int
	error  dialect.Error // the zero Error: the connection is cut before the header
}{
	{5, dialect.Error{
		Status: http.StatusInternalServerError, Type: "server_error",
		Message: "the server had an error while processing the request",
	}},
	{3, dialect.Error{
		Status: http.StatusServiceUnavailable, Type: "service_unavailable_error", Code: "server_is_overloaded",
		Message: "the model is overloaded; try again later",
	}},
	{2, dialect.Error{}},
}

// failure draws whether the attempt meets an error of the provider's own, and
// which. It comes at some time before the first token would have.
func (s *ProviderServer) failure(key seed.Key, ttft time.Duration) (exchange.Script, bool) {
	draw := s.open(s.errors, key)
	if !draw.Chance(s.config.ErrorRate) {
		return exchange.Script{}, false
	}
	total := 0
	for _, f := range failures {
		total += f.weight
	}
	wait := time.Duration(draw.Float64() * float64(ttft))
	i := 0
	for left := draw.IntN(total); left >= failures[i].weight; i++ {
		left -= failures[i].weight
	}
	if failures[i].error.Status == 0 {
		return exchange.Script{Wait: wait, Silent: true, End: exchange.Cut}, true
	}
	script := s.reject(key, failures[i].error)
	script.Wait = wait
	return script, true
}

func invalid(status int, code, message string) dialect.Error {
	return dialect.Error{Status: status, Type: "invalid_request_error", Code: code, Message: message}
}

func unknownModel(id string) dialect.Error {
	e := invalid(http.StatusNotFound, "model_not_found", "the model "+id+" does not exist here")
	e.Param = "model"
	return e
}
