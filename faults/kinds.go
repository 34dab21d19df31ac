package faults

import (
	"maps"
	"slices"

	"github.com/agentchaos/chaos/internal/exchange"
)

// The layers at which a kind acts.
const (
	LayerToxic    = "toxic"    // on TCP connections, by toxiproxy
	LayerInjector = "injector" // on HTTP exchanges, by the injector
)

// Kind describes a kind of fault.
type Kind struct {
	Name  string `json:"name"`
	Doc   string `json:"doc"`
	Layer string `json:"layer"`
}

// Kinds lists every kind, sorted by name.
func Kinds() []Kind {
	var all []Kind
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, Kind{Name: name, Doc: kinds[name].doc, Layer: kinds[name].layer})
	}
	return all
}

// NewParams gives a pointer to the parameters of a kind, filled with its defaults;
// ok is false for an unknown kind. The structs carry yaml tags and check
// themselves with Validate.
func NewParams(name string) (params any, ok bool) {
	k, ok := kinds[name]
	if !ok {
		return nil, false
	}
	return k.params(), true
}

// parameters are what every kind's parameters can do.
type parameters interface{ Validate() error }

// toxic parameters become a toxic of a link.
type toxic interface {
	parameters
	toxic() toxicJSON
}

// replacement parameters answer in place of the target, which then is not asked;
// ok is false if these parameters rewrite after all.
type replacement interface {
	parameters
	reply(c *cast) (s exchange.Script, ok bool)
}

// rewrite parameters change a reply.
type rewrite interface {
	parameters
	rewrite(c *cast, s exchange.Script) exchange.Script
}

// kind is one line of the table.
type kind struct {
	layer   string
	streams bool // only providers stream, and only they are ever overloaded
	params  func() parameters
	doc     string
}

var kinds = map[string]kind{
	"latency":    {LayerToxic, false, func() parameters { return new(Latency) }, "delays every chunk of a connection by latency ± jitter"},
	"bandwidth":  {LayerToxic, false, func() parameters { return &Bandwidth{Rate: unset} }, "limits a connection to rate KB/s; 0 lets nothing through"},
	"slow_close": {LayerToxic, false, func() parameters { return new(SlowClose) }, "holds back the end of a connection by delay"},
	"timeout":    {LayerToxic, false, func() parameters { return new(Timeout) }, "drops all data and closes after timeout without any; 0 never closes"},
	"reset_peer": {LayerToxic, false, func() parameters { return new(ResetPeer) }, "resets a connection, timeout after its first data"},
	"slicer":     {LayerToxic, false, func() parameters { return new(Slicer) }, "cuts data into small pieces, delay apart"},
	"limit_data": {LayerToxic, false, func() parameters { return &LimitData{Bytes: unset} }, "closes a connection after bytes"},
	"down":       {LayerToxic, false, func() parameters { return new(Down) }, "closes the listener and every connection; connecting is refused"},

	"outage":       {LayerInjector, false, func() parameters { return new(Outage) }, "answers 503"},
	"rate_limit":   {LayerInjector, false, func() parameters { return &RateLimit{RetryAfter: defaultRetryAfter} }, "answers 429 with a truthful Retry-After"},
	"server_error": {LayerInjector, false, func() parameters { return &ServerError{Status: 500} }, "answers with a 5xx status"},
	"overloaded":   {LayerInjector, true, func() parameters { return new(Overloaded) }, "answers as an overloaded provider does"},
	"delay":        {LayerInjector, false, func() parameters { return new(Delay) }, "delays the reply's headers by delay ± jitter"},
	"hang":         {LayerInjector, false, func() parameters { return new(Hang) }, "never answers; the connection stays open"},
	"stall":        {LayerInjector, true, func() parameters { return &Stall{After: defaultAfter} }, "falls silent after n content events; the connection stays open"},
	"truncate":     {LayerInjector, true, func() parameters { return &Truncate{After: defaultAfter} }, "ends cleanly after n content events, without the terminal event"},
	"reset":        {LayerInjector, false, func() parameters { return new(Reset) }, "resets the connection after n content events; 0 is before the headers"},
	"malformed":    {LayerInjector, false, func() parameters { return new(Malformed) }, "breaks the JSON of the body, or of the event after n content events"},
}

const (
	unset        = -1 // of a number that must be given and may be 0
	defaultAfter = 5  // content events
)
