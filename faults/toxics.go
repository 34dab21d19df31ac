package faults

import (
	"errors"
	"fmt"
	"time"
)

// toxicJSON is a toxic in the words of toxiproxy's API.
type toxicJSON struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

const (
	upstream   = "upstream"
	downstream = "downstream"
)

// Latency delays every chunk, in order and pipelined.
type Latency struct {
	Latency time.Duration `yaml:"latency" json:"latency"`
	// Jitter is the largest deviation from Latency, uniformly distributed.
	Jitter time.Duration `yaml:"jitter,omitempty" json:"jitter,omitempty"`
	// Stream is the direction: downstream, towards the agent, is the default.
	Stream string `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports what toxiproxy would crash on or round away.
func (p Latency) Validate() error {
	return errors.Join(jittered("latency", p.Latency, p.Jitter), whole("latency", p.Latency, time.Millisecond),
		whole("jitter", p.Jitter, time.Millisecond), direction(p.Stream))
}

func (p Latency) toxic() toxicJSON {
	return described("latency", p.Stream, map[string]any{"latency": p.Latency.Milliseconds(), "jitter": p.Jitter.Milliseconds()})
}

// Bandwidth limits each connection on its own.
type Bandwidth struct {
	// Rate is in KB/s, of 1,000 bytes; 0 lets nothing through.
	Rate   int64  `yaml:"rate" json:"rate"`
	Stream string `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports a missing or negative rate.
func (p Bandwidth) Validate() error {
	var err error
	if p.Rate < 0 {
		err = errors.New("rate: must be given, in KB/s, and not be negative")
	}
	return errors.Join(err, direction(p.Stream))
}

func (p Bandwidth) toxic() toxicJSON {
	return described("bandwidth", p.Stream, map[string]any{"rate": p.Rate})
}

// SlowClose holds back the end of a connection; its endpoint therefore closes
// connections after every reply.
type SlowClose struct {
	Delay  time.Duration `yaml:"delay" json:"delay"`
	Stream string        `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports a delay that is none.
func (p SlowClose) Validate() error {
	return errors.Join(jittered("delay", p.Delay, 0), whole("delay", p.Delay, time.Millisecond), direction(p.Stream))
}

func (p SlowClose) toxic() toxicJSON {
	return described("slow_close", p.Stream, map[string]any{"delay": p.Delay.Milliseconds()})
}

// Timeout drops all data and closes the connection when none came for so long.
type Timeout struct {
	// Timeout 0 drops data until the window closes, which closes the connection.
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout"`
	Stream  string        `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports a negative timeout.
func (p Timeout) Validate() error {
	return errors.Join(notNegative("timeout", p.Timeout), whole("timeout", p.Timeout, time.Millisecond), direction(p.Stream))
}

func (p Timeout) toxic() toxicJSON {
	return described("timeout", p.Stream, map[string]any{"timeout": p.Timeout.Milliseconds()})
}

// ResetPeer swallows the first data and resets both sides Timeout later.
type ResetPeer struct {
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout"`
	Stream  string        `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports a negative timeout.
func (p ResetPeer) Validate() error {
	return errors.Join(notNegative("timeout", p.Timeout), whole("timeout", p.Timeout, time.Millisecond), direction(p.Stream))
}

func (p ResetPeer) toxic() toxicJSON {
	return described("reset_peer", p.Stream, map[string]any{"timeout": p.Timeout.Milliseconds()})
}

// Slicer cuts data into pieces of about AverageSize bytes.
type Slicer struct {
	AverageSize int `yaml:"average_size" json:"average_size"`
	// SizeVariation is the largest deviation from AverageSize.
	SizeVariation int `yaml:"size_variation,omitempty" json:"size_variation,omitempty"`
	// Delay is the pause after each piece, in whole microseconds.
	Delay  time.Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
	Stream string        `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports the sizes on which toxiproxy recurses for ever or panics.
func (p Slicer) Validate() error {
	var errs []error
	if p.AverageSize <= 0 {
		errs = append(errs, errors.New("average_size: must be above zero"))
	}
	if p.SizeVariation < 0 || p.SizeVariation >= max(1, p.AverageSize) {
		errs = append(errs, errors.New("size_variation: must be at least 0 and below average_size"))
	}
	errs = append(errs, notNegative("delay", p.Delay), whole("delay", p.Delay, time.Microsecond), direction(p.Stream))
	return errors.Join(errs...)
}

func (p Slicer) toxic() toxicJSON {
	return described("slicer", p.Stream, map[string]any{
		"average_size": p.AverageSize, "size_variation": p.SizeVariation, "delay": p.Delay.Microseconds(),
	})
}

// LimitData closes a connection after Bytes over its whole life.
type LimitData struct {
	Bytes  int64  `yaml:"bytes" json:"bytes"`
	Stream string `yaml:"stream,omitempty" json:"stream,omitempty" jsonschema:"enum=downstream,enum=upstream"`
}

// Validate reports a missing or negative limit.
func (p LimitData) Validate() error {
	var err error
	if p.Bytes < 0 {
		err = errors.New("bytes: must be given and not be negative")
	}
	return errors.Join(err, direction(p.Stream))
}

func (p LimitData) toxic() toxicJSON {
	return described("limit_data", p.Stream, map[string]any{"bytes": p.Bytes})
}

// Down closes the listener and all connections while its window is open.
type Down struct{}

// Validate accepts: there is nothing to set.
func (Down) Validate() error { return nil }

func described(kind, stream string, attributes map[string]any) toxicJSON {
	if stream == "" {
		stream = downstream
	}
	return toxicJSON{Type: kind, Stream: stream, Toxicity: 1, Attributes: attributes}
}

func direction(stream string) error {
	if stream != "" && stream != upstream && stream != downstream {
		return errors.New("stream: must be upstream or downstream")
	}
	return nil
}

// whole reports what toxiproxy's integers would round away.
func whole(field string, d, unit time.Duration) error {
	if d%unit != 0 {
		return fmt.Errorf("%s: must be a multiple of %v", field, unit)
	}
	return nil
}
