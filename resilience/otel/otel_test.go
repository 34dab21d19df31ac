package otel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/agentchaos/chaos/resilience"
)

var big = resilience.Target{Provider: "p", Model: "big"}

// bigIsDown answers a second after it was asked, but for p/big, which fails.
type bigIsDown struct{}

func (bigIsDown) Complete(_ context.Context, t resilience.Target, _ resilience.Request) (resilience.Reply, error) {
	time.Sleep(time.Second)
	if t == big {
		return resilience.Reply{}, &resilience.Error{Class: resilience.ClassServer}
	}
	r := resilience.Reply{TTFT: 200 * time.Millisecond}
	r.Usage = resilience.Usage{Input: 30, Output: 7}
	return r, nil
}

type bench struct {
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
	tracers *sdktrace.TracerProvider
	stack   *resilience.Stack
	o       *Observer
}

func newBench(t *testing.T) bench {
	t.Helper()
	b := bench{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	b.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	var err error
	if b.o, err = New(b.tracers, sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))); err != nil {
		t.Fatal(err)
	}
	b.stack, err = resilience.New(resilience.Config{
		Retry:    &resilience.Retry{MaxAttempts: 2, BaseDelay: 2 * time.Second, Jitter: "none"},
		Breaker:  &resilience.Breaker{FailureThreshold: 2},
		Fallback: []string{"p/small"},
	}, resilience.Options{Client: bigIsDown{}, Observe: b.o.Observe})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTrace: the call is below the caller's span, its attempts are below it, and what
// came between them stands on it.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, caller := b.tracers.Tracer("test").Start(t.Context(), "caller")
		if _, err := b.stack.Complete(ctx, big, resilience.Request{}); err != nil {
			t.Fatal(err)
		}
		caller.End()
		spans := b.spans.GetSpans()
		names := map[string]string{}
		for _, s := range spans {
			names[s.SpanContext.SpanID().String()] = s.Name
		}
		var got []string
		for _, s := range spans {
			line := fmt.Sprintf("%s < %s %v %s", s.Name, names[s.Parent.SpanID().String()], s.EndTime.Sub(s.StartTime), s.Status.Description)
			for _, e := range s.Events {
				line += fmt.Sprintf(" [%s]", e.Name)
			}
			got = append(got, line)
		}
		want := []string{
			"attempt p/big < chat big 1s server_error",
			"attempt p/big < chat big 1s server_error",
			"attempt p/small < chat big 1s ",
			"chat big < caller 5s  [retry] [breaker]",
			"caller <  5s ",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		if len(b.o.open) != 0 {
			t.Errorf("%d calls are still open", len(b.o.open))
		}
	})
}

// sums gives every measurement as one line: name, attributes, and the sum of values.
func sums(t *testing.T, r *sdkmetric.ManualReader) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	add := func(name string, at attribute.Set, sum any) {
		lines = append(lines, fmt.Sprintf("%s{%s} %v", name, at.Encoded(attribute.DefaultEncoder()), sum))
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Sum)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Sum)
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if _, err := b.stack.Complete(t.Context(), big, resilience.Request{}); err != nil {
			t.Fatal(err)
		}
		spec := resilience.ToolSpec{Name: "search", Implementations: []resilience.Implementation{{Name: "a",
			Call: func(context.Context, json.RawMessage) (json.RawMessage, error) {
				time.Sleep(3 * time.Second)
				return nil, &resilience.Error{Class: resilience.ClassRequest}
			}}}}
		if _, err := b.stack.Tool(t.Context(), spec, nil); err == nil {
			t.Fatal("the tool did not fail")
		}
		const small = "gen_ai.operation.name=chat,gen_ai.provider.name=p,gen_ai.request.model=small"
		const down = "error.type=server_error,gen_ai.operation.name=chat,gen_ai.provider.name=p,gen_ai.request.model=big"
		const tool = "error.type=bad_request,gen_ai.operation.name=execute_tool,gen_ai.tool.name=search"
		want := []string{
			"chaos.attempts{" + down + "} 2",
			"chaos.attempts{" + small + "} 1",
			"chaos.attempts{" + tool + "} 1",
			"chaos.breaker.transitions{from=closed,target=p/big,to=open} 1",
			"chaos.call.outcome{gen_ai.operation.name=chat,outcome=fallback} 1",
			"chaos.call.outcome{gen_ai.operation.name=execute_tool,outcome=error} 1",
			"chaos.retries{" + down + "} 1",
			"gen_ai.client.operation.duration{" + small + "} 5",
			"gen_ai.client.operation.time_to_first_chunk{" + small + "} 0.2",
			"gen_ai.client.token.usage{" + small + ",gen_ai.token.type=input} 30",
			"gen_ai.client.token.usage{" + small + ",gen_ai.token.type=output} 7",
			"gen_ai.execute_tool.duration{" + tool + "} 3",
		}
		slices.Sort(want)
		if got := sums(t, b.reader); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestManyAtOnce: events of many calls come from many goroutines, and none stays open.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _ = b.stack.Complete(t.Context(), big, resilience.Request{}) })
		}
		wg.Wait()
		calls := 0
		for _, s := range b.spans.GetSpans() {
			if s.Name == "chat big" {
				calls++
			}
		}
		if calls != 50 || len(b.o.open) != 0 {
			t.Errorf("%d spans of calls, %d open; want 50 and none", calls, len(b.o.open))
		}
	})
}
