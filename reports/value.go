package reports

import (
	"encoding/json"
	"math"
	"time"
)

// Value is a metric of one config over all its seeds. In JSON a NaN is null.
type Value struct {
	Value float64 // NaN if it could not be measured; Note says why
	Low   float64 // bounds of the 95 % interval; NaN if there is none
	High  float64
	Unit  string
	N     int    // what it was counted over: agent requests, calls, attempts, by the metric
	Seeds int    // runs it was computed from
	How   string // where value and interval come from
	Note  string // a warning; "" if none
	// DesignEffect is set for proportions over several seeds; NaN otherwise.
	DesignEffect float64
}

type valueJSON struct {
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	Unit   string   `json:"unit"`
	N      int      `json:"n"`
	Seeds  int      `json:"seeds"`
	Method string   `json:"method"`
	Note   string   `json:"note,omitempty"`
	Effect *float64 `json:"designEffect,omitempty"`
}

// MarshalJSON writes numbers with six decimals, and null for NaN.
func (v Value) MarshalJSON() ([]byte, error) {
	return json.Marshal(valueJSON{
		nullable(v.Value), nullable(v.Low), nullable(v.High),
		v.Unit, v.N, v.Seeds, v.How, v.Note, nullable(v.DesignEffect),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(data []byte) error {
	var in valueJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*v = Value{
		orNaN(in.Value), orNaN(in.Low), orNaN(in.High),
		in.Unit, in.N, in.Seeds, in.Method, in.Note, orNaN(in.Effect),
	}
	return nil
}

// Known tells whether it could be measured.
func (v Value) Known() bool { return known(v.Value) }

// HasInterval tells whether Low and High are set.
func (v Value) HasInterval() bool { return known(v.Low) && known(v.High) }

// Numbers is a series; its NaN are null in JSON.
type Numbers []float64

// MarshalJSON writes numbers with six decimals, and null for NaN.
func (s Numbers) MarshalJSON() ([]byte, error) {
	out := make([]*float64, len(s))
	for i, x := range s {
		out[i] = nullable(x)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Numbers) UnmarshalJSON(data []byte) error {
	var in []*float64
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*s = make(Numbers, len(in))
	for i, x := range in {
		(*s)[i] = orNaN(x)
	}
	return nil
}

func known(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func nullable(x float64) *float64 {
	if !known(x) {
		return nil
	}
	x = rounded(x)
	return &x
}

func orNaN(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// rounded keeps six decimals: microseconds, or one in a million.
func rounded(x float64) float64 {
	if math.Abs(x) > 1e9 {
		return x
	}
	return math.Round(x*1e6)/1e6 + 0 // the sum turns −0 into 0
}

// sample is a metric of one run.
type sample struct {
	value      float64
	hits, n    int
	proportion bool
	sorted     []time.Duration // of a percentile
	q          float64
	why        string // it is missing
	censored   bool   // it is missing because it is larger than could be measured
}

func missing(why string) sample { return sample{value: math.NaN(), why: why} }

func number(x float64, n int) sample { return sample{value: x, n: n} }

func share(hits, n int) sample {
	if n == 0 {
		return missing("nothing to count")
	}
	return sample{value: float64(hits) / float64(n), hits: hits, n: n, proportion: true}
}

func per(x float64, n int) sample {
	if n == 0 {
		return missing("nothing to count")
	}
	return number(x/float64(n), n)
}

func quantile(sorted []time.Duration, q float64) sample {
	if len(sorted) == 0 {
		return missing("nothing to count")
	}
	return sample{value: Percentile(sorted, q).Seconds(), n: len(sorted), sorted: sorted, q: q}
}
