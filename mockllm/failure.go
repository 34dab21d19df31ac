package mockllm

import (
	"net/http"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
)

// The weights of the errors of a provider that is not in trouble: its server's, its
// overload, and connections cut before the header. Status pages speak of elevated
// errors far more often than of overload or of lost connections, but nobody publishes
// how single errors split: the weights are an assumption. Rate limits are missing on
// purpose, as they have a cause of their own.
const (
	brokenWeight     = 5
	overloadedWeight = 3
	lostWeight       = 2
)

// broken is the error of a server.
var broken = dialect.Error{
	Status: http.StatusInternalServerError, Type: "server_error",
	Message: "the server had an error while processing the request",
}

// failure draws whether the attempt meets an error of the provider's own, and
// which. It comes at some time before the first token would have.
// more is the model's chance of errors beside the provider's.
func (s *ProviderServer) failure(r *request, ttft time.Duration, more float64) (exchange.Script, bool) {
	draw := s.open(s.errors, r.key)
	if !draw.Chance(either(s.config.ErrorRate, more)) {
		return exchange.Script{}, false
	}
	wait := time.Duration(draw.Float64() * float64(ttft))
	var script exchange.Script
	switch at := draw.IntN(brokenWeight + overloadedWeight + lostWeight); {
	case at < brokenWeight:
		script = s.reject(r, broken)
	case at < brokenWeight+overloadedWeight:
		script = s.reject(r, s.dialect.Refusals.Overloaded)
	default:
		script = exchange.Script{Silent: true, End: exchange.Cut}
	}
	script.Wait = wait
	return script, true
}

func invalid(status int, message string) dialect.Error {
	return dialect.Error{Status: status, Type: "invalid_request_error", Message: message}
}
