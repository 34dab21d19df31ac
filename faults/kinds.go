package faults

import (
	"fmt"
	"maps"
	"slices"
	"time"

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

// suited parameters have a meaning for some targets only; the error says why not.
type suited interface {
	parameters
	suits(t Target) error
}

// kind is one line of the table.
type kind struct {
	layer  string
	needs  need
	params func() parameters
	doc    string
}

// need is what a kind must hit to mean anything.
type need string

const (
	anything  need = ""
	provider  need = "provider"
	tool      need = "tool"
	openAI    need = "openai"    // the kind is about something that only OpenAI's API has
	anthropic need = "anthropic" // likewise of Anthropic's
)

// meets tells why the kind means nothing to a target.
func (n need) meets(name string, t Target) error {
	switch {
	case n == provider && t.Tool != "", (n == openAI || n == anthropic) && t.Tool != "":
		return fmt.Errorf("type: %s needs a provider, and the tool %s is none", name, t.Tool)
	case n == tool && t.Tool == "":
		return fmt.Errorf("type: %s needs a tool, and %s is a provider", name, t.Provider)
	case (n == openAI || n == anthropic) && t.Dialect != string(n):
		return fmt.Errorf("type: %s is about what only the dialect %s has, and %s speaks %s", name, n, t.Provider, t.Dialect)
	}
	return nil
}

// corrupting are the kinds that make a reply wrong which seems complete. Whoever takes
// one for a success is mistaken.
var corrupting = map[string]bool{
	"malformed": true, "no_choices": true, "duplicate": true, "repetition": true, "replay": true, "disorder": true,
	"empty_completion": true, "tool_arguments": true, "tool_name": true,
	"tool_empty": true, "tool_null": true, "tool_schema": true, "tool_stale": true, "tool_oversized": true,
}

var kinds = map[string]kind{
	"latency":    {LayerToxic, anything, func() parameters { return new(Latency) }, "delays every chunk of a connection by latency ± jitter"},
	"bandwidth":  {LayerToxic, anything, func() parameters { return &Bandwidth{Rate: unset} }, "limits a connection to rate KB/s; 0 lets nothing through"},
	"slow_close": {LayerToxic, anything, func() parameters { return new(SlowClose) }, "holds back the end of a connection by delay"},
	"timeout":    {LayerToxic, anything, func() parameters { return new(Timeout) }, "drops all data and closes after timeout without any; 0 never closes"},
	"reset_peer": {LayerToxic, anything, func() parameters { return new(ResetPeer) }, "resets a connection, timeout after its first data"},
	"slicer":     {LayerToxic, anything, func() parameters { return new(Slicer) }, "cuts data into small pieces, delay apart"},
	"limit_data": {LayerToxic, anything, func() parameters { return &LimitData{Bytes: unset} }, "closes a connection after bytes"},
	"down":       {LayerToxic, anything, func() parameters { return new(Down) }, "closes the listener and every connection; connecting is refused"},

	"outage":       {LayerInjector, anything, func() parameters { return new(Outage) }, "answers 503"},
	"rate_limit":   {LayerInjector, anything, func() parameters { return &RateLimit{RetryAfter: defaultRetryAfter, Form: "seconds"} }, "answers 429; form says how its Retry-After is written, or lies"},
	"server_error": {LayerInjector, anything, func() parameters { return &ServerError{Status: 500} }, "answers with a 5xx status"},
	"overloaded":   {LayerInjector, provider, func() parameters { return new(Overloaded) }, "answers as an overloaded provider does"},
	"delay":        {LayerInjector, anything, func() parameters { return new(Delay) }, "delays the reply's headers by delay ± jitter"},
	"hang":         {LayerInjector, anything, func() parameters { return new(Hang) }, "never answers; the connection stays open"},
	"stall":        {LayerInjector, provider, func() parameters { return &Stall{After: defaultAfter} }, "falls silent after n content events; the connection stays open"},
	"truncate":     {LayerInjector, provider, func() parameters { return &Truncate{After: defaultAfter} }, "ends cleanly after n content events, without the terminal event"},
	"reset":        {LayerInjector, anything, func() parameters { return new(Reset) }, "resets the connection after n content events; 0 is before the headers"},
	"malformed":    {LayerInjector, anything, func() parameters { return new(Malformed) }, "breaks the JSON of the body, or of the event after n content events"},

	// answers in the target's place
	"status":          {LayerInjector, anything, func() parameters { return &Status{Body: "json"} }, "answers with any error status, its body in JSON, HTML or empty"},
	"quota":           {LayerInjector, provider, func() parameters { return new(Quota) }, "refuses because a quota is used up, which no short wait clears"},
	"slow_down":       {LayerInjector, provider, func() parameters { return new(SlowDown) }, "refuses with 429 because traffic grows too fast"},
	"context_length":  {LayerInjector, provider, func() parameters { return new(ContextLength) }, "refuses the request as too long for the model"},
	"prompt_filtered": {LayerInjector, openAI, func() parameters { return new(PromptFiltered) }, "refuses the prompt by a content filter, as Azure does"},

	// 200 that is no success
	"error_in_200":       {LayerInjector, anything, func() parameters { return &ErrorIn200{Error: "overloaded"} }, "answers with an error body under status 200"},
	"html_200":           {LayerInjector, anything, func() parameters { return new(HTML200) }, "answers with a page of HTML under status 200"},
	"empty_200":          {LayerInjector, anything, func() parameters { return new(Empty200) }, "answers with status 200 and no body"},
	"no_choices":         {LayerInjector, provider, func() parameters { return &NoChoices{Value: "null"} }, "takes the answer out of the reply and leaves its envelope"},
	"json_for_stream":    {LayerInjector, provider, func() parameters { return new(JSONForStream) }, "answers a request for a stream with one JSON reply"},
	"wrong_content_type": {LayerInjector, provider, func() parameters { return &WrongContentType{ContentType: "application/json"} }, "gives a stream another content type"},
	"error_null":         {LayerInjector, openAI, func() parameters { return new(ErrorNull) }, "adds \"error\":null to every event and body"},
	"error_event":        {LayerInjector, provider, func() parameters { return &ErrorEvent{Error: "overloaded", Form: "usual"} }, "breaks a stream off by an error event, after n content events"},

	// how a reply ends
	"no_finish":      {LayerInjector, provider, func() parameters { return new(NoFinish) }, "never says why the answer ended"},
	"no_done":        {LayerInjector, openAI, func() parameters { return new(NoDone) }, "leaves out [DONE]"},
	"half_event":     {LayerInjector, provider, func() parameters { return &HalfEvent{After: defaultAfter} }, "ends a stream cleanly in the middle of an event"},
	"no_final_blank": {LayerInjector, provider, func() parameters { return new(NoFinalBlank) }, "leaves out the blank line after the last event"},
	"cut":            {LayerInjector, anything, func() parameters { return new(Cut) }, "closes the connection after n content events, without HTTP's end; 0 is before the headers"},
	"content_length": {LayerInjector, anything, func() parameters { return new(ContentLength) }, "sends half of the body that its Content-Length announces"},
	"linger":         {LayerInjector, provider, func() parameters { return new(Linger) }, "leaves the connection open after the end of a stream"},
	"ping_only":      {LayerInjector, provider, func() parameters { return &PingOnly{Every: defaultPing} }, "sends keep-alives and no more content, after n content events"},

	// framing of a stream
	"comments":      {LayerInjector, provider, func() parameters { return &Comments{As: "comment"} }, "puts a comment before every event"},
	"lines":         {LayerInjector, provider, func() parameters { return &Lines{Form: "crlf"} }, "writes events with CRLF, CR, a byte order mark or no spaces"},
	"split":         {LayerInjector, provider, func() parameters { return &Split{Size: 1, Gap: time.Millisecond} }, "sends events in pieces of size bytes"},
	"burst":         {LayerInjector, provider, func() parameters { return new(Burst) }, "holds a stream back and sends size bytes at a time, or all at once"},
	"unknown_event": {LayerInjector, provider, func() parameters { return new(UnknownEvent) }, "sends an event of an unknown type after n content events"},
	"null_event":    {LayerInjector, provider, func() parameters { return &NullEvent{Data: "null"} }, "sends an event with null or nothing for data"},
	"blank_lines":   {LayerInjector, provider, func() parameters { return &BlankLines{Count: 400} }, "sends many blank lines between two events"},
	"huge_event":    {LayerInjector, provider, func() parameters { return &HugeEvent{Size: 1 << 20} }, "makes an event size bytes longer"},
	"html_mid":      {LayerInjector, provider, func() parameters { return &HTMLMid{After: defaultAfter} }, "ends a stream by a gateway's page of HTML"},
	"duplicate":     {LayerInjector, provider, func() parameters { return new(Duplicate) }, "sends a content event twice"},
	"replay":        {LayerInjector, provider, func() parameters { return &Replay{After: defaultAfter} }, "begins the stream again after n content events"},
	"disorder":      {LayerInjector, provider, func() parameters { return &Disorder{How: "swap"} }, "swaps two content events, or loses one"},
	"after_done":    {LayerInjector, provider, func() parameters { return new(AfterDone) }, "sends content after the end"},
	"block_order":   {LayerInjector, anthropic, func() parameters { return &BlockOrder{How: "no_start"} }, "breaks the order of events: no_start, two_starts, delta_first, index_gap"},

	// content
	"finish":           {LayerInjector, provider, func() parameters { return &Finish{Reason: "length", After: defaultAfter} }, "ends the answer early with another reason"},
	"empty_completion": {LayerInjector, provider, func() parameters { return new(EmptyCompletion) }, "answers as if all were well, with nothing"},
	"choiceless":       {LayerInjector, openAI, func() parameters { return &Choiceless{Where: "first"} }, "sends a chunk without a choice, or a choice without a delta"},
	"usage":            {LayerInjector, provider, func() parameters { return &UsageWrong{How: "missing"} }, "leaves out the numbers of tokens, or makes them 0"},
	"wrong_model":      {LayerInjector, provider, func() parameters { return &WrongModel{Model: "another-model"} }, "names another model than was asked for"},
	"no_role":          {LayerInjector, openAI, func() parameters { return new(NoRole) }, "leaves the role out of a stream's first chunk"},
	"repetition":       {LayerInjector, provider, func() parameters { return &Repetition{After: defaultAfter, Times: 200} }, "repeats a content event many times"},
	"tool_arguments":   {LayerInjector, provider, func() parameters { return &ToolArguments{How: "invalid"} }, "breaks the arguments of the model's tool calls"},
	"tool_name":        {LayerInjector, provider, func() parameters { return &ToolName{Name: "no_such_tool"} }, "lets the model call a tool that nobody offered"},
	"tool_index":       {LayerInjector, openAI, func() parameters { return &ToolIndex{How: "missing"} }, "takes the index from the pieces of tool calls, or makes it 0"},

	// tools
	"tool_error":           {LayerInjector, tool, func() parameters { return &ToolError{Status: 500} }, "lets the tool report an error, also under status 200"},
	"tool_empty":           {LayerInjector, tool, func() parameters { return new(ToolEmpty) }, "gives {} for a result"},
	"tool_null":            {LayerInjector, tool, func() parameters { return new(ToolNull) }, "gives null for a result"},
	"tool_timeout":         {LayerInjector, tool, func() parameters { return new(ToolTimeout) }, "never answers"},
	"tool_crash":           {LayerInjector, tool, func() parameters { return new(ToolCrash) }, "closes the connection before anything was done"},
	"tool_slow":            {LayerInjector, tool, func() parameters { return &ToolSlow{Delay: 30 * time.Second} }, "answers later by delay"},
	"tool_schema":          {LayerInjector, tool, func() parameters { return new(ToolSchema) }, "gives the result in another schema"},
	"tool_stale":           {LayerInjector, tool, func() parameters { return &ToolStale{Age: 24 * time.Hour} }, "gives a result of age ago, which only its asOf tells"},
	"tool_oversized":       {LayerInjector, tool, func() parameters { return &ToolOversized{Size: 1 << 20} }, "gives a result of size bytes"},
	"tool_unknown_outcome": {LayerInjector, tool, func() parameters { return new(ToolUnknownOutcome) }, "does the work, then closes the connection without an answer"},
}

const (
	unset        = -1 // of a number that must be given and may be 0
	defaultAfter = 5  // content events
	defaultPing  = 15 * time.Second
)
