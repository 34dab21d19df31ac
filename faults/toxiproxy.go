package faults

import (
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
	zlog "github.com/rs/zerolog/log"

	"github.com/agentchaos/chaos/internal/seed"
)

// prepareToxiproxy silences its global logger and replaces those of its toxics
// that leave goroutines behind, cannot be interrupted, or draw from the global
// generator. Toxiproxy keeps both for the whole process.
var prepareToxiproxy = sync.OnceFunc(func() {
	zlog.Logger = zerolog.Nop()
	toxiproxy.Version = "2.12.0"
	toxics.Register("latency", new(latencyToxic))
	toxics.Register("timeout", new(timeoutToxic))
	toxics.Register("limit_data", new(limitToxic))
	toxics.Register("reset_peer", new(resetToxic))
})

// newServer is what toxiproxy's links need of its API server; nothing is served.
func newServer() *toxiproxy.ApiServer {
	prepareToxiproxy()
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
}

// drain takes what still comes to a stub that closed before its input did, so that
// the stubs before it end instead of sending to nobody.
func drain(stub *toxics.ToxicStub) {
	for range stub.Input {
	}
}

// latencyToxic is toxiproxy's with its jitter drawn from a stream of our own.
type latencyToxic struct {
	toxics.LatencyToxic
	Seed uint64 `json:"seed"`
}

// NewState opens the stream of one connection and direction.
func (t *latencyToxic) NewState() any {
	s := seed.New(t.Seed, "jitter", seed.Key{})
	return &s
}

// Pipe implements toxics.Toxic.
func (t *latencyToxic) Pipe(stub *toxics.ToxicStub) {
	if t.Jitter == 0 {
		t.LatencyToxic.Pipe(stub)
		return
	}
	draw := stub.State.(*seed.Stream)
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			delay := float64(t.Latency) + (2*draw.Float64()-1)*float64(t.Jitter)
			left := time.Duration(delay*float64(time.Millisecond)) - time.Since(chunk.Timestamp)
			select {
			case <-time.After(left):
				chunk.Timestamp = chunk.Timestamp.Add(left)
				stub.Output <- chunk
			case <-stub.Interrupt:
				stub.Output <- chunk
				return
			}
		}
	}
}

// timeoutToxic is toxiproxy's, draining what comes after it closed.
type timeoutToxic struct{ toxics.TimeoutToxic }

// Pipe implements toxics.Toxic.
func (t *timeoutToxic) Pipe(stub *toxics.ToxicStub) {
	t.TimeoutToxic.Pipe(stub)
	if stub.Closed() {
		drain(stub)
	}
}

// Cleanup implements toxics.CleanupToxic: removal closes the connection.
func (t *timeoutToxic) Cleanup(stub *toxics.ToxicStub) {
	stub.Close()
	go drain(stub) // ends with the connection
}

// limitToxic is toxiproxy's, draining what comes after it closed.
type limitToxic struct{ toxics.LimitDataToxic }

// Pipe implements toxics.Toxic.
func (t *limitToxic) Pipe(stub *toxics.ToxicStub) {
	t.LimitDataToxic.Pipe(stub)
	if stub.Closed() {
		drain(stub)
	}
}

// resetToxic closes after the first data; the link's writer makes that a reset.
// Toxiproxy's own works on TCP connections only and cannot be interrupted.
type resetToxic struct {
	Timeout int64 `json:"timeout"` // milliseconds
}

// resetState is when the connection will be reset; zero before the first data.
type resetState struct{ due time.Time }

// NewState implements toxics.StatefulToxic.
func (t *resetToxic) NewState() any { return new(resetState) }

// Pipe implements toxics.Toxic.
func (t *resetToxic) Pipe(stub *toxics.ToxicStub) {
	state := stub.State.(*resetState)
	if state.due.IsZero() {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
		}
		state.due = time.Now().Add(time.Duration(t.Timeout) * time.Millisecond)
	}
	timer := time.NewTimer(time.Until(state.due))
	defer timer.Stop()
	input := stub.Input
	for {
		select {
		case <-timer.C:
			stub.Close()
			drain(stub)
			return
		case <-stub.Interrupt:
			return
		case chunk := <-input:
			if chunk == nil {
				input = nil // ended: the reset still comes when due
			}
		}
	}
}

// Cleanup implements toxics.CleanupToxic: a connection whose data was swallowed
// cannot go on.
func (t *resetToxic) Cleanup(stub *toxics.ToxicStub) {
	if !stub.State.(*resetState).due.IsZero() {
		stub.Close()
		go drain(stub) // ends with the connection
	}
}
