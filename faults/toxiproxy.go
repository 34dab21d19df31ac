package faults

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
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
	toxics.Register("slicer", new(slicerToxic))
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

// slicerToxic cuts as toxiproxy's does, by draws from a stream of our own.
type slicerToxic struct {
	toxics.SlicerToxic
	Seed uint64 `json:"seed"`
}

// NewState opens the stream of one connection and direction.
func (t *slicerToxic) NewState() any {
	s := seed.New(t.Seed, "slice", seed.Key{})
	return &s
}

// Pipe implements toxics.Toxic.
func (t *slicerToxic) Pipe(stub *toxics.ToxicStub) {
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
			if !t.slice(stub, chunk, draw) {
				return
			}
		}
	}
}

// slice passes a chunk on in pieces; interrupted, it passes the rest on whole and
// reports false.
func (t *slicerToxic) slice(stub *toxics.ToxicStub, chunk *stream.StreamChunk, draw *seed.Stream) bool {
	begin := 0
	for _, end := range t.cuts(nil, 0, len(chunk.Data), draw) {
		stub.Output <- &stream.StreamChunk{Data: chunk.Data[begin:end], Timestamp: chunk.Timestamp}
		begin = end
		select {
		case <-time.After(time.Duration(t.Delay) * time.Microsecond):
		case <-stub.Interrupt:
			if begin < len(chunk.Data) {
				stub.Output <- &stream.StreamChunk{Data: chunk.Data[begin:], Timestamp: chunk.Timestamp}
			}
			return false
		}
	}
	return true
}

// cuts appends the ends of the pieces of data[from:to]: it halves what is too long,
// SizeVariation beside the middle at most.
func (t *slicerToxic) cuts(ends []int, from, to int, draw *seed.Stream) []int {
	if to-from <= t.AverageSize+t.SizeVariation {
		return append(ends, to)
	}
	middle := from + (to-from)/2
	if t.SizeVariation > 0 {
		middle += draw.IntN(2*t.SizeVariation) - t.SizeVariation
	}
	return t.cuts(t.cuts(ends, from, middle, draw), middle, to, draw)
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
// Toxiproxy's own works on TCP connections only and cannot be interrupted. One
// serves one connection and direction.
type resetToxic struct {
	Timeout int64                     `json:"timeout"` // milliseconds
	due     atomic.Pointer[time.Time] // when the connection will be reset; nil before the first data
}

// struck tells whether data was swallowed, without which the connection cannot go on.
func (t *resetToxic) struck() bool { return t.due.Load() != nil }

// Pipe implements toxics.Toxic.
func (t *resetToxic) Pipe(stub *toxics.ToxicStub) {
	if !t.struck() {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
		}
		due := time.Now().Add(time.Duration(t.Timeout) * time.Millisecond)
		t.due.Store(&due)
	}
	timer := time.NewTimer(time.Until(*t.due.Load()))
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

// Cleanup implements toxics.CleanupToxic: a reset still due comes at once.
func (t *resetToxic) Cleanup(stub *toxics.ToxicStub) {
	if t.struck() {
		stub.Close()
		go drain(stub) // ends with the connection
	}
}
