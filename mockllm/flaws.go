package mockllm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agentchaos/chaos/internal/seed"
)

// Flaws are the chances per attempt that a tool does not fail in any way that its
// caller is told of, but gives a bad result, or none. Together they are at most 1.
type Flaws struct {
	// Crash is that of the connection being cut instead of a reply.
	Crash float64 `yaml:"crash,omitempty" json:"crash,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Empty is that of a success without a result: null.
	Empty float64 `yaml:"empty,omitempty" json:"empty,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Stale is that of a result of Age ago, which only its asOf tells.
	Stale float64 `yaml:"stale,omitempty" json:"stale,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Drift is that of a result in another schema: text is called content, and score is
	// a text.
	Drift float64 `yaml:"drift,omitempty" json:"drift,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Oversized is that of a result of Size bytes.
	Oversized float64 `yaml:"oversized,omitempty" json:"oversized,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Age is how old a stale result is; 24h by default.
	Age time.Duration `yaml:"age,omitempty" json:"age,omitempty"`
	// Size is how long an oversized text is, in bytes; 1 MiB by default.
	Size int `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"minimum=1"`
}

// SetDefaults fills what was left out.
func (f *Flaws) SetDefaults() {
	if f.Age == 0 {
		f.Age = 24 * time.Hour
	}
	if f.Size == 0 {
		f.Size = 1 << 20
	}
}

// maxResult bounds the size of an oversized result, in bytes.
const maxResult = 64 << 20

// Validate reports every mistake, each beginning with the name of its field.
func (f *Flaws) Validate() error {
	var errs []error
	sum := 0.0
	for _, c := range f.chances() {
		if !(c.chance >= 0 && c.chance <= 1) {
			errs = append(errs, fmt.Errorf("%s: must lie in [0, 1]", c.flaw))
		}
		sum += c.chance
	}
	if len(errs) == 0 && sum > 1+1e-9 {
		errs = append(errs, errors.New("crash: the chances of all flaws together must not be above 1"))
	}
	if f.Age < 0 {
		errs = append(errs, errors.New("age: must not be negative"))
	}
	if f.Size < 0 || f.Size > maxResult {
		errs = append(errs, fmt.Errorf("size: must lie in [1, %d]", maxResult))
	}
	return errors.Join(errs...)
}

// flaw is what is wrong with a result.
type flaw string

const (
	flawless  flaw = ""
	crash     flaw = "crash"
	empty     flaw = "empty"
	stale     flaw = "stale"
	drift     flaw = "drift"
	oversized flaw = "oversized"
)

type chance struct {
	flaw   flaw
	chance float64
}

func (f *Flaws) chances() [5]chance {
	return [...]chance{{crash, f.Crash}, {empty, f.Empty}, {stale, f.Stale}, {drift, f.Drift}, {oversized, f.Oversized}}
}

// draw chooses what is wrong with one result.
func (f *Flaws) draw(s *seed.Stream) flaw {
	u := s.Float64()
	for _, c := range f.chances() {
		if u < c.chance {
			return c.flaw
		}
		u -= c.chance
	}
	return flawless
}

// appendResult writes what a tool found: some text, a score, and of when that is.
func (f *Flaws) appendResult(b []byte, wrong flaw, draw *seed.Stream, now time.Time) []byte {
	text := strings.Join(prose(draw, 12+draw.IntN(12), true), "")
	score := strconv.AppendInt([]byte("0."), 10+int64(draw.IntN(90)), 10)
	name := "text"
	switch wrong {
	case empty:
		return append(b, "null"...)
	case stale:
		now = now.Add(-f.Age)
	case drift:
		name, score = "content", strconv.AppendQuote(nil, string(score))
	case oversized:
		text = strings.Repeat(text+" ", f.Size/(len(text)+1)+1)[:f.Size]
	}
	b = gjson.AppendJSONString(append(b, '{'), name)
	b = gjson.AppendJSONString(append(b, ':'), text)
	b = append(append(b, `,"score":`...), score...)
	b = append(b, `,"asOf":"`...)
	return append(now.UTC().AppendFormat(b, time.RFC3339), `"}`...)
}
